// Package announce tells listeners outside what happened: new warnings,
// sessions that were analyzed and exports that were rejected, each as a JSON
// message in the stream EVENTS. It looks into the store every now and then, so
// that it announces what any process has written there, and remembers there
// what it has announced.
package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"plodwatch/analyze"
	"plodwatch/schema/streams"
)

// Store knows what there is to announce.
type Store interface {
	// NewEvents returns what has not been announced yet: warnings of the last
	// so many days, and what was analyzed up to an instant.
	NewEvents(ctx context.Context, upTo time.Time, days int) ([]analyze.Event, error)
	// MarkEvents remembers that events have been announced.
	MarkEvents(ctx context.Context, events []analyze.Event, at time.Time) error
}

// Config says when an Announcer looks.
type Config struct {
	// Every is the time between two looks. Default 30 s.
	Every time.Duration `yaml:"every"`
	// Settle is how long ago something was analyzed before it is announced:
	// what several analyzers write is not seen in the order of its time.
	// Default 30 s.
	Settle time.Duration `yaml:"settle"`
	// Days is how old the day of a warning may be. Default 7.
	Days int `yaml:"days"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{Every: 30 * time.Second, Settle: 30 * time.Second, Days: 7}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Every <= 0 {
		faults = append(faults, fmt.Errorf("every: %s is not positive", c.Every))
	}
	if c.Settle < 0 {
		faults = append(faults, fmt.Errorf("settle: %s is negative", c.Settle))
	}
	if c.Days < 1 {
		faults = append(faults, fmt.Errorf("days: %d is not positive", c.Days))
	}
	return errors.Join(faults...)
}

// Metrics counts what was announced.
type Metrics struct {
	events *prometheus.CounterVec
	failed prometheus.Counter
}

// NewMetrics registers the metrics of an Announcer.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_announce_events_total", Help: "Events announced, by kind.",
		}, []string{"kind"}),
		failed: f.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_announce_failures_total", Help: "Looks for events that failed; what they missed is announced later.",
		}),
	}
}

// Deps is what an Announcer works with. All but Log and Now are required.
type Deps struct {
	Store     Store
	Publisher *streams.Publisher
	Metrics   *Metrics
	Log       *slog.Logger
	Now       func() time.Time
}

// Announcer announces events. Make one with New, then call Run.
type Announcer struct {
	cfg  Config
	deps Deps
}

// New returns an Announcer that does nothing until Run is called, or all faults
// of cfg and deps.
func New(cfg Config, deps Deps) (*Announcer, error) {
	err := cfg.Validate()
	if deps.Store == nil || deps.Publisher == nil || deps.Metrics == nil {
		err = errors.Join(err, errors.New("store, publisher and metrics are required"))
	}
	if err != nil {
		return nil, fmt.Errorf("set up the announcer: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Announcer{cfg: cfg, deps: deps}, nil
}

// Run announces until ctx ends and returns nil. What could not be announced is
// tried again with the next look. An event is announced once, unless the
// process is stopped between announcing and remembering; then the server knows
// its id for some time.
func (a *Announcer) Run(ctx context.Context) error {
	ticker := time.NewTicker(a.cfg.Every)
	defer ticker.Stop()
	for {
		if err := a.look(ctx); err != nil && ctx.Err() == nil {
			a.deps.Metrics.failed.Inc()
			a.deps.Log.Warn("announce events failed", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look announces what is new now.
func (a *Announcer) look(ctx context.Context) error {
	events, err := a.deps.Store.NewEvents(ctx, a.deps.Now().Add(-a.cfg.Settle), a.cfg.Days)
	if err != nil || len(events) == 0 {
		return err
	}
	batch := a.deps.Publisher.Begin()
	for i := range events {
		e := &events[i]
		err := batch.Publish(ctx, streams.Message{Subject: streams.EventSubject(e.Kind, e.Athlete), Data: e.Data, ID: e.ID})
		if err != nil {
			return fmt.Errorf("announce %s: %w", e.Kind, err)
		}
	}
	if err := batch.Flush(ctx); err != nil {
		return err
	}
	if err := a.deps.Store.MarkEvents(ctx, events, a.deps.Now()); err != nil {
		return err
	}
	for i := range events {
		a.deps.Metrics.events.WithLabelValues(events[i].Kind).Inc()
	}
	a.deps.Log.Info("events announced", "events", len(events))
	return nil
}
