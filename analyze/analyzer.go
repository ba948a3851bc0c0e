package analyze

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"
)

// Deps is what an analyzer works with. Store and Metrics are required; without
// Places positions tell no time zone; Log defaults to none, Now to the system's
// clock.
type Deps struct {
	Store   Store
	Metrics *Metrics
	Places  Places
	Log     *slog.Logger
	Now     func() time.Time
}

// Analyzer takes sessions and outcomes and writes their rows in batches. Make
// one with New, then call Run. Take, TakeOutcome, SetSettings and Reanalyse may
// be called from several goroutines at once.
type Analyzer struct {
	cfg     Config
	store   Store
	log     *slog.Logger
	metrics *Metrics
	places  Places
	now     func() time.Time
	room    *semaphore.Weighted
	in      chan item     // without a buffer, see enqueue
	stopped chan struct{} // closed when Run takes nothing more
}

// New returns an analyzer that does nothing until Run is called. It returns
// the faults of cfg, all at once.
func New(cfg Config, deps Deps) (*Analyzer, error) {
	err := cfg.Validate()
	if deps.Store == nil || deps.Metrics == nil {
		err = errors.Join(err, errors.New("store and metrics are required"))
	}
	if err != nil {
		return nil, fmt.Errorf("set up the analyzer: %w", err)
	}
	a := &Analyzer{
		cfg: cfg, store: deps.Store, log: deps.Log, metrics: deps.Metrics, places: deps.Places, now: deps.Now,
		room: semaphore.NewWeighted(cfg.MaxRows), in: make(chan item), stopped: make(chan struct{}),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// Run analyses and writes what is handed over until ctx ends. Then it takes
// nothing more, writes what it has in hand, derives again what that calls for,
// and returns nil; work that is not written Config.DrainTimeout after the end
// of ctx is given back as ErrNotNow. Run may be called once.
func (a *Analyzer) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(a.cfg.DrainTimeout, cancel)
		context.AfterFunc(work, func() { t.Stop() })
	})
	defer stop()

	batches := make(chan *pending)
	go func() {
		defer close(batches)
		a.gather(ctx, batches)
	}()
	s := newSweeper(a)
	s.markAll(work)
	everybody := time.NewTicker(a.cfg.SweepAll)
	defer everybody.Stop()
	for {
		select {
		case p, ok := <-batches:
			if !ok {
				s.finish(work)
				return nil
			}
			s.mark(a.flush(work, p))
		case <-s.due():
			s.sweep(work, batches)
		case <-everybody.C:
			s.markAll(work)
		}
	}
}

// pending is a batch that is being gathered.
type pending struct {
	items []measured
	rows  int64
}

// gather makes batches of what is handed over. A batch goes out when it is
// full, or old enough, or nothing more comes, and the last one has been
// written; until then it grows, as far as Config.MaxRows lets it.
func (a *Analyzer) gather(ctx context.Context, out chan<- *pending) {
	p := &pending{}
	var oldest time.Time
	timer := time.NewTimer(a.cfg.BatchWait)
	timer.Stop()
	defer timer.Stop()
	var ready chan<- *pending // nil until the batch may go out
	for {
		select {
		case it := <-a.in:
			if len(p.items) == 0 {
				oldest = time.Now()
			}
			p.items = append(p.items, a.measure(it))
			p.rows += it.weight
			a.metrics.rowsInHand.Add(float64(it.weight))
			timer.Reset(min(a.cfg.BatchQuiet, max(0, time.Until(oldest.Add(a.cfg.BatchWait)))))
			if p.rows >= a.cfg.BatchRows {
				ready = out
			}
		case <-timer.C:
			ready = out
		case ready <- p:
			timer.Stop()
			p, ready = &pending{}, nil
		case <-ctx.Done():
			close(a.stopped)
			if len(p.items) > 0 {
				out <- p
			}
			return
		}
	}
}
