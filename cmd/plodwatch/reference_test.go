package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"plodwatch/schema"
)

// The pages below analyze/web/docs/reference are made from the program itself:
// from kong's model, the registries, the engine's own list of columns and the
// declarations of the closed sets.

// docsDir is where the documentation lies.
func docsDir() string { return filepath.Join("..", "..", "analyze", "web", "docs") }

// compareReference compares a page with what it should be, or writes it.
func compareReference(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(docsDir(), "reference", name)
	text = strings.TrimRight(text, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	is, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make golden writes it)", err)
	}
	if string(is) != text {
		t.Errorf("%s is out of date; run make golden\n%s", name, firstDifference(string(is), text))
	}
}

// page collects the Markdown of a page.
type page struct{ strings.Builder }

func newPage(title, intro string) *page {
	p := &page{}
	p.printf("# %s\n\n<!-- Made by make golden from the program; changes by hand are lost. -->\n\n%s\n", title, intro)
	return p
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// table begins a table.
func (p *page) table(header ...string) {
	p.printf("\n| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
}

// row writes a row; what would break it is escaped.
func (p *page) row(cells ...string) {
	for i, c := range cells {
		c = strings.NewReplacer("|", `\|`, "\n", " ").Replace(c)
		if !strings.HasPrefix(c, "`") && !strings.HasPrefix(c, "[") {
			c = strings.ReplaceAll(c, "<", "&lt;")
		}
		cells[i] = c
	}
	p.printf("| %s |\n", strings.Join(cells, " | "))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// TestReferenceCommands: a section for each command, from kong's model.
func TestReferenceCommands(t *testing.T) {
	settleEnvironment(t)
	parser, _ := parserOf(t)
	p := newPage("Commands", "`plodwatch COMMAND --help` says the same, `plodwatch man` all of it. The flags that every command\nhas, and the variables and keys that stand for flags, are under [settings](settings.md).")
	p.table("command", "what it does")
	leaves := parser.Model.Leaves(true)
	for _, n := range leaves {
		p.row(fmt.Sprintf("[`%s`](#%s)", n.Path(), slug(n.FullPath())), n.Help)
	}
	for _, n := range leaves {
		p.printf("\n## %s\n\n%s\n\n", n.FullPath(), n.Help)
		p.printf("```\nplodwatch %s\n```\n", n.Summary())
		detail, examples, _ := strings.Cut(n.Detail, "Examples:\n")
		if detail = strings.TrimSpace(detail); detail != "" {
			p.printf("\n%s\n", strings.ReplaceAll(detail, "<", "&lt;"))
		}
		if len(n.Positional)+len(n.Flags) > 0 {
			p.table("argument or flag", "meaning")
			for _, a := range n.Positional {
				p.row(code(a.Summary()), a.Help)
			}
			for _, f := range n.Flags {
				p.row(code(flagForm(f)), f.Help)
			}
		}
		p.printf("\n```sh\n")
		for line := range strings.Lines(examples) {
			p.printf("%s\n", strings.TrimSpace(line))
		}
		p.printf("```\n")
	}
	compareReference(t, "commands.md", p.String())
}

// slug is what GitHub and the page make of a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, heading)
}

// TestReferenceSettings: every flag with its variable, its key and its default.
func TestReferenceSettings(t *testing.T) {
	settleEnvironment(t)
	parser, _ := parserOf(t)
	p := newPage("Settings", `A setting comes from its flag, else from its environment variable, else from the settings file,
else its default holds. The settings file is YAML: a flag's name and its value a line (`+"`max-upload: 512`"+`;
`+"`_` and `-`"+` are the same, lists are YAML lists). It is `+"`$XDG_CONFIG_HOME/plodwatch/config.yaml`"+` unless
`+"`--config`"+` names another. A key that no command knows is an error. `+"`plodwatch up --check-config`"+` checks
all of it and ends.

A variable's name is `+"`PLODWATCH_`"+` and the flag's in capitals. A setting of the same name means the same for all
commands that have it, so a file serves all of them.

## Of every command`)
	p.table("flag and key", "variable", "default", "meaning")
	global := map[string]bool{}
	for _, f := range parser.Model.Flags {
		if global[f.Name] = true; f.Name != "help" {
			settingRow(p, f, "")
		}
	}
	p.printf("\n## Of single commands\n")
	p.table("flag and key", "variable", "default", "commands", "meaning")
	type setting struct {
		flag     *kong.Flag
		commands []string
	}
	byName := map[string]*setting{}
	for _, n := range parser.Model.Leaves(true) {
		for _, f := range n.Flags {
			key := f.Name + "\x00" + f.Default + "\x00" + f.Help
			if byName[key] == nil {
				byName[key] = &setting{flag: f}
			}
			byName[key].commands = append(byName[key].commands, n.Path())
		}
	}
	keys := make([]string, 0, len(byName))
	for k := range byName {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if s := byName[k]; !global[s.flag.Name] {
			settingRow(p, s.flag, strings.Join(s.commands, ", "))
		}
	}
	p.printf("\n## Of the environment alone\n")
	p.table("variable", "meaning")
	p.row("`XDG_DATA_HOME`, `XDG_CONFIG_HOME`, `XDG_CACHE_HOME`", "where data, settings and the engine's library lie, in a folder `plodwatch` each; defaults `~/.local/share`, `~/.config`, `~/.cache`")
	p.row("`PLODWATCH_LIBCHDB`", "the engine's library itself, instead of the one in the cache")
	p.row("`NO_COLOR`, `TERM=dumb`", "no colours on a terminal")
	compareReference(t, "settings.md", p.String())
}

func settingRow(p *page, f *kong.Flag, commands string) {
	help := f.Help
	if f.Enum != "" && f.Enum != strings.Join(strings.Fields(f.Enum), "") {
		help += " (" + f.Enum + ")"
	}
	cells := []string{code("--" + f.Name), code(strings.Join(f.Envs, " ")), code(f.Default)}
	if commands != "" {
		cells = append(cells, commands)
	}
	p.row(append(cells, help)...)
}

// TestReferenceExitCodes: what the commands' help says of them.
func TestReferenceExitCodes(t *testing.T) {
	settleEnvironment(t)
	parser, _ := parserOf(t)
	p := newPage("Exit codes", "The same for every command:")
	p.table("code", "meaning")
	p.row(strconv.Itoa(exitOK), "done")
	p.row(strconv.Itoa(exitUsage), "not done: wrong usage, or the environment is not fit (no engine, a port taken, a server away); the message on standard error says what to do next")
	p.row(strconv.Itoa(exitRejected), "done, but not with everything: what was refused, is missing or is left over is named on standard output")
	p.printf("\nCommands that say more:\n")
	p.table("command", "exit codes")
	for _, n := range parser.Model.Leaves(true) {
		if says := exitCodesOf(n); says != "" {
			p.row(fmt.Sprintf("[`%s`](commands.md#%s)", n.Path(), slug(n.FullPath())), says)
		}
	}
	compareReference(t, "exit-codes.md", p.String())
}

// exitCodesOf returns the sentence of a command's help about exit codes.
func exitCodesOf(n *kong.Node) string {
	text := strings.Join(strings.Fields(n.Detail), " ")
	_, says, _ := strings.Cut(text, "Exit codes: ")
	says, _, _ = strings.Cut(says, ".")
	return says
}

// TestReferenceOutcomes: the closed sets of what becomes of a file.
func TestReferenceOutcomes(t *testing.T) {
	p := newPage("Outcomes, reasons and flags", "Every file that is taken ends in exactly one outcome, with a reason. Both stand in the view\n[`exports`](views.md#exports); the sets are closed.\n\n## Outcomes")
	p.table("outcome", "meaning")
	for _, v := range declared(t, "schema/outcome.go", "Outcome") {
		p.row(code(v.value), v.comment)
	}
	p.printf("\n## Reasons\n")
	p.table("reason", "outcome", "meaning")
	for _, v := range declared(t, "schema/outcome.go", "Reason") {
		outcome, _, _ := strings.Cut(v.comment, ":")
		p.row(code(v.value), outcome, schema.ReasonText(schema.Reason(v.value)))
	}
	p.printf("\n## Flags\n\nSomething odd about a file or a session that was read all the same: `flags` in `exports` and `sessions`.\n")
	p.table("flag", "meaning")
	for _, v := range declared(t, "schema/flags.go", "Flag") {
		p.row(code(v.value), schema.FlagText(schema.Flag(v.value)))
	}
	compareReference(t, "outcomes.md", p.String())
}

// TestReferenceVerdicts: the words of the answers.
func TestReferenceVerdicts(t *testing.T) {
	p := newPage("Verdicts, classes and sources", "The words in the answers. Their rules, with sources and numbers, stand in\n[how 80/20 is judged](../explanation/eighty-twenty.md).")
	for _, s := range []struct{ title, about, file, typ string }{
		{"Verdict of a session", "Whether its figures can be trusted, and why not: `verdict` in [`intensity`](views.md#intensity).", "analyze/intensity/result.go", "Verdict"},
		{"Class of a session", "`session_class`, when the verdict is `ok`.", "analyze/intensity/result.go", "Class"},
		{"Shape of a distribution", "`label`, of sessions, days and weeks.", "analyze/intensity/result.go", "Label"},
		{"Where max HR comes from", "`hr_max_source`, best first.", "analyze/intensity/result.go", "HRMaxSource"},
		{"Where the bounds of low and high come from", "`threshold_source`, best first.", "analyze/intensity/result.go", "ThresholdSource"},
		{"Why time is in no zone", "The causes that `explain` names.", "analyze/intensity/result.go", "Cause"},
		{"Verdict of days and weeks", "`verdict` in [`weekly_intensity`](views.md#weekly_intensity) and [`rolling_intensity`](views.md#rolling_intensity).", "analyze/periods/judge.go", "Verdict"},
		{"Why a period is not judged", "`reason`; the first that fits.", "analyze/periods/judge.go", "Reason"},
	} {
		p.printf("\n## %s\n\n%s\n", s.title, s.about)
		all := declared(t, s.file, s.typ)
		p.table("value", "meaning")
		for _, v := range all {
			means := cmp.Or(v.comment, meanings[s.title+" "+v.value], meanings[s.typ+" "+v.value], meanings[v.value])
			if means == "" {
				t.Errorf("%s %q has no comment and no meaning in this test", s.typ, v.value)
			}
			p.row(code(v.value), means)
		}
	}
	compareReference(t, "verdicts.md", p.String())
}

// constant is a declared string with the comment on its line.
type constant struct{ value, comment string }

// declared returns the constants of a type, in order, without the empty one.
func declared(t *testing.T, file, typ string) []constant {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", file), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var all []constant
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typ || len(spec.Values) != 1 {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			if v, err := strconv.Unquote(lit.Value); err == nil && v != "" {
				all = append(all, constant{v, strings.TrimSpace(spec.Comment.Text())})
			}
		}
		return true
	})
	if len(all) < 3 {
		t.Fatalf("%s has only %d constants of %s", file, len(all), typ)
	}
	return all
}

