package feed

import (
	"context"
	"errors"
	"time"

	"plodwatch/analyze"
	"plodwatch/schema/streams"
)

// confirmTimeout bounds the wait for the server's word that it knows what has
// been acknowledged.
const confirmTimeout = 10 * time.Second

// settleAll acts on verdicts as they come. When stopped is closed it goes on
// until nothing is with the analyzer any more, or the grace time is over.
func (l *lane) settleAll(ctx context.Context, stopped <-chan struct{}) {
	var grace <-chan time.Time
	for {
		verdicts, busy := l.takeVerdicts()
		if len(verdicts) > 0 {
			l.settle(ctx, verdicts, grace != nil)
			continue
		}
		if grace != nil && busy == 0 {
			return
		}
		select {
		case <-l.judged:
		case <-stopped:
			grace, stopped = time.After(l.feed.cfg.Grace), nil
		case <-grace:
			return
		}
	}
}

func (l *lane) takeVerdicts() (verdicts []verdict, busy int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	verdicts, l.verdicts = l.verdicts, nil
	return verdicts, l.busy
}

func (l *lane) settle(ctx context.Context, verdicts []verdict, ending bool) {
	var stored []*item
	var later int
	var cause error
	for _, v := range verdicts {
		switch {
		case v.err == nil:
			stored = append(stored, v.item)
		case l.isDoomed(v):
			l.setAside(ctx, v.item, ending)
		default:
			later++
			cause = v.err
			l.keep(v.item, ending)
		}
	}
	l.acknowledge(ctx, stored)
	if later > 0 && !ending {
		l.feed.deps.Metrics.count(l.stream, resultLater, later)
		l.log.Warn("analyzer could not store messages, will try again", "count", later, "error", cause)
	}
	l.mu.Lock()
	l.busy -= len(verdicts)
	quiet := l.busy == 0
	l.mu.Unlock()
	if quiet {
		wake(l.quiet)
	}
}

// isDoomed decides whether an item is to be set aside, and remembers why.
func (l *lane) isDoomed(v verdict) bool {
	it := v.item
	switch {
	case it.doom != nil:
		return true
	case errors.Is(v.err, analyze.ErrNotNow), errors.Is(v.err, context.Canceled), errors.Is(v.err, context.DeadlineExceeded):
		return false
	case errors.Is(v.err, analyze.ErrPermanent), errors.Is(v.err, errUnreadable):
		it.doom = v.err
		return true
	}
	if it.faults++; it.faults >= streams.MaxDeliveries {
		it.doom = v.err
	}
	return it.doom != nil
}

// keep has an item tried again, or gives it back when the feed is ending.
func (l *lane) keep(it *item, ending bool) {
	if !ending {
		l.postpone(it)
		return
	}
	if err := it.delivery.Later(0); err != nil {
		l.log.Warn("message could not be given back, the server will notice", "error", err)
	}
	l.feed.deps.Metrics.count(l.stream, resultBack, 1)
	l.release()
}

func (l *lane) setAside(ctx context.Context, it *item, ending bool) {
	reason := it.doom.Error()
	if err := it.delivery.SetAside(ctx, l.feed.deps.Publisher, reason); err != nil {
		l.log.Error("message could not be set aside, will try again", "sequence", it.delivery.Sequence(), "error", err)
		l.keep(it, ending)
		return
	}
	l.log.Error("message set aside", "sequence", it.delivery.Sequence(), "reason", reason)
	l.feed.deps.Metrics.count(l.stream, resultSetAside, 1)
	l.release()
}

// acknowledge tells the server that items are done: all of them, and the last
// with the wait until it knows.
func (l *lane) acknowledge(ctx context.Context, items []*item) {
	if len(items) == 0 {
		return
	}
	var failed error
	last := len(items) - 1
	for _, it := range items[:last] {
		failed = errors.Join(failed, it.delivery.Ack())
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	failed = errors.Join(failed, items[last].delivery.Confirm(ctx))
	for range items {
		l.release()
	}
	if failed != nil {
		// The rows are there, and writing them again changes nothing.
		l.log.Warn("stored messages could not be acknowledged, will come again", "count", len(items), "error", failed)
		l.feed.deps.Metrics.count(l.stream, resultUnacked, len(items))
		return
	}
	l.feed.deps.Metrics.count(l.stream, resultStored, len(items))
}
