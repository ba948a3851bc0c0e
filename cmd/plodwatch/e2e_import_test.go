package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/schema"
	"plodwatch/testdata/gen/activity"
)

// TestEndToEndImport: what is stored of generated files equals what was
// generated, to the last beat, and importing them again changes nothing.
func TestEndToEndImport(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	runs := corpus(t)
	folder := filepath.Dir(runs[0].path)

	first := p.imports(exitOK, folder, activities())
	known := readAnswers(t)
	want := sums{}
	for _, r := range runs {
		want.add(int64(r.Samples), r.HRSum)
	}
	files := len(runs) + len(known) + 1 // and answers.json itself
	for _, a := range known {
		for _, s := range a.Sessions {
			want.add(int64(s.Samples), s.HRSum)
		}
	}
	if first.Files != files || first.SessionsAdded != want.Sessions || first.SamplesAdded != want.Samples {
		t.Errorf("import says %+v, generated were %d files with %+v", first, files, want)
	}
	if got, want := first.outcomes(), "decoded "+strconv.Itoa(files-1)+", skipped unsupported_format 1"; got != want {
		t.Errorf("outcomes %q, want %q", got, want)
	}
	if got := p.sums(); got != want {
		t.Fatalf("stored are %+v, generated were %+v", got, want)
	}

	t.Run("every run holds what was written into it", func(t *testing.T) { sameRuns(p.as(t), runs) })
	t.Run("every activity has its known answers", func(t *testing.T) { sameAnswers(p.as(t), known) })
	t.Run("every view answers and explains itself", func(t *testing.T) { viewsAnswer(p.as(t)) })

	before := p.everything()
	again := p.imports(exitOK, folder, activities())
	if got, want := again.outcomes(), "duplicate same_bytes "+strconv.Itoa(files); got != want {
		t.Errorf("second import: %q, want %q", got, want)
	}
	if again.SessionsAdded != 0 || again.SamplesAdded != 0 || again.Samples != uint64(want.Samples) {
		t.Errorf("second import added something: %+v", again)
	}
	if got := p.sums(); got != want {
		t.Errorf("after the second import %+v, before %+v", got, want)
	}
	before.same(t, p.everything())
	if got := p.do(exitOK, "import", folder).stdout; !strings.Contains(got, "Nothing new") || !strings.Contains(got, "duplicate  24") {
		t.Errorf("a third import does not say that nothing was new:\n%s", got)
	}
}

func (s *sums) add(samples, hrSum int64) {
	s.Samples += samples
	s.HRSum += hrSum
	s.Sessions++
}

// as returns p for a subtest.
func (p *person) as(t *testing.T) *person {
	q := *p
	q.t = t
	return &q
}

func exportOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sameRuns compares every generated run with its rows.
func sameRuns(p *person, runs []truth) {
	type row struct {
		ExportID  string  `json:"export_id"`
		StartedAt string  `json:"started_at"`
		Samples   int     `json:"samples"`
		HRSum     int64   `json:"hr_sum"`
		DistanceM float64 `json:"distance_m"`
	}
	got := map[string]row{}
	for _, r := range rows[row](p, `SELECT s.export_id AS export_id, formatDateTime(any(s.started_at), '%FT%TZ', 'UTC') AS started_at,
		count() AS samples, sum(m.hr) AS hr_sum, any(s.distance_m) AS distance_m
		FROM samples_and_copies AS m JOIN sessions_and_copies AS s ON s.session_id = m.session_id GROUP BY s.export_id`) {
		got[r.ExportID] = r
	}
	for _, r := range runs {
		id := exportOf(p.t, r.path)
		want := row{
			ExportID: id, StartedAt: r.Start.UTC().Format("2006-01-02T15:04:05Z"), Samples: r.Samples, HRSum: r.HRSum,
			DistanceM: float64(r.DistanceCm) / 100,
		}
		if math.Abs(got[id].DistanceM-want.DistanceM) < 0.005 {
			want.DistanceM = got[id].DistanceM
		}
		if got[id] != want {
			p.t.Errorf("%s is %+v, generated was %+v", filepath.Base(r.path), got[id], want)
		}
	}
}

