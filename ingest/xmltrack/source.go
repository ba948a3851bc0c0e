package xmltrack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// ErrTooLarge is the error of a source that holds more than its limit.
var ErrTooLarge = errors.New("file is larger than the limit")

// headSize is how many bytes are looked at to find the character encoding.
const headSize = 1024

// NewSource returns a reader of the document r as UTF-8, whatever its encoding
// was. It fails with ErrTooLarge beyond most bytes of r.
func NewSource(r io.Reader, most int64) (io.Reader, error) {
	counted := &countedReader{r: r, left: most}
	head := make([]byte, headSize)
	n, err := io.ReadFull(counted, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	enc, skip := detectEncoding(head)
	in := io.MultiReader(bytes.NewReader(head[skip:]), counted)
	if enc != nil {
		in = transform.NewReader(in, enc.NewDecoder())
	}
	return in, nil
}

// detectEncoding returns the encoding of a document with this head, nil for
// UTF-8, and the length of its byte order mark.
func detectEncoding(head []byte) (enc encoding.Encoding, skip int) {
	little := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	big := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		return nil, 3
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return little, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return big, 2
	case len(head) >= 4 && head[0] != 0 && head[1] == 0 && head[3] == 0:
		return little, 0
	case len(head) >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0:
		return big, 0
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

// countedReader fails with ErrTooLarge when more than left bytes come.
type countedReader struct {
	r    io.Reader
	left int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.left -= int64(n)
	if c.left < 0 {
		return 0, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read file: %w", err)
	}
	return n, err
}
