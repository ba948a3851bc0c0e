package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parse reads a command line into c.
func parse(t *testing.T, c *cli, args ...string) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	parser, err := newParser(c, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
}

// TestEmptyPathsAreNotGiven: a variable that is not set must not make the
// working directory the data directory or, worse, the folder whose files are
// deleted when they have been taken.
func TestEmptyPathsAreNotGiven(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("folder: \"\"\ndata:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"flags":       {"--data=", "--folder="},
		"apart":       {"--data", "", "--folder", ""},
		"environment": nil,
		"file":        {"--config", settings},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "environment" {
				t.Setenv("PLODWATCH_DATA", "")
				t.Setenv("PLODWATCH_FOLDER", "")
			}
			var c cli
			parse(t, &c, append([]string{"up"}, args...)...)
			if c.Data != "" || c.Up.Folder != "" {
				t.Errorf("data %q, folder %q", c.Data, c.Up.Folder)
			}
		})
	}
}

// TestArgumentsAreTakenAsTheyStand: names of files are bytes.
func TestArgumentsAreTakenAsTheyStand(t *testing.T) {
	names := []string{"b\xff\xfed.fit", "a,b.fit", `c\d.fit`, "e\nf.fit", " g "}
	var c cli
	parse(t, &c, append([]string{"check", "--"}, names...)...)
	if got := strings.Join(c.Check.Files, "|"); got != strings.Join(names, "|") {
		t.Errorf("files %q", got)
	}
	dir := "/tmp/\xffdata"
	if parse(t, &c, "sessions", "--data", dir); c.Data != dir {
		t.Errorf("data %q", c.Data)
	}
	if parse(t, &c, "sessions", "--data", "here"); !filepath.IsAbs(c.Data) {
		t.Errorf("data %q", c.Data)
	}
}
