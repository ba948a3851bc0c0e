package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// samplesDir holds real files with known figures; the tests that need it run
// only where it is there.
func samplesDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "samples")
	if _, err := os.Stat(filepath.Join(dir, "expected.tsv")); err != nil {
		t.Skip("the folder of real samples is not here")
	}
	return dir
}

// moduleDir returns where a required module's source lies; its test data are
// real files that are always there.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("find module %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

// command runs plodwatch in this process and returns what it printed.
func command(t *testing.T, wantExit int, args ...string) string {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), args, &stdout, &stderr); got != wantExit {
		t.Fatalf("plodwatch %s: exit %d, want %d\n%s", strings.Join(args, " "), got, wantExit, &stderr)
	}
	return stdout.String()
}

// checked is the part of `check --json` that the tests read.
type checked struct {
	fileReport

	Sessions []checkedSession `json:"sessions"`
}

type checkedSession struct {
	sessionReport

	HRSeconds map[string]float64 `json:"hr_seconds"`
}

func check(t *testing.T, wantExit int, args ...string) []checked {
	t.Helper()
	var all []checked
	dec := json.NewDecoder(strings.NewReader(command(t, wantExit, append([]string{"check", "--json"}, args...)...)))
	for dec.More() {
		var c checked
		if err := dec.Decode(&c); err != nil {
			t.Fatalf("read output of check: %v", err)
		}
		all = append(all, c)
	}
	return all
}

// TestCheckEqualsOtherParsers compares the raw figures of every sample file
// with what several independent parsers found.
func TestCheckEqualsOtherParsers(t *testing.T) {
	dir := samplesDir(t)
	f, err := os.Open(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]int{}
	for i, name := range rows[0] {
		columns[name] = i
	}
	if len(rows) < 100 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows[1:] {
		file := row[columns["file"]]
		t.Run(file, func(t *testing.T) {
			got := checkAnyExit(t, filepath.Join(dir, file))
			for name, have := range map[string]int64{
				"records": int64(got.Raw.Records), "hr_records": int64(got.Raw.HRRecords), "hr_sum": got.Raw.HRSum,
				"hr_msg_samples": int64(got.Raw.HRMsgSamples), "hr_after_merge": int64(got.Raw.HRAfterMerge),
				"sessions": int64(got.Raw.Sessions), "first_unix": got.Raw.FirstUnix, "last_unix": got.Raw.LastUnix,
			} {
				text := row[columns[name]]
				if text == "" {
					continue
				}
				want, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if have != want {
					t.Errorf("%s is %d, other parsers say %d", name, have, want)
				}
			}
		})
	}
}

func checkAnyExit(t *testing.T, file string) checked {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if exit := run(t.Context(), []string{"check", "--json", file}, &stdout, &stderr); exit == exitUsage {
		t.Fatalf("check: %s", &stderr)
	}
	var c checked
	if err := json.Unmarshal(stdout.Bytes(), &c); err != nil {
		t.Fatalf("read output of check: %v", err)
	}
	return c
}

// TestCheckAgreesWithTheWatch: the seconds per zone of the watch itself, within
// 1 % of its total, and the seconds above 60 % of max HR within 0.5 %.
func TestCheckAgreesWithTheWatch(t *testing.T) {
	dir := moduleDir(t, "github.com/tormoder/fit")
	t.Run("run of 2 h 24 min with laps", func(t *testing.T) {
		s := check(t, exitOK, "--max-hr", "190", filepath.Join(dir, "testdata", "misc", "mornindew-broken.fit"))[0].Sessions[0]
		if got, want := *s.Above60S, 6636.8; math.Abs(got-want) > 0.005*want {
			t.Errorf("above 60 %%: %.1f s, the watch says %.1f s", got, want)
		}
		sameAsWatch(t, s, []float64{95, 114, 133, 152, 171, 190})
	})
	t.Run("ride with 34 pauses", func(t *testing.T) {
		s := check(t, exitOK, "--max-hr", "190", filepath.Join(dir, "testdata", "bpg", "garmin.fit"))[0].Sessions[0]
		want := []float64{0, 55.260, 1009.020, 4055.119, 3490.009, 179.001, 0}
		for i, v := range want {
			if len(s.WatchZoneS) != len(want) || s.WatchZoneS[i] != v {
				t.Fatalf("watch_zone_s is %v, message 216 holds %v", s.WatchZoneS, want)
			}
		}
		sameAsWatch(t, s, []float64{93, 108, 126, 145, 167, 183})
	})
}

