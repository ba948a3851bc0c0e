package main

import (
	"context"
	"fmt"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

const (
	pollEvery  = 300 * time.Millisecond
	lostAfter  = 10 // polls with empty queues and nothing new: the queue lost it
	maxRequeue = 2
)

// await waits until every export that was taken has its row, members of
// archives too. An export that the queues no longer hold and that has no row
// was lost with a queue; it is queued again from the file.
func (r *importRun) await(ctx context.Context, bar *progress) error {
	r.known = map[schema.ExportID]store.Known{}
	idle, requeued := 0, 0
	for {
		missing := r.missing()
		bar.left(len(missing), len(r.known))
		if len(missing) == 0 {
			return nil
		}
		found, err := r.host.store().KnownExports(ctx, r.athlete, missing)
		if err != nil {
			return err
		}
		for id, k := range found {
			r.known[id] = k
		}
		if len(found) > 0 {
			idle = 0
			continue
		}
		q, err := r.host.pending(ctx)
		if err != nil {
			return err
		}
		if q.empty() {
			idle++
		} else {
			idle = 0
		}
		if idle >= lostAfter {
			if requeued++; requeued > maxRequeue {
				return fmt.Errorf("%d files were taken, but nothing became of them; the log says why", len(missing))
			}
			if err := r.requeue(ctx); err != nil {
				return err
			}
			idle = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// missing returns the exports without a row, members of archives included.
func (r *importRun) missing() []schema.ExportID {
	var out []schema.ExportID
	seen := map[schema.ExportID]bool{}
	var visit func(id schema.ExportID)
	visit = func(id schema.ExportID) {
		if seen[id] {
			return
		}
		seen[id] = true
		k, ok := r.known[id]
		if !ok {
			out = append(out, id)
			return
		}
		for _, m := range k.Members {
			visit(m)
		}
	}
	for _, f := range r.files {
		if f.reason == schema.ReasonNone {
			visit(f.job.Export)
		}
	}
	return out
}

// complete reports whether the export and its members all have their rows.
func (r *importRun) complete(id schema.ExportID) bool {
	k, ok := r.known[id]
	if !ok {
		return false
	}
	for _, m := range k.Members {
		if !r.complete(m) {
			return false
		}
	}
	return true
}

// requeue hands in again what the queues have lost.
func (r *importRun) requeue(ctx context.Context) error {
	n := 0
	for _, f := range r.files {
		if f.reason != schema.ReasonNone || r.complete(f.job.Export) {
			continue
		}
		n++
		if err := r.take(ctx, f, true); err != nil {
			return err
		}
	}
	r.app.log.Warn("queued again what a queue had lost", "files", n)
	return nil
}
