package main

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownName is a file's name for a terminal: one with control characters or
// bytes that are no text is quoted, so that it can neither steer the terminal
// nor pass for several lines.
func shownName(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }) {
		return name
	}
	return strconv.Quote(name)
}

// harmless passes text on to a terminal with a '?' for every control
// character but the end of a line: what a query returns may come from a file.
type harmless struct {
	w   io.Writer
	c2  bool // the last byte was 0xC2, with which C1 controls begin in UTF-8
	buf []byte
}

// Write implements io.Writer.
func (h *harmless) Write(p []byte) (int, error) {
	h.buf = h.buf[:0]
	for _, b := range p {
		c1 := h.c2 && b < 0xa0
		h.c2 = b == 0xc2
		switch {
		case c1 && b >= 0x80:
			b = 0xbf // with the 0xC2 before it: an inverted question mark
		case b < ' ' && b != '\n', b == 0x7f:
			b = '?'
		}
		h.buf = append(h.buf, b)
	}
	if _, err := h.w.Write(h.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
