package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/announce"
	"plodwatch/analyze/feed"
	"plodwatch/analyze/sqldoor"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/inbox"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/pull"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// recorder is a registry that keeps what is registered with it.
type recorder struct {
	*prometheus.Registry

	all []prometheus.Collector
}

func (r *recorder) Register(c prometheus.Collector) error {
	r.all = append(r.all, c)
	return r.Registry.Register(c)
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	r.all = append(r.all, cs...)
	r.Registry.MustRegister(cs...)
}

// descForm is how a prometheus.Desc prints itself.
var descForm = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), (?:unit: "[^"]*", )?constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

type metric struct{ kind, labels, help string }

// metricsOf registers with a part's own function and returns what came of it.
func metricsOf(t *testing.T, register func(prometheus.Registerer)) map[string]metric {
	t.Helper()
	r := &recorder{Registry: prometheus.NewRegistry()}
	register(r)
	all := map[string]metric{}
	for _, c := range r.all {
		if inner, ok := c.(*prometheus.Registry); ok {
			maps.Copy(all, gathered(t, inner))
			continue
		}
		kind := ""
		switch c.(type) {
		case *prometheus.CounterVec, prometheus.Counter:
			kind = "counter"
		case *prometheus.HistogramVec, prometheus.Histogram:
			kind = "histogram"
		case *prometheus.GaugeVec, *queueGauge:
			kind = "gauge"
		}
		if _, ok := c.(prometheus.Gauge); ok { // a Gauge has all that a Counter has
			kind = "gauge"
		}
		ch := make(chan *prometheus.Desc, 16)
		c.Describe(ch)
		close(ch)
		for d := range ch {
			m := descForm.FindStringSubmatch(d.String())
			if m == nil || kind == "" {
				t.Fatalf("%T: %s", c, d)
			}
			name, _ := strconv.Unquote(m[1]) // quoted by the form
			help, _ := strconv.Unquote(m[2])
			all[name] = metric{kind, strings.ReplaceAll(m[3], ",", ", "), help}
		}
	}
	return all
}

// gathered returns what a registry shows, where its parts cannot be reached.
func gathered(t *testing.T, reg *prometheus.Registry) map[string]metric {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]metric{}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		all[f.GetName()] = metric{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}
	}
	return all
}

// TestReferenceMetrics: from the registries of the parts; and a running
// plodwatch shows none that is missing here.
func TestReferenceMetrics(t *testing.T) {
	p := newPage("Metrics", "At `/metrics`, for Prometheus: of `plodwatch up` all of them, of a process of its own those of its part.\nBesides them the Go runtime's (`go_*`) and the process's (`process_*`). From elsewhere than this machine\nthey need a token (`Authorization: Bearer`).")
	known := map[string]bool{}
	for _, part := range []struct {
		title, in string
		register  func(prometheus.Registerer)
	}{
		{"Uploads", "`up`, `gate`", func(r prometheus.Registerer) { upload.NewMetrics(r) }},
		{"Inbox on NATS", "`up`, `gate`", func(r prometheus.Registerer) { inbox.NewMetrics(r) }},
		{"Downloads that were asked for", "`up`, `ingest`, with `--hook-secret-file`", func(r prometheus.Registerer) { pull.NewMetrics(r) }},
		{"Watched folder", "`up`, `ingest`, with `--folder`", func(r prometheus.Registerer) { folder.NewMetrics(r) }},
		{"Jobs", "`up`, `gate`, `ingest`", func(r prometheus.Registerer) { jobs.NewMetrics(r) }},
		{"Queues", "`up`; `ingest` and `analyze` with those that they look at", func(r prometheus.Registerer) { r.MustRegister(newQueueGauge(nil)) }},
		{"Workers", "`up`, `ingest`", func(r prometheus.Registerer) { ingest.NewMetrics(r) }},
		{"Queues of the analyzer", "`up`, `analyze`", func(r prometheus.Registerer) { feed.NewMetrics(r) }},
		{"Analyzer", "`up`, `analyze`", func(r prometheus.Registerer) { analyze.NewMetrics(r) }},
		{"Comparisons of what is kept", "`up`, and the one `ingest` that makes them", func(r prometheus.Registerer) {
			reg := prometheus.NewRegistry()
			newSelfReconciler(&pipeline{reg: reg}, time.Hour, nil)
			r.MustRegister(reg)
		}},
		{"SQL of other tools", "`up`, with `--sql-listen`", func(r prometheus.Registerer) { sqldoor.NewMetrics(r) }},
		{"Announcements", "`up`, `analyze`", func(r prometheus.Registerer) { announce.NewMetrics(r) }},
	} {
		p.printf("\n## %s\n\nIn %s.\n", part.title, part.in)
		p.table("metric", "type", "labels", "meaning")
		all := metricsOf(t, part.register)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			p.row(code(name), all[name].kind, all[name].labels, all[name].help)
			known[name] = true
		}
	}
	compareReference(t, "metrics.md", p.String())
	if *update {
		return
	}
	for name, kind := range shownMetrics(t) {
		if strings.HasPrefix(name, "plodwatch_") && !known[name] {
			t.Errorf("plodwatch up shows the %s %s, which no part of this test registers", kind, name)
		}
	}
}

