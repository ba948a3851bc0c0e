package ingest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/fitfile"
	"plodwatch/ingest/gpxfile"
	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire records what is published and acknowledged.
type wire struct {
	mu        sync.Mutex
	envelopes []schema.Envelope
	outcomes  []schema.ExportOutcome
	jobs      []schema.Job

	largest  int   // samples that fit a message, 0 = any number
	failWith error // of Flush
}

func (w *wire) Begin() ingest.Batch { return &batch{to: w} }

type batch struct {
	to        *wire
	envelopes []schema.Envelope
	outcomes  []schema.ExportOutcome
	jobs      []schema.Job
}

func (b *batch) PublishSession(_ context.Context, env *schema.Envelope) error {
	if n := env.Session.Samples.Len(); b.to.largest > 0 && n > b.to.largest {
		return fmt.Errorf("encode %d samples: %w", n, ingest.ErrSessionTooLarge)
	}
	b.envelopes = append(b.envelopes, *env)
	return nil
}

func (b *batch) PublishOutcome(_ context.Context, out *schema.ExportOutcome) error {
	b.outcomes = append(b.outcomes, *out)
	return nil
}

func (b *batch) PublishJob(_ context.Context, job schema.Job) error {
	b.jobs = append(b.jobs, job)
	return nil
}

func (b *batch) Flush(context.Context) error {
	if b.to.failWith != nil {
		return b.to.failWith
	}
	b.to.mu.Lock()
	defer b.to.mu.Unlock()
	b.to.envelopes = append(b.to.envelopes, b.envelopes...)
	b.to.outcomes = append(b.to.outcomes, b.outcomes...)
	b.to.jobs = append(b.to.jobs, b.jobs...)
	*b = batch{to: b.to}
	return nil
}

// bench is a worker over a real blob store.
type bench struct {
	t      *testing.T
	store  *blobs.Dir
	dir    string
	wire   *wire
	reg    *prometheus.Registry
	log    *bytes.Buffer
	worker *ingest.Worker
}

const finishedMs = 1_750_000_000_000

func decoders() map[schema.Format]ingest.Decoder {
	return map[schema.Format]ingest.Decoder{schema.FormatFIT: fitfile.Decoder{}, schema.FormatGPX: gpxfile.Decoder{}, schema.FormatTCX: tcxfile.Decoder{}}
}

func newBench(t *testing.T, change func(*ingest.Config, *ingest.Deps)) *bench {
	t.Helper()
	dir := t.TempDir()
	store, err := blobs.Open(blobs.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: store, dir: dir, wire: &wire{}, reg: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	cfg := ingest.DefaultConfig()
	cfg.TempDir = t.TempDir()
	deps := ingest.Deps{
		Decoders: decoders(), Blobs: store, Publisher: b.wire, Metrics: ingest.NewMetrics(b.reg),
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Now: func() time.Time { return time.UnixMilli(finishedMs) },
	}
	if change != nil {
		change(&cfg, &deps)
	}
	if b.worker, err = ingest.NewWorker(cfg, deps); err != nil {
		t.Fatal(err)
	}
	return b
}

// put stores data and returns its job.
func (b *bench) put(data []byte) schema.Job {
	b.t.Helper()
	id, n, _, err := b.store.Put(b.t.Context(), bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	return schema.Job{Athlete: "ada", Export: id, Source: schema.SourceFolder, Bytes: n, ReceivedMs: 1_740_000_000_000}
}

// handle works on data and returns the outcome.
func (b *bench) handle(data []byte) schema.ExportOutcome {
	b.t.Helper()
	return b.run(b.put(data))
}

func (b *bench) run(job schema.Job) schema.ExportOutcome {
	b.t.Helper()
	before := len(b.wire.outcomes)
	if err := b.worker.Handle(b.t.Context(), job); err != nil {
		b.t.Fatalf("handle: %v", err)
	}
	if len(b.wire.outcomes) != before+1 {
		b.t.Fatalf("%d outcomes for one job", len(b.wire.outcomes)-before)
	}
	out := b.wire.outcomes[before]
	if out.Job != job || out.FinishedMs != finishedMs {
		b.t.Errorf("outcome of %+v at %d for job %+v", out.Job, out.FinishedMs, job)
	}
	return out
}

// drain works on all published jobs, and on those that come of them.
func (b *bench) drain() {
	for len(b.wire.jobs) > 0 {
		job := b.wire.jobs[0]
		b.wire.jobs = b.wire.jobs[1:]
		b.run(job)
	}
}

// run is a GPX file of n points, one a second, from a start in minutes.
func gpxRun(minute, n int) []byte {
	var s strings.Builder
	s.WriteString(`<?xml version="1.0"?><gpx version="1.1"><trk><type>running</type><trkseg>`)
	at := time.Date(2025, 5, 1, 6, minute, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&s, `<trkpt lat="59.%d" lon="10.7"><time>%s</time><extensions><hr>%d</hr></extensions></trkpt>`,
			100000+i, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339), 120+i%40)
	}
	s.WriteString("</trkseg></trk></gpx>")
	return []byte(s.String())
}

