package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plodwatch/schema/streams"
)

// errUnreadable marks a message that cannot be decoded.
var errUnreadable = errors.New("unreadable message")

// aloneDeliveries is how often a message that came back
// streams.MaxDeliveries times is worked on alone before it is set aside. The
// server counts against each message in hand when the process dies, and an
// analyzer has many in hand: most of those that come back often only stood
// beside the one that kills.
const aloneDeliveries = 5

// item is a message in hand.
type item struct {
	delivery *streams.Delivery
	tries    int   // how often the analyzer has given it back
	faults   int   // how often for a reason of its own
	doom     error // why it is to be set aside; nil while it is not
	due      time.Time
}

// verdict is what the analyzer said about an item.
type verdict struct {
	item *item
	err  error
}

// lane feeds from one queue: some goroutines pull, one hands over, one settles
// what the analyzer has said.
type lane struct {
	feed   *Feed
	stream string
	log    *slog.Logger
	puller *streams.Puller
	take   func(ctx context.Context, data []byte, done func(error))

	room  chan struct{} // a place per message in hand
	fresh chan *item

	mu       sync.Mutex
	busy     int // handed over, or judged and not settled
	verdicts []verdict
	waiting  []*item       // to be handed over again when due
	judged   chan struct{} // holds one token when there are verdicts
	deferred chan struct{} // holds one token when waiting has grown
	quiet    chan struct{} // holds one token when nothing is busy any more

	// Of handOver alone: what came while a suspect was to be worked on alone.
	suspects []*item
	held     []*item
}

func (f *Feed) runLane(ctx context.Context, stream string, take func(context.Context, []byte, func(error))) error {
	log := f.deps.Log.With("stream", stream)
	puller, err := streams.NewPuller(ctx, f.deps.JetStream, stream, streams.Analyzer, log)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer puller.Close()
	l := &lane{
		feed: f, stream: stream, log: log, puller: puller, take: take,
		room:     make(chan struct{}, f.cfg.MaxInHand),
		fresh:    make(chan *item),
		judged:   make(chan struct{}, 1),
		deferred: make(chan struct{}, 1),
		quiet:    make(chan struct{}, 1),
	}
	return l.run(ctx)
}

func (l *lane) run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	for range l.feed.cfg.Pulls {
		group.Go(func() error { return l.pull(running) })
	}
	group.Go(func() error { l.handOver(running); return nil })

	settled := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(settled)
		l.settleAll(context.WithoutCancel(ctx), stopped)
	}()
	err := group.Wait()
	close(stopped)
	<-settled
	l.leave()
	return err
}

// pull takes messages while there is room. It returns nil when ctx has ended.
func (l *lane) pull(ctx context.Context) error {
	for {
		select {
		case l.room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		delivery, err := l.puller.Next(ctx)
		if err != nil {
			return unlessEnded(ctx, err)
		}
		l.feed.deps.Metrics.hold(l.stream, 1)
		it := &item{delivery: delivery}
		if delivery.Exhausted(aloneDeliveries) {
			it.doom = fmt.Errorf("handed out %d times without success", delivery.Delivered())
		}
		select {
		case l.fresh <- it:
		case <-ctx.Done(): // given back when the puller closes
			l.leaveOne()
			return nil
		}
	}
}

// unlessEnded returns nil in place of the error that the end of ctx caused.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end is what was asked for
	}
	return err
}

// handOver gives messages to the analyzer, those whose wait is over first.
func (l *lane) handOver(ctx context.Context) {
	for ctx.Err() == nil {
		if it := l.next(time.Now()); it != nil {
			l.judge(ctx, it)
			continue
		}
		timer := time.NewTimer(l.untilDue(time.Now()))
		select {
		case it := <-l.fresh:
			if it.doom == nil && it.delivery.Exhausted(0) {
				l.suspects = append(l.suspects, it)
			} else {
				l.held = append(l.held, it)
			}
		case <-timer.C:
		case <-l.deferred:
		case <-l.quiet:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// next returns what is to be handed over now, or nil. While there are suspects
// nothing else is, and each of them only when nothing is in work: which one is
// left to chance, so that those that only stand beside the culprit get done.
func (l *lane) next(now time.Time) *item {
	if n := len(l.suspects); n > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.busy > 0 {
			return nil
		}
		i := rand.IntN(n) //nolint:gosec // decides nothing but the order
		it := l.suspects[i]
		l.suspects = slices.Delete(l.suspects, i, i+1)
		l.log.Warn("message came back often and is worked on alone", "sequence", it.delivery.Sequence(), "delivered", it.delivery.Delivered())
		return it
	}
	if it := l.nextDue(now); it != nil {
		return it
	}
	if len(l.held) > 0 {
		it := l.held[0]
		l.held = slices.Delete(l.held, 0, 1)
		return it
	}
	return nil
}

func (l *lane) judge(ctx context.Context, it *item) {
	l.mu.Lock()
	l.busy++
	l.mu.Unlock()
	done := func(err error) {
		l.mu.Lock()
		l.verdicts = append(l.verdicts, verdict{item: it, err: err})
		l.mu.Unlock()
		wake(l.judged)
	}
	if it.doom != nil {
		done(it.doom)
		return
	}
	l.take(ctx, it.delivery.Data(), done)
}

// nextDue takes out a waiting item whose time has come.
func (l *lane) nextDue(now time.Time) *item {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, it := range l.waiting {
		if !it.due.After(now) {
			last := len(l.waiting) - 1
			l.waiting[i], l.waiting[last] = l.waiting[last], nil
			l.waiting = l.waiting[:last]
			return it
		}
	}
	return nil
}

func (l *lane) untilDue(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := time.Hour
	for _, it := range l.waiting {
		wait = min(wait, it.due.Sub(now))
	}
	return max(wait, 0)
}

// postpone keeps an item in hand until its next try.
func (l *lane) postpone(it *item) {
	cfg := l.feed.cfg
	wait := cfg.RetryMax
	if it.tries < 16 {
		wait = min(wait, cfg.RetryFirst<<it.tries)
	}
	it.tries++
	it.due = time.Now().Add(wait)
	l.mu.Lock()
	l.waiting = append(l.waiting, it)
	l.mu.Unlock()
	wake(l.deferred)
}

// release frees an item's place; it is no longer in hand.
func (l *lane) release() {
	l.leaveOne()
	<-l.room
}

func (l *lane) leaveOne() { l.feed.deps.Metrics.hold(l.stream, -1) }

// leave gives back what is still in hand; the puller does it when it closes.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.waiting) + l.busy + len(l.suspects) + len(l.held)
	l.waiting, l.suspects, l.held = nil, nil, nil
	l.feed.deps.Metrics.hold(l.stream, -n)
	l.feed.deps.Metrics.count(l.stream, resultBack, n)
	if n > 0 {
		l.log.Info("messages given back to the queue", "count", n)
	}
}

func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
