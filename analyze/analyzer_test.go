package analyze_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

func TestSessionsAndOutcomesBecomeRows(t *testing.T) {
	s := openStore(t)
	var log bytes.Buffer
	b := newBench(t, quick(), s, slog.NewJSONHandler(&log, nil)).start()
	envs := []*schema.Envelope{run("me", 0, 180), run("me", 1, 170), run("other", 0, 160)}
	envs[2].Session.Samples.HeartRate = nil
	b.take(envs...)
	b.TakeOutcome(t.Context(), &schema.ExportOutcome{
		Job: schema.Job{Athlete: "me", Export: envs[0].Export, Bytes: 5}, Format: schema.FormatFIT,
		Outcome: schema.OutcomeDecoded, Sessions: []schema.SessionID{envs[0].ID}, DecoderVersion: 2,
	}, b.results.expect("outcome"))
	b.stored()

	want(t, s, "SELECT (count(), sum(hr), uniqExact(session_id)) FROM samples", "(1800,150600,3)")
	want(t, s, "SELECT groupArray((athlete_id, classified_s, local_day)) FROM (SELECT * FROM sessions ORDER BY athlete_id, started_at)",
		"[('me',600,'2024-05-04'),('me',600,'2024-05-05'),('other',0,'2024-05-04')]")
	want(t, s, "SELECT groupArray((hr_max, hr_max_source, verdict)) FROM (SELECT i.hr_max AS hr_max, hr_max_source, verdict "+
		"FROM intensity AS i JOIN sessions AS s USING (athlete_id, session_id) ORDER BY s.athlete_id, s.started_at)",
		"[(180,'observed','ok'),(180,'observed','ok'),(NULL,'none','no_hr')]")
	want(t, s, "SELECT (outcome, sessions, bytes) FROM exports", "('decoded',1,5)")

	b.stop()
	names, _ := b.results.all()
	if order := []string{envs[0].ID.String(), envs[1].ID.String(), envs[2].ID.String(), "outcome"}; !slices.Equal(names, order) {
		t.Errorf("done was called in the order %q, want %q", names, order)
	}
	for metric, value := range map[[2]string]float64{
		{"sessions_total", "stored"}: 3, {"sessions_total", "not_now"}: 0, {"sessions_total", "permanent"}: 0,
		{"exports_total", "stored"}: 1, {"samples_total", ""}: 1800, {"rows_in_hand", ""}: 0,
		{"verdicts_total", "ok"}: 2, {"verdicts_total", "no_hr"}: 1, {"rederived_total", "inputs"}: 0,
	} {
		if got := b.counter(metric[0], metric[1]); got != value {
			t.Errorf("%s %s is %g, want %g", metric[0], metric[1], got, value)
		}
	}
	if n := b.counter("batch_rows", ""); n < 1 || n != b.counter("batches_total", "stored") {
		t.Errorf("%g batches measured, %g counted", n, b.counter("batches_total", "stored"))
	}
	if n := strings.Count(log.String(), `"msg":"session analysed"`); n != 3 {
		t.Errorf("%d lines for 3 sessions:\n%s", n, log.String())
	}
}

func TestOneBatchHoldsMany(t *testing.T) {
	s := openStore(t)
	cfg := quick()
	cfg.BatchWait, cfg.BatchQuiet = time.Hour, time.Hour
	cfg.BatchRows = 3000
	b := newBench(t, cfg, s, nil).start()
	for day := range 5 {
		b.take(run("me", day, 180))
	}
	b.stored()
	if n := b.counter("batches_total", "stored"); n != 1 {
		t.Errorf("%g batches, want one of 5 sessions", n)
	}
}

func TestBatchEndsWhenNothingMoreComes(t *testing.T) {
	cfg := quick()
	cfg.BatchWait, cfg.BatchQuiet = time.Hour, time.Millisecond
	b := newBench(t, cfg, openStore(t), nil).start()
	b.take(run("me", 0, 180))
	b.stored()
}

func TestBatchEndsThoughMoreComes(t *testing.T) {
	cfg := quick()
	cfg.BatchWait, cfg.BatchQuiet = time.Millisecond, time.Hour
	b := newBench(t, cfg, openStore(t), nil).start()
	b.take(run("me", 0, 180))
	b.stored()
}