// twoRuns is a GPX file of two sessions, of 20 and 30 samples.
func twoRuns() []byte {
	first := bytes.TrimSuffix(gpxRun(0, 20), []byte("</gpx>"))
	_, second, _ := bytes.Cut(gpxRun(40, 30), []byte("<trk>"))
	return slices.Concat(first, []byte("<trk>"), second)
}

func fitRun(tb testing.TB) []byte {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tormoder/fit").Output()
	if err != nil {
		tb.Fatalf("find the test files of tormoder/fit: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "testdata", "fitsdk", "Activity.fit"))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func gz(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// file is a member of a zip that a test makes.
type file struct {
	name string
	data []byte
}

func zipOf(tb testing.TB, files ...file) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		m, err := w.Create(f.name)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := m.Write(f.data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestWorkerPublishesEverySessionAndTheOutcome(t *testing.T) {
	b := newBench(t, nil)
	two := twoRuns()
	out := b.handle(two)
	if out.Outcome != schema.OutcomeDecoded || out.Reason != schema.ReasonNone || out.Format != schema.FormatGPX ||
		out.Records != 50 || out.DecoderVersion != gpxfile.DecoderVersion {
		t.Errorf("outcome %+v", out)
	}
	if len(b.wire.envelopes) != 2 || len(out.Sessions) != 2 {
		t.Fatalf("%d sessions, %d in the outcome", len(b.wire.envelopes), len(out.Sessions))
	}
	for i, env := range b.wire.envelopes {
		want := schema.SessionIDOf("ada", schema.ExportIDOf(two), i)
		if env.ID != want || out.Sessions[i] != want {
			t.Errorf("session %d has the identity %s, in the outcome %s", i, env.ID, out.Sessions[i])
		}
		if env.Athlete != "ada" || env.Export != schema.ExportIDOf(two) || env.Salvaged || env.ReceivedMs != 1_740_000_000_000 ||
			env.Format != schema.FormatGPX || env.Session.Samples.Len() != 20+10*i {
			t.Errorf("envelope %d: %+v", i, env)
		}
	}
	want := `
# HELP plodwatch_ingest_bytes_total Bytes of the exports worked on to the end, as they were handed in.
# TYPE plodwatch_ingest_bytes_total counter
plodwatch_ingest_bytes_total ` + strconv.Itoa(len(two)) + `
# HELP plodwatch_ingest_exports_total Exports worked on to the end, by what became of them.
# TYPE plodwatch_ingest_exports_total counter
plodwatch_ingest_exports_total{format="gpx",outcome="decoded",reason=""} 1
# HELP plodwatch_ingest_samples_total Samples in the sessions published.
# TYPE plodwatch_ingest_samples_total counter
plodwatch_ingest_samples_total 50
# HELP plodwatch_ingest_sessions_total Sessions published.
# TYPE plodwatch_ingest_sessions_total counter
plodwatch_ingest_sessions_total 2
`
	if err := testutil.GatherAndCompare(b.reg, strings.NewReader(want), "plodwatch_ingest_bytes_total",
		"plodwatch_ingest_exports_total", "plodwatch_ingest_samples_total", "plodwatch_ingest_sessions_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(b.reg, "plodwatch_ingest_decode_seconds"); n != 1 {
		t.Errorf("%d decode histograms", n)
	}
	if lines := strings.Count(b.log.String(), "\n"); lines != 1 || !strings.Contains(b.log.String(), "sessions=2") {
		t.Errorf("log: %s", b.log)
	}
}

func TestASessionIsTheSamePlainAndGzipped(t *testing.T) {
	for name, data := range map[string][]byte{"gpx": gpxRun(0, 100), "fit": fitRun(t)} {
		b := newBench(t, nil)
		plain := b.handle(data)
		packed := b.handle(gz(t, data))
		twice := b.handle(gz(t, gz(t, data)))
		inZip := zipOf(t, file{"activities/1." + name + ".gz", gz(t, data)})
		b.handle(inZip)
		b.drain()
		last := b.wire.outcomes[len(b.wire.outcomes)-1]
		if len(plain.Sessions) != 1 || plain.Outcome != schema.OutcomeDecoded {
			t.Fatalf("%s: %+v", name, plain)
		}
		for _, out := range []schema.ExportOutcome{packed, twice, last} {
			if !slices.Equal(out.Sessions, plain.Sessions) || out.Format != plain.Format || out.Outcome != schema.OutcomeDecoded {
				t.Errorf("%s: sessions %v, plain %v", name, out.Sessions, plain.Sessions)
			}
		}
	}
}

func TestOutcomesOfSingleFiles(t *testing.T) {
	const (
		tcx = `<?xml version="1.0"?><TrainingCenterDatabase xmlns="x"><Activities><Activity Sport="Running"><Lap><Track>` +
			`<Trackpoint><Time>2025-05-01T06:00:00Z</Time></Trackpoint></Track></Lap></Activity></Activities></TrainingCenterDatabase>`
		course = `<TrainingCenterDatabase><Courses><Course/></Courses></TrainingCenterDatabase>`
	)
	whole := gz(t, gpxRun(0, 2000))
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 0xff // the checksum
	bomb := gz(t, append([]byte("<gpx><!--"), bytes.Repeat([]byte(" "), 40<<20)...))
	for name, c := range map[string]struct {
		data   []byte
		want   schema.Outcome
		reason schema.Reason
		format schema.Format
	}{
		"empty":               {nil, schema.OutcomeRejected, schema.ReasonEmpty, schema.FormatUnknown},
		"one byte":            {[]byte{7}, schema.OutcomeSkipped, schema.ReasonUnsupported, schema.FormatUnknown},
		"text":                {[]byte("Activity ID,Date\n1,2\n"), schema.OutcomeSkipped, schema.ReasonUnsupported, schema.FormatUnknown},
		"TCX":                 {[]byte("\ufeff  " + tcx), schema.OutcomeDecoded, schema.ReasonNone, schema.FormatTCX},
		"gzip of TCX":         {gz(t, []byte("  "+tcx)), schema.OutcomeDecoded, schema.ReasonNone, schema.FormatTCX},
		"truncated TCX":       {[]byte(tcx[:len(tcx)-50]), schema.OutcomeSalvaged, schema.ReasonTruncated, schema.FormatTCX},
		"TCX course":          {[]byte(course), schema.OutcomeSkipped, schema.ReasonNotActivity, schema.FormatTCX},
		"gzip of nothing":     {gz(t, nil), schema.OutcomeRejected, schema.ReasonEmpty, schema.FormatUnknown},
		"half a gzip header":  {whole[:5], schema.OutcomeRejected, schema.ReasonMalformed, schema.FormatUnknown},
		"three times gzipped": {gz(t, gz(t, gz(t, gpxRun(0, 2)))), schema.OutcomeRejected, schema.ReasonNested, schema.FormatUnknown},
		"zip in gzip":         {gz(t, zipOf(t, file{"a.gpx", gpxRun(0, 2)})), schema.OutcomeSkipped, schema.ReasonNested, schema.FormatArchive},
		"truncated gzip":      {whole[:len(whole)/2], schema.OutcomeSalvaged, schema.ReasonTruncated, schema.FormatGPX},
		"gzip, last bytes":    {whole[:len(whole)-3], schema.OutcomeSalvaged, schema.ReasonTruncated, schema.FormatGPX},
		"gzip, bad checksum":  {damaged, schema.OutcomeSalvaged, schema.ReasonCorrupt, schema.FormatGPX},
		"gzip bomb":           {bomb, schema.OutcomeRejected, schema.ReasonBomb, schema.FormatGPX},
		"route":               {[]byte(`<gpx><rte><rtept lat="1" lon="2"/></rte></gpx>`), schema.OutcomeSkipped, schema.ReasonRoute, schema.FormatGPX},
		"truncated GPX":       {gpxRun(0, 50)[:3000], schema.OutcomeSalvaged, schema.ReasonTruncated, schema.FormatGPX},
		"entities":            {[]byte(`<!DOCTYPE gpx [<!ENTITY a "b">]><gpx>&a;</gpx>`), schema.OutcomeRejected, schema.ReasonEntities, schema.FormatGPX},
	} {
		b := newBench(t, nil)
		out := b.handle(c.data)
		if out.Outcome != c.want || out.Reason != c.reason || out.Format != c.format {
			t.Errorf("%s: %s %s %s (%s)", name, out.Format, out.Outcome, out.Reason, out.Detail)
		}
		kept := out.Outcome == schema.OutcomeDecoded || out.Outcome == schema.OutcomeSalvaged
		if kept != (len(out.Sessions) > 0) || kept != (len(b.wire.envelopes) > 0) || !kept && out.Detail == "" {
			t.Errorf("%s: %d sessions, %d published, detail %q", name, len(out.Sessions), len(b.wire.envelopes), out.Detail)
		}
		for _, env := range b.wire.envelopes {
			if env.Salvaged != (out.Outcome == schema.OutcomeSalvaged) {
				t.Errorf("%s: salvaged is %v", name, env.Salvaged)
			}
		}
		if out.Outcome == schema.OutcomeSalvaged && len(out.Flags) == 0 {
			t.Errorf("%s: salvaged without a flag", name)
		}
		n := testutil.ToFloat64(counter(t, b.reg, out))
		if n != 1 {
			t.Errorf("%s: counted %v times", name, n)
		}
	}
}

// counter returns the counter of exports with this outcome.
func counter(t *testing.T, reg *prometheus.Registry, out schema.ExportOutcome) prometheus.Collector {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "found"})
	for _, f := range families {
		if f.GetName() != "plodwatch_ingest_exports_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["outcome"] == string(out.Outcome) && labels["reason"] == string(out.Reason) && labels["format"] == string(out.Format) {
				g.Add(m.GetCounter().GetValue())
			}
		}
	}
	return g
}

