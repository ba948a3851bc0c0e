package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plodwatch/analyze/report"
)

// TestEndToEndExplainAndWhatIf asks both on the data directory and again
// through a daemon that holds it.
func TestEndToEndExplainAndWhatIf(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, activities())
	explainAll(p)
	whatIfThenSet(p, "--max-hr", "187", "--from", "2024-05-03")
	alone := reportWeeks(p)
	d := p.up()
	explainAll(p)
	if got := reportWeeks(p); got != alone {
		t.Errorf("the report through the daemon is another one:\n%s\nwithout:\n%s", got, alone)
	}
	whatIfThenSet(p, "--max-hr", "171", "--rest-hr", "45", "--zone-model", "hrr5", "--from", "2024-05-02")
	whatIfThenSet(p, "--vt1", "131", "--vt2", "150") // up to the first of these
	if got := p.do(exitUsage, "what-if", "me", "--max-hr", "18").stderr; !strings.Contains(got, "max HR 18: need 100 to 240 bpm") {
		t.Errorf("a max HR of 18 bpm: %s", got)
	}
	if got := p.do(exitUsage, "report", "--weeks", "0").stderr; !strings.Contains(got, "need 1 to 1000") {
		t.Errorf("0 weeks: %s", got)
	}
	if got := p.do(exitOK, "report", "nobody").stdout; !strings.Contains(got, "No sessions of nobody yet.") {
		t.Errorf("nobody: %s", got)
	}
	if got := p.do(exitUsage, "explain", "zz").stderr; !strings.Contains(got, "there is none") {
		t.Errorf("explain zz: %s", got)
	}
	d.stop(syscall.SIGTERM)
}

// explainAll explains the sessions with the most to explain and compares its time with the view's.
func explainAll(p *person) {
	t := p.t
	t.Helper()
	type row struct {
		ID         string  `json:"session_id"`
		Elapsed    float64 `json:"elapsed_s"`
		Paused     float64 `json:"paused_s"`
		Gap        float64 `json:"gap_s"`
		NoHR       float64 `json:"no_hr_s"`
		Rejected   float64 `json:"rejected_hr_s"`
		Classified float64 `json:"classified_s"`
		Verdict    string  `json:"verdict"`
	}
	all := rows[row](p, `SELECT toString(s.session_id) AS session_id, elapsed_s, paused_s, gap_s, no_hr_s, rejected_hr_s, classified_s, verdict
		FROM sessions AS s JOIN intensity AS i USING (athlete_id, session_id)
		ORDER BY (rejected_hr_s > 0) + (gap_s > 0) + (paused_s > 0) + (no_hr_s > 0) DESC, session_id LIMIT 5`)
	if len(all) != 5 {
		t.Fatalf("only %d sessions", len(all))
	}
	q := p.quiet()
	for _, want := range all {
		var x report.Explanation
		if err := json.Unmarshal([]byte(q.do(exitOK, "explain", "--json", want.ID).stdout), &x); err != nil {
			t.Fatal(err)
		}
		got := row{ID: x.SessionID, Elapsed: x.Time.ElapsedS, Classified: x.Time.ClassifiedS, Verdict: string(x.Verdict)}
		for _, e := range x.Excluded {
			switch e.Cause {
			case "paused":
				got.Paused += e.Seconds
			case "gap":
				got.Gap += e.Seconds
			case "no_hr":
				got.NoHR += e.Seconds
			case "spike", "out_of_range":
				got.Rejected += e.Seconds
			}
		}
		if got != want || len(x.Differences) > 0 {
			t.Errorf("explained %+v\n   stored %+v\ndifferences %v", got, want, x.Differences)
		}
	}
	text := q.do(exitOK, "explain", all[0].ID[:13]).stdout
	if !strings.Contains(text, "agrees with what is stored") || !strings.Contains(text, "Verdict: "+all[0].Verdict) {
		t.Errorf("explain %s:\n%s", all[0].ID, text)
	}
}

