package xmltrack

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxValueText is the longest text of a value, bytes; anything longer is none.
const MaxValueText = 128

// maxTimeMs is where times end that a watch can have meant: 2200-01-01.
const maxTimeMs = 7_258_118_400_000

// Usable reports whether the time is after 1970 (before it a device did not
// know the time) and before 2200.
func (c Clock) Usable() bool { return c.Second() > 0 && c.Ms < maxTimeMs }

// Second returns the Unix second of the time.
func (c Clock) Second() int64 {
	if c.Ms < 0 {
		return (c.Ms - 999) / 1000
	}
	return c.Ms / 1000
}

// Clean makes foreign text fit to be stored.
func Clean(b []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b), "?"))
}

// DeviceName returns a clean name trimmed and cut to at most 100 bytes.
func DeviceName(name string) string {
	const most = 100
	name = strings.TrimSpace(name)
	if len(name) <= most {
		return name
	}
	for i := most; i > 0; i-- {
		if utf8.RuneStart(name[i]) {
			return name[:i]
		}
	}
	return ""
}