// knownFile is one file of answers.json.
type knownFile struct {
	Format   schema.Format     `json:"format"`
	Sessions []activity.Answer `json:"sessions"`
}

func readAnswers(t *testing.T) map[string]knownFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(activities(), "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]knownFile
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("only %d files in answers.json", len(all))
	}
	return all
}

// storedSession is a session as the views show it.
type storedSession struct {
	ExportID    string              `json:"export_id"`
	Sport       string              `json:"sport"`
	StartedMs   int64               `json:"started_ms"`
	UTCOffsetS  int                 `json:"utc_offset_s"`
	Samples     int                 `json:"samples"`
	Rows        int                 `json:"n"`
	HRSum       int64               `json:"hr_sum"`
	DistanceM   *float64            `json:"distance_m"`
	ElapsedS    float64             `json:"elapsed_s"`
	PausedS     float64             `json:"paused_s"`
	GapS        float64             `json:"gap_s"`
	NoHRS       float64             `json:"no_hr_s"`
	RejectedHRS float64             `json:"rejected_hr_s"`
	ClassifiedS float64             `json:"classified_s"`
	HRAvg       *float64            `json:"hr_avg"`
	HRMax       *uint8              `json:"hr_max"`
	HRSeconds   []float64           `json:"hr_seconds"`
	FlagPairs   [][]json.RawMessage `json:"flag_pairs"`
}

const storedQuery = `SELECT s.export_id AS export_id, s.sport AS sport, toUnixTimestamp64Milli(s.started_at) AS started_ms, s.utc_offset_s AS utc_offset_s,
	s.samples AS samples, m.n AS n, m.hr_sum AS hr_sum, s.distance_m AS distance_m, s.elapsed_s AS elapsed_s, s.paused_s AS paused_s,
	s.gap_s AS gap_s, s.no_hr_s AS no_hr_s, s.rejected_hr_s AS rejected_hr_s, s.classified_s AS classified_s, s.hr_avg AS hr_avg,
	s.hr_max AS hr_max, s.hr_seconds AS hr_seconds, m.flag_pairs AS flag_pairs
	FROM sessions_and_copies AS s JOIN (
		SELECT session_id, count() AS n, sum(hr) AS hr_sum,
			arrayFilter(x -> x.1 != 'ok', arrayMap((x, i) -> (toString(x.2), i - 1),
				arraySort(groupArray((t, hr_flag))), range(1, count() + 1))) AS flag_pairs
		FROM samples_and_copies GROUP BY session_id
	) AS m ON m.session_id = s.session_id
	ORDER BY s.started_at`

// sameAnswers compares the activities' known answers with the views, through
// the whole pipeline.
func sameAnswers(p *person, known map[string]knownFile) {
	stored := map[string][]storedSession{}
	for _, s := range rows[storedSession](p, storedQuery) {
		stored[s.ExportID] = append(stored[s.ExportID], s)
	}
	for name, a := range known {
		got := stored[exportOf(p.t, filepath.Join(activities(), name))]
		if len(got) != len(a.Sessions) {
			p.t.Errorf("%s: %d sessions stored, it has %d", name, len(got), len(a.Sessions))
			continue
		}
		for i := range got {
			got[i].compare(p.t, name, &a.Sessions[i], a.Format)
		}
	}
}

