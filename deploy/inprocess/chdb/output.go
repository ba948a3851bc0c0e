package chdb

import (
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// output writes the answer: it sends the header with the first byte, compresses
// as asked, and knows how to say that something broke in the middle.
type output struct {
	w       http.ResponseWriter
	started bool
	tag     string // marks an exception in the middle, so that data cannot fake one
	frames  *frameWriter
	coder   io.WriteCloser
	sink    io.Writer
	// limit bounds the answer in bytes, 0 is no limit; written counts them. The
	// engine's own limit takes a constant column for one value.
	limit, written uint64
}

func newOutput(w http.ResponseWriter) *output {
	o := &output{w: w, sink: w, tag: strings.ToLower(rand.Text()[:16])}
	o.w.Header().Set("X-ClickHouse-Exception-Tag", o.tag)
	return o
}

// shape sets the header of a good answer and how it is compressed.
func (o *output) shape(req *request, format string) error {
	h := o.w.Header()
	h.Set("X-ClickHouse-Format", format)
	h.Set("Content-Type", contentType(format))
	if req.compress {
		f, err := newFrameWriter(o.w, req.method, req.level)
		if err != nil {
			return err
		}
		o.frames, o.sink = f, f
		return nil
	}
	if req.encoding == "" {
		return nil
	}
	coder, err := encoder(o.w, req.encoding)
	if err != nil {
		return err
	}
	o.coder, o.sink = coder, coder
	h.Set("Content-Encoding", req.encoding)
	h.Add("Vary", "Accept-Encoding")
	return nil
}

func encoder(w io.Writer, encoding string) (io.WriteCloser, error) {
	switch encoding {
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	case "lz4":
		return lz4.NewWriter(w), nil
	case "br":
		return brotli.NewWriterLevel(w, 3), nil
	case "gzip":
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case "deflate":
		return zlib.NewWriterLevel(w, zlib.BestSpeed)
	}
	return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "encoding %q is not known", encoding)
}

// write hands on one piece of the answer.
func (o *output) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if o.written += uint64(len(b)); o.limit > 0 && o.written > o.limit {
		return refuse(codeTooLarge, "TOO_MANY_ROWS_OR_BYTES", "Limit for result exceeded, max bytes: %d", o.limit)
	}
	o.started = true
	_, err := o.sink.Write(b)
	return err
}

// finish ends a good answer. One without a byte has no body at all, which is how
// clickhouse-go knows that there are no rows.
func (o *output) finish() error {
	if !o.started {
		o.w.Header().Del("Content-Encoding")
		o.w.Header().Set("Content-Length", "0")
		o.w.WriteHeader(http.StatusOK)
		return nil
	}
	if o.coder != nil {
		return o.coder.Close()
	}
	return nil
}

// summary puts what the engine counted into the header; too late once the body
// has begun.
func (o *output) summary(s stats) {
	if o.started {
		return
	}
	o.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","elapsed_ns":"%d"}`,
		s.rowsRead, s.bytesRead, s.rowsWritten, s.bytesWritten, s.elapsed.Nanoseconds()))
}

// fail answers with an error. When the body has begun, the error follows it in
// the frame that clients look for, and the connection is broken off: a cut
// answer must never look whole.
func (o *output) fail(err error) {
	e := asException(err)
	if !o.started {
		h := o.w.Header()
		h.Del("Content-Encoding")
		h.Del("X-ClickHouse-Format")
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		o.w.WriteHeader(httpStatus(e.code))
		_, _ = io.WriteString(o.w, e.text+"\n")
		return
	}
	text := e.text
	if len(text) > 8<<10 { // clients look at the last 16 KiB
		text = text[:8<<10]
	}
	frame := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, text, len(text)+1, o.tag)
	if o.frames != nil {
		o.frames.plain()
	}
	_, _ = io.WriteString(o.sink, frame)
	if o.coder != nil {
		_ = o.coder.Close()
	}
	_ = http.NewResponseController(o.w).Flush()
	panic(http.ErrAbortHandler)
}

// frameWriter writes ClickHouse's own compressed blocks.
type frameWriter struct {
	w io.Writer
	c *compress.Writer
}

// frameBytes is the most that one block holds.
const frameBytes = 1 << 20

func newFrameWriter(w io.Writer, method, level string) (*frameWriter, error) {
	var m compress.Method
	switch strings.ToUpper(method) {
	case "", "LZ4":
		m = compress.LZ4
	case "LZ4HC":
		m = compress.LZ4HC
	case "ZSTD":
		m = compress.ZSTD
	case "NONE":
		m = compress.None
	default:
		return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "network_compression_method %q is not known", method)
	}
	l := 0
	if level != "" {
		var err error
		if l, err = strconv.Atoi(level); err != nil || l < 0 || l > 22 {
			return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "network_zstd_compression_level %q is not a number from 0 to 22", level)
		}
	}
	return &frameWriter{w, compress.NewWriter(compress.Level(l), m)}, nil
}

// plain makes the next blocks uncompressed, so that their text can be found.
func (f *frameWriter) plain() { f.c = compress.NewWriter(0, compress.None) }

// Write puts p into as many blocks as it takes.
func (f *frameWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		piece := p[done:min(len(p), done+frameBytes)]
		if err := f.c.Compress(piece); err != nil {
			return done, err
		}
		if _, err := f.w.Write(f.c.Data); err != nil {
			return done, err
		}
		done += len(piece)
	}
	return done, nil
}
