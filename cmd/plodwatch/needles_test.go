package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestNeedlesAreFoundWhereverTheyLie puts them at the ends of files and across
// the places where reading is divided.
func TestNeedlesAreFoundWhereverTheyLie(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{1})
	for name, needle := range map[string]string{"short": "12345678", "long": "somebody with a rather long name"} {
		for _, at := range []int{0, 1, searchBytes - 9, searchBytes - 1, searchBytes, searchBytes + 3, 2*searchBytes + 40, 3*searchBytes - len(needle)} {
			data := make([]byte, 3*searchBytes)
			_, _ = noise.Read(data)
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			var n needles
			n.add("it", []byte(needle))
			n.add("another", []byte("12345679"))
			n.add("too short", []byte("a"))
			for _, there := range []bool{false, true} {
				if there {
					copy(data[at:], needle)
				}
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				held, err := n.below(t.Context(), dir)
				if err != nil || (held["file"] == "it") != there || len(held) > 1 {
					t.Errorf("%s at %d, there: %t: found %v, %v", name, at, there, held, err)
				}
				found := 0
				if n.in(data, func(string) { found++ }); found != bytes.Count(data, []byte(needle)) {
					t.Errorf("%s at %d: found %d times", name, at, found)
				}
			}
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "x", "in-12345678-name"), 0o700); err != nil {
		t.Fatal(err)
	}
	var n needles
	n.add("it", []byte("12345678"))
	if held, err := n.below(t.Context(), dir); err != nil || len(held) != 1 {
		t.Errorf("in a name: %v, %v", held, err)
	}
}