// shownMetrics returns the types by name that a running plodwatch shows.
func shownMetrics(t *testing.T) map[string]string {
	t.Helper()
	person := newPerson(t)
	d := person.up("--folder", t.TempDir())
	defer d.stop(os.Interrupt)
	_, answer := d.get("/metrics")
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(answer, -1) {
		all[m[1]] = m[2]
	}
	if len(all) < 20 {
		t.Fatalf("only %d metrics at /metrics", len(all))
	}
	return all
}

// TestReferenceViews: the engine's own list of what can be asked.
func TestReferenceViews(t *testing.T) {
	person := newPerson(t)
	person.do(exitOK, "migrate")
	type relation struct{ Name, Comment string }
	type column struct{ Table, Name, Type, Comment string }
	p := newPage("Views", "What SQL can ask (`plodwatch query`, the page, Grafana). The tables `*_versions` below them hold every version\nof every row; views show the current one. NULL means that nothing is known.")
	p.table("view", "a row")
	views := rows[relation](person, "SELECT name AS Name, comment AS Comment FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name")
	for _, v := range views {
		p.row(fmt.Sprintf("[`%s`](#%s)", v.Name, slug(v.Name)), v.Comment)
	}
	columns := map[string][]column{}
	for _, c := range rows[column](person, "SELECT table AS Table, name AS Name, type AS Type, comment AS Comment FROM system.columns WHERE database = currentDatabase() ORDER BY table, position") {
		columns[c.Table] = append(columns[c.Table], c)
	}
	for _, v := range views {
		p.printf("\n## %s\n\n%s.\n", v.Name, strings.ToUpper(v.Comment[:1])+v.Comment[1:])
		p.table("column", "type", "meaning")
		for _, c := range columns[v.Name] {
			if c.Comment == "" {
				t.Errorf("%s.%s has no comment", v.Name, c.Name)
			}
			p.row(code(c.Name), code(c.Type), c.Comment)
		}
	}
	compareReference(t, "views.md", p.String())
}

