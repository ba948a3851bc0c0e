package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest/blobs"
	"plodwatch/schema"
)

// A replica that answers may not have yet what another has acknowledged:
// what is said not to be there is asked for again so often, first after
// behindFirst, then after twice as long, and so on.
const (
	behindTries = 4
	behindFirst = 50 * time.Millisecond
)

// Open returns the original bytes of an export and their number. The caller
// closes the reader, which works as long as ctx. Its last Read compares the
// SHA-256 and returns an error that wraps blobs.ErrCorrupt in place of io.EOF
// when the bytes are not those that were put. An unknown id is an error that
// wraps fs.ErrNotExist.
func (b *Bucket) Open(ctx context.Context, id schema.ExportID) (io.ReadCloser, int64, error) {
	var info *jetstream.ObjectInfo
	err := retry(ctx, fs.ErrNotExist, func() (err error) {
		info, err = b.describe(ctx, id)
		return err
	})
	if err != nil {
		return nil, 0, fault("open export", err)
	}
	s, err := b.stream(ctx, blobsStream)
	if err != nil {
		return nil, 0, fault("open export", err)
	}
	size := int64(info.Size) //nolint:gosec // what does not fit is found to be damaged
	return &reader{ctx: ctx, stream: s, id: id, subject: chunkPrefix + info.NUID, left: size, sum: sha256.New(), next: 1}, size, nil
}

// retry repeats do while it returns missing.
func retry(ctx context.Context, missing error, do func() error) error {
	wait := behindFirst
	for try := 1; ; try++ {
		err := do()
		if !errors.Is(err, missing) || try == behindTries {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait *= 2
	}
}

// reader reads the chunks of an export one after the other. It asks for each
// by itself: that needs no consumer at the server, which would have to be
// cleaned up, and nothing is fetched that is not read.
type reader struct {
	ctx     context.Context //nolint:containedctx // a reader has no other way to get one
	stream  jetstream.Stream
	id      schema.ExportID
	subject string
	next    uint64 // sequence from which on the next chunk is
	left    int64  // bytes not fetched yet
	chunk   []byte // fetched, not read yet
	sum     hash.Hash
	err     error // of every further Read
}

// Read reads on.
func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if len(r.chunk) == 0 {
		if r.err = r.fetch(); r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}

// fetch fetches the next chunk, or says how the export ends.
func (r *reader) fetch() error {
	if r.left == 0 {
		if schema.ExportID(r.sum.Sum(nil)) != r.id {
			return fmt.Errorf("read export: %w", blobs.ErrCorrupt)
		}
		return io.EOF
	}
	var msg *jetstream.RawStreamMsg
	err := retry(r.ctx, jetstream.ErrMsgNotFound, func() (err error) {
		msg, err = r.stream.GetMsg(r.ctx, r.next, jetstream.WithGetMsgSubject(r.subject))
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("read export: a part is missing: %w", blobs.ErrCorrupt)
	}
	if err != nil {
		return fault("read export", err)
	}
	if len(msg.Data) == 0 || int64(len(msg.Data)) > r.left {
		return fmt.Errorf("read export: %w", blobs.ErrCorrupt)
	}
	r.next, r.chunk = msg.Sequence+1, msg.Data
	r.left -= int64(len(msg.Data))
	r.sum.Write(msg.Data)
	return nil
}

// Close ends reading.
func (r *reader) Close() error {
	r.err = fs.ErrClosed
	return nil
}

// Has reports whether the export is stored.
func (b *Bucket) Has(ctx context.Context, id schema.ExportID) (bool, error) {
	switch _, err := b.describe(ctx, id); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fault("look for export", err)
	}
}

// Stat returns the size of an export in bytes and when it was stored, or an
// error that wraps fs.ErrNotExist.
func (b *Bucket) Stat(ctx context.Context, id schema.ExportID) (size int64, at time.Time, err error) {
	info, err := b.describe(ctx, id)
	if err != nil {
		return 0, time.Time{}, fault("look at export", err)
	}
	return int64(info.Size), info.ModTime, nil //nolint:gosec // our own number
}

// Verify reads an export and returns an error that wraps blobs.ErrCorrupt when
// its bytes are not those that were put, or fs.ErrNotExist when there is none.
func (b *Bucket) Verify(ctx context.Context, id schema.ExportID) error {
	r, _, err := b.Open(ctx, id)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("verify export: %w", err)
	}
	return nil
}
