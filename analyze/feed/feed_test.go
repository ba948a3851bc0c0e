package feed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/analyze"
	"plodwatch/analyze/feed"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// analyzer answers as its script says: answer gets the number of the call.
type analyzer struct {
	answer func(call int, done func(error))

	mu       sync.Mutex
	calls    int
	sessions []*schema.Envelope
	outcomes []*schema.ExportOutcome
}

func (a *analyzer) Take(_ context.Context, env *schema.Envelope, done func(error)) {
	a.mu.Lock()
	a.sessions = append(a.sessions, env)
	a.mu.Unlock()
	a.reply(done)
}

func (a *analyzer) TakeOutcome(_ context.Context, out *schema.ExportOutcome, done func(error)) {
	a.mu.Lock()
	a.outcomes = append(a.outcomes, out)
	a.mu.Unlock()
	a.reply(done)
}

func (a *analyzer) reply(done func(error)) {
	a.mu.Lock()
	a.calls++
	call := a.calls
	a.mu.Unlock()
	a.answer(call, done)
}

func (a *analyzer) seen() (sessions, outcomes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sessions), len(a.outcomes)
}

func always(err error) func(int, func(error)) {
	return func(_ int, done func(error)) { done(err) }
}

// rig is a provisioned queue with what a feed needs.
type rig struct {
	conn      *nats.Conn
	js        jetstream.JetStream
	publisher *streams.Publisher // gives up soon
	patient   *streams.Publisher
	codec     *wire.Codec
	registry  *prometheus.Registry
	metrics   *feed.Metrics
}

func layout() streams.Layout {
	l := streams.DefaultLayout()
	l.AnalyzerAckWait = time.Second
	return l
}