func (s *storedSession) compare(t *testing.T, name string, want *activity.Answer, format schema.Format) {
	t.Helper()
	started, err := schemaTime(want.StartedAt)
	if err != nil {
		t.Fatal(err)
	}
	if s.Sport != want.Sport || s.StartedMs != started || s.UTCOffsetS != want.UTCOffsetS || s.Samples != want.Samples ||
		s.Rows != want.Samples || s.HRSum != want.HRSum {
		t.Errorf("%s: stored is %+v, the answer is %+v", name, s, want)
	}
	for _, v := range []struct {
		what     string
		got      float64
		wantedMs int64
	}{
		{"elapsed", s.ElapsedS, want.ElapsedMs},
		{"paused", s.PausedS, want.PausedMs},
		{"gap", s.GapS, want.GapMs},
		{"no HR", s.NoHRS, want.NoHRMs},
		{"rejected HR", s.RejectedHRS, want.RejectedHRMs},
		{"classified", s.ClassifiedS, want.ClassifiedMs},
	} {
		if math.Round(v.got*1000) != float64(v.wantedMs) {
			t.Errorf("%s: %s is %.3f s, the answer is %d ms", name, v.what, v.got, v.wantedMs)
		}
	}
	if len(s.HRSeconds) != 255 {
		t.Fatalf("%s: hr_seconds has %d elements", name, len(s.HRSeconds))
	}
	for i, sec := range s.HRSeconds {
		if bpm := uint8(i + 1); math.Round(sec*1000) != float64(want.HRMs[bpm]) {
			t.Errorf("%s: %.3f s at %d bpm, the answer is %d ms", name, sec, bpm, want.HRMs[bpm])
		}
	}
	if want.ClassifiedMs == 0 && (s.HRAvg != nil || s.HRMax != nil) ||
		want.ClassifiedMs > 0 && (s.HRAvg == nil || s.HRMax == nil || math.Abs(*s.HRAvg-want.HRAvg) > 0.001 || *s.HRMax != want.HRMax) {
		t.Errorf("%s: heart rate %v/%v, the answer is %g/%d", name, s.HRAvg, s.HRMax, want.HRAvg, want.HRMax)
	}
	tolerance := 0.005 // the device's own figure
	if format == schema.FormatGPX {
		tolerance = 0.002 * want.DistanceM // by positions
	}
	if s.DistanceM == nil || math.Abs(*s.DistanceM-want.DistanceM) > tolerance {
		t.Errorf("%s: distance %v m, the answer is %g m", name, deref(s.DistanceM), want.DistanceM)
	}
	s.compareFlags(t, name, want)
}

func (s *storedSession) compareFlags(t *testing.T, name string, want *activity.Answer) {
	t.Helper()
	got := map[string][]int{}
	for _, pair := range s.FlagPairs {
		var flag string
		var at int
		if len(pair) != 2 || json.Unmarshal(pair[0], &flag) != nil || json.Unmarshal(pair[1], &at) != nil {
			t.Fatalf("%s: flag %s", name, pair)
		}
		got[flag] = append(got[flag], at)
	}
	for _, flag := range []string{"missing", "out_of_range", "spike"} {
		g, err := json.Marshal(got[flag])
		if err != nil {
			t.Fatal(err)
		}
		w, err := json.Marshal(want.HRFlags[flag])
		if err != nil {
			t.Fatal(err)
		}
		if string(g) != string(w) {
			t.Errorf("%s: %s at %s, the answer is %s", name, flag, g, w)
		}
	}
}

// viewsAnswer reads from every view, and wants a comment on each and on each
// of its columns.
func viewsAnswer(p *person) {
	type thing struct {
		View    string `json:"view"`
		Column  string `json:"column"`
		Comment string `json:"comment"`
	}
	views := map[string]bool{}
	var counts []string
	for _, c := range rows[thing](p, `SELECT c.table AS view, c.name AS column, c.comment AS comment FROM system.columns AS c
		JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
		WHERE c.database = currentDatabase() AND t.engine = 'View'
		UNION ALL SELECT name, '', comment FROM system.tables WHERE database = currentDatabase() AND engine = 'View'`) {
		if c.Comment == "" {
			p.t.Errorf("%s.%s has no comment", c.View, c.Column)
		}
		if !views[c.View] {
			views[c.View] = true
			counts = append(counts, "SELECT '"+c.View+"' AS view, count() AS n FROM (SELECT * FROM "+c.View+")")
		}
	}
	filled := map[string]int64{}
	for _, r := range rows[struct {
		View string `json:"view"`
		N    int64  `json:"n"`
	}](p, strings.Join(counts, " UNION ALL ")) {
		filled[r.View] = r.N
	}
	for _, name := range []string{"exports", "sessions", "samples", "intensity"} {
		if filled[name] == 0 {
			p.t.Errorf("view %s is empty or not there", name)
		}
	}
	if n, ok := filled["athlete_settings"]; !ok || n != 0 {
		p.t.Errorf("view athlete_settings: there is %t with %d rows, nothing was set", ok, n)
	}
	if got := p.do(exitOK, "query", "SELECT * FROM sessions LIMIT 3").stdout; !strings.Contains(got, "hr_seconds") {
		p.t.Errorf("a table for people has no header: %.300s", got)
	}
}

