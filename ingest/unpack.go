package ingest

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime/debug"
	"time"

	"plodwatch/schema"
)

const (
	// ratioFloor is how much may come out before the ratio is looked at.
	ratioFloor = 16 << 20
	// maxGzipLayers is how often an export may have been gzipped.
	maxGzipLayers = 2
)

// content is what was found in an export that is no zip.
type content struct {
	kind    Kind // of the outermost layer
	format  schema.Format
	export  schema.ExportID // of the bytes as handed in
	payload schema.ExportID // of the innermost bytes
	bytes   int64           // as handed in
	rec     *schema.Recording
	refusal *schema.Refusal
	panic   string        // stack of the decoder's panic
	decode  time.Duration // time in the decoder
}

// unpacker is what Worker and Inspect share: from bytes to a recording.
type unpacker struct {
	cfg      Config
	decoders map[schema.Format]Decoder
}

// sniffed begins reading r and tells its kind.
func sniffed(r io.Reader) (*bufio.Reader, Kind, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(SniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, KindUnknown, err
	}
	return br, Sniff(head), nil
}

// read decodes an export that is no zip. size is -1 when it is not known. The
// error is of r or ctx; what is wrong with the export is in the content.
func (u *unpacker) read(ctx context.Context, r io.Reader, size int64) (*content, error) {
	whole := &hashing{r: r, hash: sha256.New()}
	br, kind, err := sniffed(whole)
	if err != nil {
		return nil, fmt.Errorf("read export: %w", err)
	}
	c := &content{kind: kind, format: schema.FormatUnknown}
	inner, err := u.peel(ctx, c, br, whole, kind, size)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, br); err != nil {
		return nil, fmt.Errorf("read export: %w", err)
	}
	c.export, c.bytes = whole.sum(), whole.n
	c.payload = c.export
	if inner != nil {
		c.payload = inner.sum()
	}
	return c, nil
}

// peel takes off the gzip layers and has what is inside decoded. It returns
// the hash of the innermost bytes when they are not those of whole.
func (u *unpacker) peel(ctx context.Context, c *content, br *bufio.Reader, whole *hashing, kind Kind, size int64) (*hashing, error) {
	var inner *hashing
	var guards []*guard
	for layer := 0; kind == KindGzip; layer++ {
		if layer == maxGzipLayers {
			c.refusal = schema.Reject(schema.ReasonNested, "gzip inside gzip inside gzip")
			return nil, nil
		}
		zr, err := gzip.NewReader(br)
		if err != nil && !isDamage(err) {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		if zr == nil {
			c.refusal = schema.Reject(schema.ReasonMalformed, "gzip header cannot be read")
			return nil, nil
		}
		g := &guard{in: zr, consumed: func() int64 { return whole.n }, most: u.cfg.MaxPayloadBytes, ratio: u.cfg.MaxRatio}
		guards = append(guards, g)
		inner = &hashing{r: g, hash: sha256.New()}
		if br, kind, err = sniffed(inner); err != nil {
			return inner, u.refuse(c, err, guards)
		}
		size = -1
	}
	err := u.decode(ctx, c, br, kind, size)
	if err == nil && inner != nil {
		// The rest belongs to the payload's identity too.
		_, err = io.Copy(io.Discard, br)
	}
	if err != nil {
		return inner, u.refuse(c, err, guards)
	}
	c.damaged(guards)
	return inner, nil
}

// refuse turns a limit that a guard has met into a refusal; other errors come
// back.
func (u *unpacker) refuse(c *content, err error, guards []*guard) error {
	for _, g := range guards {
		if g.stopped() {
			c.refusal = g.refusal
			return nil
		}
	}
	return fmt.Errorf("read export: %w", err)
}

// damaged notes on a recording that its gzip was damaged.
func (c *content) damaged(guards []*guard) {
	for _, g := range guards {
		if g.damage == nil || c.rec == nil || c.refusal != nil {
			continue
		}
		reason, flag := schema.ReasonCorrupt, schema.FlagCorrupt
		if errors.Is(g.damage, io.ErrUnexpectedEOF) {
			reason, flag = schema.ReasonTruncated, schema.FlagTruncated
		}
		c.rec.Flags = schema.AddFlag(c.rec.Flags, flag)
		if c.rec.Outcome == schema.OutcomeDecoded {
			c.rec.Outcome, c.rec.Reason = schema.OutcomeSalvaged, reason
		}
	}
}

// decode has the decoder for kind read r. Errors are those of r and ctx.
func (u *unpacker) decode(ctx context.Context, c *content, r *bufio.Reader, kind Kind, size int64) error {
	if _, err := r.Peek(1); errors.Is(err, io.EOF) {
		c.refusal = schema.Reject(schema.ReasonEmpty, "no bytes in it")
		return nil
	}
	switch kind {
	case KindFIT:
		c.format = schema.FormatFIT
	case KindGPX:
		c.format = schema.FormatGPX
	case KindTCX:
		c.format = schema.FormatTCX
	case KindZip:
		c.format = schema.FormatArchive
		c.refusal = schema.Skip(schema.ReasonNested, "a zip inside gzip")
		return nil
	default:
		c.refusal = schema.Skip(schema.ReasonUnsupported, "neither FIT, GPX nor TCX, nor gzip or zip of them")
		return nil
	}
	decoder := u.decoders[c.format]
	if decoder == nil {
		c.refusal = schema.Skip(schema.ReasonUnsupported, string(c.format)+" files are not read here")
		return nil
	}
	if size > u.cfg.MaxPayloadBytes {
		c.refusal = schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("more than %d bytes", u.cfg.MaxPayloadBytes))
		return nil
	}
	start := time.Now()
	rec, stack, err := safeDecode(ctx, decoder, r, size)
	c.decode = time.Since(start)
	c.rec, c.panic = rec, stack
	if c.refusal = schema.AsRefusal(err); c.refusal == nil && err != nil {
		return err
	}
	if c.refusal == nil && rec == nil {
		return errors.New("decoder gave neither a recording nor a reason")
	}
	return nil
}