// TestReferenceNATS: streams, consumers and subjects.
func TestReferenceNATS(t *testing.T) {
	layout := streams.DefaultLayout()
	p := newPage("NATS", "Streams and consumers are made by `plodwatch migrate` (and by `up` in its own server). A work queue refuses new\nmessages when it is full and loses none; an acknowledged message is gone.\n\n## Streams")
	p.table("stream", "subjects", "what it holds", "kind", "at most")
	for _, s := range layout.Streams() {
		kind := map[string]string{"WorkQueue": "work queue", "Limits": "kept " + age(s.MaxAge)}[s.Retention.String()]
		if s.MaxMsgsPerSubject == 1 {
			kind = "the last message of each subject"
		}
		p.row(code(s.Name), code(strings.Join(s.Subjects, " ")), s.Description, kind, fmt.Sprintf("%d MiB", s.MaxBytes>>20))
	}
	p.printf("\n## Consumers\n\nPull, explicit acknowledgement. A message that was given out %d times is set aside.\n", streams.MaxDeliveries)
	p.table("stream", "consumer", "given to another after", "in hand at most")
	for _, c := range layout.Consumers() {
		pending := strconv.Itoa(c.Config.MaxAckPending)
		if c.Config.MaxAckPending < 0 {
			pending = "no limit"
		}
		p.row(code(c.Stream), code(c.Config.Durable), c.Config.AckWait.String(), pending)
	}
	p.printf("\n## Subjects\n\nNames that are not `[A-Za-z0-9_-]{1,64}` appear as `h_` and 32 digits of their SHA-256.\n")
	p.table("subject", "meaning")
	p.row(code(streams.InboxSubjects), "exports of an athlete, from services; the receipt is the reply (`plodwatch push`)")
	p.row(code(streams.PullSubject("ID")), "a file to download")
	p.row(code(strings.Replace(streams.ExportSubject(schema.JobID{}), strings.Repeat("0", 32), "JOB", 1)), "a job: decode one stored original")
	p.row(code(strings.Replace(streams.SamplesSubject("ATHLETE", schema.SessionID{}), schema.SessionID{}.String(), "SESSION", 1)), "one decoded session")
	p.row(code(strings.Replace(streams.OutcomeSubject(schema.JobID{}), strings.Repeat("0", 32), "JOB", 1)), "what became of a job")
	p.row(code(streams.EventSubject("KIND", "ATHLETE")), "for listeners: "+strings.Join(eventKinds(t), ", "))
	p.row(code(streams.DeadSubject("STAGE", "ID")), "a message set aside; `plodwatch dead` shows them")
	compareReference(t, "nats.md", p.String())
}

func age(d time.Duration) string { return fmt.Sprintf("%d days", int(d.Hours()/24)) }

// eventKinds are the kinds of events, from their declarations.
func eventKinds(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "analyze", "event.go"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, m := range regexp.MustCompile(`(?m)^\s*Event\w+\s*=\s*"(\w+)"\s*// (.*)$`).FindAllSubmatch(source, -1) {
		kinds = append(kinds, code(string(m[1]))+" ("+string(m[2])+")")
	}
	if len(kinds) < 2 {
		t.Fatalf("found the kinds %v of events", kinds)
	}
	return kinds
}

// TestReferenceFormats: what can be handed in.
func TestReferenceFormats(t *testing.T) {
	about := map[string]string{
		"fit": "Garmin and everybody else's binary format. Also damaged, truncated, chained, without a summary; heart rate of straps and developer fields",
		"gpx": "tracks with times; heart rate, cadence, power and temperature of Garmin's and Cluetrust's extensions",
		"tcx": "Garmin Training Center; laps, pauses, heart rate, cadence, power",
		"zip": "unpacked, at most two deep; members are files of their own",
	}
	p := newPage("File formats", "Told apart by their content, never by their name. gzip is peeled off; a zip's members are taken one by one.\nFiles larger than `--max-fit` (FIT) or `--max-upload` (any other) are refused by the gate.")
	p.table("format", "what is read")
	for _, f := range declared(t, "schema/recording.go", "Format") {
		if f.value == string(schema.FormatUnknown) {
			continue
		}
		if about[f.value] == "" {
			t.Errorf("format %q is not described in this test", f.value)
		}
		p.row(code(f.value), about[f.value])
	}
	p.printf("\n## Doors\n\nWhere a file came in: `source` in [`exports`](views.md#exports).\n")
	p.table("source", "door")
	for _, s := range declared(t, "schema/export.go", "Source") {
		p.row(code(s.value), map[string]string{
			"folder": "the watched folder", "import": "`plodwatch import`", "upload": "the HTTP gate, the inbox on NATS, a signed download", "archive": "a member of a zip that came in by another door",
		}[s.value])
	}
	compareReference(t, "formats.md", p.String())
}
