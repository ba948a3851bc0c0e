package bucket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// Walk calls fn for every export in the order of their identities, of those
// that are there when it begins. It ends with the first error of fn, which comes
// back as it is, or of ctx. It needs 32 bytes of memory an export.
func (b *Bucket) Walk(ctx context.Context, fn func(schema.ExportID) error) error {
	return b.WalkPart(ctx, "", fn)
}

// WalkPart is Walk for the exports whose identity begins with these hexadecimal
// digits, in lower case.
func (b *Bucket) WalkPart(ctx context.Context, prefix string, fn func(schema.ExportID) error) error {
	var all []schema.ExportID
	err := b.each(ctx, blobsStream, []string{metaPrefix + "*"}, func(h *head) {
		id, ok := describedBy(h)
		if ok && strings.HasPrefix(id.String(), prefix) {
			all = append(all, id)
		}
	})
	if err != nil {
		return fmt.Errorf("list exports: %w", err)
	}
	slices.SortFunc(all, func(a, b schema.ExportID) int { return slices.Compare(a[:], b[:]) })
	return call(ctx, slices.Compact(all), fn)
}

// describedBy returns the export whose description h is the head of. What other
// programs have put into the bucket is none.
func describedBy(h *head) (schema.ExportID, bool) {
	encoded, ok := strings.CutPrefix(h.subject, metaPrefix)
	if !ok || h.header.Get(headerChunks) == "" {
		return schema.ExportID{}, false
	}
	name, err := base64.URLEncoding.DecodeString(encoded)
	if err != nil {
		return schema.ExportID{}, false
	}
	id, err := schema.ParseExportID(string(name))
	return id, err == nil && id.String() == string(name)
}

// head is a message without its data.
type head struct {
	subject string
	header  nats.Header
	at      time.Time
}

const (
	headsAtOnce   = 1000
	headsPatience = 10 * time.Second
)

// errCutOff says that messages went missing on the way.
var errCutOff = fmt.Errorf("the server broke off: %w", ingest.ErrBusy)

// each calls fn for the heads of the messages of these subjects that a stream
// holds now, in their order.
func (b *Bucket) each(ctx context.Context, stream string, subjects []string, fn func(*head)) error {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return fault("open bucket", err)
	}
	consumer, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubjects: subjects, HeadersOnly: true, AckPolicy: jetstream.AckNonePolicy,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fault("go through bucket", err)
	}
	info := consumer.CachedInfo()
	defer func() {
		// Else the server removes it after a minute.
		_ = s.DeleteConsumer(context.WithoutCancel(ctx), info.Name)
	}()
	for left, seen := info.NumPending, uint64(0); left > 0; {
		batch, err := consumer.Fetch(int(min(left, headsAtOnce)), jetstream.FetchMaxWait(headsPatience)) //nolint:gosec // at most a thousand
		if err != nil {
			return fault("go through bucket", err)
		}
		before := seen
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return fmt.Errorf("read message metadata: %w", err)
			}
			if seen++; meta.Sequence.Consumer != seen {
				return errCutOff
			}
			left = min(left-1, meta.NumPending)
			fn(&head{subject: msg.Subject(), header: msg.Headers(), at: meta.Timestamp})
		}
		if err := errors.Join(batch.Error(), ctx.Err()); err != nil {
			return fault("go through bucket", err)
		}
		if seen == before {
			return errCutOff
		}
	}
	return nil
}
