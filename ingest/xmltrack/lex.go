package xmltrack

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// Kind is the kind of a piece of mark-up.
type Kind uint8

// The kinds of mark-up. Comments and processing instructions are left out.
const (
	Text      Kind = iota // part of a text; a long one comes in several
	Start                 // <name ...>
	Empty                 // <name .../>
	End                   // </name>
	Directive             // <!NAME, without its contents
)

// Token is one piece of mark-up. Its bytes hold until the next call of Next.
type Token struct {
	Kind  Kind
	Name  []byte // local name, or that of a directive
	attrs []byte // what stands between name and end of a start tag
	Text  []byte // as it stands in the document, entities not replaced
}

// ErrTagTooLong ends a document with a tag, attribute or directive beyond the
// limit.
var ErrTagTooLong = errors.New("tag or attribute is longer than the limit")

// Lexer cuts XML into tokens. It is lenient: what is no mark-up is text, and a
// broken tag is left out and remembered in Broken. It never expands anything.
type Lexer struct {
	in    io.Reader
	buf   []byte
	pos   int
	end   int
	base  int64 // offset in the document of buf[0]
	most  int   // longest tag
	err   error // of in
	cdata bool  // inside a CDATA section

	// Broken says that something was not XML and was left out.
	Broken bool
	// Cut says that the document ended inside mark-up.
	Cut bool
}

// NewLexer returns a Lexer of a document in UTF-8 (see NewSource). A tag of
// more than most bytes ends it with ErrTagTooLong.
func NewLexer(in io.Reader, most int64) *Lexer {
	return &Lexer{in: in, buf: make([]byte, 64<<10), most: int(most)}
}

// Offset is the position in the document, converted to UTF-8.
func (l *Lexer) Offset() int64 { return l.base + int64(l.pos) }

