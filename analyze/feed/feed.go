// Package feed takes decoded sessions and the outcomes of exports from the
// queues, hands them to the analyzer, and acknowledges a message only when the
// analyzer says that its rows are durable.
//
// What the analyzer cannot store now stays in hand and is tried again, without
// counting as a failure; what it never can is set aside in the stream DEAD. A
// message that comes for the sixth time is set aside before any work: it may be
// what stopped the process five times.
package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// Analyzer is who is fed. Take and TakeOutcome may block while the analyzer has
// enough in hand, and call done exactly once, from any goroutine: with nil when
// the rows are durable, with an error that wraps analyze.ErrNotNow when the
// same work is to be tried again, or with one that wraps analyze.ErrPermanent
// when it is to be set aside.
type Analyzer interface {
	Take(ctx context.Context, env *schema.Envelope, done func(error))
	TakeOutcome(ctx context.Context, out *schema.ExportOutcome, done func(error))
}

// Config bounds a Feed.
type Config struct {
	// MaxInHand is the most messages of one queue in hand at once. Default 2048.
	MaxInHand int `yaml:"max_in_hand"`

	// Pulls is how many requests for a message stand at the server for each
	// queue. More of them hide the way to a distant server. Default 4.
	Pulls int `yaml:"pulls"`

	// RetryFirst and RetryMax are how long a message waits that the analyzer
	// could not store: the first time, and at most, doubling in between.
	// Default 1 s and 30 s.
	RetryFirst time.Duration `yaml:"retry_first"`
	RetryMax   time.Duration `yaml:"retry_max"`

	// Grace is how long Run waits at its end for what the analyzer has in
	// hand. Default 15 s.
	Grace time.Duration `yaml:"grace"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{
		MaxInHand:  2048,
		Pulls:      4,
		RetryFirst: time.Second,
		RetryMax:   30 * time.Second,
		Grace:      15 * time.Second,
	}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.MaxInHand < 1 {
		faults = append(faults, fmt.Errorf("max_in_hand: %d is not positive", c.MaxInHand))
	}
	if c.Pulls < 1 {
		faults = append(faults, fmt.Errorf("pulls: %d is not positive", c.Pulls))
	}
	if c.RetryFirst <= 0 {
		faults = append(faults, fmt.Errorf("retry_first: %s is not positive", c.RetryFirst))
	}
	if c.RetryMax < c.RetryFirst {
		faults = append(faults, fmt.Errorf("retry_max: %s is less than retry_first (%s)", c.RetryMax, c.RetryFirst))
	}
	if c.Grace < 0 {
		faults = append(faults, fmt.Errorf("grace: %s is negative", c.Grace))
	}
	return errors.Join(faults...)
}

// Deps is what a Feed works with. All but Log are required.
type Deps struct {
	JetStream jetstream.JetStream
	Publisher *streams.Publisher // for what is set aside
	Codec     *wire.Codec
	Analyzer  Analyzer
	Metrics   *Metrics
	Log       *slog.Logger
}

// Feed feeds an analyzer from the queues. Make one with New, then call Run.
type Feed struct {
	cfg  Config
	deps Deps
}

// New returns a Feed that does nothing until Run is called, or all faults of
// cfg and deps.
func New(cfg Config, deps Deps) (*Feed, error) {
	err := cfg.Validate()
	if deps.JetStream == nil || deps.Publisher == nil || deps.Codec == nil || deps.Analyzer == nil || deps.Metrics == nil {
		err = errors.Join(err, errors.New("jetstream, publisher, codec, analyzer and metrics are required"))
	}
	if err != nil {
		return nil, fmt.Errorf("set up the feed: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Feed{cfg: cfg, deps: deps}, nil
}

// Run feeds the analyzer until ctx ends. Then it takes no more messages, waits
// up to Config.Grace for what the analyzer has in hand, acknowledges that, gives
// the rest back to the queues, and returns nil. The analyzer must go on working
// until Run has returned.
//
// It returns an error when the consumers cannot be opened or the connection is
// closed for good.
func (f *Feed) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.runLane(ctx, streams.Samples, f.takeSession) })
	group.Go(func() error { return f.runLane(ctx, streams.Outcomes, f.takeOutcome) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("feed the analyzer: %w", err)
	}
	return nil
}

func (f *Feed) takeSession(ctx context.Context, data []byte, done func(error)) {
	env, err := f.deps.Codec.DecodeSession(data)
	if err != nil {
		done(fmt.Errorf("%w: %w", errUnreadable, err))
		return
	}
	f.deps.Analyzer.Take(ctx, env, done)
}

func (f *Feed) takeOutcome(ctx context.Context, data []byte, done func(error)) {
	out, err := wire.DecodeOutcome(data)
	if err != nil {
		done(fmt.Errorf("%w: %w", errUnreadable, err))
		return
	}
	f.deps.Analyzer.TakeOutcome(ctx, out, done)
}