func TestDrainWritesWhatIsInHand(t *testing.T) {
	s := openStore(t)
	cfg := quick()
	cfg.BatchWait, cfg.BatchQuiet = time.Hour, time.Hour
	b := newBench(t, cfg, s, nil).start()
	b.take(run("me", 0, 180), run("me", 1, 180))
	b.stop()
	b.stored()
	want(t, s, "SELECT count() FROM sessions", "2")
	b.take(run("me", 2, 180)) // too late
	if _, errs := b.results.all(); !errors.Is(errs[2], analyze.ErrNotNow) {
		t.Errorf("after the end: %v", errs[2])
	}
}

func TestBadSessionsAreSetAsideAlone(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	backwards, ancient, unequal, nobody := run("me", 1, 180), run("me", 2, 180), run("me", 3, 180), run("me", 4, 180)
	backwards.Session.Samples.TimeMs[5] = 0
	ancient.Session.StartMs = -1
	unequal.Session.Samples.SpeedMMps = unequal.Session.Samples.SpeedMMps[:7]
	nobody.Athlete = "x y"
	all := []*schema.Envelope{run("me", 0, 180), backwards, ancient, unequal, nobody, run("me", 5, 180)}
	b.take(all...)
	names, errs := b.results.all()
	for i, err := range errs {
		if names[i] != all[i].ID.String() {
			t.Errorf("call %d is for %s", i, names[i])
		}
		if good := i == 0 || i == 5; good != (err == nil) || !good && !errors.Is(err, analyze.ErrPermanent) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	want(t, s, "SELECT count() FROM sessions", "2")
	if n := b.counter("sessions_total", "permanent"); n != 4 {
		t.Errorf("%g counted as permanent, want 4", n)
	}
}

// faulty is a store whose writes go wrong on demand.
type faulty struct {
	analyze.Store
	write func(ctx context.Context, b *analyze.Batch, next func(context.Context, *analyze.Batch) error) error
}

func (f *faulty) Write(ctx context.Context, b *analyze.Batch) error {
	return f.write(ctx, b, f.Store.Write)
}

func TestRefusedRowsTakeNoOthersWithThem(t *testing.T) {
	s := openStore(t)
	bad := run("me", 1, 180)
	f := &faulty{Store: s, write: func(ctx context.Context, b *analyze.Batch, next func(context.Context, *analyze.Batch) error) error {
		if slices.ContainsFunc(b.Sessions, func(r analyze.SessionRow) bool { return r.Env == bad }) {
			return analyze.ErrPermanent
		}
		return next(ctx, b)
	}}
	cfg := quick()
	cfg.BatchWait, cfg.BatchQuiet, cfg.BatchRows = time.Hour, time.Hour, 1800
	b := newBench(t, cfg, f, nil).start()
	b.take(run("me", 0, 180), bad, run("me", 2, 180))
	if _, errs := b.results.all(); errs[0] != nil || !errors.Is(errs[1], analyze.ErrPermanent) || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
	want(t, s, "SELECT (count(), sum(samples)) FROM sessions", "(2,1200)")
	if stored, aside := b.counter("sessions_total", "stored"), b.counter("sessions_total", "permanent"); stored != 2 || aside != 1 {
		t.Errorf("%g stored, %g set aside", stored, aside)
	}
}

func TestStoreThatIsAwayMeansNotNow(t *testing.T) {
	server := httptest.NewServer(engine.Handler())
	s, err := store.Open(t.Context(), store.Config{URL: server.URL + "/away"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 0, 180))
	b.stored()
	server.CloseClientConnections()
	server.Close()
	b.take(run("me", 1, 180))
	if _, errs := b.results.all(); !errors.Is(errs[1], analyze.ErrNotNow) || errors.Is(errs[1], analyze.ErrPermanent) {
		t.Errorf("got %v", errs[1])
	}
	b.stop()
	if n := b.counter("sessions_total", "not_now"); n != 1 {
		t.Errorf("%g counted as not now", n)
	}
}

func TestRowsInHandAreBounded(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{}, 10)
	f := &faulty{Store: openStore(t), write: func(ctx context.Context, b *analyze.Batch, next func(context.Context, *analyze.Batch) error) error {
		began <- struct{}{}
		<-release
		return next(ctx, b)
	}}
	cfg := quick()
	cfg.BatchRows, cfg.MaxRows = 600, 1200
	b := newBench(t, cfg, f, nil).start()
	b.take(run("me", 0, 180), run("me", 1, 180)) // one being written, one gathered
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan error, 1)
	go b.Take(ctx, run("me", 2, 180), func(err error) { refused <- err })
	<-began
	select {
	case err := <-refused:
		t.Errorf("the third was answered at once: %v", err)
	default:
	}
	cancel()
	if err := <-refused; !errors.Is(err, analyze.ErrNotNow) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	b.stored()
	huge := run("me", 3, 180) // larger than all the room there is goes alone
	for len(huge.Session.Samples.TimeMs) < 2000 {
		x := &huge.Session.Samples
		x.TimeMs = append(x.TimeMs, x.TimeMs[len(x.TimeMs)-1]+1000)
		x.HeartRate, x.SpeedMMps = append(x.HeartRate, 120), append(x.SpeedMMps, 2500)
	}
	huge.Session.EndMs = huge.Session.Samples.TimeMs[1999] + 1000
	b.take(huge, run("me", 4, 180))
	b.stored()
}