// more reads more of the document behind what is there. It returns io.EOF at
// the end, ErrTagTooLong when one token fills more than the limit.
func (l *Lexer) more() error {
	if l.err != nil {
		return l.err
	}
	if l.pos > 0 {
		copy(l.buf, l.buf[l.pos:l.end])
		l.base += int64(l.pos)
		l.end -= l.pos
		l.pos = 0
	}
	if l.end == len(l.buf) {
		if l.end >= l.most {
			return ErrTagTooLong
		}
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	for range 100 {
		n, err := l.in.Read(l.buf[l.end:])
		l.end += n
		if err != nil {
			l.err = err
		}
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	l.err = io.ErrNoProgress
	return l.err
}

// have makes sure that n bytes are there.
func (l *Lexer) have(n int) error {
	for l.end-l.pos < n {
		if err := l.more(); err != nil {
			return err
		}
	}
	return nil
}

// Next returns the next token, io.EOF at the end of the document.
func (l *Lexer) Next() (Token, error) {
	for {
		if err := l.have(1); err != nil {
			l.Cut = l.Cut || l.cdata
			return Token{}, err
		}
		if l.cdata {
			if t, ok, err := l.inCDATA(); ok || err != nil {
				return t, err
			}
			continue
		}
		if l.buf[l.pos] != '<' {
			return l.text(), nil
		}
		t, ok, err := l.markup()
		if errors.Is(err, io.EOF) {
			l.Cut, l.pos = true, l.end
		}
		if ok || err != nil {
			return t, err
		}
	}
}

// text returns the text up to the next '<' or to the end of the buffer.
func (l *Lexer) text() Token {
	rest := l.buf[l.pos:l.end]
	if i := bytes.IndexByte(rest, '<'); i >= 0 {
		rest = rest[:i]
	}
	l.pos += len(rest)
	return Token{Kind: Text, Text: rest}
}

// markup reads what begins with '<'. ok is false when it was skipped.
func (l *Lexer) markup() (t Token, ok bool, err error) {
	if err := l.have(2); err != nil {
		return Token{}, false, err
	}
	switch c := l.buf[l.pos+1]; {
	case c == '!':
		return l.declaration()
	case c == '?':
		return Token{}, false, l.skipPast(2, "?>")
	case c == '/' || isNameStart(c):
		return l.tag(c == '/')
	}
	l.Broken = true
	l.pos++
	return Token{}, false, nil
}

// declaration reads a comment, the start of a CDATA section or a directive.
func (l *Lexer) declaration() (t Token, ok bool, err error) {
	if err := l.have(3); err != nil {
		return Token{}, false, err
	}
	for _, known := range []string{"<!--", "<![CDATA["} {
		n := 3
		for n < len(known) && bytes.HasPrefix(l.buf[l.pos:l.end], []byte(known[:n])) {
			n++
			if err := l.have(n); err != nil {
				return Token{}, false, err
			}
		}
		if !bytes.HasPrefix(l.buf[l.pos:l.end], []byte(known)) {
			continue
		}
		if known == "<!--" {
			return Token{}, false, l.skipPast(4, "-->")
		}
		l.pos += len(known)
		l.cdata = true
		return Token{}, false, nil
	}
	return l.directive()
}

// directive returns <!NAME ...>. An internal subset in brackets is not part of
// it: its declarations follow as directives.
func (l *Lexer) directive() (t Token, ok bool, err error) {
	quote := byte(0)
	for i := 2; ; i++ {
		if err := l.have(i + 1); err != nil {
			return Token{}, false, err
		}
		c := l.buf[l.pos+i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>' || c == '[':
			name := l.buf[l.pos+2 : l.pos+i]
			if k := bytes.IndexAny(name, " \t\r\n\"'"); k >= 0 {
				name = name[:k]
			}
			l.pos += i + 1
			return Token{Kind: Directive, Name: name}, true, nil
		}
	}
}

// skipPast drops from bytes and everything up to the end of mark.
func (l *Lexer) skipPast(from int, mark string) error {
	l.pos += from
	for {
		if i := bytes.Index(l.buf[l.pos:l.end], []byte(mark)); i >= 0 {
			l.pos += i + len(mark)
			return nil
		}
		l.pos = max(l.pos, l.end-len(mark)+1)
		if err := l.more(); err != nil {
			return err
		}
	}
}

// inCDATA returns the next part of a CDATA section.
func (l *Lexer) inCDATA() (t Token, ok bool, err error) {
	rest := l.buf[l.pos:l.end]
	i := bytes.Index(rest, []byte("]]>"))
	switch {
	case i >= 0:
		l.cdata = false
		l.pos += i + 3
	case len(rest) < 3:
		err := l.more()
		if errors.Is(err, io.EOF) {
			l.Cut, l.pos = true, l.end
		}
		return Token{}, false, err
	default:
		i = len(rest) - 2
		l.pos += i
	}
	return Token{Kind: Text, Text: rest[:i]}, i > 0, nil
}

// tag reads a start or end tag. A '<' before its end, which no attribute may
// hold, means that the end is missing: the tag is dropped up to there.
func (l *Lexer) tag(end bool) (t Token, ok bool, err error) {
	quote := byte(0)
	for i := 1; ; i++ {
		if l.pos+i >= l.end {
			if err := l.have(i + 1); err != nil {
				return Token{}, false, err
			}
		}
		switch c := l.buf[l.pos+i]; {
		case c == '<':
			l.Broken = true
			l.pos += i
			return Token{}, false, nil
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			t := cutTag(l.buf[l.pos+1:l.pos+i], end)
			l.pos += i + 1
			return t, true, nil
		}
	}
}

// cutTag takes apart what stands between < and >.
func cutTag(b []byte, end bool) Token {
	t := Token{Kind: Start}
	switch {
	case end:
		t.Kind, b = End, b[1:]
	case b[len(b)-1] == '/':
		t.Kind, b = Empty, b[:len(b)-1]
	}
	i := 0
	for i < len(b) && b[i] != ' ' && b[i] != '\n' && b[i] != '\t' && b[i] != '\r' {
		i++
	}
	t.Name, t.attrs = b[:i], b[i:]
	if k := bytes.LastIndexByte(t.Name, ':'); k >= 0 {
		t.Name = t.Name[k+1:]
	}
	return t
}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || c >= utf8.RuneSelf
}

// Attr returns the value of the attribute with this local name, nil when there
// is none.
func (t *Token) Attr(local string) []byte {
	rest := t.attrs
	for {
		name, after, found := bytes.Cut(rest, []byte("="))
		if !found {
			return nil
		}
		name = bytes.TrimSpace(name)
		name = name[bytes.LastIndexAny(name, ": \t\r\n")+1:]
		after = bytes.TrimLeft(after, " \t\r\n")
		if len(after) == 0 {
			return nil
		}
		var value []byte
		if q := after[0]; q == '"' || q == '\'' {
			value, rest, _ = bytes.Cut(after[1:], after[:1])
		} else {
			i := bytes.IndexAny(after, " \t\r\n")
			if i < 0 {
				i = len(after)
			}
			value, rest = after[:i], after[i:]
		}
		if string(name) == local {
			return Unescape(value)
		}
	}
}

// Unescape replaces the five entities of XML and character references. What
// else begins with & stays as it is.
func Unescape(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		before, after, found := bytes.Cut(b, []byte("&"))
		out = append(out, before...)
		if !found {
			return out
		}
		name, rest, found := bytes.Cut(after, []byte(";"))
		r, ok := entity(name)
		if !found || !ok {
			out = append(out, '&')
			b = after
			continue
		}
		out = utf8.AppendRune(out, r)
		b = rest
	}
}

func entity(name []byte) (r rune, ok bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || len(name) > 10 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}