// safeDecode turns a panic of the decoder into a refusal and its stack: one
// file must not stop the others.
func safeDecode(ctx context.Context, d Decoder, r io.Reader, size int64) (rec *schema.Recording, stack string, err error) {
	defer func() {
		if p := recover(); p != nil {
			rec, stack = nil, fmt.Sprintf("%v\n%s", p, debug.Stack())
			err = schema.Reject(schema.ReasonMalformed, "the decoder failed on it")
		}
	}()
	rec, err = d.Decode(ctx, r, size)
	return rec, "", err
}

// hashing counts and hashes what is read through it.
type hashing struct {
	r    io.Reader
	hash hash.Hash
	n    int64
}

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.hash.Write(p[:n])
	h.n += int64(n)
	return n, err
}

func (h *hashing) sum() schema.ExportID {
	var id schema.ExportID
	h.hash.Sum(id[:0])
	return id
}

// errRefused is what a guard returns when a limit is met; why is in refusal.
var errRefused = errors.New("limit of unpacking is met")

// guard stands behind a decompressor: it ends what grows beyond all measure,
// and turns damage of the compressed data into an early end, so that what came
// out by then can be salvaged.
type guard struct {
	in       io.Reader
	consumed func() int64 // compressed bytes read so far
	most     int64        // bytes that may come out
	ratio    int64
	n        int64
	damage   error
	refusal  *schema.Refusal
}

// stopped reports whether a limit was met.
func (g *guard) stopped() bool { return g.refusal != nil }

func (g *guard) Read(p []byte) (int, error) {
	if g.refusal != nil {
		return 0, errRefused
	}
	if g.damage != nil {
		return 0, io.EOF
	}
	n, err := g.in.Read(p)
	g.n += int64(n)
	switch {
	case g.n > ratioFloor && g.n/g.ratio > g.consumed():
		g.refusal = schema.Reject(schema.ReasonBomb, fmt.Sprintf("unpacks to more than %d times its size", g.ratio))
		return 0, errRefused
	case g.n > g.most:
		g.refusal = schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("unpacks to more than %d bytes", g.most))
		return 0, errRefused
	case err != nil && !errors.Is(err, io.EOF) && isDamage(err):
		g.damage = err
		return n, io.EOF
	}
	return n, err
}

// isDamage tells damaged compressed data from errors of the reader below. An
// io.EOF counts, which is damage only where something had to follow.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &corrupt) ||
		errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) ||
		errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat)
}
