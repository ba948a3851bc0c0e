package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answer is what the generator knows of a session, in testdata/activities.
type answer struct {
	Sport        string           `json:"sport"`
	StartedAt    time.Time        `json:"started_at"`
	Samples      int              `json:"samples"`
	DistanceM    float64          `json:"distance_m"`
	ElapsedMs    int64            `json:"elapsed_ms"`
	PausedMs     int64            `json:"paused_ms"`
	GapMs        int64            `json:"gap_ms"`
	NoHRMs       int64            `json:"no_hr_ms"`
	RejectedHRMs int64            `json:"rejected_hr_ms"`
	ClassifiedMs int64            `json:"classified_ms"`
	HRMs         map[string]int64 `json:"hr_ms"`
	HRAvg        float64          `json:"hr_avg"`
	HRMax        int              `json:"hr_max"`
}

// TestCheckKnowsTheAnswers: the generated activities decode and measure to
// what their generator put in.
func TestCheckKnowsTheAnswers(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "activities")
	data, err := os.ReadFile(filepath.Join(dir, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]struct {
		Sessions []answer `json:"sessions"`
	}
	if err := json.Unmarshal(data, &files); err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("answers for only %d files", len(files))
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			got := check(t, exitOK, filepath.Join(dir, name))[0].Sessions
			if len(got) != len(want.Sessions) {
				t.Fatalf("%d sessions, want %d", len(got), len(want.Sessions))
			}
			for i := range got {
				compareAnswer(t, &got[i], &want.Sessions[i])
			}
		})
	}
}

func compareAnswer(t *testing.T, got *checkedSession, want *answer) {
	t.Helper()
	if string(got.Sport) != want.Sport || !got.StartedAt.Equal(want.StartedAt) || got.Samples != want.Samples {
		t.Errorf("%s at %s with %d samples, want %s at %s with %d", got.Sport, got.StartedAt, got.Samples, want.Sport, want.StartedAt, want.Samples)
	}
	for _, part := range []struct {
		name string
		got  float64
		want int64
	}{
		{"elapsed", got.ElapsedS, want.ElapsedMs},
		{"paused", got.Budget.PausedS, want.PausedMs},
		{"gap", got.Budget.GapS, want.GapMs},
		{"no heart rate", got.Budget.NoHRS, want.NoHRMs},
		{"rejected heart rate", got.Budget.RejectedHRS, want.RejectedHRMs},
		{"classified", got.Budget.ClassifiedS, want.ClassifiedMs},
	} {
		if math.Round(part.got*1000) != float64(part.want) {
			t.Errorf("%s is %.3f s, want %d ms", part.name, part.got, part.want)
		}
	}
	for bpm := range 256 {
		key := strconv.Itoa(bpm)
		if math.Round(got.HRSeconds[key]*1000) != float64(want.HRMs[key]) {
			t.Errorf("%.3f s at %s bpm, want %d ms", got.HRSeconds[key], key, want.HRMs[key])
		}
	}
	if want.HRMax == 0 {
		if got.HRAvg != nil || got.HRMax != nil || got.Verdict != "no_hr" || got.LowS != nil || got.Above60S != nil {
			t.Errorf("a session without heart rate has figures: avg %v, low %v, above 60 %% %v, verdict %s", got.HRAvg, got.LowS, got.Above60S, got.Verdict)
		}
		return
	}
	if math.Abs(*got.HRAvg-want.HRAvg) > 0.01 || int(*got.HRMax) != want.HRMax {
		t.Errorf("heart rate %.3f/%d, want %.3f/%d", *got.HRAvg, *got.HRMax, want.HRAvg, want.HRMax)
	}
	if want.DistanceM > 0 && (got.DistanceM == nil || math.Abs(*got.DistanceM-want.DistanceM) > 0.005*want.DistanceM) {
		t.Errorf("distance %v, want %.1f m", got.DistanceM, want.DistanceM)
	}
}

// TestTheSameRunInEveryFormatGivesTheSameSeconds: what a run measures to does
// not depend on the format that it was exported in.
func TestTheSameRunInEveryFormatGivesTheSameSeconds(t *testing.T) {
	for name, formats := range map[string][]string{
		"intervals": {"fit", "gpx", "tcx"},
		"pauses":    {"fit", "tcx"}, // GPX cannot say that the timer stopped
	} {
		var first checkedSession
		for i, format := range formats {
			file := filepath.Join("..", "..", "testdata", "activities", name+"."+format)
			got := check(t, exitOK, "--max-hr", "190", file)[0].Sessions
			if len(got) != 1 {
				t.Fatalf("%s: %d sessions", file, len(got))
			}
			if i == 0 {
				first = got[0]
			}
			if diff := cmp.Diff(first.HRSeconds, got[0].HRSeconds); diff != "" {
				t.Errorf("%s: seconds per heart rate differ from %s:\n%s", file, formats[0], diff)
			}
			if diff := cmp.Diff(first.Budget, got[0].Budget); diff != "" {
				t.Errorf("%s: time budget differs from %s:\n%s", file, formats[0], diff)
			}
			if !slices.Equal(first.ZoneS, got[0].ZoneS) || len(got[0].ZoneS) == 0 {
				t.Errorf("%s: zones of %v s, %v s in %s", file, got[0].ZoneS, first.ZoneS, formats[0])
			}
		}
	}
}
