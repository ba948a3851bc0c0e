package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
)

func manualPage(t *testing.T) string {
	t.Helper()
	settleEnvironment(t)
	var out, errs bytes.Buffer
	if exit := run(context.Background(), []string{"man"}, &out, &errs); exit != exitOK {
		t.Fatalf("exit %d: %s", exit, &errs)
	}
	return out.String()
}

// TestManualIsSoundRoff: groff and mandoc have nothing to complain of.
func TestManualIsSoundRoff(t *testing.T) {
	page := manualPage(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"groff", []string{"-ww", "-man", "-Tutf8", "-z"}},
		{"mandoc", []string{"-T", "lint", "-W", "error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.name); err != nil {
				t.Skipf("%s is not installed (Debian: apt-get install %s)", c.name, c.name)
			}
			cmd := exec.CommandContext(t.Context(), c.name, c.args...)
			cmd.Stdin = strings.NewReader(page)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestManualHoldsEverything: each command, each flag and each example stands in
// the page as it would be typed.
func TestManualHoldsEverything(t *testing.T) {
	page := manualPage(t)
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed (Debian: apt-get install groff)")
	}
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-P-cbou", "-rLL=400n")
	cmd.Stdin = strings.NewReader(page)
	shown, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(shown)), " ")
	has := func(part string) {
		t.Helper()
		if !strings.Contains(text, strings.Join(strings.Fields(part), " ")) {
			t.Errorf("the page has no %q", part)
		}
	}
	parser, _ := parserOf(t)
	for _, leaf := range parser.Model.Leaves(true) {
		has(strings.TrimPrefix(leaf.Summary(), "plodwatch "))
		for _, f := range leaf.Flags {
			has(flagForm(f))
		}
		_, examples, _ := strings.Cut(leaf.Detail, "Examples:\n")
		for line := range strings.Lines(examples) {
			has(line)
		}
	}
}
