package pull_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

	// token stands in every address of a file, and must not stand in a log.
	token = "token=geheim"
)

// room is everything that Hook and Puller work with, over a server in this
// process.
type room struct {
	server  *natsd.Server
	js      jetstream.JetStream
	streams *streams.Publisher
	blobs   *blobs.Dir
	intake  *jobs.Intake
	reg     *prometheus.Registry
	metrics *pull.Metrics
	log     *slog.Logger
	logged  *safeBuffer
	now     time.Time
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newRoom(t *testing.T, change func(*streams.Layout)) *room {
	t.Helper()
	layout := streams.DefaultLayout()
	layout.WorkerAckWait = time.Second
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
	r := &room{server: server, reg: prometheus.NewRegistry(), logged: &safeBuffer{}, now: time.Now()}
	r.log = slog.New(slog.NewJSONHandler(r.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.metrics = pull.NewMetrics(r.reg)
	var conn *nats.Conn
	conn, r.streams = r.connect(t, streams.PublisherConfig{RetryFor: time.Minute})
	if r.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), r.js, layout); err != nil {
		t.Fatal(err)
	}
	if r.blobs, err = blobs.Open(blobs.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	r.intake, err = jobs.NewIntake(jobs.IntakeDeps{
		Blobs: r.blobs, Ledger: r.blobs, Publisher: r.streams, Now: time.Now, Metrics: jobs.NewMetrics(r.reg), Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, secret := range []string{"geheim", "http://", "https://", "MfKQ9r8"} {
			if strings.Contains(r.logged.String(), secret) {
				t.Errorf("the log holds %q:\n%s", secret, r.logged)
			}
		}
	})
	return r
}

// connect makes a connection of its own, as another process would have.
func (r *room) connect(t *testing.T, cfg streams.PublisherConfig) (*nats.Conn, *streams.Publisher) {
	t.Helper()
	conn, err := r.server.Connect(streams.ConnectOptions("test", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	publisher, err := streams.NewPublisher(conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	return conn, publisher
}

// loopback allows files on 127.0.0.1 and example.com, and of addresses that
// are none of the internet's only 127.0.0.1.
func loopback() pull.Rules {
	return pull.Rules{
		Hosts:         []string{"127.0.0.1", "127.0.0.2", "example.com", "*.example.com"},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
}

func (r *room) hook(t *testing.T, change func(*pull.HookConfig)) *pull.Hook {
	t.Helper()
	cfg := pull.HookConfig{
		Secrets: []string{secretA, secretB}, Rules: loopback(),
		Athletes: map[string]schema.AthleteID{"garmin user/1": "anna"},
	}
	if change != nil {
		change(&cfg)
	}
	h, err := pull.NewHook(cfg, pull.HookDeps{
		Publisher: r.streams, Now: func() time.Time { return r.now }, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// signed is a message to the hook, signed by another's code.
func signed(t *testing.T, secret, id string, at time.Time, body string) *http.Request {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, pull.Path, strings.NewReader(body))
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	return req
}

// send hands a request to the hook.
func send(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// order queues a download through a hook.
func (r *room) order(t *testing.T, rules pull.Rules, url string) {
	t.Helper()
	h := r.hook(t, func(c *pull.HookConfig) { c.Rules = rules })
	w := send(h, signed(t, secretA, "order "+url, r.now, `{"files":[{"athlete":"me","url":"`+url+`"}]}`))
	if w.Code != http.StatusOK {
		t.Fatalf("order: %d %s", w.Code, w.Body)
	}
}

func (r *room) messages(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := r.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// purge empties the queues, for tests that share a room.
func (r *room) purge(t *testing.T) {
	t.Helper()
	for _, name := range []string{streams.Pulls, streams.Exports, streams.Dead} {
		s, err := r.js.Stream(t.Context(), name)
		if err == nil {
			err = s.Purge(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// last returns the last message of a stream.
func (r *room) last(t *testing.T, stream, subject string) *jetstream.RawStreamMsg {
	t.Helper()
	s, err := r.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := s.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatalf("message in %s: %v", stream, err)
	}
	return msg
}

// wantDead waits until nothing is left to download and wants one message set
// aside, for a reason.
func (r *room) wantDead(t *testing.T, reason string) {
	t.Helper()
	r.waitEmpty(t)
	waitFor(t, "a message set aside", func() bool { return r.messages(t, streams.Dead) == 1 })
	msg := r.last(t, streams.Dead, "plodwatch.v1.dead.pulls.*")
	if got := msg.Header.Get(streams.HeaderReason); got != reason {
		t.Errorf("set aside: %q, want %q", got, reason)
	}
}

func (r *room) waitEmpty(t *testing.T) {
	t.Helper()
	waitFor(t, "no downloads to be left", func() bool { return r.messages(t, streams.Pulls) == 0 })
}

// metric returns the sum of a counter over the label values that contain
// label.
func (r *room) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != "plodwatch_pull_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// retryIn returns when the next try is, as the log says.
func (r *room) retryIn(t *testing.T) time.Duration {
	t.Helper()
	for line := range strings.Lines(r.logged.String()) {
		var entry struct {
			RetryIn time.Duration `json:"retry_in"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.RetryIn != 0 {
			return entry.RetryIn
		}
	}
	return 0
}

// wantTaken wants the intake to have taken these bytes, and nothing else.
func (r *room) wantTaken(t *testing.T, data []byte) {
	t.Helper()
	r.waitEmpty(t)
	if n := r.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d jobs queued, want 1", n)
	}
	if n := r.messages(t, streams.Dead); n != 0 {
		t.Errorf("%d messages set aside", n)
	}
	f, _, err := r.blobs.Open(t.Context(), schema.ExportIDOf(data))
	if err != nil {
		t.Fatalf("bytes taken: %v", err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d other bytes taken, %v", len(got), err)
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
