package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// damage is what may happen to a directory of an engine, and what is said
// about it.
type damage struct {
	name  string
	store string // the directory
	do    func(t *testing.T, dir string)
	asks  []string // the commands that cannot work
	says  string
}

var needsTables = []string{"query SELECT 1", "import", "up --listen 127.0.0.1:0"}

var needsQueues = []string{"import", "up --listen 127.0.0.1:0"}

func damages() []damage {
	const wayOut = "move it away and run plodwatch reconcile --fix"
	return []damage{
		{"a table's description is garbled", tablesName, func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, "data", "store", "*", "*", "samples_versions.sql"), "garbage")
		}, needsTables, wayOut},
		{"a table's description is gone", tablesName, func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "data", "store", "*", "*", "sessions_versions.sql"))
		}, needsTables, "sessions_versions: tables are gone; if the directory is damaged, " + wayOut},
		{"a file in the place of the tables", tablesName, func(t *testing.T, dir string) {
			remove(t, dir)
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, needsTables, wayOut},
		{"the tables may not be written", tablesName, readOnly, needsTables, "plodwatch must be able to read and write there"},
		{"a consumer is garbled", queuesName, func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, "jetstream", "*", "streams", "*", "obs", "*", "*"), "garbage")
		}, needsQueues, wayOut},
		{"a file in the place of a stream", queuesName, func(t *testing.T, dir string) {
			stream := filepath.Join(dir, "jetstream", "$G", "streams", "SAMPLES")
			remove(t, stream)
			if err := os.WriteFile(stream, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, needsQueues[:1], wayOut}, // the server takes it away then
		{"the queues may not be written", queuesName, readOnly, needsQueues, "plodwatch must be able to read and write there"},
	}
}

func overwrite(t *testing.T, pattern, text string) {
	t.Helper()
	for _, name := range matches(t, pattern) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, pattern string) {
	t.Helper()
	for _, name := range matches(t, pattern) {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
}

func matches(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no file is named %s: %v", pattern, err)
	}
	return names
}

// readOnly puts an empty file system that cannot be written over dir: rights
// alone do not keep root away.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) //nolint:gosec // a directory
		return
	}
	if err := runTools([]string{"mount", "-t", "tmpfs", "-o", "ro", "tmpfs", dir}); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := runTools([]string{"umount", dir}); err != nil {
			t.Error(err)
		}
	})
}

var traces = regexp.MustCompile(`panic|goroutine \d|Stack trace`)

// TestEndToEndDamage: each directory is damaged in several ways; what needs it
// says which it is and what to do about it, and doing so brings all back.
func TestEndToEndDamage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	folder := mixedFolder(t)
	p.imports(exitOK, folder)
	before := p.everything()
	for _, d := range damages() {
		dir := filepath.Join(p.data, d.store)
		ok := t.Run(d.name, func(t *testing.T) {
			p := p.as(t)
			d.do(t, dir)
			for _, command := range d.asks {
				name, rest, more := strings.Cut(command, " ")
				args := []string{name}
				switch {
				case name == "import":
					args = append(args, folder)
				case more && name == "query":
					args = append(args, rest)
				case more:
					args = append(args, strings.Fields(rest)...)
				}
				got := p.do(exitUsage, args...)
				last := strings.TrimSpace(got.stderr[strings.LastIndex(strings.TrimSpace(got.stderr), "\n")+1:])
				if !strings.HasPrefix(last, "plodwatch: open "+dir+": ") || !strings.Contains(last, d.says) || traces.MatchString(got.stderr) {
					t.Errorf("%s said\n%s\nwant %q about %s", name, got.stderr, d.says, dir)
				}
			}
		})
		if !ok {
			break
		}
		if strings.Contains(d.says, "write there") {
			before.same(t, p.everything())
			continue
		}
		if err := os.Rename(dir, filepath.Join(t.TempDir(), d.store)); err != nil {
			t.Fatal(err)
		}
		p.reconciles(exitOK, "--fix")
		before.same(t, p.everything())
	}
}

// TestEndToEndBrokenPart: a file of a table's part is gone. The engine leaves
// the part out of its answers; whoever asks is told so, and a daemon brings the
// rows back by itself.
func TestEndToEndBrokenPart(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	folder := mixedFolder(t)
	p.imports(exitOK, folder)
	before := p.everything()
	breakIt := func() {
		t.Helper()
		remove(t, filepath.Join(p.data, tablesName, "data", "data", "plodwatch", "samples_versions", "*_*_*", "data.bin"))
	}
	const words = "is damaged, and rows are missing from samples_versions; plodwatch reconcile --fix brings the rows back"

	breakIt()
	for range 2 {
		if got := p.do(exitOK, "query", "SELECT count() FROM samples"); !strings.Contains(got.stderr, words) {
			t.Errorf("query said %q, want %q", got.stderr, words)
		}
	}
	p.reconciles(exitOK, "--fix")
	before.same(t, p.everything())
	if got := p.do(exitOK, "sessions"); strings.Contains(got.stderr, "damaged") {
		t.Errorf("after it was mended: %s", got.stderr)
	}

	breakIt()
	d := p.up()
	q := p.quiet()
	within(t, patience, func() string {
		if got := readReconciled(t, q.runIt("reconcile", "--json").stdout); len(got.missing) > 0 || got.sum.InFlight > 0 {
			return "rows are missing"
		}
		return ""
	})
	if status, body := d.get("/readyz"); status != http.StatusOK || !strings.Contains(d.stderr.String(), words) {
		t.Errorf("/readyz: %d %s; up said %s", status, body, d.stderr)
	}
	d.stop(os.Interrupt)
	before.same(t, p.everything())
}
