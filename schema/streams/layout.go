package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// MaxDeliveries is how often a message is worked on before it is set aside. A
// message that kills its worker is counted by the server, not by us.
const MaxDeliveries = 5

// pullsDuplicates is how long the server knows a download that was asked for:
// as long as the same signed request counts as fresh, clocks that go wrong
// either way included.
const pullsDuplicates = 10 * time.Minute

// Layout says how large and how safe the streams are.
type Layout struct {
	// Replicas of every stream; 1 for a single server, 3 for a cluster.
	Replicas int `yaml:"replicas"`

	// The most that each stream keeps, in bytes. A full work queue refuses
	// new messages (ErrBusy) and loses none.
	PullsBytes    int64 `yaml:"pulls_bytes"`
	ExportsBytes  int64 `yaml:"exports_bytes"`
	SamplesBytes  int64 `yaml:"samples_bytes"`
	OutcomesBytes int64 `yaml:"outcomes_bytes"`
	EventsBytes   int64 `yaml:"events_bytes"`
	DeadBytes     int64 `yaml:"dead_bytes"`

	// How long the server waits for a sign of life of whoever holds a message
	// before it hands the message to another.
	WorkerAckWait   time.Duration `yaml:"worker_ack_wait"`
	AnalyzerAckWait time.Duration `yaml:"analyzer_ack_wait"`

	// How long a lease lasts that is not renewed, at least a second: so long
	// nobody does what its holder did when that is lost.
	LeaseLasts time.Duration `yaml:"lease_lasts"`
}

// leasesBytes is the most that leases take; each is a message without data.
const leasesBytes = 1 << 20

// DefaultLayout returns the layout for a single server: 64 MiB of files to
// download, 256 MiB of jobs, 2 GiB of sessions, 256 MiB of outcomes, 64 MiB of
// events, 512 MiB set aside; a lease lasts a minute.
func DefaultLayout() Layout {
	return Layout{
		Replicas:        1,
		PullsBytes:      64 << 20,
		ExportsBytes:    256 << 20,
		SamplesBytes:    2 << 30,
		OutcomesBytes:   256 << 20,
		EventsBytes:     64 << 20,
		DeadBytes:       512 << 20,
		WorkerAckWait:   30 * time.Second,
		AnalyzerAckWait: time.Minute,
		LeaseLasts:      time.Minute,
	}
}

// Validate returns all faults of the layout at once, or nil.
func (l Layout) Validate() error {
	var faults []error
	if l.Replicas < 1 || l.Replicas > 5 {
		faults = append(faults, fmt.Errorf("replicas: %d is not within 1..5", l.Replicas))
	}
	for _, size := range []struct {
		name  string
		bytes int64
	}{
		{"pulls_bytes", l.PullsBytes},
		{"exports_bytes", l.ExportsBytes},
		{"samples_bytes", l.SamplesBytes},
		{"outcomes_bytes", l.OutcomesBytes},
		{"events_bytes", l.EventsBytes},
		{"dead_bytes", l.DeadBytes},
	} {
		if size.bytes <= 0 {
			faults = append(faults, fmt.Errorf("%s: %d is not positive", size.name, size.bytes))
		}
	}
	if l.WorkerAckWait <= 0 {
		faults = append(faults, fmt.Errorf("worker_ack_wait: %s is not positive", l.WorkerAckWait))
	}
	if l.AnalyzerAckWait <= 0 {
		faults = append(faults, fmt.Errorf("analyzer_ack_wait: %s is not positive", l.AnalyzerAckWait))
	}
	if l.LeaseLasts < time.Second {
		faults = append(faults, fmt.Errorf("lease_lasts: %s is shorter than a second", l.LeaseLasts))
	}
	return errors.Join(faults...)
}

// TotalBytes is what all streams together may keep on one server.
func (l Layout) TotalBytes() int64 {
	return l.PullsBytes + l.ExportsBytes + l.SamplesBytes + l.OutcomesBytes + l.EventsBytes + l.DeadBytes + leasesBytes
}

