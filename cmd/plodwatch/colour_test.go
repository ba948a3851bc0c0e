package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// onTerminal runs a command with a terminal for its output and returns what it
// printed there.
func (p *person) onTerminal(env []string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, append(args, "--data", p.data)...)
	cmd.Env = append(append(slices.Clone(p.env), "TERM=xterm", "NO_COLOR="), env...)
	terminal, err := pty.Start(cmd)
	if err != nil {
		p.t.Fatal(err)
	}
	defer terminal.Close()
	out, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) { // how a terminal says that nobody writes any more
		p.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// TestColoursOnTerminalsOnly: and without them the same text stands in the same
// columns.
func TestColoursOnTerminalsOnly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, activities())
	escapes := regexp.MustCompile("\x1b\\[[0-9]*m")
	for _, args := range [][]string{{"sessions"}, {"week"}, {"report"}, {"doctor", "--listen", "127.0.0.1:0"}} {
		t.Run(args[0], func(t *testing.T) {
			plain := p.run(append(args, "--data", p.data)...).stdout
			if strings.Contains(plain, "\x1b") {
				t.Errorf("colours where there is no terminal: %q", plain)
			}
			coloured := p.onTerminal(nil, args...)
			if !escapes.MatchString(coloured) {
				t.Errorf("no colours on a terminal: %q", coloured)
			}
			if args[0] != "doctor" && escapes.ReplaceAllString(coloured, "") != plain { // the doctor looks at a clock and a disk
				t.Errorf("colours changed the text:\n%s\nwithout:\n%s", coloured, plain)
			}
			for _, off := range []struct{ env, args []string }{{env: []string{"NO_COLOR=1"}}, {env: []string{"TERM=dumb"}}, {args: []string{"--no-color"}}} {
				if got := p.onTerminal(off.env, append(slices.Clone(args), off.args...)...); strings.Contains(got, "\x1b") {
					t.Errorf("%v: colours in spite of it: %q", off, got)
				}
			}
		})
	}
}

// TestErrorsSayTheNextStep: what goes wrong most often names a command, a flag
// or the form that is needed.
func TestErrorsSayTheNextStep(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	wants := func(next string, args ...string) {
		t.Helper()
		if got := p.do(exitUsage, args...); !strings.Contains(got.stderr, next) {
			t.Errorf("plodwatch %s: said %q, want %q", strings.Join(args, " "), got.stderr, next)
		}
	}
	wants("did you mean", "sesions")
	wants("See plodwatch athlete set --help.", "athlete", "set")
	wants("See plodwatch sessions --help.", "sessions", "--limt", "3")
	wants("plodwatch import", "sessions")
	busy := httptest.NewServer(http.NotFoundHandler())
	defer busy.Close()
	wants("--listen", "up", "--listen", busy.Listener.Addr().String())
	wants("plodwatch token add", "up", "--listen", "0.0.0.0:8020")
	wants("plodwatch doctor", "healthcheck", "--listen", "127.0.0.1:1")
	p.do(exitOK, "migrate")
	wants("plodwatch sessions", "session", "0000")
	wants("plodwatch import", "report")
	wants("plodwatch dead list", "dead", "retry")
	wants("plodwatch token list", "token", "revoke", "none")
	wants("YYYY-MM-DD", "sessions", "--from", "yesterday")
	wants("100 to 240", "athlete", "set", "me", "--max-hr", "500")
	wants("--parquet or --csv", "export", t.TempDir())
}
