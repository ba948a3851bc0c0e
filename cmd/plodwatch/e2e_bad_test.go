package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plodwatch/schema"
)

// badFile is a file that no watch writes, and what is to become of it.
type badFile struct {
	name    string
	data    []byte
	outcome schema.Outcome
	reason  schema.Reason
	samples int // that can be had from it; some of these when it was cut
	cut     bool
}

// goodRuns of the corpus lie among the bad files as they are.
const goodRuns = 6

// TestEndToEndBadInput: whatever lies among good files ends with an outcome and
// a reason, and the good files are all taken.
func TestEndToEndBadInput(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	runs := corpus(t)
	good := readAll(t, runs[:goodRuns])
	dir := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("a-good.fit", good[0])
	put("z-good.fit", good[1])
	put("folder.fit/deep/down/good.fit", good[2])
	put("packed.fit.gz", gzipped(t, good[0])) // the twin of a-good.fit
	put("archive.zip", zipped(t, "outer.zip", zipped(t, "x/good.fit", good[3])))

	put("whole-1.fit", good[4])
	put("whole-2.fit", good[5])

	files := badFiles(t, good[4], good[5], readAll(t, runs[goodRuns:goodRuns+2]))
	for _, f := range files {
		put(f.name, f.data)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.fit"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"nowhere.fit": "gone.fit", "circle.fit": "circle.fit", "link.fit": "a-good.fit", "loop": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	put(".hidden.fit", good[1])
	put("~lock.fit", []byte("x"))

	got := p.do(exitRejected, "import", "--json", dir)
	if limit := int64(1 << 20); got.peakKB > limit && !raced {
		t.Errorf("importing took %d MB", got.peakKB/1024)
	}
	res := decodeLines[importResult](t, got.stdout)[0]
	checkEndings(t, &res, files)
	checkExports(p, files)
	checkGood(p, runs, files)

	// Once more: what is bad stays so, and nothing is added.
	before := p.everything()
	again := p.imports(exitRejected, dir)
	if again.SessionsAdded != 0 || again.SamplesAdded != 0 || again.Samples != res.Samples {
		t.Errorf("second import: %+v", again)
	}
	// Named one by one, a link is followed and a pipe is still not waited for.
	named := p.imports(exitRejected, filepath.Join(dir, "link.fit"), filepath.Join(dir, "pipe.fit"))
	if got, want := named.outcomes(), "duplicate same_bytes 1, rejected not_a_regular_file 1"; got != want {
		t.Errorf("a link and a pipe: %s, want %s", got, want)
	}
	before.same(t, p.everything())
}

// checkEndings compares the table of an import with what became of each file.
func checkEndings(t *testing.T, res *importResult, files []badFile) {
	t.Helper()
	want := map[string]int{
		"decoded":                     8, // plain four times, deep, gzipped, in the zips, in the lying zip
		"decoded archive":             3, // the zip in a zip, and two more of the nested ones
		"rejected not_a_regular_file": 5,
		"skipped ignored_name":        2,
		"skipped nested_too_deep":     1,
	}
	for _, f := range files {
		want[strings.TrimSpace(string(f.outcome)+" "+string(f.reason))]++
	}
	for _, e := range res.Outcomes {
		what := strings.TrimSpace(string(e.Outcome) + " " + string(e.Reason))
		if want[what] != e.Files {
			t.Errorf("%d files are %s, want %d", e.Files, what, want[what])
		}
		delete(want, what)
	}
	for what, n := range want {
		t.Errorf("no files are %s, want %d", what, n)
	}
}

// checkExports compares the rows of the bad files in exports.
func checkExports(p *person, files []badFile) {
	type row struct {
		ExportID string         `json:"export_id"`
		Outcome  schema.Outcome `json:"outcome"`
		Reason   schema.Reason  `json:"reason"`
		Detail   string         `json:"detail"`
		Source   string         `json:"source"`
		Samples  int            `json:"n"`
	}
	stored := map[string]row{}
	for _, r := range rows[row](p, `SELECT export_id, outcome, reason, detail, source, n FROM exports LEFT JOIN
		(SELECT export_id, sum(samples) AS n FROM sessions_and_copies GROUP BY export_id) AS s USING (export_id)`) {
		stored[r.ExportID] = r
	}
	for _, f := range files {
		r := stored[schema.ExportIDOf(f.data).String()]
		if r.Outcome != f.outcome || r.Reason != f.reason || !f.cut && r.Samples != f.samples ||
			f.cut && (r.Samples < f.samples/4 || r.Samples >= f.samples) {
			p.t.Errorf("%s: %s (%s) with %d samples, want %s (%s) with %d; %s", f.name, r.Outcome, r.Reason, r.Samples, f.outcome, f.reason, f.samples, r.Detail)
		}
		if r.Detail == "" && r.Outcome != schema.OutcomeSalvaged && r.Outcome != schema.OutcomeDecoded {
			p.t.Errorf("%s: the reason %s has no words", f.name, r.Reason)
		}
		if strings.Contains(r.Detail, "bad-") {
			p.t.Errorf("%s: its name stands in the detail %q", f.name, r.Detail)
		}
	}
}

// checkGood wants each good run once, whichever way it came, and of the cut
// files only what the whole ones hold.
func checkGood(p *person, runs []truth, files []badFile) {
	type row struct {
		ExportID string `json:"export_id"`
		Samples  int    `json:"n"`
		HRSum    int64  `json:"hr_sum"`
	}
	type day struct {
		Day  string `json:"day"`
		Rows []row  `json:"-"`
	}
	byStart := map[string][]row{}
	for _, r := range rows[struct {
		day
		row
	}](p, `SELECT formatDateTime(started_at, '%F', 'UTC') AS day, export_id, n, hr_sum FROM sessions_and_copies JOIN
		(SELECT session_id, count() AS n, sum(hr) AS hr_sum FROM samples_and_copies GROUP BY session_id) AS m USING (session_id)`) {
		byStart[r.Day] = append(byStart[r.Day], r.row)
	}
	bad := map[string]bool{}
	for _, f := range files {
		bad[schema.ExportIDOf(f.data).String()] = true
	}
	for _, run := range runs[:goodRuns] {
		whole := 0
		for _, r := range byStart[run.Start.UTC().Format(time.DateOnly)] {
			switch {
			case bad[r.ExportID]: // compared below
			case r.Samples == run.Samples && r.HRSum == run.HRSum:
				whole++
			default:
				p.t.Errorf("%s: a session of %d samples, heart rates sum to %d; it has %d, %d", run.path, r.Samples, r.HRSum, run.Samples, run.HRSum)
			}
		}
		if whole != 1 {
			p.t.Errorf("%s is there %d times", run.path, whole)
		}
	}
	var cut []string
	for _, f := range files {
		if f.cut {
			cut = append(cut, "'"+schema.ExportIDOf(f.data).String()+"'")
		}
	}
	list := strings.Join(cut, ", ")
	invented := rows[struct {
		N int `json:"n"`
	}](p, `SELECT count() AS n FROM samples_and_copies WHERE session_id IN (SELECT session_id FROM sessions_and_copies WHERE export_id IN (`+list+`))
		AND (t, hr) NOT IN (SELECT t, hr FROM samples_and_copies WHERE session_id IN (SELECT session_id FROM sessions_and_copies WHERE export_id NOT IN (`+list+`)))`)
	if len(invented) != 1 || invented[0].N != 0 {
		p.t.Errorf("%v samples of cut files are not in the whole ones", invented)
	}
}

// badFiles makes them: two are cut from whole runs, others from good ones.
func badFiles(t *testing.T, whole1, whole2 []byte, good [][]byte) []badFile {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, 9))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	wrongCRC := bytes.Clone(good[0])
	wrongCRC[len(wrongCRC)-1] ^= 0x55
	huge := bytes.Clone(good[1])
	binary.LittleEndian.PutUint32(huge[4:], 0xfffffff0)
	zeros := make([]byte, 64<<20)
	copy(zeros, fitHeader(len(zeros)))
	lying := archived(t, zip.Store, "a.gpx", []byte(gpxOf(2, "46.5", 60)))
	binary.LittleEndian.PutUint32(lying[bytes.Index(lying, []byte("PK\x01\x02"))+24:], 0xfffffff0)
	definition := []byte{0x41, 0, 0, 20, 0, 1, 3, 1, 2}
	nested := good[0]
	for i := range 4 {
		nested = zipped(t, fmt.Sprintf("%d.zip", i), nested)
	}
	rejected, salvaged, skipped, decoded := schema.OutcomeRejected, schema.OutcomeSalvaged, schema.OutcomeSkipped, schema.OutcomeDecoded
	return []badFile{
		{name: "bad-empty.fit", outcome: rejected, reason: schema.ReasonEmpty},
		{name: "bad-one.fit", data: []byte{14}, outcome: skipped, reason: schema.ReasonUnsupported},
		{name: "bad-noise.fit", data: noise, outcome: skipped, reason: schema.ReasonUnsupported},
		{name: "bad-head-and-noise.fit", data: append(fitHeader(len(noise)), noise...), outcome: rejected, reason: schema.ReasonMalformed},
		{name: "bad-bare-head.fit", data: fitHeader(0), outcome: rejected, reason: schema.ReasonMalformed},
		{name: "bad-cut.fit", data: whole1[:len(whole1)*6/10], outcome: salvaged, reason: schema.ReasonTruncated, samples: 481, cut: true},
		{name: "bad-crc.fit", data: wrongCRC, outcome: salvaged, reason: schema.ReasonCRC, samples: 481},
		{name: "bad-huge.fit", data: huge, outcome: salvaged, reason: schema.ReasonTruncated, samples: 481},
		{name: "bad-definitions.fit", data: fitOf(bytes.Repeat(definition, 100_000)), outcome: skipped, reason: schema.ReasonNoSamples},
		{
			name: "bad-nothings.fit", data: fitOf(append([]byte{0x41, 0, 0, 20, 0, 0}, bytes.Repeat([]byte{1}, 1<<20)...)),
			outcome: skipped, reason: schema.ReasonNoSamples,
		},
		{name: "bad-cut.fit.gz", data: gzipped(t, whole2)[:3000], outcome: salvaged, reason: schema.ReasonTruncated, samples: 481, cut: true},
		{name: "bad-bomb.zip", data: zipped(t, "bad-bomb.fit", zeros), outcome: rejected, reason: schema.ReasonBomb},
		{name: "bad-bomb.gz", data: gzipped(t, zeros), outcome: rejected, reason: schema.ReasonBomb},
		{name: "bad-size.zip", data: lying, outcome: salvaged, reason: schema.ReasonCorrupt},
		{name: "bad-directory.zip", data: zipped(t, "a.fit", good[1])[:400], outcome: rejected, reason: schema.ReasonMalformed},
		{name: "bad-nested.zip", data: nested, outcome: decoded, reason: schema.ReasonArchive},
		{name: "bad-laughs.gpx", data: []byte(laughs()), outcome: rejected, reason: schema.ReasonEntities},
		{name: "bad-nan.gpx", data: []byte(gpxOf(0, "NaN", 60)), outcome: decoded, samples: 60},
		{name: "bad-open.gpx", data: []byte(gpxOf(2, "46.5", 60))[:2500], outcome: salvaged, reason: schema.ReasonTruncated, samples: 60, cut: true},
		{name: "bad-text.gpx", data: []byte(`<?xml version="1.0"?><gpx>never closed, never a track`), outcome: rejected, reason: schema.ReasonMalformed},
	}
}

