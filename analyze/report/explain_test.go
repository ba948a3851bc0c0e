package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/report"
	"plodwatch/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares text with testdata/name, and writes it there with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// begins is 2024-05-04 22:58:00 UTC, which is past midnight in Vienna.
const begins = 1714863480000

// stretch is so many seconds at a heart rate; -1 writes no samples at all.
type stretch struct {
	seconds int
	bpm     int
}

// session builds a run at 1 Hz from stretches.
func session(stretches ...stretch) *schema.Envelope {
	file := schema.ExportIDOf([]byte("a file"))
	env := &schema.Envelope{
		Athlete: "anna", Export: file, ID: schema.SessionIDOf("anna", file, 0), Format: schema.FormatFIT, DecoderVersion: 3,
		Session: schema.Session{
			Sport: schema.SportRunning, SubSport: "trail", StartMs: begins, Feel: -1, Device: "garmin fenix7",
			UTCOffsetS: 7200, OffsetSource: schema.OffsetFile,
		},
	}
	s := &env.Session.Samples
	at := int64(begins)
	for _, part := range stretches {
		for range part.seconds {
			if part.bpm >= 0 {
				s.TimeMs, s.HeartRate = append(s.TimeMs, at), append(s.HeartRate, uint8(part.bpm)) //nolint:gosec // a heart rate
			}
			at += 1000
		}
	}
	env.Session.EndMs = at
	return env
}

// explained works a session out under settings, as stored a moment ago.
func explained(env *schema.Envelope, set schema.Settings) *analyze.Explained {
	set.Athlete = env.Athlete
	m := intensity.Measure(&env.Session)
	x := &analyze.Explained{StoredBudget: m.Budget, StoredRules: intensity.RulesVersion}
	x.Env, x.Measured, x.SettingsID, x.SamplesStored = env, m, "00112233aabbccdd", true
	x.Result = intensity.Derive(m, &env.Session, intensity.Inputs{Settings: set, ObservedHRMax: m.ObservedHRMax, Year: 2024})
	// The rules' version is no part of what these tests look at.
	x.Result.RulesVersion = 7
	x.Inputs = analyze.Inputs{
		Settings: analyze.Dated{Settings: set}, UTCOffsetS: env.Session.UTCOffsetS, OffsetSource: env.Session.OffsetSource,
		LocalDay: schema.DayOf(env.Session.StartMs, env.Session.UTCOffsetS), ObservedHRMax: m.ObservedHRMax,
	}
	if set.ValidFrom != 0 {
		x.Inputs.Settings.Version = 1
	}
	r := &x.Result
	x.Stored = &analyze.Judgement{
		SettingsID: x.SettingsID, LowMs: r.LowMs, ModerateMs: r.ModerateMs, HighMs: r.HighMs, LowShare: r.LowShare,
		Meets8020: r.Meets8020, Class: r.Class, Label: r.Label, CapOK: r.CapOK, Verdict: r.Verdict, RulesVersion: 7,
	}
	return x
}

func withWatch(env *schema.Envelope) *schema.Envelope {
	env.Session.WatchZones = schema.WatchZones{
		TimeMs: []int64{0, 0, 100000, 2400000, 500000, 60000, 0}, BoundsBPM: []uint8{93, 111, 130, 148, 167, 185},
	}
	return env
}

func withPause(env *schema.Envelope, from, to int) *schema.Envelope {
	env.Session.TimerEvents = []schema.TimerEvent{
		{AtMs: begins}, {AtMs: begins + int64(from)*1000, Stop: true}, {AtMs: begins + int64(to)*1000},
	}
	return env
}

// day20240301 is the first day the settings of these tests hold for.
const day20240301 = schema.Day(19783)

