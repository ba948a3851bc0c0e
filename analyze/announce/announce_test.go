package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/analyze"
	"plodwatch/analyze/announce"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// queues returns a server with the streams and a publisher to it.
func queues(t *testing.T) (*nats.Conn, *streams.Publisher) {
	t.Helper()
	cfg := natsd.DefaultConfig(t.TempDir())
	layout := streams.DefaultLayout()
	layout.SamplesBytes, layout.ExportsBytes, layout.OutcomesBytes = 1<<20, 1<<20, 1<<20
	cfg.ReserveBytes = layout.TotalBytes()
	server, err := natsd.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	conn, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), js, layout); err != nil {
		t.Fatal(err)
	}
	publisher, err := streams.NewPublisher(conn, streams.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	return conn, publisher
}

// analyzed stores a session without heart rate, analyzed at an instant.
func analyzed(t *testing.T, st *store.Store, at time.Time) {
	t.Helper()
	env := &schema.Envelope{
		Athlete: "me", ID: schema.SessionIDOf("me", schema.ExportID{}, 0), DecoderVersion: 1,
		Session: schema.Session{StartMs: at.UnixMilli() - 1000, EndMs: at.UnixMilli(), Feel: -1, Sport: schema.SportRunning},
	}
	m := intensity.Measure(&env.Session)
	err := st.Write(t.Context(), &analyze.Batch{Sessions: []analyze.SessionRow{{
		Env: env, Measured: m, Result: intensity.Derive(m, &env.Session, intensity.Inputs{}),
		Inputs: analyze.Inputs{LocalDay: schema.DayOf(at.UnixMilli(), 0)}, AnalyzedMs: at.UnixMilli(), Version: 7,
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

// forgetful forgets what it was told to remember, the first time.
type forgetful struct {
	announce.Store

	mu     sync.Mutex
	failed int
	marked chan []analyze.Event
}

func (f *forgetful) MarkEvents(ctx context.Context, events []analyze.Event, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == 0 {
		f.failed++
		return errors.New("disk is full")
	}
	err := f.Store.MarkEvents(ctx, events, at)
	f.marked <- events
	return err
}

// TestWhatIsNewIsAnnouncedOnce: a warning, an analyzed session and a rejected
// export come once each, although the first try is not remembered; old warnings
// and what was analyzed before do not come.
func TestWhatIsNewIsAnnouncedOnce(t *testing.T) {
	engine, err := chdb.Open(chdb.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	st, err := store.Open(t.Context(), store.Config{RoundTripper: engine.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	reject := func(id byte, at time.Time) {
		t.Helper()
		err := st.Write(t.Context(), &analyze.Batch{Exports: []analyze.ExportRow{{
			Outcome: &schema.ExportOutcome{
				Job: schema.Job{Athlete: "me", Export: schema.ExportID{id}}, Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed,
			},
			AnalyzedMs: at.UnixMilli(), Version: 1,
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	reject(1, now.Add(-time.Hour))
	if _, err := st.NewEvents(t.Context(), now.Add(-time.Minute), 7); err != nil { // asked for the first time
		t.Fatal(err)
	}
	reject(2, now)
	analyzed(t, st, now)
	today := schema.DayOf(now.UnixMilli(), 0)
	var entries []diary.Entry
	for i := range schema.Day(60) { // calm, up a month ago, calm, up today
		hr := 50.0
		if i >= 28 && i < 32 || i >= 57 {
			hr = 70
		}
		entries = append(entries, diary.Entry{Athlete: "me", Day: today - 59 + i, RestingHR: &hr})
	}
	if err := st.WriteLog(t.Context(), entries, store.FromCSV, now); err != nil {
		t.Fatal(err)
	}
	if _, err := st.RefreshSigns(t.Context(), []schema.AthleteID{"me"}, now); err != nil {
		t.Fatal(err)
	}

	conn, publisher := queues(t)
	heard, err := conn.SubscribeSync("plodwatch.v1.events.>")
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	keeper := &forgetful{Store: st, marked: make(chan []analyze.Event, 8)}
	a, err := announce.New(announce.Config{Every: 10 * time.Millisecond, Days: 7}, announce.Deps{
		Store: keeper, Publisher: publisher, Metrics: announce.NewMetrics(reg), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	marked := <-keeper.marked
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), streams.Events)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if int(info.State.Msgs) != len(marked) { //nolint:gosec // few
		t.Errorf("%d messages for %d events", info.State.Msgs, len(marked))
	}
	var got []string
	for range marked {
		msg, err := heard.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Kind, Day, Signal, Pattern, Reason, Verdict string
			Inputs                                      map[string]float64
		}
		if err := json.Unmarshal(msg.Data, &body); err != nil {
			t.Fatal(err)
		}
		if body.Kind == analyze.EventWarning && (body.Pattern == "" || body.Inputs["days_base"] != 28) {
			t.Errorf("the message does not explain itself: %s", msg.Data)
		}
		got = append(got, msg.Subject+" "+strings.TrimSpace(body.Day+" "+body.Reason+body.Verdict)+" "+body.Signal)
	}
	slices.Sort(got)
	want := []string{
		"plodwatch.v1.events.export.me malformed ",
		"plodwatch.v1.events.session.me 2026-04-01 no_hr ",
		"plodwatch.v1.events.warning.me " + today.String() + " resting_hr",
	}
	if !slices.Equal(got, want) {
		t.Errorf("announced %q\nwant %q", got, want)
	}
	if n := announced(t, reg, analyze.EventWarning); n != 1 {
		t.Errorf("%g warnings counted", n)
	}
	if events, err := st.NewEvents(t.Context(), now, 7); err != nil || len(events) != 0 {
		t.Errorf("still to be announced: %v, %v", events, err)
	}
}

func announced(t *testing.T, reg *prometheus.Registry, kind string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == kind {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestConfigIsChecked(t *testing.T) {
	if err := announce.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if _, err := announce.New(announce.Config{Settle: -1}, announce.Deps{}); err == nil {
		t.Error("a configuration of zeros was taken")
	}
}
