package chdb

import "strings"

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuotedName
	tokenText
	tokenNumber
	tokenSign
)

// token is one word of a statement: text[from:to].
type token struct {
	kind     tokenKind
	from, to int
}

// lexer cuts SQL into tokens as ClickHouse does, leaving out blanks and
// comments. What it cannot read it hands out as signs: the engine's own parser
// will say what is wrong.
type lexer struct {
	sql string
	pos int
}

func (l *lexer) next() token {
	l.skipBlanks()
	from := l.pos
	if from >= len(l.sql) {
		return token{tokenEnd, from, from}
	}
	kind := tokenSign
	switch c := l.sql[from]; {
	case c == '\'':
		kind, l.pos = tokenText, l.quoted(c)
	case c == '`' || c == '"':
		kind, l.pos = tokenQuotedName, l.quoted(c)
	case c == '$' && l.heredoc() > 0:
		kind, l.pos = tokenText, l.heredoc()
	case isDigit(c):
		kind, l.pos = tokenNumber, l.while(isWordByte)
	case isWordByte(c):
		kind, l.pos = tokenWord, l.while(isWordByte)
	default:
		l.pos++
	}
	return token{kind, from, l.pos}
}

func (l *lexer) skipBlanks() {
	for l.pos < len(l.sql) {
		rest := l.sql[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			l.pos += endOr(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			l.pos += 2 + endOr(rest[2:], "*/")
		default:
			return
		}
	}
}

// endOr is where the first end of a comment ends, or the whole length.
func endOr(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// quoted finds the end of a text or name that begins here; a quote inside is
// doubled or escaped.
func (l *lexer) quoted(quote byte) int {
	for i := l.pos + 1; i < len(l.sql); i++ {
		switch l.sql[i] {
		case '\\':
			i++
		case quote:
			if i+1 >= len(l.sql) || l.sql[i+1] != quote {
				return i + 1
			}
			i++
		}
	}
	return len(l.sql)
}

// heredoc finds the end of $tag$...$tag$, or 0 when none begins here.
func (l *lexer) heredoc() int {
	end := strings.IndexByte(l.sql[l.pos+1:], '$')
	if end < 0 {
		return 0
	}
	tag := l.sql[l.pos : l.pos+end+2]
	for i := 1; i < len(tag)-1; i++ {
		if !isWordByte(tag[i]) || tag[i] == '$' {
			return 0
		}
	}
	body := l.pos + len(tag)
	if i := strings.Index(l.sql[body:], tag); i >= 0 {
		return body + i + len(tag)
	}
	return 0
}

func (l *lexer) while(is func(byte) bool) int {
	i := l.pos + 1
	for i < len(l.sql) && is(l.sql[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
