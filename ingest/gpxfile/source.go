package gpxfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var (
	errTooLarge     = errors.New("file is larger than the limit")
	errTokenTooLong = errors.New("text, tag or attribute is longer than the limit")
)

// headSize is how many bytes are looked at to find the character encoding.
const headSize = 1024

// source delivers the document as UTF-8 that encoding/xml accepts: other
// encodings are converted, bytes that are not UTF-8 and characters that XML
// forbids become '?'. It fails when a token grows beyond the limit, which is
// what bounds the memory of encoding/xml.
type source struct {
	in       io.Reader
	buf      []byte
	pos, end int   // clean bytes are buf[pos:end]
	rest     int   // bytes after end that begin an incomplete character
	token    int64 // bytes delivered since beginToken
	maxToken int64
	offset   int64 // bytes delivered
	err      error // of in
}

// newSource looks at the beginning of r and returns a source for it.
func newSource(r io.Reader, lim limits) (*source, error) {
	counted := &countedReader{r: r, left: lim.fileBytes}
	head := make([]byte, headSize)
	n, err := io.ReadFull(counted, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	var in io.Reader = io.MultiReader(bytes.NewReader(head), counted)
	enc, skip := detectEncoding(head)
	if skip > 0 {
		if _, err := io.CopyN(io.Discard, in, int64(skip)); err != nil {
			return nil, fmt.Errorf("skip byte order mark: %w", err)
		}
	}
	if enc != nil {
		in = transform.NewReader(in, enc.NewDecoder())
	}
	return &source{in: in, buf: make([]byte, 64<<10), maxToken: lim.tokenBytes}, nil
}

// detectEncoding returns the encoding of a document with this head, nil for
// UTF-8, and the length of its byte order mark.
func detectEncoding(head []byte) (enc encoding.Encoding, skip int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		return nil, 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	case len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[3] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0
	case len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0
	}
	label := declaredEncoding(head)
	if label == "" || strings.HasPrefix(label, "utf") {
		// What declares itself UTF-16 in single bytes is not.
		return nil, 0
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, 0
	}
	return enc, 0
}

// declaredEncoding returns the lower-case name in <?xml ... encoding="name"?>.
func declaredEncoding(head []byte) string {
	text := bytes.TrimLeft(head, " \t\r\n")
	if !bytes.HasPrefix(text, []byte("<?xml")) {
		return ""
	}
	decl, _, _ := bytes.Cut(text, []byte("?>"))
	_, after, found := bytes.Cut(decl, []byte("encoding"))
	if !found {
		return ""
	}
	after = bytes.TrimLeft(after, " \t\r\n=")
	if len(after) == 0 || after[0] != '"' && after[0] != '\'' {
		return ""
	}
	name, _, _ := bytes.Cut(after[1:], after[:1])
	return strings.ToLower(string(bytes.TrimSpace(name)))
}

// beginToken starts the count for the limit on tokens.
func (s *source) beginToken() { s.token = 0 }

// ReadByte returns the next byte of the cleaned document.
func (s *source) ReadByte() (byte, error) {
	if s.pos == s.end {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	if s.token >= s.maxToken {
		return 0, errTokenTooLong
	}
	b := s.buf[s.pos]
	s.pos++
	s.token++
	s.offset++
	return b, nil
}

// Read is there because encoding/xml wants an io.Reader; it reads by byte.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// toTagStart moves to the next '<'. When the byte delivered last was one, it
// is delivered again: encoding/xml reads it to find the end of a text.
func (s *source) toTagStart() error {
	s.beginToken()
	if s.pos > 0 && s.buf[s.pos-1] == '<' {
		s.pos--
		s.offset--
		return nil
	}
	for {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return err
			}
		}
		if i := bytes.IndexByte(s.buf[s.pos:s.end], '<'); i >= 0 {
			s.pos += i
			s.offset += int64(i)
			return nil
		}
		s.offset += int64(s.end - s.pos)
		s.pos = s.end
	}
}

// fill reads and cleans the next part of the document.
func (s *source) fill() error {
	if s.err != nil {
		return s.err
	}
	copy(s.buf, s.buf[s.end:s.end+s.rest])
	have := s.rest
	s.pos, s.end, s.rest = 0, 0, 0
	for range 100 {
		n, err := s.in.Read(s.buf[have:])
		have += n
		if err != nil {
			s.err = err
			s.end = have
			break
		}
		if s.end = completeRunes(s.buf[:have]); s.end > 0 {
			s.rest = have - s.end
			break
		}
	}
	if s.end == 0 {
		if s.err == nil {
			s.err = io.ErrNoProgress
		}
		return s.err
	}
	cleanXML(s.buf[:s.end])
	return nil
}

// completeRunes returns the length of b without the beginning of a character
// at its end whose other bytes are still to come.
func completeRunes(b []byte) int {
	for back := 1; back <= min(utf8.UTFMax-1, len(b)); back++ {
		if c := b[len(b)-back]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-back:]) {
				return len(b) - back
			}
			break
		}
	}
	return len(b)
}

// cleanXML replaces in place what encoding/xml would refuse.
func cleanXML(b []byte) {
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				b[i] = '?'
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || r == 0xfffe || r == 0xffff {
			for k := range size {
				b[i+k] = '?'
			}
		}
		i += size
	}
}

// countedReader fails with errTooLarge when more than left bytes come.
type countedReader struct {
	r    io.Reader
	left int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.left -= int64(n)
	if c.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
