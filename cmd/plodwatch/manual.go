package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// manCmd prints the manual page, made from the same words as --help.
type manCmd struct{}

// Help says more than fits a line.
func (c *manCmd) Help() string {
	return `make man writes the page to bin/plodwatch.1.

Examples:
  plodwatch man > plodwatch.1
  plodwatch man | man -l -`
}

// Run prints the page.
func (c *manCmd) Run(a *app) error {
	m := &manual{}
	m.page(a.kong.Model)
	_, err := io.WriteString(a.stdout, m.b.String())
	return err
}

// manual writes a page for man in the macros of man(7). mango-kong, the library
// for it, knows neither defaults nor environment variables.
type manual struct {
	b strings.Builder
}

// manEscaper keeps text from being read as roff: "-" is a hyphen there unless
// escaped, and cannot be copied into a terminal.
var manEscaper = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "'", `\(aq`)

// manText escapes a text; a line that begins with "." would be a request.
func manText(s string) string {
	lines := strings.Split(manEscaper.Replace(s), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

func (m *manual) macro(name string, args ...string) {
	m.b.WriteString("." + name)
	for _, a := range args {
		m.b.WriteString(` "` + strings.ReplaceAll(manText(a), `"`, `\(dq`) + `"`)
	}
	m.b.WriteString("\n")
}

// prose writes paragraphs, the first of them without space above, to be filled;
// indented lines stay as they are.
func (m *manual) prose(text string) {
	for i, par := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			m.macro("PP")
		}
		literal := false
		for line := range strings.Lines(par) {
			line = strings.TrimRight(line, "\n")
			if indented := strings.HasPrefix(line, "  "); indented != literal {
				literal = indented
				if literal {
					m.macro("RS", "4")
					m.macro("nf")
				} else {
					m.macro("fi")
					m.macro("RE")
				}
			}
			m.b.WriteString(manText(strings.TrimSpace(line)) + "\n")
		}
		if literal {
			m.macro("fi")
			m.macro("RE")
		}
	}
}

func (m *manual) page(model *kong.Application) {
	day := "undated"
	if made, ok := builtAt(); ok {
		day = made.Format(time.DateOnly)
	}
	m.macro("TH", strings.ToUpper(model.Name), "1", day, model.Name+" "+version, "User Commands")
	m.macro("SH", "NAME")
	fmt.Fprintf(&m.b, "%s \\- %s\n", model.Name, manText(strings.ToLower(model.Help[:1])+strings.TrimSuffix(model.Help[1:], ".")))
	m.macro("SH", "SYNOPSIS")
	m.macro("B", model.Name)
	m.b.WriteString("\\fICOMMAND\\fR [\\fIFLAGS\\fR] ...\n")
	m.macro("SH", "DESCRIPTION")
	m.prose(model.Detail)
	m.macro("SH", "FLAGS OF EVERY COMMAND")
	m.flags(model.Flags)
	m.macro("SH", "COMMANDS")
	for _, leaf := range model.Leaves(true) {
		m.command(leaf)
	}
	m.macro("SH", "FILES")
	for _, f := range [][2]string{
		{"$XDG_DATA_HOME/plodwatch", "The data directory, unless --data names another: blobs/ (the originals), clickhouse/ (the tables), nats/ (the queues), tokens.json."},
		{"$XDG_CONFIG_HOME/plodwatch/config.yaml", "Settings that are read when the file exists: names of flags and their values."},
		{"$XDG_CACHE_HOME/plodwatch", "The library of the embedded ClickHouse engine."},
	} {
		m.macro("TP")
		m.macro("I", f[0])
		m.b.WriteString(manText(f[1]) + "\n")
	}
}

func (m *manual) command(n *kong.Node) {
	m.macro("SS", strings.TrimPrefix(n.Summary(), "plodwatch "))
	m.prose(strings.TrimSpace(n.Help + "\n\n" + n.Detail))
	for _, p := range n.Positional {
		m.macro("TP")
		m.macro("I", p.Summary())
		m.b.WriteString(manText(p.Help) + "\n")
	}
	m.flags(n.Flags)
}

func (m *manual) flags(flags []*kong.Flag) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		m.macro("TP")
		m.macro("B", flagForm(f))
		m.b.WriteString(manText(f.Help))
		if len(f.Envs) > 0 {
			m.b.WriteString(manText(" [$" + strings.Join(f.Envs, ", $") + "]"))
		}
		m.b.WriteString("\n")
	}
}

// flagForm is how a flag is written: "-h, --help", "--limit=50".
func flagForm(f *kong.Flag) string {
	form := "--" + f.Name
	if f.Short != 0 {
		form = "-" + string(f.Short) + ", " + form
	}
	if f.IsBool() {
		return form
	}
	return form + "=" + f.FormatPlaceHolder()
}
