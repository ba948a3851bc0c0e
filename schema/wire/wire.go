// Package wire turns sessions, jobs and outcomes into the messages of the
// queues and back. The form is that of session.proto: sample columns as
// differences in variable-length integers, the whole session packed, two to six
// bytes per sample. See decisions.md.
//
// What comes from the queue is not trusted: sizes and counts are bounded before
// memory is taken, and every promise that the types of package schema make is
// checked.
package wire

//go:generate sh generate.sh

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"plodwatch/schema"
	"plodwatch/schema/wire/internal/pb"
)

// Limits of what is encoded and decoded.
const (
	// MaxSamples is the most samples that a session may have: 46 days at 1 Hz.
	MaxSamples = 4_000_000

	// MaxPlainBytes bounds a session before compression, 64 MiB.
	MaxPlainBytes = 64 << 20

	// maxList bounds laps, timer events, breaks and zones of a session, and
	// the sessions and members of an outcome.
	maxList = 1 << 20

	// maxText bounds a short text: a sport, a flag, a device, a detail.
	maxText = 4 << 10

	// maxTimeMs bounds instants and durations to some 8900 years, so that
	// sums of them do not overflow.
	maxTimeMs = 1 << 48
)

var (
	// ErrTooLarge says that a session does not fit the message size given, or
	// that a message exceeds the limits of this package.
	ErrTooLarge = errors.New("exceeds the size limit")

	// ErrMalformed says that a message cannot be read. It will never be.
	ErrMalformed = errors.New("malformed message")
)

// Codec encodes and decodes. It is safe for concurrent use and owns no
// goroutines; there is nothing to close.
type Codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	scratch sync.Pool // of *scratch
}

// scratch is memory that one encoding leaves to the next.
type scratch struct {
	columns       [columnCount]columnBuffer
	plain, packed []byte
}

// NewCodec returns a Codec.
func NewCodec() (*Codec, error) {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(0), // as many at once as there are processors
		zstd.WithWindowSize(1<<20),
	)
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(MaxPlainBytes),
		zstd.WithDecodeAllCapLimit(false),
	)
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &Codec{
		encoder: encoder,
		decoder: decoder,
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}, nil
}

// EncodeSession appends the message for env to dst and returns it. It returns
// ErrTooLarge when the message has more than maxBytes bytes (0: no such bound)
// or the session more than this package takes, and another error when env
// breaks the promises of its types. It keeps nothing of env.
func (c *Codec) EncodeSession(dst []byte, env *schema.Envelope, maxBytes int) ([]byte, error) {
	samples := &env.Session.Samples
	if n := samples.Len(); n > MaxSamples {
		return dst, fmt.Errorf("encode session of %d samples where %d are allowed: %w", n, MaxSamples, ErrTooLarge)
	}
	if err := samples.Validate(); err != nil {
		return dst, fmt.Errorf("encode session: %w", err)
	}
	if n := samples.Len(); n > 0 && (samples.TimeMs[0] < -maxTimeMs || samples.TimeMs[n-1] > maxTimeMs) {
		return dst, fmt.Errorf("encode session: times from %d to %d: %w", samples.TimeMs[0], samples.TimeMs[n-1], ErrMalformed)
	}
	mem := c.borrow()
	defer c.giveBack(mem)

	msg := envelopeToPB(env, mem)
	if _, err := envelopeFromPB(msg); err != nil { // what the reader would refuse
		return dst, fmt.Errorf("encode session: %w", err)
	}
	var err error
	mem.plain, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(mem.plain[:0], msg)
	if err != nil {
		return dst, fmt.Errorf("encode session: %w", err)
	}
	if len(mem.plain) > MaxPlainBytes {
		return dst, fmt.Errorf("encode session of %d bytes where %d are allowed: %w", len(mem.plain), MaxPlainBytes, ErrTooLarge)
	}
	start := len(dst)
	dst = c.pack(dst, mem)
	if size := len(dst) - start; maxBytes > 0 && size > maxBytes {
		return dst[:start], fmt.Errorf("encode session to %d bytes where a message holds %d: %w", size, maxBytes, ErrTooLarge)
	}
	return dst, nil
}

// DecodeSession reads the message that EncodeSession wrote. It returns
// ErrMalformed or ErrTooLarge for a message that it refuses; trying again does
// not help. The result holds nothing of data.
func (c *Codec) DecodeSession(data []byte) (*schema.Envelope, error) {
	mem := c.borrow()
	defer c.giveBack(mem)
	if err := c.unpack(mem, data); err != nil {
		return nil, fmt.Errorf("decompress session: %w", err)
	}
	var msg pb.Envelope
	if err := proto.Unmarshal(mem.plain, &msg); err != nil {
		return nil, fmt.Errorf("decode session: %w: %w", ErrMalformed, err)
	}
	env, err := envelopeFromPB(&msg)
	if err == nil {
		env.Session.Samples, err = samplesFromPB(msg.GetSession().GetSamples())
	}
	if err != nil {
		return nil, fmt.Errorf("decode session: %w", err)
	}
	return env, nil
}

func (c *Codec) borrow() *scratch {
	mem, _ := c.scratch.Get().(*scratch)
	return mem
}

// giveBack keeps the memory for the next, unless a giant would stay for ever.
func (c *Codec) giveBack(mem *scratch) {
	const keep = 8 << 20
	held := cap(mem.plain) + cap(mem.packed)
	for i := range mem.columns {
		held += cap(mem.columns[i].deltas) + cap(mem.columns[i].runs)
	}
	if held <= keep {
		c.scratch.Put(mem)
	}
}
