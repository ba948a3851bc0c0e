package xmltrack_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"plodwatch/ingest/xmltrack"
)

// lexed writes the tokens of a document on one line.
func lexed(t *testing.T, text string, most int64) (tokens string, l *xmltrack.Lexer, err error) {
	t.Helper()
	l = xmltrack.NewLexer(iotest.OneByteReader(strings.NewReader(text)), most)
	var b strings.Builder
	for {
		tok, err := l.Next()
		switch {
		case errors.Is(err, io.EOF):
			return b.String(), l, nil
		case err != nil:
			return b.String(), l, err
		}
		switch tok.Kind {
		case xmltrack.Text:
			b.Write(xmltrack.Unescape(tok.Text))
		case xmltrack.Start:
			b.WriteString("<" + string(tok.Name) + " " + string(tok.Attr("a")) + ">")
		case xmltrack.Empty:
			b.WriteString("<" + string(tok.Name) + "/>")
		case xmltrack.End:
			b.WriteString("</" + string(tok.Name) + ">")
		case xmltrack.Directive:
			b.WriteString("!" + string(tok.Name))
		}
	}
}

func TestLexerCutsDocuments(t *testing.T) {
	for text, want := range map[string]struct {
		tokens      string
		broken, cut bool
	}{
		`<?xml version="1.0"?><n:x n:a="1&amp;2"><!-- <y> --><z/>t</n:x>`: {tokens: `<x 1&2><z/>t</x>`},
		`<x><![CDATA[<y>]]]></x>`:         {tokens: `<x ><y>]</x>`},
		`<!DOCTYPE x [<!ENTITY e "v">]>`:  {tokens: `!DOCTYPE!ENTITY]>`},
		`<x b="c" <y></y>`:                {tokens: `<y ></y>`, broken: true},
		`< <x/>`:                          {tokens: ` <x/>`, broken: true},
		`<x a="`:                          {cut: true},
		`<x><![CDATA[1`:                   {tokens: `<x >`, cut: true},
		`<x a='&#65;&#x42;&unknown;'/><!`: {tokens: `<x/>`, cut: true},
	} {
		tokens, l, err := lexed(t, text, 1<<10)
		if err != nil || tokens != want.tokens || l.Broken != want.broken || l.Cut != want.cut {
			t.Errorf("%s: %q, broken %v, cut %v, %v", text, tokens, l.Broken, l.Cut, err)
		}
	}
	if _, _, err := lexed(t, `<x a="`+strings.Repeat("x", 200<<10)+`"/>`, 100<<10); !errors.Is(err, xmltrack.ErrTagTooLong) {
		t.Errorf("tag over the limit: %v", err)
	}
}

func TestElementsAreFoundFromTheInside(t *testing.T) {
	var e xmltrack.Elements
	for _, name := range []string{"a", "b", "aa", "b"} {
		e.Open([]byte(name))
	}
	for name, want := range map[string]int{"a": 1, "b": 4, "aa": 3, "c": 0, "": 0} {
		if got := e.Find([]byte(name)); got != want {
			t.Errorf("%q at depth %d, want %d", name, got, want)
		}
	}
	e.Close()
	if e.Depth() != 3 || e.Find([]byte("b")) != 2 {
		t.Errorf("depth %d after the innermost was closed", e.Depth())
	}
}
