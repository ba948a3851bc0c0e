package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCheckGolden: everything `check --json` says of the generated activities,
// under a set max HR and under none.
func TestCheckGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "activities", "*.[fgt][ipc][tx]"))
	if err != nil || len(files) < 13 {
		t.Fatalf("%d generated activities: %v", len(files), err)
	}
	for _, file := range files {
		for suffix, args := range map[string][]string{
			"":                 nil,
			".max190rest50hrr": {"--max-hr", "190", "--rest-hr", "50", "--zone-model", "hrr5"},
		} {
			name := filepath.Base(file) + suffix + ".json"
			t.Run(name, func(t *testing.T) {
				out := command(t, exitOK, append(append([]string{"check", "--json"}, args...), file)...)
				out = strings.ReplaceAll(out, filepath.ToSlash(file), filepath.Base(file))
				compareGolden(t, filepath.Join("..", "..", "testdata", "golden", name), out)
			})
		}
	}
}

// compareGolden compares JSON with a golden file, which holds it indented.
func compareGolden(t *testing.T, golden, got string) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(got), "", " "); err != nil {
		t.Fatalf("read output: %v", err)
	}
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (make golden writes it)", err)
	}
	if !bytes.Equal(indented.Bytes(), want) {
		t.Errorf("differs from %s; if that is meant, run make golden and look at the difference\n%s", filepath.Base(golden), firstDifference(string(want), indented.String()))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "want " + strings.TrimSpace(w[i]) + "\ngot  " + strings.TrimSpace(g[i])
		}
	}
	return "one is longer than the other"
}
