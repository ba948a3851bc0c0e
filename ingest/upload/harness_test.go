package upload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Everything that clients of the tests say of people, places and files holds
// one of these, and no log may.
const (
	private   = "Annas-Heimweg"
	latitude  = "52.5162746"
	longitude = "13.3777041"
)

// house is a gate with all that is behind it but the tables.
type house struct {
	t       testing.TB
	cfg     upload.Config
	layout  streams.Layout
	clock   *clock
	log     *journal
	reg     *prometheus.Registry
	ledger  *ledger
	tokens  *tokens.File
	secrets []string
	dir     string // of the blobs
	records string // directory
	blobs   *blobs.Dir
	intake  upload.Intake // a real one unless set
	nats    *natsd.Server
	js      jetstream.JetStream
	hook    http.Handler
	ready   atomic.Pointer[func(context.Context) error]
	gate    *upload.Gate
	server  *httptest.Server
	client  *http.Client
}

// open builds a house. change may set its parts before they are used.
func open(t testing.TB, change func(*house)) *house {
	t.Helper()
	h := &house{
		t: t, cfg: upload.DefaultConfig(), layout: streams.DefaultLayout(), clock: &clock{now: time.Now()},
		log: &journal{}, reg: prometheus.NewRegistry(), ledger: newLedger(), dir: t.TempDir(), records: t.TempDir(),
	}
	h.tokens = tokens.Open(filepath.Join(t.TempDir(), "tokens.json"), h.clock.time)
	if change != nil {
		change(h)
	}
	var err error
	if h.blobs, err = blobs.Open(blobs.Config{Dir: h.dir}); err != nil {
		t.Fatal(err)
	}
	if h.intake == nil {
		h.intake = h.queued()
	}
	records, err := upload.OpenRecords(h.records)
	if err != nil {
		t.Fatal(err)
	}
	h.gate, err = upload.New(h.cfg, upload.Deps{
		Intake: h.intake, Records: records, Ledger: h.ledger, Tokens: h.tokens, Ready: h.isReady, Hook: h.hook,
		Now: h.clock.time, Metrics: upload.NewMetrics(h.reg), Log: h.log.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.keepsSecrets)
	return h
}

// serve opens a house and its door to the network.
func serve(t testing.TB, change func(*house)) *house {
	t.Helper()
	h := open(t, change)
	h.server = httptest.NewUnstartedServer(h.gate)
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.server.Start()
	t.Cleanup(h.server.Close)
	h.client = &http.Client{Transport: described(t, h.server.Client().Transport)}
	return h
}

// queued returns an intake with a queue in this process.
func (h *house) queued() upload.Intake {
	t := h.t
	t.Helper()
	cfg := natsd.DefaultConfig(t.TempDir())
	cfg.ReserveBytes = h.layout.TotalBytes()
	var err error
	if h.nats, err = natsd.Open(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.nats.Close(context.Background()); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	conn, err := h.nats.Connect(streams.ConnectOptions("test", h.log.logger())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if h.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), h.js, h.layout); err != nil {
		t.Fatal(err)
	}
	publisher, err := streams.NewPublisher(conn, streams.PublisherConfig{RetryFor: time.Second, AckTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	intake, err := jobs.NewIntake(jobs.IntakeDeps{
		Blobs: h.blobs, Ledger: h.blobs, Publisher: publisher, Now: h.clock.time,
		Metrics: jobs.NewMetrics(h.reg), Log: h.log.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return intake
}

func (h *house) isReady(ctx context.Context) error {
	if f := h.ready.Load(); f != nil {
		return (*f)(ctx)
	}
	return nil
}

// token makes a token and remembers that it is secret.
func (h *house) token(athlete schema.AthleteID, role tokens.Role) string {
	h.t.Helper()
	_, secret, err := h.tokens.Add(tokens.New{Athlete: athlete, Role: role})
	if err != nil {
		h.t.Fatal(err)
	}
	h.secrets = append(h.secrets, secret)
	return secret
}

// keepsSecrets fails the test when the log does not.
func (h *house) keepsSecrets() {
	text := h.log.String()
	for _, secret := range append([]string{private, latitude, longitude}, h.secrets...) {
		if strings.Contains(text, secret) {
			h.t.Errorf("the log holds %q", secret)
		}
	}
}

// queue returns how many jobs wait.
func (h *house) queue() uint64 {
	h.t.Helper()
	stream, err := h.js.Stream(h.t.Context(), streams.Exports)
	if err != nil {
		h.t.Fatal(err)
	}
	info, err := stream.Info(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return info.State.Msgs
}

// stored returns the bytes of an export, nil when there is none.
func (h *house) stored(id schema.ExportID) []byte {
	h.t.Helper()
	return readExport(h.t, h.blobs, id)
}

func readExport(t testing.TB, from *blobs.Dir, id schema.ExportID) []byte {
	t.Helper()
	r, _, err := from.Open(context.Background(), id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// files returns how many files lie in the blob store, unfinished ones too.
func (h *house) files() int {
	h.t.Helper()
	n := 0
	err := filepath.WalkDir(h.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// metric returns the sum of a metric's series with these label values.
func (h *house) metric(name string, labels ...string) float64 {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	series:
		for _, m := range family.GetMetric() {
			for i, want := range labels {
				if m.GetLabel()[i].GetValue() != want {
					continue series
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// clock is a clock that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// journal keeps everything that is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// shelf is an intake that only stores.
type shelf struct {
	house *house
	taken sync.Map // of schema.ExportID
}

// Accept stores what r holds.
func (s *shelf) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	id, size, _, err := s.house.blobs.Put(ctx, r)
	if err != nil {
		return ingest.Receipt{}, err
	}
	job := schema.Job{Athlete: athlete, Export: id, Source: source, Bytes: size, ReceivedMs: s.house.clock.time().UnixMilli()}
	_, again := s.taken.LoadOrStore(job.ID(), true)
	return ingest.Receipt{Job: job, Duplicate: again}, nil
}

// ledger stands where the tables would be.
type ledger struct {
	hang atomic.Bool // never answers

	mu    sync.Mutex
	fates map[schema.JobID]upload.Fate
	owner map[schema.JobID]schema.AthleteID
	of    map[schema.JobID]schema.ExportID
}

func newLedger() *ledger {
	return &ledger{
		fates: map[schema.JobID]upload.Fate{}, owner: map[schema.JobID]schema.AthleteID{}, of: map[schema.JobID]schema.ExportID{},
	}
}

// put says what became of an export.
func (l *ledger) put(athlete schema.AthleteID, export schema.ExportID, fate upload.Fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := schema.JobIDOf(athlete, export)
	l.fates[id], l.owner[id], l.of[id] = fate, athlete, export
}

// Fates returns what was put.
func (l *ledger) Fates(ctx context.Context, athlete schema.AthleteID, ids []schema.ExportID) (map[schema.ExportID]upload.Fate, error) {
	if l.hang.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[schema.ExportID]upload.Fate{}
	for _, id := range ids {
		if fate, ok := l.fates[schema.JobIDOf(athlete, id)]; ok {
			found[id] = fate
		}
	}
	return found, nil
}

// Lookup finds an export by the number of its upload.
func (l *ledger) Lookup(_ context.Context, athlete schema.AthleteID, number int64) (schema.AthleteID, schema.ExportID, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, owner := range l.owner {
		if id.UploadID() == number && (athlete == "" || athlete == owner) {
			return owner, l.of[id], true, nil
		}
	}
	return "", schema.ExportID{}, false, nil
}
