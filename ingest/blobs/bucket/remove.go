package bucket

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
)

// Remove takes an export away for good and has the server overwrite its bytes.
// One that is not there is no error. The caller makes sure that nobody needs it
// any more.
func (b *Bucket) Remove(ctx context.Context, id schema.ExportID) error {
	s, err := b.stream(ctx, blobsStream)
	if err != nil {
		return fault("remove export", err)
	}
	// The description goes first: chunks without one are swept.
	for {
		msg, err := s.GetLastMsgForSubject(ctx, metaSubject(id))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err == nil {
			err = s.SecureDeleteMsg(ctx, msg.Sequence)
		}
		if err != nil {
			return fault("remove export", err)
		}
		if chunks := msg.Header.Get(headerChunks); ours(chunks) {
			if err := removeChunks(ctx, s, chunks); err != nil {
				return fault("remove export", err)
			}
		}
	}
}

func removeChunks(ctx context.Context, s jetstream.Stream, chunks string) error {
	for next := uint64(1); ; next++ {
		msg, err := s.GetMsg(ctx, next, jetstream.WithGetMsgSubject(chunkPrefix+chunks))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err == nil {
			next = msg.Sequence
			err = s.SecureDeleteMsg(ctx, msg.Sequence)
		}
		if err != nil {
			return err
		}
	}
}
