package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
)

func p[T any](v T) *T { return &v }

// overview invents weeks with everything a report can show: all verdicts, a
// week without heart rate, an empty one, violations, warnings and a return.
func overview(weeks int) *store.Overview {
	o := &store.Overview{}
	monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	lows := []float64{0.86, 0.8, 0.797, 0.76, 0.62, 0.91}
	verdicts := []string{"ok", "ok", "borderline", "borderline", "too_hard", "ok"}
	for i := range weeks {
		start := monday.AddDate(0, 0, 7*i)
		year, number := start.ISOWeek()
		w := store.Week{
			Week: fmt.Sprintf("%d-W%02d", year, number), Start: start.Format(time.DateOnly), End: start.AddDate(0, 0, 6).Format(time.DateOnly),
			Label: "no_data", Verdict: "insufficient_data", LoadModel: "trimp", PaceVerdict: "insufficient_data", PaceReason: "no_pace",
		}
		switch i {
		case 6:
			w.Reason, w.Load = "no_sessions", p(0.0)
		case 7:
			w.Reason, w.Sessions, w.TrainingDays, w.Hours, w.DistanceKM = "no_hr", 2, 2, 1.5, p(16.2)
		default:
			low := lows[i%len(lows)]
			moderate := (1 - low) * 0.6
			hours := 4 + float64(i%5)*0.75
			known := hours * 0.97 * 3600
			w.Verdict, w.Label, w.Sessions, w.TrainingDays, w.Hours = verdicts[i%len(verdicts)], "pyramidal", 5, 4, hours
			w.DistanceKM, w.HRCoverage = p(hours*10.3), p(0.97)
			w.LowShare, w.ModerateShare, w.HighShare = p(low), p(moderate), p(1-low-moderate)
			w.LowS, w.ModerateS, w.HighS = p(known*low), p(known*moderate), p(known*(1-low-moderate))
			w.EasySessions, w.ModerateSessions, w.HardSessions, w.EasySessionShare = 3, 1, 1, p(0.6)
			w.Load, w.Monotony, w.Strain = p(300+20*float64(i)), p(1.2+0.1*float64(i%4)), p(400.0)
			w.Violations = uint64(i % 3 / 2) //nolint:gosec // 0 or 1
		}
		w.CTL, w.ATL, w.TSB = p(20+float64(i)), p(30+8*math.Sin(float64(i))), p(-10+5*math.Cos(float64(i)))
		o.Weeks = append(o.Weeks, w)
		for d := range 7 {
			day := i*7 + d
			l := store.Load{Day: start.AddDate(0, 0, d).Format(time.DateOnly), Model: "trimp", WarmUp: day < 42, Verdict: "ok"}
			l.CTL, l.ATL = p(50*(1-math.Exp(-float64(day)/42))), p(50+15*math.Sin(float64(day)/9))
			l.TSB = p(*l.CTL - *l.ATL)
			o.Load = append(o.Load, l)
		}
	}
	o.Last28 = &store.Last28{
		Day: o.Weeks[weeks-1].End, Sessions: 17, Hours: 19.25, DistanceKM: p(190.0), HRCoverage: p(0.96), LowShare: p(0.7967),
		ModerateShare: p(0.1200), HighShare: p(0.0833), EasySessions: 9, ModerateSessions: 4, HardSessions: 3, EasySessionShare: p(0.5625),
		Label: "pyramidal", Polarization: p(1.74), Verdict: "borderline",
	}
	o.Violations = []store.Violation{
		{
			Day: "2026-01-21", SessionID: uuid.MustParse("1b4e28ba-2fa1-81d2-883f-0016d3cca427"), Sport: "running", MeantEasy: "planned", Class: "hard",
			OverVT1S: 1520, OverVT1Share: 0.51, LongestS: 612, VT1: p(154.16), SlowerSPerKM: p(24.6), VT1PaceSPerKM: p(342.2),
		},
		{
			Day: "2026-02-01", SessionID: uuid.MustParse("6ba7b810-9dad-81d1-80b4-00c04fd430c8"), Sport: "cycling", MeantEasy: "presumed", Class: "moderate",
			OverVT1S: 900, OverVT1Share: 0.2, LongestS: 300, VT1: p(154.16), PaceReason: "no_run",
		},
	}
	for i, day := range []string{"2026-02-10", "2026-02-11", "2026-02-14", "2026-02-28"} {
		change := []float64{5.1, 6.3, 5, 5.4}[i]
		o.Warnings = append(o.Warnings, store.Warning{
			Day: day, Signal: "resting_hr", Pattern: fmt.Sprintf("pattern: resting heart rate of 7 days is %+.1f bpm above the 28 days before, 5 days more than one SD above", change),
			Value: p(51.8 + change), Baseline: p(51.8), Change: p(change), Unit: "bpm", Threshold: "+5 bpm or more, or more than 1 SD above on 3 of 7 days",
		})
	}
	o.Warnings = append(o.Warnings, store.Warning{
		Day: "2026-02-28", Signal: "plods", Pattern: "pattern of the plods: on 5 of 7 days two or more signs of decline at once", Value: p(5.0),
		Unit: "days of 7", Threshold: "2 or more of resting HR, energy, pace at the same effort and monotony, on 5 of 7 days",
		Missing: []string{"pace at the same effort: 2 and 3 runs, need 4 and 4"},
	})
	o.Returns = []store.ReturnWeek{
		{
			Phase: 2, PhaseName: "cardio reintroduction", Week: 1, From: "2026-03-02", To: "2026-03-08", Complete: true, Sessions: 4, Days: 4,
			DaysAllowed: 4, VolumePct: p(71.4), OverCapS: p(0.0), CapBPM: p(111.6), Outcome: "pass", NextWeek: "up to 4 days, heart rate under 111.6 bpm",
		},
		{
			Phase: 2, PhaseName: "cardio reintroduction", Week: 2, From: "2026-03-09", To: "2026-03-15", Sessions: 5, Days: 5, DaysAllowed: 4,
			OverCapS: p(433.0), CapBPM: p(111.6), SessionsOverCap: 1, Outcome: "fail",
			Reasons: []string{"5 days, allowed are 4", "2026-03-11: 0:07:13 over the cap"}, NotJudged: []string{"volume: there is no baseline"},
			NextWeek: "repeat the week, without what failed: up to 4 days, heart rate under 111.6 bpm",
		},
	}
	return o
}

