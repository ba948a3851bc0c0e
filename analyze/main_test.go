package analyze_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/analyze/store/storetest"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema"
)

// engine is the ClickHouse in this process that all tests share: there can be
// only one. Each test has a database to itself; those of tests that have ended
// are in spare, for making tables takes longer than most tests.
var (
	engine    *chdb.Engine
	databases atomic.Int64
	spare     = make(chan *store.Store, 8)
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "analyze")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears it
	if engine, err = chdb.Open(chdb.Config{Path: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	close(spare)
	for s := range spare {
		err = errors.Join(err, s.Close())
	}
	if err := errors.Join(err, engine.Close(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// openStore returns a store over an empty database.
func openStore(t testing.TB) *store.Store {
	t.Helper()
	var s *store.Store
	select {
	case s = <-spare:
		storetest.Empty(t, s)
	default:
		s = newStore(t)
	}
	t.Cleanup(func() {
		select {
		case spare <- s:
		default:
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// newStore returns a store over a database of its own, with tables.
func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{
		RoundTripper: engine.RoundTripper(), Database: fmt.Sprintf("t%d", databases.Add(1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// bench is an analyzer at work over a store, with what it said and counted.
type bench struct {
	*analyze.Analyzer
	t       *testing.T
	store   analyze.Store
	reg     *prometheus.Registry
	stop    func() // ends Run and waits for it
	results *results
}

// quick is a configuration that does not make tests wait.
func quick() analyze.Config {
	c := analyze.DefaultConfig()
	c.BatchWait, c.SweepIdle = time.Millisecond, time.Millisecond
	return c
}

func newBench(t *testing.T, cfg analyze.Config, s analyze.Store, log slog.Handler) *bench {
	t.Helper()
	b := &bench{t: t, store: s, reg: prometheus.NewRegistry(), results: &results{}, stop: func() {}}
	deps := analyze.Deps{Store: s, Metrics: analyze.NewMetrics(b.reg)}
	if log != nil {
		deps.Log = slog.New(log)
	}
	var err error
	if b.Analyzer, err = analyze.New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	return b
}

// start calls Run.
func (b *bench) start() *bench {
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("run: %v", err)
		}
	})
	b.t.Cleanup(b.stop)
	return b
}

// take hands sessions over and returns when the analyzer has them.
func (b *bench) take(envs ...*schema.Envelope) {
	for _, env := range envs {
		b.Take(b.t.Context(), env, b.results.expect(env.ID.String()))
	}
}

// results collects what the done functions were told, in the order of the
// calls.
type results struct {
	mu    sync.Mutex
	wait  sync.WaitGroup
	names []string
	errs  []error
}

func (r *results) expect(name string) func(error) {
	r.wait.Add(1)
	return func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names, r.errs = append(r.names, name), append(r.errs, err)
		r.wait.Done()
	}
}

// all waits for all calls.
func (r *results) all() ([]string, []error) {
	r.wait.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.names, r.errs
}

// stored waits for all calls and fails the test when one was told an error.
func (b *bench) stored() {
	b.t.Helper()
	names, errs := b.results.all()
	for i, err := range errs {
		if err != nil {
			b.t.Fatalf("%s: %v", names[i], err)
		}
	}
}

// counter returns a metric's value.
func (b *bench) counter(name, label string) float64 {
	b.t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "plodwatch_analyze_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	b.t.Fatalf("no metric %s{%s}", name, label)
	return 0
}

const (
	dayMs = 86_400_000
	// morning is 2024-05-04 06:30:00 UTC, day 19847.
	morning = 1714804200000
)

// run returns a session of ten minutes: nine at 120 bpm, the last at peak.
func run(athlete schema.AthleteID, day int, peak uint8) *schema.Envelope {
	const seconds = 600
	start := int64(morning) + int64(day)*dayMs
	payload := schema.ExportIDOf(fmt.Appendf(nil, "%s %d %d", athlete, day, peak))
	env := &schema.Envelope{
		Athlete: athlete, Export: payload, ID: schema.SessionIDOf(athlete, payload, 0), Format: schema.FormatFIT,
		DecoderVersion: 2, ReceivedMs: morning,
		Session: schema.Session{Sport: schema.SportRunning, StartMs: start, EndMs: start + seconds*1000, Feel: -1},
	}
	s := &env.Session.Samples
	for i := range seconds {
		hr := uint8(120)
		if i >= 540 {
			hr = peak
		}
		s.TimeMs = append(s.TimeMs, start+int64(i)*1000)
		s.HeartRate = append(s.HeartRate, hr)
		s.SpeedMMps = append(s.SpeedMMps, 2500)
	}
	return env
}

// query returns the text of a query's only value.
func query(t *testing.T, s *store.Store, sql string) string {
	t.Helper()
	var v string
	if err := s.Conn().QueryRow(t.Context(), "SELECT toString(("+sql+"))").Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func want(t *testing.T, s *store.Store, sql, text string) {
	t.Helper()
	if got := query(t, s, sql); got != text {
		t.Errorf("%s\n got %s\nwant %s", sql, got, text)
	}
}
