package gpxfile_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html/charset"

	"plodwatch/ingest/gpxfile"
	"plodwatch/schema"
)

// samplesDir returns the folder of real files beside the module, or "" when it
// is not there.
func samplesDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			samples := filepath.Join(dir, "..", "shared", "samples")
			if _, err := os.Stat(filepath.Join(samples, "expected.tsv")); err != nil {
				return ""
			}
			return samples
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// realFiles returns the GPX files of gpxgo's tests and of the samples.
func realFiles(tb testing.TB) []string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tkrajina/gpxgo").Output()
	if err != nil {
		tb.Fatalf("find gpxgo's test files: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "test_files", "*.gpx"))
	if err != nil || len(files) < 10 {
		tb.Fatalf("found %d GPX files of gpxgo: %v", len(files), err)
	}
	if dir := samplesDir(tb); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*", "*.gpx"))
		if err != nil || len(more) < 50 {
			tb.Fatalf("found %d GPX samples: %v", len(more), err)
		}
		files = append(files, more...)
	}
	return files
}

func TestRawCountsEqualTheExpectedOnes(t *testing.T) {
	dir := samplesDir(t)
	if dir == "" {
		t.Skip("the samples are not there")
	}
	f, err := os.Open(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma, table.LazyQuotes = '\t', true
	rows, err := table.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[name] = i
	}
	compared := 0
	for _, row := range rows[1:] {
		if row[col["kind"]] != "gpx" {
			continue
		}
		number := func(name string) int64 {
			n, err := strconv.ParseInt(row[col[name]], 10, 64)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, row[0], err)
			}
			return n
		}
		want := schema.RawCounts{
			Records: int(number("records")), HRRecords: int(number("hr_records")), HRSum: number("hr_sum"),
			Sessions: int(number("sessions")), FirstUnix: number("first_unix"), LastUnix: number("last_unix"),
		}
		data, err := os.ReadFile(filepath.Join(dir, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		rec, err := gpxfile.Decode(t.Context(), bytes.NewReader(data))
		if err != nil && schema.AsRefusal(err) == nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if diff := cmp.Diff(want, rec.Raw); diff != "" {
			t.Errorf("%s: (-expected +decoded)\n%s", row[0], diff)
		}
		compared++
	}
	if compared < 50 {
		t.Errorf("compared %d rows only", compared)
	}
}

// plainPoint is a point as the plain loop sees it.
type plainPoint struct {
	ms       int64
	hr       int
	lat, lon float64
}

// plainLoop reads a well-formed GPX file with nothing but encoding/xml.
func plainLoop(tb testing.TB, r io.Reader) (points []plainPoint, tracks int) {
	tb.Helper()
	dec := xml.NewDecoder(r)
	dec.CharsetReader = charset.NewReaderLabel
	var path []string
	var p plainPoint
	text := ""
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return points, tracks
		}
		if err != nil {
			tb.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			path, text = append(path, tok.Name.Local), ""
			switch tok.Name.Local {
			case "trk":
				tracks++
			case "trkpt":
				p = plainPoint{lat: math.NaN(), lon: math.NaN()}
				for _, a := range tok.Attr {
					v, err := strconv.ParseFloat(a.Value, 64)
					if err != nil {
						continue
					}
					switch a.Name.Local {
					case "lat":
						p.lat = v
					case "lon":
						p.lon = v
					}
				}
			}
		case xml.CharData:
			text += string(tok)
		case xml.EndElement:
			switch {
			case tok.Name.Local == "trkpt":
				points = append(points, p)
			case tok.Name.Local == "time" && path[len(path)-2] == "trkpt":
				p.ms = plainTime(strings.TrimSpace(text))
			case tok.Name.Local == "hr":
				v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
				if err == nil {
					p.hr = int(math.Round(v))
				}
			}
			path, text = path[:len(path)-1], ""
		}
	}
}

func plainTime(s string) int64 {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil && t.Unix() > 0 {
			return t.UnixMilli()
		}
	}
	return 0
}