// meanings of values that their declarations leave to the name. Numbers in them
// are those of analyze/intensity/choices.go and analyze/periods/judge.go.
var meanings = map[string]string{
	"ok":                      "it can be judged, and the figures stand",
	"no_hr":                   "there is no usable heart rate; never counted as easy",
	"no_hrmax":                "no max HR is known: set it with `plodwatch athlete set`",
	"low_coverage":            "usable heart rate covers less than 80 % of the timer time",
	"too_short":               "less than 5 minutes on the timer",
	"easy":                    "at most 10 % of the time is above low",
	"moderate":                "neither easy nor hard",
	"hard":                    "5 minutes or 10 % at high intensity, or half of the time above low",
	"no_data":                 "too little is known for a shape",
	"base":                    "more low than moderate, nothing high",
	"pyramidal":               "more low than moderate, more moderate than high",
	"polarized":               "more low than high, more high than moderate, and a polarization index above 2.00 (Treff 2019)",
	"threshold":               "moderate is the largest part",
	"high_intensity":          "high is the largest part",
	"other":                   "none of these",
	"file":                    "the watch wrote it into the file",
	"observed":                "the highest that was seen in the athlete's sessions",
	"age_tanaka":              "208 - 0.7 x age (Tanaka 2001), from the year of birth",
	"none":                    "none is known",
	"HRMaxSource setting":     "set for the athlete, valid on that day",
	"ThresholdSource setting": "VT1 and VT2 are set",
	"lthr":                    "VT2 is the lactate threshold heart rate, VT1 is 90 % of it",
	"hrmax_percent":           "82 % and 87 % of max HR (Haugen 2021)",
	"paused":                  "the timer was stopped",
	"gap":                     "no samples for longer than the limit",
	"spike":                   "a jump of the heart rate that comes back at once",
	"out_of_range":            "a heart rate below 30 or above 230 bpm",
	"Cause no_hr":             "samples without heart rate",
	"borderline":              "the low share is at least 0.75 and below 0.80",
	"too_hard":                "the low share is below 0.75",
	"insufficient_data":       "it is not judged; the reason says why",
	"Reason no_sessions":      "there is no session",
	"Reason no_hr":            "there is no usable heart rate",
	"Reason no_hrmax":         "no max HR is known for it",
}
