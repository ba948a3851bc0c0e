package ingest

import (
	"bytes"
	"unicode/utf8"
)

// SniffBytes is how much of a file's beginning Sniff wants to see.
const SniffBytes = 4096

// Kind is what the beginning of a file looks like.
type Kind uint8

// The kinds that Sniff tells apart.
const (
	KindUnknown Kind = iota
	KindFIT
	KindGPX
	KindTCX
	KindGzip
	KindZip
)

// String returns the kind in lower case.
func (k Kind) String() string {
	return [...]string{"unknown", "fit", "gpx", "tcx", "gzip", "zip"}[min(k, KindZip)]
}

// Sniff tells the kind of a file by the first SniffBytes of its content (fewer
// when it is shorter). Names are never asked.
func Sniff(head []byte) Kind {
	switch {
	case len(head) >= 12 && string(head[8:12]) == ".FIT":
		return KindFIT
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return KindGzip
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")),
		bytes.HasPrefix(head, []byte("PK\x07\x08")):
		return KindZip
	}
	switch root := rootElement(narrow(head)); root {
	case "gpx":
		return KindGPX
	case "TrainingCenterDatabase":
		return KindTCX
	}
	return KindUnknown
}

// narrow returns UTF-16 text as single bytes, good enough to find a name, and
// drops a byte order mark. Other text comes back as it is.
func narrow(head []byte) []byte {
	first := 0
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		return head[3:]
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		head = head[2:]
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		head, first = head[2:], 1
	case len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[3] == 0:
	case len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0:
		first = 1
	default:
		return head
	}
	out := make([]byte, 0, len(head)/2)
	for i := first; i < len(head); i += 2 {
		out = append(out, head[i])
	}
	return out
}

// rootElement returns the local name of the first element of an XML document,
// "" when text does not look like one.
func rootElement(text []byte) string {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 || text[0] != '<' {
		return ""
	}
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 || i+1 >= len(text) {
			return ""
		}
		text = text[i+1:]
		end := ""
		switch {
		case bytes.HasPrefix(text, []byte("!--")):
			end = "-->"
		case text[0] == '?':
			end = "?>"
		case text[0] == '!': // a directive; those inside it follow
			continue
		default:
			return elementName(text)
		}
		_, rest, found := bytes.Cut(text, []byte(end))
		if !found {
			return ""
		}
		text = rest
	}
}

func elementName(text []byte) string {
	if i := bytes.IndexAny(text, " \t\r\n/>"); i >= 0 {
		text = text[:i]
	}
	if i := bytes.LastIndexByte(text, ':'); i >= 0 {
		text = text[i+1:]
	}
	if !utf8.Valid(text) {
		return ""
	}
	return string(text)
}
