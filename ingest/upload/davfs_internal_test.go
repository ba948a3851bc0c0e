package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/webdav"
)

var _ webdav.FileSystem = (*davTree)(nil)

// putEmpty lists a file.
func putEmpty(t *testing.T, tree *davTree, name string) {
	t.Helper()
	f, err := tree.OpenFile(context.Background(), name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

// TestDAVTreeForgetsTheOldest: what was put or changed last stays, and so do
// the folders that it is in.
func TestDAVTreeForgetsTheOldest(t *testing.T) {
	tree := newDAVTree(10, time.Now)
	putEmpty(t, tree, "/kept/first")
	for i := range 100 {
		putEmpty(t, tree, fmt.Sprintf("/folder%d/file%d", i%7, i))
		putEmpty(t, tree, "/kept/first")
		checkTree(t, tree)
	}
	for name, listed := range map[string]bool{
		"/kept/first": true, "/folder1/file99": true, "/folder0/file98": true, "/folder1/file1": false, "/folder2": false,
	} {
		if _, err := tree.Stat(t.Context(), name); (err == nil) != listed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkTree fails the test when the parts of a tree do not agree.
func checkTree(t *testing.T, tree *davTree) {
	t.Helper()
	age := make(map[*davEntry]int)
	for place := tree.byAge.Front(); place != nil; place = place.Next() {
		age[place.Value.(*davEntry)] = len(age) + 1
	}
	if len(age) > tree.most {
		t.Fatalf("%d entries, at most %d", len(age), tree.most)
	}
	seen := 0
	var walk func(e *davEntry)
	walk = func(e *davEntry) {
		for name, child := range e.children {
			seen++
			switch {
			case child.name != name || child.parent != e || name == "" || name == "." || name == ".." || strings.Contains(name, "/"):
				t.Fatalf("%q is not where it says", name)
			case e != tree.top && age[child] >= age[e]:
				t.Fatalf("%q is younger than what holds it", name)
			case age[child] == 0:
				t.Fatalf("%q has no age", name)
			}
			walk(child)
		}
	}
	walk(tree.top)
	if seen != len(age) {
		t.Fatalf("%d entries in the tree, %d by age", seen, len(age))
	}
}

// FuzzDAVPath: a path that is let in stays at the door, is taken for the same
// when it is looked at again, and no order of changes makes the tree wrong.
func FuzzDAVPath(f *testing.F) {
	f.Add("/dav//a/../b", "/dav/b/c", "pmpd")
	f.Add("/dav", "/dav/x", "mpmd")
	f.Add("//dav/../../etc", "/dav/%2e%2e", "pppp")
	f.Fuzz(func(t *testing.T, a, b, changes string) {
		var names []string
		for _, p := range []string{a, b, "/dav/" + a, "/dav/" + a + "/" + b} {
			clean, ok := davPath(p)
			if !ok {
				continue
			}
			if again, ok := davPath(clean); !ok || again != clean || !strings.HasPrefix(clean, "/dav/") ||
				strings.Contains(clean, "//") || strings.Contains(clean+"/", "/../") {
				t.Fatalf("%q becomes %q", p, clean)
			}
			if checkDAVPath(clean) == nil {
				names = append(names, strings.TrimPrefix(clean, davPrefix))
			}
		}
		tree := newDAVTree(davDepth+6, time.Now)
		for i, change := range changes[:min(len(changes), 50)] {
			if len(names) == 0 {
				return
			}
			from, to := names[i%len(names)], names[(i+int(change))%len(names)]
			ctx := context.Background()
			var err error
			switch change % 4 {
			case 0:
				var file webdav.File
				if file, err = tree.OpenFile(ctx, from, os.O_CREATE, 0); err == nil {
					err = file.Close()
				}
			case 1:
				err = tree.Rename(ctx, from, to)
			case 2:
				err = tree.RemoveAll(ctx, from)
			default:
				err = tree.Mkdir(ctx, from, 0)
			}
			var refused *fault
			if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) &&
				!errors.Is(err, fs.ErrPermission) && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			checkTree(t, tree)
		}
	})
}