func TestDrainEndsWhenTheStoreHangs(t *testing.T) {
	f := &faulty{Store: openStore(t), write: func(ctx context.Context, _ *analyze.Batch, _ func(context.Context, *analyze.Batch) error) error {
		<-ctx.Done()
		return errors.Join(analyze.ErrNotNow, ctx.Err())
	}}
	cfg := quick()
	cfg.DrainTimeout = 10 * time.Millisecond
	b := newBench(t, cfg, f, nil).start()
	b.take(run("me", 0, 180))
	b.stop()
	if _, errs := b.results.all(); !errors.Is(errs[0], analyze.ErrNotNow) {
		t.Errorf("got %v", errs[0])
	}
}

func TestTakeWaitsForRun(t *testing.T) {
	b := newBench(t, quick(), openStore(t), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.Take(ctx, run("me", 0, 180), b.results.expect("early"))
	if _, errs := b.results.all(); !errors.Is(errs[0], analyze.ErrNotNow) {
		t.Errorf("got %v", errs[0])
	}
}

func TestRepeatedDeliveryChangesNothing(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 0, 180), run("me", 0, 180), run("me", 1, 170))
	b.stored()
	const all = "SELECT (count(), sum(hr), uniqExact(session_id)) FROM samples"
	before := query(t, s, all)
	b.take(run("me", 1, 170), run("me", 0, 180))
	b.stored()
	want(t, s, all, before)
	want(t, s, "SELECT (SELECT count() FROM sessions), (SELECT count() FROM intensity)", "(2,2)")
}

func TestDuplicateExportKeepsItsFirstWord(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	job := schema.Job{Athlete: "me", Export: schema.ExportID{1}}
	for _, outcome := range []schema.Outcome{schema.OutcomeDecoded, schema.OutcomeDuplicate} {
		b.TakeOutcome(t.Context(), &schema.ExportOutcome{Job: job, Outcome: outcome, DecoderVersion: 1}, b.results.expect(string(outcome)))
		b.stored()
	}
	want(t, s, "SELECT groupArray(outcome) FROM exports", "['decoded']")
}

func TestConfigReportsAllFaults(t *testing.T) {
	_, err := analyze.New(analyze.Config{MaxRows: -1}, analyze.Deps{Metrics: analyze.NewMetrics(prometheus.NewRegistry())})
	if err == nil {
		t.Fatal("an empty configuration was accepted")
	}
	for _, name := range []string{"batch_rows", "max_rows", "batch_quiet", "batch_wait", "sweep_idle", "sweep_busy", "drain_timeout", "store"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q is not in: %v", name, err)
		}
	}
	if err := analyze.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
