package report_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/report"
	"plodwatch/schema"
)

func TestWhatIfInWords(t *testing.T) {
	key := func(n byte) analyze.SessionKey {
		return analyze.SessionKey{Athlete: "anna", ID: schema.SessionID{n, 0xab, 0xcd, 0xef}}
	}
	from := day20240301
	judged := func(low, moderate, high int64, class intensity.Class, label intensity.Label, hrMax float64) analyze.Judgement {
		share := float64(low) / float64(low+moderate+high)
		return analyze.Judgement{
			SettingsID: "00112233aabbccdd", SettingsFrom: &from, HRMax: &hrMax, HRMaxSource: intensity.HRMaxSetting, LowMs: low * 60000,
			ModerateMs: moderate * 60000, HighMs: high * 60000, LowShare: &share, Class: class, Label: label, Verdict: intensity.VerdictOK, CapOK: p(false),
		}
	}
	changes := []analyze.Change{
		{
			SessionKey: key(1), Sport: schema.SportRunning, StartMs: begins, UTCOffsetS: 7200, DayBefore: 19848, DayAfter: 19848, TimerMs: 3_600_000, ClassifiedMs: 3_600_000,
			Before: p(judged(30, 20, 10, intensity.ClassHard, intensity.LabelPyramidal, 181)), After: judged(50, 9, 1, intensity.ClassModerate, intensity.LabelPyramidal, 190),
		},
		{
			SessionKey: key(2), Sport: schema.SportCycling, StartMs: begins + 86_400_000, UTCOffsetS: 7200, DayBefore: 19849, DayAfter: 19849, TimerMs: 3_600_000, ClassifiedMs: 3_600_000,
			Before: p(judged(60, 0, 0, intensity.ClassEasy, intensity.LabelBase, 181)), After: judged(60, 0, 0, intensity.ClassEasy, intensity.LabelBase, 190),
		},
		{
			SessionKey: key(3), Sport: schema.SportRunning, StartMs: begins + 2*86_400_000, UTCOffsetS: 7200, DayBefore: 19849, DayAfter: 19850, TimerMs: 3_600_000, ClassifiedMs: 3_600_000,
			Before: &analyze.Judgement{SettingsID: "ff", Label: intensity.LabelNoData, Verdict: intensity.VerdictNoHRMax}, After: judged(60, 0, 0, intensity.ClassEasy, intensity.LabelBase, 190),
		},
		{
			SessionKey: key(4), Sport: schema.SportHiking, StartMs: begins + 3*86_400_000, DayBefore: 19851, DayAfter: 19851, TimerMs: 60_000,
			After: analyze.Judgement{SettingsID: "fe", Label: intensity.LabelNoData, Verdict: intensity.VerdictNoHR},
		},
	}
	changes[0].Before.Pace = analyze.ByPace{Threshold: 300, LowMs: 30 * 60000, ModerateMs: 20 * 60000, HighMs: 10 * 60000}
	changes[0].After.Pace = analyze.ByPace{Threshold: 270, LowMs: 54 * 60000, ModerateMs: 6 * 60000}
	changes[2].After.Pace = analyze.ByPace{Threshold: 270, LowMs: 60 * 60000}
	weeks := []analyze.WeekChange{
		{
			Start:  19842,
			Before: analyze.WeekSum{Sessions: 4, HRSessions: 3, Easy: 1, Moderate: 1, Hard: 1, TimerMs: 180 * 60000, ClassifiedMs: 180 * 60000, LowMs: 120 * 60000, ModerateMs: 40 * 60000, HighMs: 20 * 60000, PaceSessions: 2, PaceLowMs: 30 * 60000, PaceModerateMs: 20 * 60000, PaceHighMs: 10 * 60000},
			After:  analyze.WeekSum{Sessions: 4, HRSessions: 3, Easy: 2, Moderate: 1, TimerMs: 180 * 60000, ClassifiedMs: 180 * 60000, LowMs: 170 * 60000, ModerateMs: 9 * 60000, HighMs: 60000, PaceSessions: 3, PaceLowMs: 114 * 60000, PaceModerateMs: 6 * 60000},
		},
		{Start: 19849, Before: analyze.WeekSum{Sessions: 1, TimerMs: 60000}, After: analyze.WeekSum{Sessions: 1, TimerMs: 60000}},
	}
	out := report.Compare(schema.Settings{Athlete: "anna", ValidFrom: day20240301, HRMax: 190}, changes, weeks)
	var b bytes.Buffer
	if err := out.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "whatif.txt", b.String())
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "whatif.json", string(data)+"\n")
	if out.SessionsCovered != 4 || out.SessionsChanged != 3 || out.WeeksChanged != 1 {
		t.Errorf("%d covered, %d changed, %d weeks changed", out.SessionsCovered, out.SessionsChanged, out.WeeksChanged)
	}
}
