package bucket

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// Put stores what r holds and returns its identity, its size in bytes and
// whether it was new. When it returns nil the server has acknowledged every
// byte. Bytes that are there already are read and compared, and put anew if they
// have been damaged.
//
// Errors of r and of ctx come back wrapped as they are. Those of a bucket or a
// temporary disk without room wrap ingest.ErrDiskFull, those of a server that
// takes nothing now ingest.ErrBusy. What a Put that fails has sent is invisible,
// and swept later.
func (b *Bucket) Put(ctx context.Context, r io.Reader) (id schema.ExportID, size int64, created bool, err error) {
	if err := b.ready(ctx); err != nil {
		return schema.ExportID{}, 0, false, err
	}
	s, err := spool(ctx, r, b.cfg.TempDir)
	if err != nil {
		return schema.ExportID{}, 0, false, err
	}
	defer s.close()
	created, err = b.put(ctx, s)
	if err != nil {
		return schema.ExportID{}, 0, false, err
	}
	return s.id, s.size, created, nil
}

// put stores what came in, unless it is there.
func (b *Bucket) put(ctx context.Context, s *spooled) (created bool, err error) {
	damaged := false
	switch _, err := b.describe(ctx, s.id); {
	case err == nil:
		err := b.Verify(ctx, s.id)
		if damaged = errors.Is(err, blobs.ErrCorrupt); !damaged {
			return false, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fault("look for export", err)
	}
	chunks, count, began, err := b.send(ctx, s)
	if err != nil {
		return false, err
	}
	if time.Since(began) > b.cfg.OrphanAge/2 {
		// They may look like a leftover by the time they are described.
		return false, fmt.Errorf("store export: it took %s: %w", time.Since(began), ingest.ErrBusy)
	}
	msg, err := description(s, chunks, count)
	if err != nil {
		return false, err
	}
	msg.Once = !damaged
	err = b.publisher.Publish(ctx, msg)
	if errors.Is(err, streams.ErrQueued) {
		if _, err := b.describe(ctx, s.id); err == nil {
			return false, nil // somebody else was faster
		}
		msg.Once = false // it was removed before
		err = b.publisher.Publish(ctx, msg)
	}
	if err != nil {
		return false, fault("store description of export", err)
	}
	return !damaged, nil
}

// send sends the chunks and returns their name, their number and the time when
// the first went out.
func (b *Bucket) send(ctx context.Context, s *spooled) (chunks string, count uint32, began time.Time, err error) {
	chunks = s.id.String() + "-" + nuid.Next()
	began = time.Now()
	batch := b.publisher.Begin()
	for r := s.reader(); ; count++ {
		buf := make([]byte, max(0, min(chunkBytes, s.size-int64(count)*chunkBytes))) // kept until acknowledged
		if len(buf) == 0 {
			break
		}
		if _, err := io.ReadFull(r, buf); err != nil {
			return "", 0, began, fmt.Errorf("read temporary copy of export: %w", err)
		}
		if err := batch.Publish(ctx, streams.Message{Subject: chunkPrefix + chunks, Data: buf}); err != nil {
			return "", 0, began, fault("store export", err)
		}
	}
	if err := batch.Flush(ctx); err != nil {
		return "", 0, began, fault("store export", err)
	}
	return chunks, count, began, nil
}

// description is the message that makes an object of chunks (ADR-20 of NATS).
func description(s *spooled, chunks string, count uint32) (streams.Message, error) {
	data, err := json.Marshal(&jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{
			Name: s.id.String(), Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkBytes},
		},
		Bucket: blobsBucket, NUID: chunks, Size: uint64(s.size), ModTime: time.Now().UTC(), Chunks: count, //nolint:gosec // not negative
		Digest: "SHA-256=" + base64.URLEncoding.EncodeToString(s.id[:]),
	})
	if err != nil {
		return streams.Message{}, fmt.Errorf("describe export: %w", err)
	}
	return streams.Message{Subject: metaSubject(s.id), Data: data, Header: nats.Header{
		jetstream.MsgRollup: {jetstream.MsgRollupSubject}, headerChunks: {chunks},
	}}, nil
}