type panicky struct{}

func (panicky) Decode(context.Context, io.Reader, int64) (*schema.Recording, error) {
	panic("index out of range")
}

func TestAPanicOfADecoderRejectsTheFileOnly(t *testing.T) {
	b := newBench(t, func(_ *ingest.Config, d *ingest.Deps) { d.Decoders[schema.FormatGPX] = panicky{} })
	out := b.handle(gpxRun(0, 10))
	if out.Outcome != schema.OutcomeRejected || out.Reason != schema.ReasonMalformed {
		t.Errorf("%s %s", out.Outcome, out.Reason)
	}
	if !strings.Contains(b.log.String(), "index out of range") {
		t.Errorf("the panic is not in the log: %s", b.log)
	}
}

func TestSessionsThatFitNoMessageAreLeftOut(t *testing.T) {
	b := newBench(t, nil)
	b.wire.largest = 25
	two := twoRuns()
	out := b.handle(two)
	if out.Outcome != schema.OutcomeSalvaged || out.Reason != schema.ReasonSessionTooLarge || len(out.Sessions) != 1 || len(b.wire.envelopes) != 1 {
		t.Errorf("one of two: %s %s, %d sessions", out.Outcome, out.Reason, len(out.Sessions))
	}
	out = b.handle(gpxRun(0, 100))
	if out.Outcome != schema.OutcomeRejected || out.Reason != schema.ReasonSessionTooLarge || len(out.Sessions) != 0 {
		t.Errorf("the only one: %s %s, %d sessions", out.Outcome, out.Reason, len(out.Sessions))
	}
}