func TestSamplesEqualAPlainLoopOverTheTokens(t *testing.T) {
	for _, file := range realFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		points, tracks := plainLoop(t, bytes.NewReader(data))
		want := map[int64]plainPoint{}
		timed := 0
		for _, p := range points {
			if p.ms == 0 {
				continue
			}
			timed++
			merged := p
			if old := want[p.ms]; old.hr != 0 && p.hr == 0 {
				merged.hr = old.hr
			}
			want[p.ms] = merged
		}
		for _, chunk := range []int{97, 0} {
			rec, err := gpxfile.DecodeWithin(t.Context(), bytes.NewReader(data), gpxfile.Limits{ChunkSize: chunk})
			if r := schema.AsRefusal(err); r != nil && timed == 0 && r.Outcome == schema.OutcomeSkipped {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			if rec.Raw.Records != len(points) || rec.Raw.Sessions != tracks || rec.Unassigned != len(points)-timed {
				t.Errorf("%s: %d points, %d tracks, %d unassigned; a plain loop finds %d, %d, %d", filepath.Base(file),
					rec.Raw.Records, rec.Raw.Sessions, rec.Unassigned, len(points), tracks, len(points)-timed)
			}
			compareSamples(t, filepath.Base(file), rec, want)
		}
	}
}

func compareSamples(t *testing.T, file string, rec *schema.Recording, want map[int64]plainPoint) {
	t.Helper()
	seen := 0
	for i := range rec.Sessions {
		s := &rec.Sessions[i].Samples
		if err := s.Validate(); err != nil {
			t.Errorf("%s: session %d: %v", file, i, err)
		}
		for k, ms := range s.TimeMs {
			p, ok := want[ms]
			if !ok {
				t.Fatalf("%s: sample at %d that is not in the file", file, ms)
			}
			seen++
			hr := 0
			if s.HeartRate != nil {
				hr = int(s.HeartRate[k])
			}
			if hr != p.hr {
				t.Fatalf("%s: heart rate %d at %d, in the file %d", file, hr, ms, p.hr)
			}
			if s.LatE7 != nil && s.LatE7[k] != schema.Missing &&
				(math.Abs(float64(s.LatE7[k])-p.lat*1e7) > 0.51 || math.Abs(float64(s.LonE7[k])-p.lon*1e7) > 0.51) {
				t.Fatalf("%s: position %d %d at %d, in the file %v %v", file, s.LatE7[k], s.LonE7[k], ms, p.lat, p.lon)
			}
		}
	}
	if seen < len(want) { // an instant may stand in two sessions
		t.Errorf("%s: %d samples of %d", file, seen, len(want))
	}
}

func TestTwoExportsOfOneRideHoldTheSameSeconds(t *testing.T) {
	dir := samplesDir(t)
	if dir == "" {
		t.Skip("the samples are not there")
	}
	var sessions []schema.Session
	for _, name := range []string{"activity_4801048867.gpx", "4801048867_strava.gpx"} {
		data, err := os.ReadFile(filepath.Join(dir, "GoldenCheetah+sweatpy", "sweat-examples-data-"+name))
		if err != nil {
			t.Fatal(err)
		}
		rec, err := gpxfile.Decode(context.Background(), bytes.NewReader(data))
		if err != nil || len(rec.Sessions) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		sessions = append(sessions, rec.Sessions[0])
	}
	a, b := &sessions[0].Samples, &sessions[1].Samples
	if diff := cmp.Diff(a.TimeMs, b.TimeMs); diff != "" || a.Len() != 5159 {
		t.Errorf("%d samples, times differ:\n%s", a.Len(), diff)
	}
	if diff := cmp.Diff(a.HeartRate, b.HeartRate); diff != "" {
		t.Errorf("heart rates differ:\n%s", diff)
	}
	if sessions[0].Sport != schema.SportCycling || sessions[1].Sport != schema.SportCycling {
		t.Errorf("sports %q and %q", sessions[0].Sport, sessions[1].Sport)
	}
}
