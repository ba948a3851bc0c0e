package folder

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// reader accepts what it can read.
type reader struct{}

func (reader) Accept(_ context.Context, _ schema.AthleteID, _ schema.Source, r io.Reader) (ingest.Receipt, error) {
	_, err := io.Copy(io.Discard, r)
	return ingest.Receipt{}, err
}

// newReading returns a folder that holds a.fit, and the reading of it.
func newReading(t *testing.T) (*Folder, *take, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.fit")
	if err := os.WriteFile(path, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &Folder{cfg: DefaultConfig(dir), deps: Deps{Acceptor: reader{}}}
	return f, &take{rel: "a.fit", state: stateOf(info), athlete: "me"}, path
}

func TestReadingTakesOnlyTheFileThatHasSettled(t *testing.T) {
	f, again, _ := newReading(t)
	if f.read(t.Context(), again); again.err != nil {
		t.Errorf("reading returned %v", again.err)
	}
	for name, replace := range map[string]func(path string) error{
		"gone": os.Remove,
		"another file": func(path string) error {
			other := filepath.Join(filepath.Dir(path), "b")
			return errors.Join(os.WriteFile(other, []byte("b"), 0o644), os.Rename(other, path))
		},
		"a link inside of the folder": func(path string) error {
			other := filepath.Join(filepath.Dir(path), "b")
			return errors.Join(os.WriteFile(other, []byte("b"), 0o644), os.Remove(path), os.Symlink("b", path))
		},
	} {
		f, reading, path := newReading(t)
		if err := replace(path); err != nil {
			t.Fatal(err)
		}
		if f.read(t.Context(), reading); !errors.Is(reading.err, errChanged) {
			t.Errorf("%s: reading returned %v, want %v", name, reading.err, errChanged)
		}
	}
}

func TestReadingOpensNoPipeAndLeavesTheFolderByNoLink(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "a.fit")
	if err := os.WriteFile(outside, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		become func(path string) error
		want   schema.Reason
	}{
		"pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, schema.ReasonNotRegular},
		"directory": {func(path string) error { return os.Mkdir(path, 0o755) }, schema.ReasonNotRegular},
		"link":      {func(path string) error { return os.Symlink(outside, path) }, schema.ReasonUnreadable},
	} {
		f, reading, path := newReading(t)
		if err := errors.Join(os.Remove(path), c.become(path)); err != nil {
			t.Fatal(err)
		}
		f.read(t.Context(), reading)
		if refusal := schema.AsRefusal(reading.err); refusal == nil || refusal.Reason != c.want {
			t.Errorf("%s: reading returned %v, want a refusal for %s", name, reading.err, c.want)
		}
	}
}

func TestWhatMayNotBeReadIsUnreadable(t *testing.T) {
	f, reading, path := newReading(t)
	locked := filepath.Join(f.cfg.Dir, "locked")
	if err := errors.Join(os.Chmod(path, 0), os.Mkdir(locked, 0)); err != nil {
		t.Fatal(err)
	}
	AsNobody(t)
	f.read(t.Context(), reading)
	if refusal := schema.AsRefusal(reading.err); refusal == nil || refusal.Reason != schema.ReasonUnreadable {
		t.Errorf("reading returned %v, want a refusal for unreadable", reading.err)
	}
	l := &looker{dir: f.cfg.Dir, watch: func(string) {}}
	for _, rels := range [][]string{{"."}, {"a.fit", "locked"}} {
		res := l.look(t.Context(), rels)
		if res.err != nil || len(res.sightings) != 2 {
			t.Fatalf("look at %v returned %+v", rels, res)
		}
		if file := res.sightings[0]; file.rel != "a.fit" || file.state != reading.state {
			t.Errorf("look at %v saw %+v", rels, file)
		}
		if dir := res.sightings[1]; dir.rel != "locked" || dir.reason != schema.ReasonUnreadable || dir.err == nil {
			t.Errorf("look at %v saw %+v", rels, dir)
		}
	}
	hidden := l.look(t.Context(), []string{"locked/inside.fit"})
	if len(hidden.sightings) != 1 || hidden.sightings[0].reason != schema.ReasonUnreadable {
		t.Errorf("look into a locked directory saw %+v", hidden.sightings)
	}
}