func TestExplainInWords(t *testing.T) {
	everything := withPause(withWatch(session(stretch{100, 120}, stretch{20, 0}, stretch{10, 240}, stretch{2400, 135},
		stretch{120, -1}, stretch{300, 152}, stretch{45, -1}, stretch{200, 165})), 2530, 2650)
	everything.Session.Flags = []schema.Flag{schema.FlagCRCBad, schema.FlagTruncated}
	for name, x := range map[string]*analyze.Explained{
		"everything":   explained(everything, schema.Settings{ValidFrom: day20240301, HRMax: 185, HRRest: 48}),
		"no_hr":        explained(session(stretch{600, 0}), schema.Settings{}),
		"no_hrmax":     explained(session(stretch{600, 130}), schema.Settings{}),
		"too_short":    explained(session(stretch{240, 130}), schema.Settings{BirthYear: 1984, ValidFrom: day20240301}),
		"low_coverage": explained(session(stretch{400, 130}, stretch{600, 0}), schema.Settings{ValidFrom: day20240301, LTHR: 160, HRMax: 190, ZoneModel: schema.ZoneFriel7}),
		"easy":         explained(session(stretch{1900, 130}), schema.Settings{ValidFrom: day20240301, VT1: 140, VT2: 160, ZoneModel: schema.ZoneHRR5, HRMax: 200}),
	} {
		t.Run(name, func(t *testing.T) {
			out := report.Explain(x)
			var b bytes.Buffer
			if err := out.WriteText(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, "explain_"+name+".txt", b.String())
			data, err := json.MarshalIndent(out, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "explain_"+name+".json", string(data)+"\n")
			if string(out.Verdict) != name && out.Verdict != intensity.VerdictOK {
				t.Errorf("the verdict is %s", out.Verdict)
			}
			if out.Verdict != intensity.VerdictOK && !stops(out, string(out.Verdict)) {
				t.Errorf("no rule stands against the session by the name of its verdict %s", out.Verdict)
			}
		})
	}
}

func stops(out *report.Explanation, rule string) bool {
	for _, s := range out.Steps {
		if s.Rule == rule {
			return !s.Holds
		}
	}
	return false
}

// TestExcludedAddsUp checks the stretches against the budget: each of its parts
// is the sum of those with its causes, and none overlaps another.
func TestExcludedAddsUp(t *testing.T) {
	x := explained(withPause(session(stretch{60, 120}, stretch{7, 0}, stretch{50, 125}, stretch{3, 20}, stretch{60, 130},
		stretch{1, 160}, stretch{60, 130}, stretch{100, -1}, stretch{90, 140}, stretch{55, -1}, stretch{30, 140}), 241, 341), schema.Settings{HRMax: 190})
	out := report.Explain(x)
	sums := map[intensity.Cause]float64{}
	var last time.Time
	for _, e := range out.Excluded {
		if e.From.Before(last) || e.To.Sub(e.From).Seconds() != e.Seconds {
			t.Errorf("stretch %+v after %s", e, last)
		}
		last = e.To
		sums[e.Cause] += e.Seconds
	}
	want := map[intensity.Cause]float64{
		intensity.CauseNoHR: 7, intensity.CauseOutOfRange: 3, intensity.CauseSpike: 1, intensity.CausePaused: 100, intensity.CauseGap: 56,
	}
	if diff := cmp.Diff(want, sums); diff != "" {
		t.Errorf("seconds by cause (-want +got):\n%s", diff)
	}
	b := out.Time
	if b.PausedS != 100 || b.GapS != 56 || b.NoHRS != 7 || b.RejectedHRS != 4 ||
		b.ElapsedS != b.PausedS+b.GapS+b.NoHRS+b.RejectedHRS+b.ClassifiedS {
		t.Errorf("budget %+v", b)
	}
}

func TestFilesDoNotSteerTheTerminal(t *testing.T) {
	env := session(stretch{600, 130})
	env.Session.Device, env.Session.SubSport = "watch\x1b]0;x\a", "a\u009bb\nc\xff"
	var b bytes.Buffer
	if err := report.Explain(explained(env, schema.Settings{HRMax: 190})).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "watch?]0;x?\n") || !strings.Contains(b.String(), "running/a?b?c? by anna") {
		t.Errorf("got %q", b.String()[:200])
	}
}

func TestExplainSaysWhenItDiffers(t *testing.T) {
	x := explained(session(stretch{600, 130}), schema.Settings{HRMax: 190})
	x.StoredBudget.GapMs++
	x.Stored.RulesVersion = 6
	x.Stored.Class = intensity.ClassHard
	var b bytes.Buffer
	if err := report.Explain(x).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "DIFFERS from what is stored in time budget, rules version and intensity;") {
		t.Errorf("got %s", b.String())
	}
	x.Stored = nil
	if got := x.Differences(); len(got) != 2 {
		t.Errorf("without stored intensity: %v", got)
	}
}