func facts() []report.Facts {
	return []report.Facts{{From: "1970-01-01", Words: "max HR 188, resting HR 48"}, {From: "2026-02-02", Words: "max HR 186, resting HR 48"}}
}

func TestReportAsText(t *testing.T) {
	r := report.ForWeeks("anna", overview(10), facts())
	for name, look := range map[string]report.Look{"ascii": {}, "unicode": {Unicode: true}, "colour": {Unicode: true, Colour: true}} {
		var b bytes.Buffer
		if err := r.WriteText(&b, look); err != nil {
			t.Fatal(err)
		}
		if !look.Colour && strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s has colours", name)
		}
		golden(t, "report_"+name+".txt", b.String())
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(data)+"\n")
}

func TestReportAsPage(t *testing.T) {
	for name, o := range map[string]*store.Overview{"report": overview(10), "report_empty": {}} {
		var b bytes.Buffer
		if err := report.ForWeeks("anna", o, facts()).WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".html", b.String())
		wellFormed(t, b.String())
		for _, foreign := range []string{"<script", "http://", "https://", "@import", "url(", "NaN", "Inf"} {
			if strings.Contains(b.String(), foreign) {
				t.Errorf("%s: the page holds %s", name, foreign)
			}
		}
	}
}

// wellFormed reads the page as XML would be, but for the elements that HTML
// does not close.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(regexp.MustCompile("<(meta[^>]*|br)>").ReplaceAllString(page, "<$1/>")))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
	}
}

// TestHostileNamesAreText hands in what people may have written.
func TestHostileNamesAreText(t *testing.T) {
	o := overview(3)
	o.Violations[0].Sport = `<script>alert(1)</script>`
	var b bytes.Buffer
	if err := report.ForWeeks("anna", o, []report.Facts{{From: "2026-01-01", Words: `"><img src=x>`}}).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), "<img") {
		t.Error("what was written became part of the page")
	}
}

// TestManyWeeks holds for reports as long as a life.
func TestManyWeeks(t *testing.T) {
	for _, weeks := range []int{1, 2, 52, 520} {
		var page, text bytes.Buffer
		r := report.ForWeeks("anna", overview(weeks), nil)
		if err := errors.Join(r.WriteHTML(&page), r.WriteText(&text, report.Look{})); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, page.String())
		if strings.Contains(page.String(), "NaN") || strings.Contains(page.String(), `="-`) && strings.Contains(page.String(), `width="-`) {
			t.Errorf("%d weeks: a figure of the picture is no number", weeks)
		}
	}
}

func TestPatternsJoinDays(t *testing.T) {
	r := report.ForWeeks("anna", overview(10), nil)
	var got []string
	for _, pattern := range r.Patterns {
		got = append(got, fmt.Sprintf("%s %s-%s %d (%s)", pattern.Signal, pattern.From[5:], pattern.To[5:], pattern.Days, pattern.Strongest[5:]))
	}
	if want := "[resting_hr 02-10-02-14 3 (02-11) plods 02-28-02-28 1 (02-28) resting_hr 02-28-02-28 1 (02-28)]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestUnknownIsNotEasy looks at the weeks without an answer.
func TestUnknownIsNotEasy(t *testing.T) {
	o := overview(10)
	o.Weeks = o.Weeks[6:8]
	o.Last28 = &store.Last28{Day: "2026-03-01", Verdict: "insufficient_data", Reason: "no_hr", Label: "no_data"}
	var text, page bytes.Buffer
	r := report.ForWeeks("anna", o, nil)
	if err := errors.Join(r.WriteText(&text, report.Look{}), r.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{text.String(), page.String()} {
		if strings.Contains(s, "0 %</td>") || strings.Contains(s, "0/0/0 %") || strings.Contains(s, "100/0/0") {
			t.Errorf("a week without heart rate has shares:\n%s", s)
		}
		if !strings.Contains(s, "not judged: no heart rate") || !strings.Contains(s, "not judged: no sessions") {
			t.Errorf("the reason is missing:\n%s", s)
		}
	}
}
