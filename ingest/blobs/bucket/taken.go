package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest/blobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// markTimeout bounds what the ledger asks of the server: callers do not wait
// long for a mark, which only saves work.
const markTimeout = 5 * time.Second

// kvOperation is the header by which a key-value bucket knows a removed key.
const kvOperation = "KV-Operation"

// Taken reports whether MarkTaken was called for job. When the server does not
// say, it was not: that at most repeats work.
func (b *Bucket) Taken(job schema.JobID) bool {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	_, err := b.mark(ctx, job)
	return err == nil
}

// mark returns what the mark of a job holds, or an error that wraps
// fs.ErrNotExist.
func (b *Bucket) mark(ctx context.Context, job schema.JobID) ([]byte, error) {
	s, err := b.stream(ctx, takenStream)
	if err != nil {
		return nil, fault("read mark", err)
	}
	msg, err := s.GetLastMsgForSubject(ctx, takenPrefix+job.String())
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && msg.Header.Get(kvOperation) != "" {
		return nil, fmt.Errorf("read mark: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, fault("read mark", err)
	}
	return msg.Data, nil
}

// MarkTaken remembers that job was queued, in place of what was remembered of
// it, and waits until the server has it.
func (b *Bucket) MarkTaken(job *schema.Job) error {
	data, err := blobs.EncodeMark(job)
	if err != nil {
		return err
	}
	return b.publishMark(streams.Message{Subject: takenPrefix + job.ID().String(), Data: data})
}

// Unmark forgets that a job was taken, so that it can be handed in again as if
// it never had been, and has the server overwrite the mark and those before it.
// One that is not marked is no error. In a bucket whose messages cannot be
// deleted the mark is only replaced by one that says that there is none.
func (b *Bucket) Unmark(id schema.JobID) error {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	s, err := b.stream(ctx, takenStream)
	if err != nil {
		return fault("forget mark", err)
	}
	if s.CachedInfo().Config.DenyDelete {
		return b.publishMark(streams.Message{Subject: takenPrefix + id.String(), Header: nats.Header{
			kvOperation: {"PURGE"}, jetstream.MsgRollup: {jetstream.MsgRollupSubject},
		}})
	}
	for {
		msg, err := s.GetLastMsgForSubject(ctx, takenPrefix+id.String())
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err == nil {
			err = s.SecureDeleteMsg(ctx, msg.Sequence)
		}
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return fault("forget mark", err)
		}
	}
}

func (b *Bucket) publishMark(msg streams.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	if err := b.publisher.Publish(ctx, msg); err != nil {
		return fault("mark job as taken", err)
	}
	return nil
}

// Marked returns the job that was marked as taken, or nil when the mark does
// not say. An unknown job is an error that wraps fs.ErrNotExist.
func (b *Bucket) Marked(id schema.JobID) (*schema.Job, error) {
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	data, err := b.mark(ctx, id)
	if err != nil {
		return nil, err
	}
	return blobs.DecodeMark(id, data), nil
}

// Marks calls fn for the identity of every job that is marked as taken, in
// their order. It ends with the first error of fn, which comes back as it is, or
// of ctx.
func (b *Bucket) Marks(ctx context.Context, fn func(schema.JobID) error) error {
	var all []schema.JobID
	err := b.each(ctx, takenStream, []string{takenPrefix + "*"}, func(h *head) {
		id, err := schema.ParseJobID(strings.TrimPrefix(h.subject, takenPrefix))
		if err == nil && h.header.Get(kvOperation) == "" {
			all = append(all, id)
		}
	})
	if err != nil {
		return fmt.Errorf("list marks: %w", err)
	}
	slices.SortFunc(all, func(a, b schema.JobID) int { return slices.Compare(a[:], b[:]) })
	return call(ctx, slices.Compact(all), fn)
}

// call calls fn for all, while ctx lasts.
func call[T any](ctx context.Context, all []T, fn func(T) error) error {
	for _, v := range all {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("go through what is listed: %w", err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}