// contents is all that is stored, apart from when it was written.
type contents map[string]string

// everything reads fingerprints of all views.
func (p *person) everything() contents {
	p.t.Helper()
	var parts []string
	for view, but := range map[string]string{
		"samples_and_copies": "", "intensity_and_copies": "EXCEPT (analyzed_at)",
		"sessions_and_copies": "EXCEPT (analyzed_at, duplicate_of, duplicate_reason, duplicate_confidence)",
		"exports":             "EXCEPT (analyzed_at, decoded_at, received_at)", "athlete_settings": "EXCEPT (set_at)",
	} {
		parts = append(parts, "SELECT '"+view+"' AS view, count() AS n, toString(groupBitXor(cityHash64(toString(tuple(*))))) AS hash"+
			" FROM (SELECT * "+but+" FROM "+view+")")
	}
	type row struct {
		View string `json:"view"`
		N    int64  `json:"n"`
		Hash string `json:"hash"`
	}
	all := contents{}
	for _, r := range rows[row](p, strings.Join(parts, " UNION ALL ")) {
		all[r.View] = strconv.FormatInt(r.N, 10) + " rows, " + r.Hash
	}
	if len(all) != len(parts) {
		p.t.Fatalf("fingerprints of %d views, want %d", len(all), len(parts))
	}
	return all
}

func (c contents) same(t *testing.T, other contents) {
	t.Helper()
	for view, was := range c {
		if other[view] != was {
			t.Errorf("%s: %s, before it was %s", view, other[view], was)
		}
	}
}

func schemaTime(text string) (int64, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UnixMilli(), err
}

func deref[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
}

// TestCheckTellsTheLocalTimeThatIsStored: check and the pipeline find the same
// offset, also where only the position tells it.
func TestCheckTellsTheLocalTimeThatIsStored(t *testing.T) {
	p := newPerson(t)
	// Times in UTC, as most GPX files have them, in Oslo in summer; and nowhere.
	const point = `<trkpt lat="59.9139" lon="%s"><time>2024-07-15T06:%02d:00Z</time></trkpt>`
	files := []string{activities()}
	for name, lon := range map[string]string{"oslo.gpx": "10.75%02d", "nowhere.gpx": "210.75%02d"} {
		var points strings.Builder
		for i := range 10 {
			fmt.Fprintf(&points, point, fmt.Sprintf(lon, i), i)
		}
		files = append(files, p.write(name, `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>`+points.String()+`</trkseg></trk></gpx>`))
	}
	p.imports(exitOK, files...)
	type local struct {
		ExportID string `json:"export_id"`
		Offset   int32  `json:"utc_offset_s"`
		Source   string `json:"utc_offset_source"`
	}
	stored := map[local]int{}
	for _, s := range rows[local](p, "SELECT export_id, utc_offset_s, utc_offset_source FROM sessions_and_copies") {
		stored[s]++
	}
	sources := map[string]int{}
	for _, f := range check(t, exitOK, files...) {
		for i := range f.Sessions {
			s := &f.Sessions[i]
			said := local{ExportID: f.ExportID, Source: string(s.UTCOffsetSource)}
			if s.UTCOffsetS != nil {
				said.Offset = *s.UTCOffsetS
			}
			if stored[said]--; stored[said] < 0 {
				t.Errorf("%s: check says %+v, that is not what is stored", f.File, said)
			}
			sources[said.Source]++
		}
	}
	for left, n := range stored {
		if n > 0 {
			t.Errorf("check does not say %+v", left)
		}
	}
	if sources["file"] == 0 || sources["position"] != 1 || sources[""] == 0 {
		t.Errorf("the activities have only %v", sources)
	}
}
