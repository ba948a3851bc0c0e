package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plodwatch/schema"
)

// TestCompletionProposes what the parser would take.
func TestCompletionProposes(t *testing.T) {
	settleEnvironment(t)
	for _, c := range []struct {
		words    []string
		want     []string // all of these
		unwanted []string
	}{
		{[]string{"se"}, []string{"session", "sessions"}, []string{"up", "__complete"}},
		{[]string{""}, []string{"up", "athlete", "completion"}, []string{"__complete", "--data"}},
		{[]string{"athlete", ""}, []string{"set", "show", "list", "delete"}, []string{"up"}},
		{[]string{"sessions", "--sp"}, []string{"--sport"}, []string{"--athlete"}},
		{[]string{"sessions", "--"}, []string{"--sport", "--data", "--help"}, nil},
		{[]string{"up", "--after", ""}, []string{"keep", "move", "delete"}, nil},
		{[]string{"up", "--after=m"}, []string{"--after=move"}, []string{"--after=keep"}},
		{[]string{"up", "--after", "=", "m"}, []string{"--after=move"}, nil}, // as bash takes it apart
		{[]string{"--log-level", "de"}, []string{"debug"}, nil},
		{[]string{"--data", "/x", "tok"}, []string{"token"}, nil},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish"}, nil},
		{[]string{"import", ""}, []string{":files"}, nil},
		{[]string{"import", "a.fit", ""}, []string{":files"}, nil},
		{[]string{"backup", ""}, []string{":files"}, nil},
		{[]string{"backup", "x", ""}, nil, []string{":files"}},
		{[]string{"up", "--folder", ""}, []string{":files"}, nil},
		{[]string{"duplicates", "--ath"}, []string{"--athlete"}, nil}, // of its default command
		{[]string{"sessions", "--", "--sp"}, nil, []string{"--sport"}},
		{[]string{"nosuch", "--nosuch", ""}, nil, []string{"--data"}},
	} {
		got := completes(t, c.words...)
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: %q is not among %q", c.words, w, got)
			}
		}
		for _, w := range c.unwanted {
			if slices.Contains(got, w) {
				t.Errorf("%q: %q is among %q", c.words, w, got)
			}
		}
	}
}

// completes asks as a shell does and returns the words.
func completes(t *testing.T, words ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	if exit := run(context.Background(), append([]string{"__complete", "--data", filepath.Join(t.TempDir(), "none"), "--"}, words...), &out, &errs); exit != exitOK {
		t.Fatalf("%q: exit %d: %s", words, exit, &errs)
	}
	var all []string
	for line := range strings.Lines(out.String()) {
		text, _, _ := strings.Cut(line, "\t")
		all = append(all, text)
	}
	return all
}

// TestCompletionInShells: the shells themselves complete with the code they are
// given.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	dir := t.TempDir()
	if err := os.Symlink(p.binary, filepath.Join(dir, "plodwatch")); err != nil {
		t.Fatal(err)
	}
	for name := range map[string]string{"morning run.fit": "", "other.gpx": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for shell, drive := range shellDrivers {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed (Debian: apt-get install %s)", shell, shell)
			}
			for _, c := range []struct{ line, want string }{
				{"plodwatch healthc", "healthcheck"},
				{"plodwatch athlete sh", "show"},
				{"plodwatch up --after mo", "move"},
				{"plodwatch up --after=mo", "move"},
				{"plodwatch sessions --spo", "--sport"},
				{"plodwatch import oth", "other.gpx"},
			} {
				code := p.run("completion", shell).stdout
				cmd := exec.CommandContext(t.Context(), shell, drive.args...)
				cmd.Dir, cmd.Stdin = dir, strings.NewReader(drive.script(code, c.line))
				cmd.Env = append(slices.Clone(p.env), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "PLODWATCH_DATA="+p.data, "TERM=dumb")
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), c.want) {
					t.Errorf("%q became %q (%v), want %s", c.line, out, err, c.want)
				}
			}
		})
	}
}

// shellDrivers have a shell complete the end of a line and print what came of it.
var shellDrivers = map[string]struct {
	args   []string
	script func(code, line string) string
}{
	"bash": {[]string{"--norc", "--noprofile"}, func(code, line string) string {
		// As readline does: words at the breaks of COMP_WORDBREAKS, then the
		// function; what it leaves to readline's own completion is compgen's.
		words := strings.Fields(strings.ReplaceAll(line, "=", " = "))
		return code + fmt.Sprintf(`
compopt() { COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); }
COMP_WORDS=(%s); COMP_CWORD=%d
_plodwatch
printf '%%s\n' "${COMPREPLY[@]}"
`, "'"+strings.Join(words, "' '")+"'", len(words)-1)
	}},
	"fish": {[]string{"--no-config"}, func(code, line string) string {
		return code + fmt.Sprintf("\ncomplete -C '%s'\n", line)
	}},
	"zsh": {[]string{"-f"}, func(code, line string) string {
		// An interactive zsh in a terminal of its own; ^X writes down what the
		// line has become, and ends it.
		return fmt.Sprintf(`
zmodload zsh/zpty
cat > code.zsh <<'END'
autoload -U compinit; compinit -D -u
%s
report() { print -r -- "$BUFFER" > buffer; BUFFER=exit; zle accept-line }
zle -N report; bindkey '^X' report
PS1='ready> '
END
zpty shell env PS1= zsh -f -i
zpty -w shell 'source ./code.zsh'
zpty -r shell text '*ready> *'
zpty -n -w shell $'%s\t\x18'
while zpty -r shell text; do :; done
cat buffer
`, code, line)
	}},
}

// completes asks what the last of words may become.
func (p *person) completes(words ...string) string {
	p.t.Helper()
	return p.run(append([]string{"__complete", "--data", p.data, "--"}, words...)...).stdout
}

// TestCompletionKnowsWhatIsStored: while plodwatch up holds the data, athletes
// and sessions are completed; else nobody opens the tables for it.
func TestCompletionKnowsWhatIsStored(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, corpus(t)[0].path)
	if got := p.completes("session", ""); got != "" {
		t.Errorf("without a running plodwatch: %q", got)
	}
	d := p.up()
	if got := p.completes("week", "m"); !strings.HasPrefix(got, "me\t") {
		t.Errorf("athletes: %q", got)
	}
	id := rows[struct {
		ID schema.SessionID `json:"session_id"`
	}](p, "SELECT session_id FROM sessions")[0].ID.String()
	for _, begun := range []string{"", id[:3], id[:12]} {
		got, _, _ := strings.Cut(p.completes("explain", begun), "\t")
		if len(got) < 8 || !strings.HasPrefix(id, got) || !strings.HasPrefix(got, begun) {
			t.Errorf("session %q from %q: %q", id, begun, got)
		}
	}
	d.stop(os.Interrupt)
}