// reportWeeks wants the report to hold what sums over the sessions give, in
// every form, and returns its text.
func reportWeeks(p *person) string {
	t := p.t
	t.Helper()
	type row struct {
		Day      string   `json:"day"`
		Timer    float64  `json:"timer_s"`
		Low      *float64 `json:"low_s"`
		Moderate *float64 `json:"moderate_s"`
		High     *float64 `json:"high_s"`
		Class    *string  `json:"session_class"`
	}
	type week struct{ sessions, easy, moderate, hard, hours, low, known float64 }
	want := map[string]*week{}
	for _, s := range rows[row](p, `SELECT toString(local_day) AS day, timer_s, low_s, moderate_s, high_s, session_class
		FROM sessions AS s JOIN intensity AS i USING (athlete_id, session_id) WHERE isNull(duplicate_of)`) {
		day, err := time.Parse(time.DateOnly, s.Day)
		if err != nil {
			t.Fatal(err)
		}
		monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Format(time.DateOnly)
		w := want[monday]
		if w == nil {
			w = &week{}
			want[monday] = w
		}
		w.sessions++
		w.hours += s.Timer / 3600
		if s.Low != nil {
			w.low += *s.Low
			w.known += *s.Low + *s.Moderate + *s.High
		}
		if s.Class != nil {
			switch *s.Class {
			case "easy":
				w.easy++
			case "moderate":
				w.moderate++
			case "hard":
				w.hard++
			}
		}
	}
	var r report.Weeks
	if err := json.Unmarshal([]byte(p.do(exitOK, "report", "me", "--json").stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Weeks) != len(want) || len(want) < 2 {
		t.Errorf("%d weeks, want %d", len(r.Weeks), len(want))
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	for i := range r.Weeks {
		got, w := &r.Weeks[i], want[r.Weeks[i].Start]
		if w == nil {
			t.Errorf("no session is in the week of %s", got.Start)
			continue
		}
		if float64(got.Sessions) != w.sessions || float64(got.EasySessions) != w.easy || float64(got.ModerateSessions) != w.moderate ||
			float64(got.HardSessions) != w.hard || !near(got.Hours, w.hours) || got.LowShare == nil || !near(*got.LowShare, w.low/w.known) {
			t.Errorf("week of %s: %+v, want %+v", got.Start, got, w)
		}
	}
	if got := p.do(exitOK, "report", "--weeks", "1", "--to", r.Weeks[0].Start, "--json").stdout; !strings.Contains(got, `"to":"`+r.Weeks[0].End+`"`) {
		t.Errorf("to %s: %s", r.Weeks[0].Start, got)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	p.do(exitOK, "report", "--html", page)
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := p.do(exitOK, "report").stdout
	for _, w := range r.Weeks {
		if !strings.Contains(text, w.Week) || !strings.Contains(string(html), `<th scope="row">`+w.Week+`</th>`) {
			t.Errorf("week %s is not in every form", w.Week)
		}
	}
	return text
}

// whatIfThenSet wants what-if to tell exactly what athlete set then does.
func whatIfThenSet(p *person, flags ...string) {
	t := p.t
	t.Helper()
	type row struct {
		ID       string   `json:"session_id"`
		Analyzed string   `json:"analyzed_at"`
		LowShare *float64 `json:"low_share"`
		Class    *string  `json:"session_class"`
		Settings string   `json:"settings_id"`
	}
	const query = `SELECT toString(session_id) AS session_id, toString(analyzed_at) AS analyzed_at, low_share, session_class, settings_id FROM intensity`
	before := map[string]row{}
	for _, r := range rows[row](p, query) {
		before[r.ID] = r
	}
	var c report.Comparison
	if err := json.Unmarshal([]byte(p.do(exitOK, append([]string{"what-if", "me", "--json"}, flags...)...).stdout), &c); err != nil {
		t.Fatal(err)
	}
	asked := map[string]report.Compared{}
	for _, s := range c.Sessions {
		asked[s.SessionID] = s
	}
	for _, r := range rows[row](p, query) {
		if before[r.ID].Analyzed != r.Analyzed {
			t.Fatalf("what-if analyzed %s again", r.ID)
		}
	}
	var set struct {
		Reanalysed int `json:"reanalysed"`
	}
	out := p.do(exitOK, append([]string{"athlete", "set", "me", "--json"}, flags...)...).stdout
	if err := json.Unmarshal([]byte(out), &set); err != nil || set.Reanalysed != c.SessionsCovered || len(asked) != c.SessionsCovered || c.SessionsCovered == 0 {
		t.Errorf("%v: what-if covers %d (%d), set analyzed %d, %v", flags, c.SessionsCovered, len(asked), set.Reanalysed, err)
	}
	for _, r := range rows[row](p, query) {
		s, covered := asked[r.ID]
		if (before[r.ID].Analyzed != r.Analyzed) != covered {
			t.Errorf("%v: %s: covered %t, analyzed again %t", flags, r.ID, covered, !covered)
			continue
		}
		if !covered {
			continue
		}
		if !sameFigure(s.Before.LowShare, before[r.ID].LowShare) || !sameFigure(s.After.LowShare, r.LowShare) || s.After.SettingsID != r.Settings {
			t.Errorf("%v: %s: what-if says %v -> %v (%s), stored are %v -> %v (%s)", flags, r.ID,
				*s.Before.LowShare, *s.After.LowShare, s.After.SettingsID, *before[r.ID].LowShare, *r.LowShare, r.Settings)
		}
		if (s.After.Class == nil) != (r.Class == nil) || r.Class != nil && string(*s.After.Class) != *r.Class {
			t.Errorf("%v: %s: class %v, stored %v", flags, r.ID, s.After.Class, r.Class)
		}
	}
}

func sameFigure(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return math.Abs(*a-*b) < 1e-12
}
