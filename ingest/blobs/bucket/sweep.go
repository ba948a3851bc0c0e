package bucket

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
)

// firstAgain is how soon a sweep that failed is tried again.
const firstAgain = time.Minute

// Run sweeps now and every Config.SweepEvery until ctx ends, and returns nil
// then. A sweep that fails is logged and tried again. Several processes may do
// so at once.
func (b *Bucket) Run(ctx context.Context, log *slog.Logger) error {
	for {
		wait := b.cfg.SweepEvery
		n, err := b.Sweep(ctx, time.Now())
		switch {
		case err != nil && ctx.Err() == nil:
			log.WarnContext(ctx, "sweep of blobs failed", "error", err)
			wait = min(wait, firstAgain)
		case n > 0:
			log.InfoContext(ctx, "leftovers of blobs swept", "puts", n)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// Sweep removes the chunks that no description names and whose last is older
// than Config.OrphanAge at the time now: they are from Puts that were cut off,
// that another was faster than, or of damaged exports that were put anew. It
// returns of how many Puts. It goes through the heads of all messages once, and
// needs memory only for chunks without a description.
func (b *Bucket) Sweep(ctx context.Context, now time.Time) (int, error) {
	open := make(map[string]time.Time) // chunks not described so far, and the time of their last
	err := b.each(ctx, blobsStream, []string{chunkPrefix + "*", metaPrefix + "*"}, func(h *head) {
		if chunks, ok := strings.CutPrefix(h.subject, chunkPrefix); ok {
			if ours(chunks) {
				open[chunks] = h.at
			}
			return
		}
		if _, ok := describedBy(h); ok { // a description comes after its chunks
			delete(open, h.header.Get(headerChunks))
		}
	})
	if err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	s, err := b.stream(ctx, blobsStream)
	if err != nil {
		return 0, fault("sweep blobs", err)
	}
	swept := 0
	for chunks, last := range open {
		if now.Sub(last) < b.cfg.OrphanAge {
			continue
		}
		if err := s.Purge(ctx, jetstream.WithPurgeSubject(chunkPrefix+chunks)); err != nil {
			return swept, fault("sweep blobs", err)
		}
		swept++
	}
	return swept, nil
}

// ours reports whether chunks are of an export, and not what another program
// has put into the bucket.
func ours(chunks string) bool {
	name, _, ok := strings.Cut(chunks, "-")
	_, err := schema.ParseExportID(name)
	return ok && err == nil
}
