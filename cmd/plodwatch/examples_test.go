package main

import (
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// parserOf returns the real parser, without a settings file or variables of the
// machine it runs on.
func parserOf(t *testing.T) (*kong.Kong, *int) {
	t.Helper()
	exit := -1
	parser, err := newParser(&cli{}, io.Discard, io.Discard, func(code int) { exit = code })
	if err != nil {
		t.Fatal(err)
	}
	return parser, &exit
}

// shellCalls reads shell text as a shell does and returns the arguments of each
// call of plodwatch in it: in pipes, loops and substitutions, too.
func shellCalls(t *testing.T, text string) [][]string {
	t.Helper()
	parsed, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		t.Errorf("not what a shell reads: %v\n%s", err, text)
		return nil
	}
	// Variables and substitutions stand for themselves, as one word.
	cfg := &expand.Config{
		Env:       expand.FuncEnviron(func(name string) string { return map[string]string{"HOME": "/home/me"}[name] }),
		CmdSubst:  func(w io.Writer, _ *syntax.CmdSubst) error { _, err := io.WriteString(w, "substituted"); return err },
		ProcSubst: func(*syntax.ProcSubst) (string, error) { return "/dev/fd/63", nil },
	}
	var calls [][]string
	syntax.Walk(parsed, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if program := call.Args[0].Lit(); path.Base(program) != "plodwatch" {
			return true
		}
		var args []string
		for _, w := range call.Args[1:] {
			fields, err := expand.Fields(cfg, w)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			if len(fields) == 0 { // a variable that nobody has set here
				fields = []string{"variable"}
			}
			args = append(args, fields...)
		}
		calls = append(calls, args)
		return true
	})
	return calls
}

// settleEnvironment leaves no setting of the machine's for the parser.
func settleEnvironment(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

// TestEveryCommandHasExamples: the help of every command ends in an example at
// least, each is read by the parser, and one of them is of the command itself.
func TestEveryCommandHasExamples(t *testing.T) {
	settleEnvironment(t)
	parser, _ := parserOf(t)
	for _, leaf := range parser.Model.Leaves(false) {
		name := leaf.Path()
		t.Run(name, func(t *testing.T) {
			_, examples, found := strings.Cut(leaf.Detail, "Examples:\n")
			if !found {
				t.Fatal("its help has no examples")
			}
			words, own := strings.Fields(name), false
			for _, args := range shellCalls(t, examples) {
				wantParsed(t, "examples", commentsAreNoFlags(args))
				own = own || len(args) >= len(words) && slices.Equal(args[:len(words)], words) || leaf.Parent.DefaultCmd == leaf && args[0] == words[0]
			}
			if !own {
				t.Errorf("no example of it among\n%s", examples)
			}
		})
	}
	for _, args := range shellCalls(t, parser.Model.Detail[strings.Index(parser.Model.Detail, "Examples:\n")+10:]) {
		wantParsed(t, "examples", commentsAreNoFlags(args))
	}
}

// TestExamplesAreRead: the tests of examples find wrong ones.
func TestExamplesAreRead(t *testing.T) {
	settleEnvironment(t)
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"plodwatch sessions --sport running | jq .x > y", true},
		{"TOKEN=$(bin/plodwatch token add --athlete anna)", true},
		{"for f in *.fit; do plodwatch check --maxhr 180 $f; done", false},
		{"plodwatch sessionss", false},
		{"plodwatch up --after move --folder \"$DIR\"", true},
		{"plodwatch up --after burn", false},
	} {
		calls := shellCalls(t, c.text)
		if len(calls) != 1 {
			t.Fatalf("%s: %d calls", c.text, len(calls))
		}
		parser, _ := parserOf(t)
		if _, err := parser.Parse(calls[0]); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}
