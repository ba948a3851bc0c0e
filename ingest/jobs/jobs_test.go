package jobs_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receivedAt is when the rooms of the tests think it is.
var receivedAt = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

// room is everything that Intake, Publisher and Runner work with, over a
// server in this process.
type room struct {
	server   *natsd.Server
	conn     *nats.Conn
	js       jetstream.JetStream
	streams  *streams.Publisher
	blobs    *blobs.Dir
	reg      *prometheus.Registry
	metrics  *jobs.Metrics
	log      *slog.Logger
	provided streams.Layout
}

func newRoom(t *testing.T, change func(*streams.Layout)) *room {
	t.Helper()
	layout := streams.DefaultLayout()
	if change != nil {
		change(&layout)
	}
	cfg := natsd.DefaultConfig(t.TempDir())
	cfg.ReserveBytes = layout.TotalBytes()
	server, err := natsd.Open(cfg)
	if err != nil {
		t.Fatalf("open server: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	r := &room{server: server, provided: layout, reg: prometheus.NewRegistry(), log: slog.New(slog.DiscardHandler)}
	r.metrics = jobs.NewMetrics(r.reg)
	if r.blobs, err = blobs.Open(blobs.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	r.conn, r.js, r.streams = r.connect(t, streams.PublisherConfig{RetryFor: time.Minute})
	r.provision(t)
	return r
}

// connect makes a connection of its own, as another process would have.
func (r *room) connect(t *testing.T, cfg streams.PublisherConfig) (*nats.Conn, jetstream.JetStream, *streams.Publisher) {
	t.Helper()
	conn, err := r.server.Connect(streams.ConnectOptions("test", r.log)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := streams.NewPublisher(conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	return conn, js, publisher
}

// impatient has r's publisher give up soon, for tests that want it to.
func (r *room) impatient(t *testing.T) *room {
	t.Helper()
	_, _, r.streams = r.connect(t, streams.PublisherConfig{RetryFor: time.Second, AckTimeout: 10 * time.Second})
	return r
}

func (r *room) provision(t *testing.T) {
	t.Helper()
	if err := streams.Provision(t.Context(), r.js, r.provided); err != nil {
		t.Fatalf("Provision: %v", err)
	}
}

func (r *room) intake(t *testing.T) *jobs.Intake {
	t.Helper()
	in, err := jobs.NewIntake(jobs.IntakeDeps{
		Blobs: r.blobs, Ledger: r.blobs, Publisher: r.streams,
		Now: func() time.Time { return receivedAt }, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (r *room) publisher(t *testing.T) *jobs.Publisher {
	t.Helper()
	p, err := jobs.NewPublisher(jobs.PublisherDeps{Publisher: r.streams, Ledger: r.blobs, Metrics: r.metrics, Log: r.log})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// accept hands in an export for the default athlete.
func (r *room) accept(t *testing.T, data string) schema.Job {
	t.Helper()
	receipt, err := r.intake(t).Accept(t.Context(), schema.DefaultAthlete, schema.SourceImport, bytes.NewReader([]byte(data)))
	if err != nil || receipt.Duplicate {
		t.Fatalf("Accept = %+v, %v", receipt, err)
	}
	return receipt.Job
}

// quick retries without delay worth mentioning.
func quick(workers int) jobs.Config {
	return jobs.Config{Workers: workers, RetryDelay: time.Millisecond, MaxRetryDelay: 4 * time.Millisecond, Grace: time.Minute}
}

// running is a Runner at work.
type running struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // valid when done is closed
}

// start runs a Runner over r's connection until the test ends or stop.
func (r *room) start(t *testing.T, cfg jobs.Config, handler jobs.Handler) *running {
	t.Helper()
	return r.startOver(t, r.js, r.streams, cfg, handler)
}

func (r *room) startOver(t *testing.T, js jetstream.JetStream, publisher *streams.Publisher, cfg jobs.Config, handler jobs.Handler) *running {
	t.Helper()
	runner, err := jobs.NewRunner(cfg, jobs.Deps{
		JetStream: js, Handler: handler, Publisher: publisher, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		run.err = runner.Run(ctx)
	}()
	t.Cleanup(func() {
		if err := run.end(); err != nil && t.Context().Err() == nil {
			t.Errorf("Run: %v", err)
		}
	})
	return run
}

// end stops the Runner and returns what Run returned.
func (r *running) end() error {
	r.stop()
	<-r.done
	return r.err
}

// handlerFunc is a Handler.
type handlerFunc func(ctx context.Context, job schema.Job) error

func (f handlerFunc) Handle(ctx context.Context, job schema.Job) error { return f(ctx, job) }

// seen records the jobs that a handler was given.
type seen struct {
	mu   sync.Mutex
	jobs []schema.Job
}

// add returns how often the same export has been seen, this time included.
func (s *seen) add(job schema.Job) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, job)
	n := 0
	for _, other := range s.jobs {
		if other.Export == job.Export {
			n++
		}
	}
	return n
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs)
}

func (r *room) messages(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := r.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func (r *room) waitEmpty(t *testing.T, stream string) {
	t.Helper()
	waitFor(t, stream+" to become empty", func() bool { return r.messages(t, stream) == 0 })
}

// outcome returns the outcome that waits for job.
func (r *room) outcome(t *testing.T, job schema.Job) *schema.ExportOutcome {
	t.Helper()
	s, err := r.js.Stream(t.Context(), streams.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := s.GetLastMsgForSubject(t.Context(), streams.OutcomeSubject(job.ID()))
	if err != nil {
		t.Fatalf("outcome of the job: %v", err)
	}
	out, err := wire.DecodeOutcome(msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dead returns the message that was set aside for a job.
func (r *room) dead(t *testing.T, id string) *jetstream.RawStreamMsg {
	t.Helper()
	s, err := r.js.Stream(t.Context(), streams.Dead)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := s.GetLastMsgForSubject(t.Context(), streams.DeadSubject("exports", id))
	if err != nil {
		t.Fatalf("message set aside: %v", err)
	}
	return msg
}

// metric returns the value of a counter or gauge, by name and label values in
// the order of their names.
func (r *room) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	next:
		for _, m := range family.GetMetric() {
			for i, label := range m.GetLabel() {
				if label.GetValue() != labels[i] {
					continue next
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return 0
}

func decoded(job schema.Job) *schema.ExportOutcome {
	return &schema.ExportOutcome{
		Job: job, Format: schema.FormatFIT, Outcome: schema.OutcomeDecoded, DecoderVersion: 1,
		Sessions: []schema.SessionID{schema.SessionIDOf(job.Athlete, job.Export, 0)}, FinishedMs: 1,
	}
}

func envelope(job schema.Job, samples int) *schema.Envelope {
	env := &schema.Envelope{
		Athlete: job.Athlete, Export: job.Export, ID: schema.SessionIDOf(job.Athlete, job.Export, 0),
		Format: schema.FormatFIT, DecoderVersion: 1, ReceivedMs: job.ReceivedMs,
		Session: schema.Session{Sport: schema.SportRunning, Feel: -1},
	}
	for i := range samples {
		env.Session.Samples.TimeMs = append(env.Session.Samples.TimeMs, int64(i)*1000)
		env.Session.Samples.HeartRate = append(env.Session.Samples.HeartRate, byte(100+i%50))
	}
	env.Session.EndMs = int64(samples) * 1000
	return env
}

// publish does what a worker does with one session.
func publish(ctx context.Context, p ingest.Publisher, job schema.Job) error {
	batch := p.Begin()
	if err := batch.PublishSession(ctx, envelope(job, 10)); err != nil {
		return err
	}
	if err := batch.PublishOutcome(ctx, decoded(job)); err != nil {
		return err
	}
	return batch.Flush(ctx)
}

// waitFor polls until the condition holds or the test's time is up.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// await waits for a channel to be closed, or until the test's time is up.
func await(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	waitFor(t, "a job to be in hand", func() bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	})
}