// sameAsWatch compares our seconds between bounds with the watch's cells.
func sameAsWatch(t *testing.T, s checkedSession, bounds []float64) {
	t.Helper()
	ours := make([]float64, len(bounds)+1)
	for text, sec := range s.HRSeconds {
		bpm, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		zone := 0
		for _, b := range bounds {
			if bpm >= b {
				zone++
			}
		}
		ours[zone] += sec
	}
	off, total := 0.0, 0.0
	for i, w := range s.WatchZoneS {
		off += math.Abs(ours[i] - w)
		total += w
	}
	if total == 0 || off > 0.01*total {
		t.Errorf("zones differ by %.1f s of %.1f s: ours %.0f, the watch's %.0f", off, total, ours, s.WatchZoneS)
	}
}

// TestCheckBudgetCloses: in every real file the parts of the budget sum to the
// elapsed time, and the seconds per bpm to the classified part.
func TestCheckBudgetCloses(t *testing.T) {
	sessions := 0
	for _, corpus := range []struct {
		dir  string
		exit int
	}{
		{filepath.Join(moduleDir(t, "github.com/tormoder/fit"), "testdata"), exitRejected}, // two files whose clock was never set
		{filepath.Join(moduleDir(t, "github.com/tkrajina/gpxgo"), "test_files"), exitOK},
	} {
		for _, c := range check(t, corpus.exit, "--max-hr", "190", corpus.dir) {
			for _, s := range c.Sessions {
				sessions++
				b := s.Budget
				if sum := b.PausedS + b.GapS + b.NoHRS + b.RejectedHRS + b.ClassifiedS; math.Abs(sum-s.ElapsedS) > 1e-6 {
					t.Errorf("%s: budget %+v sums to %f, elapsed %f", filepath.Base(c.File), b, sum, s.ElapsedS)
				}
				classified := 0.0
				for _, sec := range s.HRSeconds {
					classified += sec
				}
				if math.Abs(classified-b.ClassifiedS) > 1e-6 {
					t.Errorf("%s: %f s in hr_seconds, %f s classified", filepath.Base(c.File), classified, b.ClassifiedS)
				}
			}
		}
	}
	if sessions < 30 {
		t.Errorf("only %d sessions checked", sessions)
	}
}

// TestCheckFormatsAgree: one ride as FIT and as two GPX files has the same
// seconds at every heart rate.
func TestCheckFormatsAgree(t *testing.T) {
	dir := filepath.Join(samplesDir(t), "GoldenCheetah+sweatpy")
	var first map[string]float64
	for _, name := range []string{
		"sweat-examples-data-4801048867.fit", "sweat-examples-data-4801048867_strava.gpx", "sweat-examples-data-activity_4801048867.gpx",
	} {
		got := check(t, exitOK, filepath.Join(dir, name))[0].Sessions[0].HRSeconds
		if first == nil {
			first = got
		}
		for bpm, sec := range first {
			if math.Abs(got[bpm]-sec) >= 1 {
				t.Errorf("%s: %.3f s at %s bpm, the FIT file has %.3f s", name, got[bpm], bpm, sec)
			}
		}
		if len(got) != len(first) || len(first) < 20 {
			t.Errorf("%s: %d heart rates, the FIT file has %d", name, len(got), len(first))
		}
	}
}
