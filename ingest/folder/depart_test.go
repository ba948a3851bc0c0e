package folder

import (
	"errors"
	"os"
	"testing"
)

func TestFileThatTookThePlaceOfATakenOneIsMovedBack(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	write := func(rel, content string) fileState {
		t.Helper()
		if err := root.WriteFile(rel, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		info, err := root.Lstat(rel)
		if err != nil {
			t.Fatal(err)
		}
		return stateOf(info)
	}
	read := func(rel string) string {
		data, err := root.ReadFile(rel)
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	if err := root.Mkdir("aside", 0o755); err != nil {
		t.Fatal(err)
	}

	taken := write("aside/a.fit", "taken")
	if err := confirm(root, "a.fit", "aside/a.fit", taken); err != nil || read("aside/a.fit") != "taken" {
		t.Errorf("confirm returned %v for the file that was taken", err)
	}
	write("aside/a.fit", "another")
	if err := confirm(root, "a.fit", "aside/a.fit", taken); !errors.Is(err, errChanged) || read("a.fit") != "another" {
		t.Errorf("confirm returned %v, and in its place is %q", err, read("a.fit"))
	}
	write("aside/a.fit", "a third one")
	if err := confirm(root, "a.fit", "aside/a.fit", taken); !errors.Is(err, errChanged) {
		t.Errorf("confirm returned %v", err)
	}
	if read("a.fit") != "another" || read("a-1.fit") != "a third one" {
		t.Errorf("a.fit is %q, a-1.fit is %q", read("a.fit"), read("a-1.fit"))
	}

	if _, err := setAside(root, "missing", "aside/missing", taken); !errors.Is(err, errChanged) {
		t.Errorf("setAside of a missing file returned %v", err)
	}
	if _, err := setAside(root, "a.fit", "aside/b.fit", taken); !errors.Is(err, errChanged) || read("a.fit") != "another" {
		t.Errorf("setAside of another file returned %v", err)
	}
}