// fitHeader is the head of a FIT file whose data has so many bytes.
func fitHeader(size int) []byte {
	h := []byte{12, 0x20, 0, 0, 0, 0, 0, 0, '.', 'F', 'I', 'T'}
	binary.LittleEndian.PutUint32(h[4:], uint32(size)) //nolint:gosec // small
	return h
}

// fitOf is a FIT file with a file_id message of an activity before the body.
func fitOf(body []byte) []byte {
	id := []byte{0x40, 0, 0, 0, 0, 1, 0, 1, 0, 0, 4}
	file := append(append(fitHeader(len(id)+len(body)), id...), body...)
	var crc uint16
	for _, b := range file {
		crc ^= uint16(b)
		for range 8 {
			crc = crc>>1 ^ 0xa001*(crc&1)
		}
	}
	return binary.LittleEndian.AppendUint16(file, crc)
}

func laughs() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<!DOCTYPE gpx [<!ENTITY a0 \"ha\">")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "<!ENTITY a%d \"%s\">", i, strings.Repeat(fmt.Sprintf("&a%d;", i-1), 10))
	}
	b.WriteString("]><gpx version=\"1.1\"><trk><name>&a9;</name></trk></gpx>")
	return b.String()
}

// gpxOf is a track of a day of its own, one point a second, every third of
// them at the latitude given.
func gpxOf(day int, latitude string, points int) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><gpx version="1.1" creator="test"><trk><type>running</type><trkseg>` + "\n")
	for i := range points {
		lat := "46.5"
		if i%3 == 0 {
			lat = latitude
		}
		fmt.Fprintf(&b, `<trkpt lat="%s" lon="7.5"><ele>400</ele><time>2021-03-%02dT07:%02d:%02dZ</time><extensions><hr>%d</hr></extensions></trkpt>`+"\n",
			lat, day+1, i/60, i%60, 100+i%40)
	}
	b.WriteString("</trkseg></trk></gpx>")
	return b.String()
}

func readAll(t *testing.T, runs []truth) [][]byte {
	t.Helper()
	var all [][]byte
	for _, r := range runs {
		data, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	return archived(t, zip.Deflate, name, data)
}

func archived(t *testing.T, method uint16, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