// Streams returns the configurations of all streams.
func (l Layout) Streams() []jetstream.StreamConfig {
	pulls := l.workQueue(Pulls, "files to download, for the fetchers", root+"pulls.*", l.PullsBytes)
	pulls.Duplicates = pullsDuplicates
	return []jetstream.StreamConfig{
		pulls,
		l.workQueue(Exports, "jobs for the workers", root+"exports.*", l.ExportsBytes),
		l.workQueue(Samples, "decoded sessions for the analyzers", root+"samples.*.*", l.SamplesBytes),
		l.workQueue(Outcomes, "what became of exports, for the analyzers", root+"outcomes.*", l.OutcomesBytes),
		{
			Name:        Events,
			Description: "what happened, for listeners outside",
			Subjects:    []string{root + "events.*.*"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			MaxBytes:    l.EventsBytes,
			MaxAge:      7 * 24 * time.Hour,
			Storage:     jetstream.FileStorage,
			Replicas:    l.Replicas,
			AllowRollup: true,
		},
		{
			Name:        Dead,
			Description: "messages set aside after repeated failure",
			Subjects:    []string{root + "dead.*.*"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardNew,
			MaxBytes:    l.DeadBytes,
			MaxAge:      90 * 24 * time.Hour,
			Storage:     jetstream.FileStorage,
			Replicas:    l.Replicas,
			AllowDirect: true,
		},
		{
			Name:              Leases,
			Description:       "who does alone what several could do",
			Subjects:          []string{root + "leases.*"},
			Retention:         jetstream.LimitsPolicy,
			Discard:           jetstream.DiscardOld,
			MaxMsgsPerSubject: 1,
			MaxBytes:          leasesBytes,
			MaxAge:            l.LeaseLasts,
			Duplicates:        l.LeaseLasts,
			Storage:           jetstream.FileStorage,
			Replicas:          l.Replicas,
		},
	}
}

func (l Layout) workQueue(name, description, subject string, maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        name,
		Description: description,
		Subjects:    []string{subject},
		Retention:   jetstream.WorkQueuePolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    maxBytes,
		Storage:     jetstream.FileStorage,
		Replicas:    l.Replicas,
		Duplicates:  2 * time.Minute,
	}
}

// ConsumerOf is a durable consumer of a stream.
type ConsumerOf struct {
	Stream string
	Config jetstream.ConsumerConfig
}

// Consumers returns the durable consumers of the work queues. Each gives its
// messages out one by one to whoever pulls, waits for explicit
// acknowledgement, and never gives up on a message: that is decided by who
// works on it (Delivery.Exhausted).
func (l Layout) Consumers() []ConsumerOf {
	consumer := func(stream, name string, ackWait time.Duration, pending int) ConsumerOf {
		return ConsumerOf{Stream: stream, Config: jetstream.ConsumerConfig{
			Durable:       name,
			DeliverPolicy: jetstream.DeliverAllPolicy,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			MaxDeliver:    -1,
			MaxAckPending: pending,
		}}
	}
	return []ConsumerOf{
		// Downloads that wait for their next try count as pending: those from
		// a server that is away must not hold up the others.
		consumer(Pulls, Fetcher, l.WorkerAckWait, -1),
		consumer(Exports, Worker, l.WorkerAckWait, 256),
		consumer(Samples, Analyzer, l.AnalyzerAckWait, 8192),
		consumer(Outcomes, Analyzer, l.AnalyzerAckWait, 8192),
	}
}

// Provision makes the streams and their consumers, or brings those that are
// there to the layout's values. It may be called at every start and by several
// processes at once. A stream whose retention or storage is another's cannot be
// changed and is an error.
func Provision(ctx context.Context, js jetstream.JetStream, layout Layout) error {
	if err := layout.Validate(); err != nil {
		return fmt.Errorf("check stream layout: %w", err)
	}
	for _, cfg := range layout.Streams() {
		if _, err := js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("provision stream %s: %w", cfg.Name, err)
		}
	}
	for _, c := range layout.Consumers() {
		if _, err := js.CreateOrUpdateConsumer(ctx, c.Stream, c.Config); err != nil {
			return fmt.Errorf("provision consumer %s of %s: %w", c.Config.Durable, c.Stream, err)
		}
	}
	return nil
}
