package folder_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

// put makes a whole file appear below dir, with the directories it needs.
func put(t *testing.T, dir, rel, content string) string {
	t.Helper()
	path := filepath.Join(dir, rel)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(filepath.Dir(t.TempDir()), "put-*")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close(), os.Rename(f.Name(), path)); err != nil {
		t.Fatal(err)
	}
	return path
}

func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// walked lists what Walk reports as "reason path-below-dir", in its order.
func walked(t *testing.T, dir string, paths []string, opts folder.WalkOptions) []string {
	t.Helper()
	got := []string{}
	err := folder.Walk(t.Context(), paths, opts, func(f folder.File) error {
		rel, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Error(err)
		}
		got = append(got, strings.TrimSpace(string(f.Reason)+" "+rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWalkReportsEveryEntryInOrder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "b.fit", "b")
	put(t, dir, "a.gpx", "a")
	put(t, dir, "deep/er/and/deeper/c.fit", "c")
	put(t, dir, "x.fit/inside.fit", "a directory named x.fit")
	put(t, dir, "L\xf8p/latin1.fit", "a name that is not UTF-8")
	for _, name := range []string{
		".hidden.fit", "._b.fit", "~lock.fit", "half.fit.part", "half.FIT.TMP", "half.crdownload",
		"THUMBS.DB", "Desktop.ini", ".git/config",
	} {
		put(t, dir, name, "litter")
	}
	fifo(t, filepath.Join(dir, "pipe.fit"))
	symlink(t, filepath.Join(dir, "deep"), filepath.Join(dir, "linkdir"))
	symlink(t, dir, filepath.Join(dir, "loop"))
	symlink(t, filepath.Join(dir, "b.fit"), filepath.Join(dir, "link.fit"))
	symlink(t, "nowhere", filepath.Join(dir, "broken.fit"))

	want := []string{
		"ignored_name ._b.fit",
		"ignored_name .git",
		"ignored_name .hidden.fit",
		"ignored_name Desktop.ini",
		"L\xf8p/latin1.fit",
		"ignored_name THUMBS.DB",
		"a.gpx",
		"b.fit",
		"not_a_regular_file broken.fit",
		"deep/er/and/deeper/c.fit",
		"ignored_name half.FIT.TMP",
		"ignored_name half.crdownload",
		"ignored_name half.fit.part",
		"not_a_regular_file link.fit",
		"not_a_regular_file linkdir",
		"not_a_regular_file loop",
		"not_a_regular_file pipe.fit",
		"x.fit/inside.fit",
		"ignored_name ~lock.fit",
	}
	for range 2 {
		if diff := cmp.Diff(want, walked(t, dir, []string{dir}, folder.WalkOptions{})); diff != "" {
			t.Fatalf("walk (-want +got):\n%s", diff)
		}
	}
}

func TestWalkTakesGivenPathsAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "one.fit", "1")
	put(t, dir, ".config/two.fit", "2")
	put(t, dir, "half.part", "3")
	symlink(t, filepath.Join(dir, "one.fit"), filepath.Join(dir, "link.fit"))
	symlink(t, filepath.Join(dir, ".config"), filepath.Join(dir, "linkdir"))
	symlink(t, "nowhere", filepath.Join(dir, "broken"))
	fifo(t, filepath.Join(dir, "pipe"))

	var paths []string
	for _, name := range []string{"link.fit", "linkdir", "half.part", ".config", "pipe", "missing", "broken", "one.fit"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	want := []string{
		"link.fit", "linkdir/two.fit", "half.part", ".config/two.fit",
		"not_a_regular_file pipe", "unreadable missing", "unreadable broken", "one.fit",
	}
	if diff := cmp.Diff(want, walked(t, dir, paths, folder.WalkOptions{})); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
	t.Chdir(filepath.Join(dir, ".config"))
	if diff := cmp.Diff([]string{"two.fit"}, walked(t, ".", []string{"."}, folder.WalkOptions{})); diff != "" {
		t.Errorf("walk of . (-want +got):\n%s", diff)
	}
}

func TestWalkLeavesOutWhatIsExcluded(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.fit", "a")
	put(t, dir, "data/blobs/1", "ours")
	put(t, dir, "z.fit", "z")
	symlink(t, filepath.Join(dir, "data"), filepath.Join(dir, "other"))
	opts := folder.WalkOptions{Exclude: []string{filepath.Join(dir, "other"), filepath.Join(dir, "missing")}}
	want := []string{"a.fit", "not_a_regular_file other", "z.fit"}
	if diff := cmp.Diff(want, walked(t, dir, []string{dir}, opts)); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
	if got := walked(t, dir, []string{filepath.Join(dir, "data")}, opts); len(got) != 0 {
		t.Errorf("a given path that is excluded gave %v", got)
	}
}

func TestWalkSaysWhatItFound(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "a.fit", "hello")
	when := time.Date(2020, 5, 17, 9, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "b.tmp", "123")
	fifo(t, filepath.Join(dir, "c"))
	type found struct {
		Size    int64
		Outcome schema.Outcome
	}
	got := map[string]found{}
	err := folder.Walk(t.Context(), []string{dir, filepath.Join(dir, "missing")}, folder.WalkOptions{}, func(f folder.File) error {
		got[filepath.Base(f.Path)] = found{f.Size, f.Outcome()}
		if f.Path == path && !f.ModTime.Equal(when) {
			t.Errorf("modified %v, want %v", f.ModTime, when)
		}
		if missing := filepath.Base(f.Path) == "missing"; missing != errors.Is(f.Err, fs.ErrNotExist) {
			t.Errorf("entry %v has the error %v", f, f.Err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]found{
		"a.fit": {5, ""}, "b.tmp": {3, schema.OutcomeSkipped},
		"c": {0, schema.OutcomeRejected}, "missing": {0, schema.OutcomeRejected},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
}

func TestWalkStops(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		put(t, dir, strconv.Itoa(i), "")
	}
	stop := errors.New("enough")
	calls := 0
	err := folder.Walk(t.Context(), []string{dir, dir}, folder.WalkOptions{}, func(folder.File) error {
		if calls++; calls == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 3 {
		t.Errorf("Walk returned %v after %d calls, want the error of fn after 3", err, calls)
	}

	ctx, cancel := context.WithCancel(t.Context())
	calls = 0
	err = folder.Walk(ctx, []string{dir}, folder.WalkOptions{}, func(folder.File) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("Walk returned %v after %d calls, want context.Canceled after 1", err, calls)
	}
}

func TestOpenReadsOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "sub/a.fit", "hello")
	link := filepath.Join(dir, "link.fit")
	symlink(t, filepath.Join(dir, "sub/a.fit"), link)
	var opened []string
	each := func(f folder.File) error {
		r, err := f.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		opened = append(opened, string(data))
		return err
	}
	if err := folder.Walk(t.Context(), []string{filepath.Join(dir, "sub"), link}, folder.WalkOptions{}, each); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"hello", "hello"}, opened); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}

	// What was a file when the walk came by is something else when it is opened.
	for name, become := range map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"symlink":   func(path string) error { return os.Symlink(filepath.Join(dir, "sub/a.fit"), path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"socket": func(path string) error {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		},
		"gone": func(string) error { return nil },
	} {
		sub := t.TempDir()
		put(t, sub, "x", "x")
		var file folder.File
		if err := folder.Walk(t.Context(), []string{sub}, folder.WalkOptions{}, func(f folder.File) error {
			file = f
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file.Path); err != nil {
			t.Fatal(err)
		}
		if err := become(file.Path); err != nil {
			t.Fatal(err)
		}
		want := schema.ReasonNotRegular
		if name == "gone" {
			want = schema.ReasonUnreadable
		}
		_, err := file.Open()
		refusal := schema.AsRefusal(err)
		if refusal == nil || refusal.Reason != want || refusal.Outcome != schema.OutcomeRejected {
			t.Errorf("%s: Open returned %v, want a refusal for %s", name, err, want)
			continue
		}
		if strings.Contains(err.Error(), sub) {
			t.Errorf("%s: the error %q names the file", name, err)
		}
	}
}
