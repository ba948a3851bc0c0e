package web_test

import (
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// TestNoLinkOfTheDocumentationIsDead: on the pages, whoever looks; pages are
// reached from the first, and there are as many as files.
func TestNoLinkOfTheDocumentationIsDead(t *testing.T) {
	s := serve(t, nil, newGuests(), nil) // nobody is signed in, no table is asked
	bodies := map[string]string{}
	visit := func(address string) string {
		if body, ok := bodies[address]; ok {
			return body
		}
		got := s.get(t, address)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d", address, got.status)
		}
		bodies[address] = got.body
		return got.body
	}
	todo := []string{"/docs/"}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		for _, m := range hrefs.FindAllStringSubmatch(visit(at), -1) {
			base, _ := url.Parse(at)
			to, err := base.Parse(strings.ReplaceAll(m[1], "&amp;", "&"))
			if err != nil {
				t.Errorf("%s: %v", at, err)
				continue
			}
			if to.Host != "" || !strings.HasPrefix(to.Path, "/docs/") {
				continue
			}
			if _, seen := bodies[to.Path]; !seen {
				todo = append(todo, to.Path)
			}
			if to.Fragment != "" && !hasID(visit(to.Path), to.Fragment) {
				t.Errorf("%s: nothing at %s", at, m[1])
			}
		}
	}
	files, err := filepath.Glob("docs/*/*.md")
	if err != nil || len(bodies) != len(files)+1 {
		t.Errorf("%d pages of %d files and the first: %v", len(bodies), len(files), err)
	}
}

func hasID(body, id string) bool { return strings.Contains(body, ` id="`+id+`"`) }

// TestLinksBetweenFilesWorkInTheRepository: a viewer of the files finds what
// they link to.
func TestLinksBetweenFilesWorkInTheRepository(t *testing.T) {
	files, err := filepath.Glob("docs/*/*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range append(files, "docs/README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with its title", file)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			target := path.Join(path.Dir(filepath.ToSlash(file)), to)
			if _, err := os.Stat(target); err != nil || !strings.HasPrefix(target, "docs/") {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
}

// TestDocumentationShowsOnlyItsFiles: whatever the address.
func TestDocumentationShowsOnlyItsFiles(t *testing.T) {
	s := serve(t, nil, newGuests(), nil)
	for _, address := range []string{
		"/docs/howto/nothing", "/docs/howto/upload.md", "/docs/..%2f..%2fgo/mod", "/docs/howto/..%2f..%2fweb", "/docs/howto/%00", "/docs/howto/%2e%2e%2freference%2fviews",
	} {
		if got := s.get(t, address); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", address, got.status)
		}
	}
	got := s.get(t, "/docs/reference/views")
	if got.status != http.StatusOK || !strings.Contains(got.body, `<h2 id="weekly_intensity">`) || strings.Contains(got.body, `style="`) {
		t.Errorf("views: %d %.300s", got.status, got.body)
	}
}
