package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// lastWords is how long the words that end a job (acknowledgement, giving
// back, setting aside) may take. Work that has been cut off has none to lose.
const lastWords = 8 * time.Second

// Config says how a Runner works.
type Config struct {
	// Workers is how many jobs are worked on at the same time. Default: as
	// many as Go uses processors.
	Workers int `yaml:"workers"`

	// RetryDelay is how long a job waits before the second try; each further
	// try waits twice as long, up to MaxRetryDelay. Defaults 1 s and 30 s.
	RetryDelay    time.Duration `yaml:"retry_delay"`
	MaxRetryDelay time.Duration `yaml:"max_retry_delay"`

	// Grace is how long jobs in hand may go on after the end of Run's context
	// before theirs ends, too. Default 20 s.
	Grace time.Duration `yaml:"grace"`
}

// DefaultConfig returns the values plodwatch runs with.
func DefaultConfig() Config {
	return Config{
		Workers:       runtime.GOMAXPROCS(0),
		RetryDelay:    time.Second,
		MaxRetryDelay: 30 * time.Second,
		Grace:         20 * time.Second,
	}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Workers < 1 {
		faults = append(faults, fmt.Errorf("workers: %d is less than 1", c.Workers))
	}
	if c.RetryDelay <= 0 {
		faults = append(faults, fmt.Errorf("retry_delay: %s is not positive", c.RetryDelay))
	}
	if c.MaxRetryDelay < c.RetryDelay {
		faults = append(faults, fmt.Errorf("max_retry_delay: %s is less than retry_delay", c.MaxRetryDelay))
	}
	if c.Grace < 0 {
		faults = append(faults, fmt.Errorf("grace: %s is negative", c.Grace))
	}
	return errors.Join(faults...)
}

// delay returns how long to wait after the n-th try, from 1.
func (c Config) delay(n uint64) time.Duration {
	d := c.RetryDelay
	for ; n > 1 && d < c.MaxRetryDelay; n-- {
		d *= 2
	}
	return min(d, c.MaxRetryDelay)
}

// Handler does one job. ingest.Worker is one, and says what its errors mean.
type Handler interface {
	Handle(ctx context.Context, job schema.Job) error
}

// Deps are the things a Runner works with. All are required.
type Deps struct {
	JetStream jetstream.JetStream
	Handler   Handler
	Publisher *streams.Publisher // for what is set aside
	Metrics   *Metrics
	Log       *slog.Logger
}

// Runner takes jobs from the queue and has its handler do them.
type Runner struct {
	cfg  Config
	deps Deps
}

// NewRunner returns a Runner, or an error that names every fault of cfg and
// every missing dependency.
func NewRunner(cfg Config, deps Deps) (*Runner, error) {
	err := errors.Join(cfg.Validate(), missing(map[string]bool{
		"jetstream": deps.JetStream == nil, "handler": deps.Handler == nil, "publisher": deps.Publisher == nil,
		"metrics": deps.Metrics == nil, "log": deps.Log == nil,
	}))
	if err != nil {
		return nil, fmt.Errorf("make runner: %w", err)
	}
	return &Runner{cfg: cfg, deps: deps}, nil
}

// Run works until ctx ends, and returns nil then. Jobs in hand are finished,
// for which they have the grace time; those that are not are given back. Run
// returns an error when the queue is not there or the connection has been
// closed for good.
func (r *Runner) Run(ctx context.Context) error {
	puller, err := streams.NewPuller(ctx, r.deps.JetStream, streams.Exports, streams.Worker, r.deps.Log)
	if err != nil {
		return fmt.Errorf("run jobs: %w", err)
	}
	defer puller.Close()

	pulling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	var watch, workers sync.WaitGroup
	watch.Go(func() { r.cutOff(pulling, work, endWork) })
	for range r.cfg.Workers {
		workers.Go(func() {
			if err := r.work(pulling, work, puller); err != nil {
				stop(err) // one says why, all end
			}
		})
	}
	workers.Wait()
	endWork()
	watch.Wait()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is how Run is to end
	}
	return fmt.Errorf("run jobs: %w", context.Cause(pulling))
}

// cutOff ends the work when the grace time after the end of pulling is over.
func (r *Runner) cutOff(pulling, work context.Context, endWork context.CancelFunc) {
	select {
	case <-pulling.Done():
	case <-work.Done():
		return
	}
	if !sleep(work, r.cfg.Grace) {
		return
	}
	r.deps.Log.Warn("jobs in hand are cut off", "grace", r.cfg.Grace)
	endWork()
}

// work does one job after the other until pulling ends.
func (r *Runner) work(pulling, work context.Context, puller *streams.Puller) error {
	for {
		d, err := puller.Next(pulling)
		if err != nil {
			if pulling.Err() != nil {
				return nil //nolint:nilerr // the end of pulling is no fault
			}
			return err
		}
		r.deps.Metrics.inHand.Inc()
		r.deliver(pulling, work, d)
		r.deps.Metrics.inHand.Dec()
	}
}

// sleep waits and reports whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