func newRig(t *testing.T) *rig {
	t.Helper()
	srv, err := natsd.Open(natsd.DefaultConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	conn, err := srv.Connect(streams.ConnectOptions("analyzer", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	return rigOver(t, conn)
}

// newExternalRig is newRig over a socket, to a server that is not ours.
func newExternalRig(t *testing.T) *rig {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 8 << 30, JetStreamMaxMemory: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(30 * time.Second) {
		t.Fatal("server is not ready")
	}
	conn, err := nats.Connect(srv.ClientURL(), streams.ConnectOptions("analyzer", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	return rigOver(t, conn)
}

func rigOver(t *testing.T, conn *nats.Conn) *rig {
	t.Helper()
	t.Cleanup(conn.Close)
	r := &rig{conn: conn, registry: prometheus.NewRegistry()}
	r.metrics = feed.NewMetrics(r.registry)
	var err error
	if r.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), r.js, layout()); err != nil {
		t.Fatal(err)
	}
	if r.publisher, err = streams.NewPublisher(conn, streams.PublisherConfig{RetryFor: 200 * time.Millisecond, AckTimeout: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.publisher.Close)
	if r.patient, err = streams.NewPublisher(conn, streams.PublisherConfig{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.patient.Close)
	if r.codec, err = wire.NewCodec(); err != nil {
		t.Fatal(err)
	}
	return r
}

func quick() feed.Config {
	cfg := feed.DefaultConfig()
	cfg.RetryFirst, cfg.RetryMax = time.Millisecond, 10*time.Millisecond
	return cfg
}

// start runs a feed until stop is called, which returns what Run did.
func (r *rig) start(t *testing.T, cfg feed.Config, a *analyzer) (stop func() error) {
	t.Helper()
	f, err := feed.New(cfg, feed.Deps{
		JetStream: r.js, Publisher: r.publisher, Codec: r.codec, Analyzer: a, Metrics: r.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- f.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return stop
}

func session(n int) *schema.Envelope {
	export := schema.ExportIDOf(fmt.Appendf(nil, "file %d", n))
	env := &schema.Envelope{Athlete: "me", Export: export, ID: schema.SessionIDOf("me", export, 0), Format: schema.FormatFIT}
	env.Session.Sport = schema.SportRunning
	env.Session.Samples = schema.Samples{TimeMs: []int64{int64(n) * 1000, int64(n)*1000 + 1000}, HeartRate: []uint8{120, 121}}
	return env
}

func outcome(n int) *schema.ExportOutcome {
	return &schema.ExportOutcome{
		Job:     schema.Job{Athlete: "me", Export: schema.ExportIDOf(fmt.Appendf(nil, "file %d", n))},
		Outcome: schema.OutcomeDecoded,
	}
}

func (r *rig) putSessions(t *testing.T, count int) {
	t.Helper()
	batch := r.patient.Begin()
	for n := range count {
		env := session(n)
		data, err := r.codec.EncodeSession(nil, env, r.publisher.MaxMessageBytes())
		if err != nil {
			t.Fatal(err)
		}
		err = batch.Publish(t.Context(), streams.Message{Subject: streams.SamplesSubject(env.Athlete, env.ID), Data: data})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) putOutcome(t *testing.T, n int) {
	t.Helper()
	out := outcome(n)
	data, err := wire.EncodeOutcome(out, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.patient.Publish(t.Context(), streams.Message{Subject: streams.OutcomeSubject(out.Job.ID()), Data: data}); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) messages(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := r.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func (r *rig) waitMessages(t *testing.T, stream string, want uint64) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d messages in %s", want, stream), func() bool { return r.messages(t, stream) == want })
}

func (r *rig) expectCount(t *testing.T, stream, result string, want float64) {
	t.Helper()
	var got float64
	waitFor(t, fmt.Sprintf("%s %s to be %v", stream, result, want), func() bool {
		got = counterValue(t, r.registry, stream, result)
		return got == want
	})
}

func counterValue(t *testing.T, reg *prometheus.Registry, stream, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "plodwatch_feed_messages_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["stream"] == stream && labels["result"] == result {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// inHand is the sum of the gauges.
func (r *rig) inHand(t *testing.T) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() == "plodwatch_feed_in_hand_messages" {
			for _, metric := range family.GetMetric() {
				sum += metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

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

func TestEverythingArrivesAndIsAcknowledged(t *testing.T) {
	for name, rigOf := range map[string]func(*testing.T) *rig{"embedded": newRig, "external": newExternalRig} {
		t.Run(name, func(t *testing.T) {
			r := rigOf(t)
			r.putSessions(t, 50)
			r.putOutcome(t, 1)
			a := &analyzer{answer: always(nil)}
			stop := r.start(t, quick(), a)
			r.waitMessages(t, streams.Samples, 0)
			r.waitMessages(t, streams.Outcomes, 0)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			got := map[schema.SessionID]*schema.Envelope{}
			for _, env := range a.sessions {
				got[env.ID] = env
			}
			for n := range 50 {
				if want := session(n); !reflect.DeepEqual(got[want.ID], want) {
					t.Errorf("session %d arrived as %+v", n, got[want.ID])
				}
			}
			if len(a.outcomes) != 1 || !reflect.DeepEqual(a.outcomes[0], outcome(1)) {
				t.Errorf("outcomes arrived as %+v", a.outcomes)
			}
			r.expectCount(t, "samples", "stored", 50)
			r.expectCount(t, "outcomes", "stored", 1)
			if n := r.inHand(t); n != 0 {
				t.Errorf("%v messages in hand after the end", n)
			}
		})
	}
}

func TestNothingIsAcknowledgedBeforeItIsDurable(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 3)
	var mu sync.Mutex
	var held []func(error)
	a := &analyzer{answer: func(_ int, done func(error)) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, done)
	}}
	r.start(t, quick(), a)
	waitFor(t, "the analyzer to have all", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(held) == 3
	})

	// Longer than the server waits for a sign of life.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	puller, err := streams.NewPuller(t.Context(), r.js, streams.Samples, streams.Analyzer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer puller.Close()
	if d, err := puller.Next(ctx); err == nil {
		t.Fatalf("message %d was given to another", d.Sequence())
	}
	if n := r.messages(t, streams.Samples); n != 3 {
		t.Fatalf("%d messages left before anything was durable, want 3", n)
	}
	mu.Lock()
	answers := slices.Clone(held)
	mu.Unlock()
	for _, done := range answers {
		done(nil)
	}
	r.waitMessages(t, streams.Samples, 0)
}

func TestNotNowIsTriedAgainAndIsNoFailure(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 1)
	r.putOutcome(t, 1)
	notNow := fmt.Errorf("insert: %w", analyze.ErrNotNow)
	const tries = 40 // far more often than a message may fail
	a := &analyzer{answer: func(call int, done func(error)) {
		if call <= tries {
			done(notNow)
			return
		}
		done(nil)
	}}
	r.start(t, quick(), a)
	r.waitMessages(t, streams.Samples, 0)
	r.waitMessages(t, streams.Outcomes, 0)
	if n := r.messages(t, streams.Dead); n != 0 {
		t.Errorf("%d messages set aside", n)
	}
	waitFor(t, "the counts", func() bool {
		return counterValue(t, r.registry, "samples", "later")+counterValue(t, r.registry, "outcomes", "later") == tries
	})
}

func TestPermanentErrorsSetAside(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 1)
	r.putOutcome(t, 1)
	r.start(t, quick(), &analyzer{answer: always(fmt.Errorf("bad row: %w", analyze.ErrPermanent))})
	r.waitMessages(t, streams.Dead, 2)
	r.waitMessages(t, streams.Samples, 0)
	r.waitMessages(t, streams.Outcomes, 0)
	r.expectCount(t, "samples", "set_aside", 1)

	stream, err := r.js.Stream(t.Context(), streams.Dead)
	if err != nil {
		t.Fatal(err)
	}
	env := session(0)
	msg, err := stream.GetLastMsgForSubject(t.Context(), streams.DeadSubject("samples", env.ID.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.codec.DecodeSession(msg.Data); err != nil || !reflect.DeepEqual(got, env) {
		t.Errorf("set aside as %+v, %v", got, err)
	}
	if reason := msg.Header.Get(streams.HeaderReason); !strings.Contains(reason, "bad row") {
		t.Errorf("reason %q", reason)
	}
}

func TestUnreadableMessagesSetAside(t *testing.T) {
	r := newRig(t)
	for _, subject := range []string{streams.SamplesSubject("me", schema.SessionID{1}), streams.OutcomeSubject(schema.JobID{1})} {
		if err := r.patient.Publish(t.Context(), streams.Message{Subject: subject, Data: []byte("no message")}); err != nil {
			t.Fatal(err)
		}
	}
	a := &analyzer{answer: always(nil)}
	r.start(t, quick(), a)
	r.waitMessages(t, streams.Dead, 2)
	r.waitMessages(t, streams.Samples, 0)
	r.waitMessages(t, streams.Outcomes, 0)
	if sessions, outcomes := a.seen(); sessions+outcomes != 0 {
		t.Errorf("the analyzer got %d sessions and %d outcomes", sessions, outcomes)
	}
}

func TestUnexplainedErrorsSetAsideAfterSomeTries(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 1)
	a := &analyzer{answer: always(errors.New("fault"))}
	r.start(t, quick(), a)
	r.waitMessages(t, streams.Dead, 1)
	if n, _ := a.seen(); n != streams.MaxDeliveries {
		t.Errorf("tried %d times, want %d", n, streams.MaxDeliveries)
	}
}

// giveOut hands the first messages of a queue out so often, as if whoever
// worked on them had died each time.
func (r *rig) giveOut(t *testing.T, stream string, messages, times int) {
	t.Helper()
	consumer, err := r.js.Consumer(t.Context(), stream, streams.Analyzer)
	if err != nil {
		t.Fatal(err)
	}
	for range times {
		var all []jetstream.Msg
		for range messages {
			msg, err := consumer.Next()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, msg)
		}
		for _, msg := range all {
			if err := msg.Nak(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPoisonIsSetAsideBeforeTheWork(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 1)
	r.giveOut(t, streams.Samples, 1, 2*streams.MaxDeliveries)
	a := &analyzer{answer: always(nil)}
	r.start(t, quick(), a)
	r.waitMessages(t, streams.Dead, 1)
	r.waitMessages(t, streams.Samples, 0)
	if n, _ := a.seen(); n != 0 {
		t.Error("the analyzer got a message that had failed too often")
	}
}

// TestSuspectsAreWorkedOnAlone: messages that came back often, perhaps only
// because they stood beside a poisonous one, are handed over one at a time and
// none of them is set aside.
func TestSuspectsAreWorkedOnAlone(t *testing.T) {
	r := newRig(t)
	const n = 6
	r.putSessions(t, n)
	r.giveOut(t, streams.Samples, n, streams.MaxDeliveries)
	var mu sync.Mutex
	inWork, most := 0, 0
	a := &analyzer{answer: func(_ int, done func(error)) {
		mu.Lock()
		inWork++
		most = max(most, inWork)
		mu.Unlock()
		time.AfterFunc(5*time.Millisecond, func() { // long enough for others to come in
			mu.Lock()
			inWork--
			mu.Unlock()
			done(nil)
		})
	}}
	r.start(t, quick(), a)
	r.waitMessages(t, streams.Samples, 0)
	if got, _ := a.seen(); got != n || most != 1 {
		t.Errorf("%d of %d messages were worked on, up to %d at a time; want each alone", got, n, most)
	}
	if got := r.messages(t, streams.Dead); got != 0 {
		t.Errorf("%d messages were set aside", got)
	}
}

func TestNothingIsLostWhileNothingCanBeSetAside(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 1)
	if err := r.js.DeleteStream(t.Context(), streams.Dead); err != nil {
		t.Fatal(err)
	}
	a := &analyzer{answer: always(analyze.ErrPermanent)}
	r.start(t, quick(), a)
	waitFor(t, "the analyzer's refusal", func() bool { n, _ := a.seen(); return n == 1 })
	if n := r.messages(t, streams.Samples); n != 1 {
		t.Fatalf("%d messages in the queue", n)
	}
	if err := streams.Provision(t.Context(), r.js, layout()); err != nil {
		t.Fatal(err)
	}
	r.waitMessages(t, streams.Dead, 1)
	r.waitMessages(t, streams.Samples, 0)
	if n, _ := a.seen(); n != 1 {
		t.Errorf("the analyzer was asked %d times about a message it had refused", n)
	}
}

func TestEndWaitsForWhatIsInHand(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 2)
	answers := make(chan func(error), 2)
	a := &analyzer{answer: func(_ int, done func(error)) { answers <- done }}
	stop := r.start(t, quick(), a)
	first, second := <-answers, <-answers
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	first(nil)
	second(nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := r.messages(t, streams.Samples); n != 0 {
		t.Errorf("%d messages left that were durable", n)
	}
}

func TestEndGivesBackWhatWasNotStored(t *testing.T) {
	r := newRig(t)
	r.putSessions(t, 3)
	cfg := quick()
	cfg.Grace = 20 * time.Millisecond
	cfg.RetryFirst, cfg.RetryMax = time.Hour, time.Hour
	a := &analyzer{answer: func(call int, done func(error)) {
		if call == 1 {
			done(analyze.ErrNotNow) // waits in hand
		} // the others get no answer
	}}
	stop := r.start(t, cfg, a)
	waitFor(t, "the analyzer to have all", func() bool { n, _ := a.seen(); return n == 3 })
	waitFor(t, "one to wait", func() bool { return counterValue(t, r.registry, "samples", "later") == 1 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := r.messages(t, streams.Samples); n != 3 {
		t.Fatalf("%d messages in the queue, want 3", n)
	}
	if n := r.inHand(t); n != 0 {
		t.Errorf("%v messages in hand after the end", n)
	}
	r.expectCount(t, "samples", "back", 3)
	r.start(t, cfg, &analyzer{answer: always(nil)})
	r.waitMessages(t, streams.Samples, 0)
}

func TestManyMessagesThroughFewHands(t *testing.T) {
	r := newRig(t)
	const count = 200
	r.putSessions(t, count)
	cfg := quick()
	cfg.MaxInHand = 7
	a := &analyzer{answer: func(call int, done func(error)) {
		if call%10 == 3 {
			done(analyze.ErrNotNow)
			return
		}
		go done(nil)
	}}
	r.start(t, cfg, a)
	r.waitMessages(t, streams.Samples, 0)
	r.expectCount(t, "samples", "stored", count)
}

func TestClosedConnectionEndsRun(t *testing.T) {
	r := newRig(t)
	f, err := feed.New(quick(), feed.Deps{
		JetStream: r.js, Publisher: r.publisher, Codec: r.codec,
		Analyzer: &analyzer{answer: always(nil)}, Metrics: r.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- f.Run(context.Background()) }()
	waitFor(t, "the feed to pull", func() bool {
		c, err := r.js.Consumer(t.Context(), streams.Samples, streams.Analyzer)
		return err == nil && c.CachedInfo().NumWaiting > 0
	})
	r.conn.Close()
	if err := <-result; !errors.Is(err, streams.ErrClosed) {
		t.Errorf("Run: %v, want ErrClosed", err)
	}
}

func TestUnprovisionedQueueEndsRun(t *testing.T) {
	r := newRig(t)
	if err := r.js.DeleteStream(t.Context(), streams.Outcomes); err != nil {
		t.Fatal(err)
	}
	f, err := feed.New(quick(), feed.Deps{
		JetStream: r.js, Publisher: r.publisher, Codec: r.codec,
		Analyzer: &analyzer{answer: always(nil)}, Metrics: r.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), streams.Outcomes) {
		t.Errorf("Run: %v", err)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	_, err := feed.New(feed.Config{Grace: -1, RetryMax: -1}, feed.Deps{})
	for _, part := range []string{"max_in_hand", "pulls", "retry_first", "retry_max", "grace", "required"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want it to name %s", err, part)
		}
	}
	if err := feed.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