func TestNothingIsFinishedBeforeItIsAcknowledged(t *testing.T) {
	b := newBench(t, nil)
	b.wire.failWith = fmt.Errorf("stream is full: %w", ingest.ErrBusy)
	job := b.put(gpxRun(0, 10))
	if err := b.worker.Handle(t.Context(), job); !errors.Is(err, ingest.ErrNotNow) {
		t.Errorf("server full: %v", err)
	}
	want := "# HELP plodwatch_ingest_failures_total Jobs that did not come to an end and will be tried again, by kind of failure.\n" +
		"# TYPE plodwatch_ingest_failures_total counter\nplodwatch_ingest_failures_total{kind=\"not_now\"} 1\n"
	if err := testutil.GatherAndCompare(b.reg, strings.NewReader(want), "plodwatch_ingest_failures_total", "plodwatch_ingest_exports_total"); err != nil {
		t.Error(err)
	}
	b.wire.failWith = nil
	if out := b.run(job); out.Outcome != schema.OutcomeDecoded || len(b.wire.envelopes) != 1 {
		t.Errorf("second try: %s, %d sessions", out.Outcome, len(b.wire.envelopes))
	}
}

func TestABlobThatChangedIsNotDecoded(t *testing.T) {
	for name, data := range map[string][]byte{"fit": fitRun(t), "zip": zipOf(t, file{"a.gpx", gpxRun(0, 3)})} {
		b := newBench(t, nil)
		job := b.put(data)
		found := 0
		err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && d.Name() == job.Export.String() {
				found++
				changed := bytes.Clone(data)
				changed[len(changed)/2] ^= 1
				if err := os.Chmod(path, 0o600); err != nil {
					return err
				}
				return os.WriteFile(path, changed, 0o600)
			}
			return err
		})
		if err != nil || found != 1 {
			t.Fatalf("changed %d blobs: %v", found, err)
		}
		if err := b.worker.Handle(t.Context(), job); !errors.Is(err, ingest.ErrBlobChanged) || errors.Is(err, ingest.ErrNotNow) {
			t.Errorf("%s: %v", name, err)
		}
		if len(b.wire.outcomes)+len(b.wire.envelopes)+len(b.wire.jobs) != 0 {
			t.Errorf("%s: something was published", name)
		}
	}
	b := newBench(t, nil)
	err := b.worker.Handle(t.Context(), schema.Job{Athlete: "ada", Export: schema.ExportIDOf([]byte("unknown"))})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown blob: %v", err)
	}
}

func TestHandleEndsWithItsContext(t *testing.T) {
	b := newBench(t, nil)
	job := b.put(gpxRun(0, 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.worker.Handle(ctx, job); !errors.Is(err, context.Canceled) {
		t.Errorf("handle: %v", err)
	}
}

func TestManyJobsShareTheMemory(t *testing.T) {
	b := newBench(t, func(c *ingest.Config, _ *ingest.Deps) { c.MemoryBytes = 1 << 20 })
	var wg sync.WaitGroup
	for i := range 20 {
		job := b.put(gpxRun(i, 10))
		wg.Go(func() {
			if err := b.worker.Handle(t.Context(), job); err != nil {
				t.Errorf("handle: %v", err)
			}
		})
	}
	wg.Wait()
	if len(b.wire.outcomes) != 20 {
		t.Errorf("%d outcomes", len(b.wire.outcomes))
	}
}

func TestNewWorkerNamesEveryFault(t *testing.T) {
	_, err := ingest.NewWorker(ingest.Config{MaxRatio: -1}, ingest.Deps{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"max_export_bytes", "max_ratio: -1", "memory_bytes", "decoders", "blobs", "publisher", "metrics", "log"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}
