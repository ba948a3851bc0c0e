package main

import (
	"context"
	"fmt"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

const (
	pollEvery  = 200 * time.Millisecond
	askEvery   = 5 * time.Second // asks the tables though the queues still hold work
	askShare   = 20              // but spends no more than this part of the time on asking
	lostAfter  = 15              // polls with empty queues and nothing new: a queue lost it
	maxRequeue = 2
)

// await waits until every export that was taken has its row and its sessions,
// members of archives too. An export that the queues no longer hold and that
// has no row was lost with a queue; it is queued again from the file.
//
// The tables are asked when the queues are empty and every few seconds, not
// more often: looking at the queues is cheap, asking for thousands of exports
// is not.
func (r *importRun) await(ctx context.Context, bar *progress) error {
	r.known = map[schema.ExportID]store.Known{}
	asked, pause := time.Now(), askEvery
	idle, requeued := 0, 0
	for {
		var q queues
		err := r.waitOut(ctx, func() (err error) {
			q, err = r.host.pending(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if q.empty() || time.Since(asked) >= pause {
			began := time.Now()
			found := false
			err := r.waitOut(ctx, func() (err error) {
				found, err = r.ask(ctx)
				return err
			})
			if err != nil {
				return err
			}
			asked = time.Now()
			pause = max(askEvery, askShare*asked.Sub(began))
			missing := r.missing()
			bar.left(len(missing), len(r.known))
			if len(missing) == 0 {
				return nil
			}
			if found || !q.empty() {
				idle = 0
			} else {
				idle++
			}
		}
		if idle >= lostAfter {
			if requeued++; requeued > maxRequeue {
				return fmt.Errorf("%d files were taken, but nothing became of them; the log says why", len(r.missing()))
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

// ask looks up what is missing, down through the archives, and reports whether
// anything new was found.
func (r *importRun) ask(ctx context.Context) (bool, error) {
	news := false
	for {
		missing := r.missing()
		found, err := r.host.store().KnownExports(ctx, r.athlete, missing)
		if err != nil {
			return news, err
		}
		archives := false
		for id, k := range found {
			if k.Missing == 0 {
				r.known[id], news = k, true
				archives = archives || len(k.Members) > 0
			}
		}
		if !archives {
			return news, nil
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
