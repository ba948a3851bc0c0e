package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/ingest/fitfile"
	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

// TestRealRunsGiveTheSameSecondsAsTCX writes real FIT activities as TCX, with
// pauses marked by tracks and not marked at all, so that only the laps' timers
// tell, and compares the seconds at every heart rate.
func TestRealRunsGiveTheSameSecondsAsTCX(t *testing.T) {
	t.Parallel()
	dir := moduleDir(t, "github.com/tormoder/fit")
	files, err := filepath.Glob(filepath.Join(dir, "testdata", "*", "*.fit"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	compared, paused := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := fitfile.Decode(data)
		if err != nil {
			continue // settings and the like
		}
		for i := range rec.Sessions {
			s := &rec.Sessions[i]
			want := intensity.Measure(s)
			if len(rec.Sessions) > 1 || want.Budget.ClassifiedMs < 10*60*1000 || slices.Contains(s.Flags, schema.FlagBackwardTimes) {
				continue
			}
			compared++
			if want.Budget.PausedMs > 0 {
				paused++
			}
			for _, marked := range []bool{true, false} {
				if off := offBy(want, asTCX(t, s, marked)); off > 0.01 {
					t.Errorf("%s, marked %v: %.2f %% of the seconds at other heart rates", filepath.Base(file), marked, 100*off)
				}
			}
		}
	}
	if compared < 5 || paused < 3 {
		t.Errorf("compared %d sessions, %d of them with pauses", compared, paused)
	}
}

// asTCX measures a session after a round trip through TCX.
func asTCX(t *testing.T, s *schema.Session, marked bool) *intensity.Measured {
	t.Helper()
	rec, err := tcxfile.Decode(t.Context(), bytes.NewReader(writeTCX(s, marked)))
	if err != nil || len(rec.Sessions) != 1 || rec.Sessions[0].Samples.Len() != s.Samples.Len() {
		t.Fatalf("decode what was written: %v", err)
	}
	return intensity.Measure(&rec.Sessions[0])
}

// offBy returns the share of classified time that got measures elsewhere.
func offBy(want, got *intensity.Measured) float64 {
	var off int64
	for bpm := range want.HRMs {
		off += max(want.HRMs[bpm]-got.HRMs[bpm], got.HRMs[bpm]-want.HRMs[bpm])
	}
	return float64(off) / float64(want.Budget.ClassifiedMs)
}

func writeTCX(s *schema.Session, marked bool) []byte {
	clock := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
	var b bytes.Buffer
	b.WriteString(`<TrainingCenterDatabase><Activities><Activity Sport="Running">`)
	lap := -1
	for i, ms := range s.Samples.TimeMs {
		switch next := lap + 1; {
		case next < len(s.Laps) && (ms >= s.Laps[next].StartMs || lap < 0):
			if lap >= 0 {
				b.WriteString("</Track></Lap>")
			}
			lap = next
			fmt.Fprintf(&b, `<Lap StartTime=%q><TotalTimeSeconds>%.3f</TotalTimeSeconds><Track>`, clock(s.Laps[lap].StartMs), float64(s.Laps[lap].TimerMs)/1000)
		case i == 0:
			b.WriteString("<Lap><Track>")
		case marked && stopsBetween(s.TimerEvents, s.Samples.TimeMs[i-1], ms):
			b.WriteString("</Track><Track>")
		}
		fmt.Fprintf(&b, "<Trackpoint><Time>%s</Time>", clock(ms))
		if hr := s.Samples.HeartRate[i]; hr > 0 {
			fmt.Fprintf(&b, "<HeartRateBpm><Value>%d</Value></HeartRateBpm>", hr)
		}
		b.WriteString("</Trackpoint>")
	}
	b.WriteString("</Track></Lap></Activity></Activities></TrainingCenterDatabase>")
	return b.Bytes()
}

func stopsBetween(events []schema.TimerEvent, fromMs, toMs int64) bool {
	return slices.ContainsFunc(events, func(e schema.TimerEvent) bool { return e.Stop && e.AtMs >= fromMs && e.AtMs < toMs })
}
