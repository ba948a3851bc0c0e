package streams_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// queue is a provisioned server in this process with a connection.
type queue struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

func newQueue(t testing.TB, layout streams.Layout) queue {
	t.Helper()
	return newQueueWith(t, natsd.DefaultConfig(t.TempDir()), layout)
}

func newQueueWith(t testing.TB, cfg natsd.Config, layout streams.Layout) queue {
	t.Helper()
	cfg.ReserveBytes = layout.TotalBytes()
	srv, err := natsd.Open(cfg)
	if err != nil {
		t.Fatalf("open server: %v", err)
	}
	t.Cleanup(func() {
		if err := srv.Close(context.Background()); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	conn, err := srv.Connect(streams.ConnectOptions("test", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return provisioned(t, conn, layout)
}

func provisioned(t testing.TB, conn *nats.Conn, layout streams.Layout) queue {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), js, layout); err != nil {
		t.Fatalf("Provision: %v", err)
	}
	return queue{conn: conn, js: js}
}

func (q queue) publisher(t *testing.T, cfg streams.PublisherConfig) *streams.Publisher {
	t.Helper()
	p, err := streams.NewPublisher(q.conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (q queue) puller(t *testing.T, stream, consumer string) *streams.Puller {
	t.Helper()
	p, err := streams.NewPuller(t.Context(), q.js, stream, consumer, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (q queue) messages(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := q.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// quick gives up soon after a refusal, but waits long for an answer.
func quick() streams.PublisherConfig {
	return streams.PublisherConfig{RetryFor: 300 * time.Millisecond, AckTimeout: 30 * time.Second}
}

func jobSubject(n byte) string { return streams.ExportSubject(schema.JobID{n}) }

func TestSubjects(t *testing.T) {
	job, session := schema.JobID{0xab}, schema.SessionID{0xcd}
	zeros := strings.Repeat("0", 30)
	for name, test := range map[string]struct{ got, want string }{
		"export":   {streams.ExportSubject(job), "plodwatch.v1.exports.ab" + zeros},
		"samples":  {streams.SamplesSubject("me", session), "plodwatch.v1.samples.me." + session.String()},
		"outcome":  {streams.OutcomeSubject(job), "plodwatch.v1.outcomes.ab" + zeros},
		"event":    {streams.EventSubject("analyzed", "me"), "plodwatch.v1.events.analyzed.me"},
		"pull":     {streams.PullSubject("ab"), "plodwatch.v1.pulls.ab"},
		"inbox":    {streams.InboxSubject("me"), "plodwatch.v1.inbox.me"},
		"dead":     {streams.DeadSubject("exports", job.String()), "plodwatch.v1.dead.exports.ab" + zeros},
		"foreign":  {streams.EventSubject("x", "a.b"), "plodwatch.v1.events.x." + streams.Token("a.b")},
		"wildcard": {streams.EventSubject("x", ">"), "plodwatch.v1.events.x." + streams.Token(">")},
	} {
		if test.got != test.want {
			t.Errorf("%s: subject %q, want %q", name, test.got, test.want)
		}
	}
}

func TestInboxAthlete(t *testing.T) {
	if got, err := streams.InboxAthlete(streams.InboxSubject("anna")); got != "anna" || err != nil {
		t.Errorf("athlete %q, %v", got, err)
	}
	for _, subject := range []string{"plodwatch.v1.inbox.", "plodwatch.v1.inbox.a.b", "plodwatch.v1.inbox.Jörg", "elsewhere"} {
		if got, err := streams.InboxAthlete(subject); !errors.Is(err, schema.ErrBadID) {
			t.Errorf("%s: athlete %q, %v", subject, got, err)
		}
	}
}

func FuzzTokenFitsASubject(f *testing.F) {
	for _, s := range []string{"", "me", "a.b", "*", ">", "a b", "Jörg", strings.Repeat("x", 65), "h_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := streams.Token(s)
		if token == "" || len(token) > 64 {
			t.Fatalf("Token(%q) has %d bytes", s, len(token))
		}
		for _, c := range token {
			if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c) {
				t.Fatalf("Token(%q) = %q", s, token)
			}
		}
		if streams.Token(token) != token {
			t.Fatalf("Token(%q) changes when taken again", s)
		}
	})
}

func TestProvisionMayBeRepeatedAndChanged(t *testing.T) {
	layout := streams.DefaultLayout()
	q := newQueue(t, layout)
	publisher := q.publisher(t, quick())
	if err := publisher.Publish(t.Context(), streams.Message{Subject: jobSubject(1), Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	layout.ExportsBytes = 1 << 20
	layout.WorkerAckWait = 7 * time.Second
	for range 2 {
		if err := streams.Provision(t.Context(), q.js, layout); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := q.js.Stream(t.Context(), streams.Exports)
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	if info.Config.MaxBytes != 1<<20 || info.Config.Retention != jetstream.WorkQueuePolicy || info.State.Msgs != 1 {
		t.Errorf("stream after a second provision: %+v, %d messages", info.Config, info.State.Msgs)
	}
	consumer, err := q.js.Consumer(t.Context(), streams.Exports, streams.Worker)
	if err != nil {
		t.Fatal(err)
	}
	if got := consumer.CachedInfo().Config; got.AckWait != 7*time.Second || got.MaxDeliver != -1 {
		t.Errorf("consumer after a second provision: %+v", got)
	}
}

func TestProvisionRefusesAStreamOfAnotherKind(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	if err := q.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	_, err := q.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: streams.Exports, Subjects: []string{"plodwatch.v1.exports.*"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), q.js, streams.DefaultLayout()); err == nil {
		t.Error("Provision took a stream that does not queue")
	}
}

func TestLayoutNamesEveryFault(t *testing.T) {
	err := streams.Layout{}.Validate()
	for _, field := range []string{
		"replicas", "pulls_bytes", "exports_bytes", "samples_bytes", "outcomes_bytes",
		"events_bytes", "dead_bytes", "worker_ack_wait", "analyzer_ack_wait",
	} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Validate = %v, want it to name %s", err, field)
		}
	}
	if err := streams.DefaultLayout().Validate(); err != nil {
		t.Error(err)
	}
	if err := streams.Provision(t.Context(), nil, streams.Layout{}); err == nil {
		t.Error("Provision took a faulty layout")
	}
}

func TestProbeLeavesOneMessage(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	publisher := q.publisher(t, quick())
	for range 3 {
		if err := streams.Probe(t.Context(), publisher, "host"); err != nil {
			t.Fatal(err)
		}
	}
	if n := q.messages(t, streams.Events); n != 1 {
		t.Errorf("%d messages after three probes, want 1", n)
	}
	q.conn.Close()
	if err := streams.Probe(t.Context(), publisher, "host"); !errors.Is(err, streams.ErrClosed) {
		t.Errorf("probe over a closed connection: %v", err)
	}
}
