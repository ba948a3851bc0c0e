// Package analyze turns decoded sessions into rows: it measures each session,
// derives its intensity from the settings valid on its day, and writes many
// sessions in one batch, samples first and the session's own row last. It
// knows neither NATS nor ClickHouse: package feed hands it messages, package
// store keeps its rows.
package analyze

import (
	"context"
	"errors"
	"fmt"

	"plodwatch/schema"
)

// What a done function may be told. Callers branch on these with errors.Is.
var (
	// ErrNotNow means the work is sound but could not be stored now: the store
	// is away, overloaded or stopping. Deliver it again later.
	ErrNotNow = errors.New("not now")
	// ErrPermanent means the work will never succeed as it is. Set it aside
	// and do not deliver it again.
	ErrPermanent = errors.New("permanent fault")
)

// item is one piece of work in hand: a session or an export's outcome.
type item struct {
	env    *schema.Envelope
	out    *schema.ExportOutcome
	weight int64       // rows it counts for against Config.MaxRows
	done   func(error) // called exactly once
}

// Take hands one decoded session to the analyzer, which owns env from then
// on; the caller must not change it any more. Take returns as soon as the
// session is in hand, and blocks while too many rows are (Config.MaxRows) or
// Run has not started.
//
// The function done is called exactly once: with nil when the session's rows
// are durable in the store, with an error that wraps ErrNotNow when it should
// be delivered again later, or with one that wraps ErrPermanent when it should
// be set aside. Calls come in the order in which Take and TakeOutcome
// accepted the work, from one goroutine at a time, so that after done(nil)
// everything accepted earlier has had its call, too. Work that was not
// accepted, because ctx ended or the analyzer stopped while Take waited, gets
// done(ErrNotNow) from Take itself, out of that order. done must not block
// for long and must not call Take.
func (a *Analyzer) Take(ctx context.Context, env *schema.Envelope, done func(error)) {
	a.enqueue(ctx, item{env: env, weight: int64(max(1, env.Session.Samples.Len())), done: done})
}

// TakeOutcome hands over what became of an export, to be stored as a row of
// exports. It blocks and calls done as Take does.
func (a *Analyzer) TakeOutcome(ctx context.Context, out *schema.ExportOutcome, done func(error)) {
	a.enqueue(ctx, item{out: out, weight: 1, done: done})
}

// enqueue waits for room and for Run to take the item over. The channel has no
// buffer, so an item is either with Run or refused here, never lost between.
func (a *Analyzer) enqueue(ctx context.Context, it item) {
	it.weight = min(it.weight, a.cfg.MaxRows)
	if err := a.room.Acquire(ctx, it.weight); err != nil {
		it.done(fmt.Errorf("wait for room: %w: %w", ErrNotNow, err))
		return
	}
	select {
	case a.in <- it:
		return
	case <-a.stopped:
		it.done(fmt.Errorf("analyzer has stopped: %w", ErrNotNow))
	case <-ctx.Done():
		it.done(fmt.Errorf("wait for the analyzer: %w: %w", ErrNotNow, ctx.Err()))
	}
	a.room.Release(it.weight)
}
