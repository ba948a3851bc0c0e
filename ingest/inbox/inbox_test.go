package inbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/inbox"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// room is everything that an Inbox works with, over a server in this process.
type room struct {
	server *natsd.Server
	conn   *nats.Conn // of the inbox
	client *nats.Conn // of who sends
	js     jetstream.JetStream
	blobs  *blobs.Dir
	intake *jobs.Intake
	reg    *prometheus.Registry
	met    *inbox.Metrics
	log    *slog.Logger
}

func newRoom(t *testing.T) *room {
	t.Helper()
	layout := streams.DefaultLayout()
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
	r := &room{server: server, reg: prometheus.NewRegistry(), log: slog.New(slog.DiscardHandler)}
	r.met = inbox.NewMetrics(r.reg)
	r.conn, r.client = r.connect(t), r.connect(t)
	if r.js, err = jetstream.New(r.conn); err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), r.js, layout); err != nil {
		t.Fatal(err)
	}
	publisher, err := streams.NewPublisher(r.conn, streams.PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	if r.blobs, err = blobs.Open(blobs.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	r.intake, err = jobs.NewIntake(jobs.IntakeDeps{
		Blobs: r.blobs, Ledger: r.blobs, Publisher: publisher, Now: time.Now, Metrics: jobs.NewMetrics(r.reg), Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *room) connect(t *testing.T) *nats.Conn {
	t.Helper()
	conn, err := r.server.Connect(streams.ConnectOptions("test", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// running is an Inbox at work.
type running struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // valid when done is closed
}

func (r *running) end() error {
	r.stop()
	<-r.done
	return r.err
}

// start runs an Inbox and waits until it answers.
func (r *room) start(t *testing.T, cfg inbox.Config, intake inbox.Intake) *running {
	t.Helper()
	b, err := inbox.New(cfg, inbox.Deps{Conn: r.conn, Intake: intake, Metrics: r.met, Log: r.log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		run.err = b.Run(ctx)
	}()
	t.Cleanup(func() { _ = run.end() })
	waitFor(t, "the inbox to answer", func() bool {
		_, err := r.client.Request("plodwatch.v1.inbox.not+an+athlete", nil, 10*time.Second)
		return err == nil
	})
	return run
}

// reply is what an inbox replies, either way.
type reply struct {
	inbox.Receipt
	inbox.Failure
}

func (r *room) request(t *testing.T, subject, data string) reply {
	t.Helper()
	msg, err := r.client.Request(subject, []byte(data), 30*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	var got reply
	dec := json.NewDecoder(bytes.NewReader(msg.Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("reply %s: %v", msg.Data, err)
	}
	return got
}

func (r *room) jobs(t *testing.T) uint64 {
	t.Helper()
	s, err := r.js.Stream(t.Context(), streams.Exports)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func (r *room) metric(t *testing.T, result string) float64 {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "plodwatch_inbox_messages_total" && m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestRequestIsAnsweredWithTheReceipt(t *testing.T) {
	r := newRoom(t)
	run := r.start(t, inbox.DefaultConfig(), r.intake)
	export := schema.ExportIDOf([]byte("a run"))
	id := schema.JobIDOf("anna", export).UploadID()
	for _, duplicate := range []bool{false, true} {
		want := reply{Receipt: inbox.Receipt{UploadID: id, IDStr: strconv.FormatInt(id, 10), ExportID: export.String(), Duplicate: duplicate}}
		if got := r.request(t, streams.InboxSubject("anna"), "a run"); got != want {
			t.Errorf("reply %+v, want %+v", got, want)
		}
	}
	if n := r.jobs(t); n != 1 {
		t.Errorf("%d jobs queued, want 1", n)
	}
	f, _, err := r.blobs.Open(t.Context(), export)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "a run" {
		t.Errorf("stored %q, %v", data, err)
	}
	if err := run.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if r.metric(t, "queued") != 1 || r.metric(t, "duplicate") != 1 {
		t.Error("not counted")
	}
}

func TestMessageWithoutReplyIsTaken(t *testing.T) {
	r := newRoom(t)
	r.start(t, inbox.DefaultConfig(), r.intake)
	if err := r.client.Publish(streams.InboxSubject("me"), []byte("a run")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a job", func() bool { return r.jobs(t) == 1 })
}

func TestWhatIsRefused(t *testing.T) {
	r := newRoom(t)
	cfg := inbox.DefaultConfig()
	cfg.MaxBytes = 100
	r.start(t, cfg, r.intake)
	for name, c := range map[string]struct{ athlete, data, want, result string }{
		"athlete":   {"no+body", "x", "invalid identity", "refused"},
		"too large": {"me", strings.Repeat("x", 101), "101 bytes are more than the 100", "too_large"},
	} {
		before := r.metric(t, c.result)
		got := r.request(t, "plodwatch.v1.inbox."+c.athlete, c.data)
		if !strings.Contains(got.Error, c.want) || got.NotNow || got.UploadID != 0 {
			t.Errorf("%s: %+v", name, got)
		}
		if n := r.metric(t, c.result); n != before+1 {
			t.Errorf("%s: counted %v times", name, n-before)
		}
	}
	if got := r.request(t, streams.InboxSubject("me"), strings.Repeat("x", 100)); got.Error != "" {
		t.Errorf("as large as may be: %+v", got)
	}
}

// intakeFunc is an Intake.
type intakeFunc func(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)

func (f intakeFunc) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	return f(ctx, athlete, source, r)
}

func TestFaultsOfTheIntake(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		notNow bool
		result string
	}{
		"busy":  {fmt.Errorf("publish to /srv/secret: %w", ingest.ErrBusy), true, "not_now"},
		"fault": {errors.New("open /srv/secret: no such file"), false, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.start(t, inbox.DefaultConfig(), intakeFunc(func(context.Context, schema.AthleteID, schema.Source, io.Reader) (ingest.Receipt, error) {
				return ingest.Receipt{}, c.err
			}))
			got := r.request(t, streams.InboxSubject("me"), "x")
			if got.Error == "" || got.NotNow != c.notNow || strings.Contains(got.Error, "secret") {
				t.Errorf("reply %+v", got)
			}
			if n := r.metric(t, c.result); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

// TestNoMoreThanAtOnce: so many are in hand, so many wait, and the rest is told
// to come again; nothing that asks for no answer is lost.
func TestNoMoreThanAtOnce(t *testing.T) {
	r := newRoom(t)
	release := make(chan struct{})
	var inHand, most atomic.Int64
	slow := intakeFunc(func(ctx context.Context, athlete schema.AthleteID, source schema.Source, body io.Reader) (ingest.Receipt, error) {
		n := inHand.Add(1)
		defer inHand.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		return r.intake.Accept(ctx, athlete, source, body)
	})
	cfg := inbox.DefaultConfig()
	cfg.AtOnce, cfg.Waiting = 2, 3
	r.start(t, cfg, slow)
	var group sync.WaitGroup
	var taken, later atomic.Int64
	ask := func(i int) {
		group.Go(func() {
			msg, err := r.client.Request(streams.InboxSubject("me"), []byte(fmt.Sprint("run ", i)), 30*time.Second)
			var got reply
			if err != nil || json.Unmarshal(msg.Data, &got) != nil {
				t.Error("no reply", err)
				return
			}
			if got.NotNow {
				later.Add(1)
			} else if got.UploadID != 0 {
				taken.Add(1)
			}
		})
	}
	for i := range 12 {
		ask(i)
	}
	waitFor(t, "seven to be told to come again", func() bool { return later.Load() >= 7 })
	for i := range 5 {
		if err := r.client.Publish(streams.InboxSubject("me"), []byte(fmt.Sprint("silent ", i))); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	group.Wait()
	waitFor(t, "all silent ones to be taken", func() bool { return r.jobs(t) == uint64(taken.Load())+5 })
	if taken.Load()+later.Load() != 12 || taken.Load() > 5 || most.Load() > 2 {
		t.Errorf("%d taken, %d told to come again, %d at once", taken.Load(), later.Load(), most.Load())
	}
}

// TestEndAnswersWhatHasArrived: nothing that has come is left without answer.
func TestEndAnswersWhatHasArrived(t *testing.T) {
	r := newRoom(t)
	held, release := make(chan struct{}, 3), make(chan struct{})
	cfg := inbox.DefaultConfig()
	cfg.AtOnce = 1
	run := r.start(t, cfg, intakeFunc(func(ctx context.Context, athlete schema.AthleteID, source schema.Source, body io.Reader) (ingest.Receipt, error) {
		held <- struct{}{}
		<-release
		return r.intake.Accept(ctx, athlete, source, body)
	}))
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			if got := r.request(t, streams.InboxSubject("me"), fmt.Sprint("run ", i)); got.UploadID == 0 {
				t.Errorf("reply %+v", got)
			}
		})
	}
	<-held
	waitFor(t, "all to have arrived", func() bool { return r.conn.Stats().InMsgs >= 3 })
	run.stop()
	close(release)
	<-run.done
	group.Wait()
	if run.err != nil || r.jobs(t) != 3 {
		t.Errorf("%d jobs, %v", r.jobs(t), run.err)
	}
	if _, err := r.client.Request(streams.InboxSubject("me"), []byte("late"), 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("after the end: %v", err)
	}
}

func TestGraceEnds(t *testing.T) {
	r := newRoom(t)
	cfg := inbox.DefaultConfig()
	cfg.Grace = 0
	held := make(chan struct{})
	run := r.start(t, cfg, intakeFunc(func(ctx context.Context, _ schema.AthleteID, _ schema.Source, _ io.Reader) (ingest.Receipt, error) {
		close(held)
		<-ctx.Done()
		return ingest.Receipt{}, ctx.Err()
	}))
	replies := make(chan reply, 1)
	go func() { replies <- r.request(t, streams.InboxSubject("me"), "x") }()
	<-held
	if err := run.end(); err != nil {
		t.Error(err)
	}
	if got := <-replies; !got.NotNow {
		t.Errorf("reply %+v", got)
	}
}

func TestRunEndsWithTheConnection(t *testing.T) {
	r := newRoom(t)
	run := r.start(t, inbox.DefaultConfig(), r.intake)
	r.conn.Close()
	<-run.done
	if !errors.Is(run.err, streams.ErrClosed) {
		t.Errorf("Run: %v", run.err)
	}
}

func TestTwoInboxesShareTheWork(t *testing.T) {
	r := newRoom(t)
	r.start(t, inbox.DefaultConfig(), r.intake)
	r.start(t, inbox.DefaultConfig(), r.intake)
	for i := range 20 {
		if got := r.request(t, streams.InboxSubject("me"), fmt.Sprint("run ", i)); got.Duplicate || got.UploadID == 0 {
			t.Errorf("reply %+v", got)
		}
	}
	if n := r.metric(t, "queued"); n != 20 {
		t.Errorf("%v counted, want 20", n)
	}
}

func TestConfigurationNamesEveryFault(t *testing.T) {
	_, err := inbox.New(inbox.Config{Grace: -1}, inbox.Deps{})
	for _, part := range []string{"max_bytes:", "at_once:", "waiting:", "grace:", "conn: is missing", "intake: is missing", "log: is missing", "metrics: is missing"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
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
