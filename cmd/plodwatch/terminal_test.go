package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"plodwatch/schema"
)

// TestNamesDoNotSteerTheTerminal: names of files and of members of archives
// are anybody's.
func TestNamesDoNotSteerTheTerminal(t *testing.T) {
	for _, name := range []string{"a\nb.fit", "\x1b]0;x\a\x1b[2J.fit", "z.zip!\u009b31m", "b\xffd", "tab\t", "\u202egpj.fit"} {
		var out bytes.Buffer
		if err := printFile(&out, &fileReport{File: name, Outcome: schema.OutcomeDecoded}); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(text) {
			t.Errorf("%q is shown as %q", name, text)
		}
	}
	for _, name := range []string{"run.fit", "Løp og sykkel.gpx", "Zürich 走る.fit", `a\b"c.fit`} {
		if got := shownName(name); got != name {
			t.Errorf("%s is shown as %s", name, got)
		}
	}
}

// TestTablesDoNotSteerTheTerminal: values of a query are anybody's, too.
func TestTablesDoNotSteerTheTerminal(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"┌─a─┐\n│ é │\n", "┌─a─┐\n│ é │\n"},
		{"\x1b[2J\x1b]0;x\a\r\x7f", "?[2J?]0;x???"},
		{"\u009b31m", "¿31m"},
		{"\u00a0Â±", "\u00a0Â±"},
	} {
		var whole, split bytes.Buffer
		if n, err := (&harmless{w: &whole}).Write([]byte(c.text)); n != len(c.text) || err != nil {
			t.Errorf("%d bytes of %d, %v", n, len(c.text), err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{&harmless{w: &split}}, iotest.OneByteReader(strings.NewReader(c.text)), make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		if whole.String() != c.want || split.String() != c.want {
			t.Errorf("%q becomes %q, by bytes %q, want %q", c.text, whole.String(), split.String(), c.want)
		}
	}
}
