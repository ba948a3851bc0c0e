package folder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// intake keeps what it accepts in memory, each export once per athlete.
type intake struct {
	mu    sync.Mutex
	known map[schema.JobID]bool
	taken []string // "athlete content", in order
	tries int
	// before may fail a try, numbered from 1, before anything is read.
	before func(try int) error
	// during is called after each piece that was read.
	during func(soFar int)
}

func (in *intake) Accept(
	_ context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader,
) (ingest.Receipt, error) {
	in.mu.Lock()
	in.tries++
	try, before, during := in.tries, in.before, in.during
	in.mu.Unlock()
	if before != nil {
		if err := before(try); err != nil {
			return ingest.Receipt{}, err
		}
	}
	var data bytes.Buffer
	for {
		_, err := io.CopyN(&data, r, 4)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ingest.Receipt{}, fmt.Errorf("store export: %w", err)
		}
		if during != nil {
			during(data.Len())
		}
	}
	job := schema.Job{
		Athlete: athlete, Export: schema.ExportIDOf(data.Bytes()), Source: source, Bytes: int64(data.Len()),
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.known == nil {
		in.known = map[schema.JobID]bool{}
	}
	if in.known[job.ID()] {
		return ingest.Receipt{Job: job, Duplicate: true}, nil
	}
	in.known[job.ID()] = true
	in.taken = append(in.taken, string(athlete)+" "+data.String())
	return ingest.Receipt{Job: job}, nil
}

func (in *intake) got() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string{}, in.taken...)
}

func (in *intake) tried() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.tries
}

// lines is a log that may be written and read at the same time.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// last returns the last n lines.
func (l *lines) last(n int) string {
	all := strings.SplitAfter(l.String(), "\n")
	return strings.Join(all[max(0, len(all)-n-1):], "")
}

func (l *lines) count(msg string) int { return strings.Count(l.String(), `msg="`+msg) }

// world is a watched folder and everything around it.
type world struct {
	t      *testing.T
	dir    string
	cfg    folder.Config
	intake *intake
	deps   folder.Deps
	reg    *prometheus.Registry
	log    *lines
}

// newWorld watches a fresh folder, quickly.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, cfg: folder.DefaultConfig(dir), intake: &intake{}}
	w.cfg.StateFile = filepath.Join(t.TempDir(), "sub", "folder-state")
	w.fresh()
	return w
}

// quick makes waits short where the clock is the real one.
func (w *world) quick() *world {
	w.cfg.Settle, w.cfg.PollInterval = 40*time.Millisecond, 5*time.Millisecond
	w.cfg.Rescan = time.Hour // what is found is found by notifications
	w.cfg.RetryMin = 10 * time.Millisecond
	return w
}

// fresh starts logs and counters anew, as a new process would.
func (w *world) fresh() {
	w.reg, w.log = prometheus.NewRegistry(), &lines{}
	w.deps.Acceptor = w.intake
	w.deps.Metrics = folder.NewMetrics(w.reg)
	w.deps.Log = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// start runs the folder and returns a function that stops it.
func (w *world) start(prepare ...func(*folder.Folder)) (stop func()) {
	w.t.Helper()
	f, err := folder.New(w.cfg, w.deps)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range prepare {
		p(f)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		for _, name := range []string{w.dir, ".fit", ".zip", ".gpx"} {
			if strings.Contains(w.log.String(), name) {
				w.t.Errorf("the log names a file:\n%s", w.log)
			}
		}
		if w.t.Failed() {
			w.t.Logf("log:\n%s", w.log.last(20))
		}
	}
}

// metric returns the value of a counter or gauge; label is the value of its
// only label, "" when it has none.
func (w *world) metric(name, label string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "plodwatch_folder_"+name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// expect compares counters, named "name label", with their values.
func (w *world) expect(want map[string]float64) {
	w.t.Helper()
	for key, value := range want {
		name, label, _ := strings.Cut(key, " ")
		if got := w.metric(name, label); got != value {
			w.t.Errorf("plodwatch_folder_%s is %v, want %v", key, got, value)
		}
	}
}

// await waits for a condition with the real clock.
func (w *world) await(what string, condition func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !condition() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("%s: not within a minute; accepted %d, log:\n%s", what, len(w.intake.got()), w.log.last(20))
		}
	}
}

func (w *world) exists(rel string) bool {
	_, err := os.Lstat(filepath.Join(w.dir, rel))
	return err == nil
}
