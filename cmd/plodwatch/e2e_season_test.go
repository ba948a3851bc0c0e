package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/testdata/gen/activity"
)

// life is a generated season in the hands of somebody who imported it.
type life struct {
	*person

	season *activity.Season
	folder string
}

// TestEndToEndSeason follows one athlete through two years: base, build, an
// overtrained spring, rest and the return to running. What the generator booked
// while it invented them is what the views have to say.
func TestEndToEndSeason(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.do(exitOK, "athlete", "set", "me", "--max-hr", "188", "--rest-hr", "48", "--sex", "male", "--time-zone", "Europe/Zurich")
	l.do(exitOK, "athlete", "set", "me", "--max-hr", "186", "--from", isoDay(l.season.FirstOf(activity.PhaseReturn3)))
	if got := l.imports(exitOK, l.folder); got.SessionsAdded != int64(len(l.season.Sessions)) {
		t.Fatalf("%d sessions added, generated were %d", got.SessionsAdded, len(l.season.Sessions))
	}
	l.do(exitOK, "import", "--athlete", "lena", ofLena())
	l.writesDown()
	for _, part := range []struct {
		name string
		run  func(*life)
	}{
		{"every session is what was invented", (*life).sessionsAreTrue},
		{"a session without an answer says why", (*life).sessionsSayWhy},
		{"every week is the sum of its sessions", (*life).weeksAreTrue},
		{"every day looks back over 28 days", (*life).windowsAreTrue},
		{"easy days that were not easy", (*life).violationsAreTrue},
		{"load of every day", (*life).loadIsTrue},
		{"the log is what was written", (*life).logIsTrue},
		{"the spring is warned of", (*life).warningsAreTrue},
		{"the return passes but for the breach", (*life).returnIsTrue},
		{"a coach is told who needs a call", (*life).callsAreTrue},
		{"the answers of the README are real", (*life).readmeIsTrue},
		{"settings change their time only", (*life).settingsChangeTheirTimeOnly},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(l.as(t)) })
	}
}

func (l *life) as(t *testing.T) *life {
	return &life{person: l.person.as(t), season: l.season, folder: l.folder}
}

// newLife invents a season and writes its files.
func newLife(t *testing.T) *life {
	t.Helper()
	s, err := activity.NewSeason(time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC), 1)
	if err != nil {
		t.Fatal(err)
	}
	l := &life{person: newPerson(t), season: s, folder: t.TempDir()}
	for i := range s.Sessions {
		data, err := s.Sessions[i].FIT()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(l.path(&s.Sessions[i]), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// writesDown imports the log and the plan, and goes through the return.
func (l *life) writesDown() {
	l.t.Helper()
	l.do(exitOK, "log", "import", l.table("log", l.season.LogCSV()))
	l.do(exitOK, "plan", "import", l.table("plan", l.season.PlanCSV()))
	for i, phase := range []activity.Phase{activity.PhaseRest, activity.PhaseReturn2, activity.PhaseReturn3} {
		l.do(exitOK, "return-to-run", "start", "me", "--phase", strconv.Itoa(i+1), "--from", isoDay(l.season.FirstOf(phase)))
	}
	l.do(exitOK, "return-to-run", "stop", "me", "--on", isoDay(l.season.FirstOf(activity.PhaseAfter)))
}

// table writes a table to a file beside the activities and returns its path.
func (l *life) table(name string, rows [][]string) string {
	l.t.Helper()
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(rows); err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(l.t.TempDir(), name+".csv")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

func (l *life) path(s *activity.SeasonSession) string { return filepath.Join(l.folder, s.Name+".fit") }

// ofLena is a run of another athlete, about whom nothing is known.
func ofLena() string { return filepath.Join(activities(), "easy_run.fit") }

func isoDay(t time.Time) string { return t.Format(time.DateOnly) }

// seasonJudged is a session with its intensity.
type seasonJudged struct {
	ExportID  string   `json:"export_id"`
	LocalDay  string   `json:"local_day"`
	Sport     string   `json:"sport"`
	RPE       *float64 `json:"rpe"`
	TimerS    float64  `json:"timer_s"`
	HRMaxUsed *float64 `json:"hr_max_used"`
	LowS      *float64 `json:"low_s"`
	ModerateS *float64 `json:"moderate_s"`
	HighS     *float64 `json:"high_s"`
	LowShare  *float64 `json:"low_share"`
	Class     *string  `json:"session_class"`
	Verdict   string   `json:"verdict"`
}

const seasonQuery = `SELECT s.export_id AS export_id, toString(s.local_day) AS local_day, s.sport AS sport, s.rpe AS rpe, s.timer_s AS timer_s,
	i.hr_max AS hr_max_used, i.low_s AS low_s, i.moderate_s AS moderate_s, i.high_s AS high_s, i.low_share AS low_share,
	i.session_class AS session_class, i.verdict AS verdict
	FROM sessions AS s JOIN intensity AS i ON i.session_id = s.session_id`

// sessionsAreTrue compares every session with what was booked.
func (l *life) sessionsAreTrue() {
	stored := map[string]seasonJudged{}
	for _, j := range rows[seasonJudged](l.person, seasonQuery) {
		stored[j.ExportID] = j
	}
	verdicts := map[string]int{}
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		got, ok := stored[exportOf(l.t, l.path(s))]
		if !ok {
			l.t.Errorf("%s is not stored", s.Name)
			continue
		}
		verdicts[got.Verdict]++
		l.compare(s, &got)
	}
	for _, verdict := range []string{"no_hr", "low_coverage", "too_short"} {
		if verdicts[verdict] != 1 {
			l.t.Errorf("%d sessions with verdict %s, one was invented", verdicts[verdict], verdict)
		}
	}
}

func (l *life) compare(s *activity.SeasonSession, got *seasonJudged) {
	l.t.Helper()
	answer := &s.Sessions[0].Answer
	timer := float64(answer.ElapsedMs-answer.PausedMs) / 1000
	if got.LocalDay != isoDay(s.Day) || got.Sport != answer.Sport || !sameSeconds(got.TimerS, timer) ||
		got.Verdict != s.Verdict() || orEmpty(got.Class) != s.Class() || orNaN(got.HRMaxUsed) != l.season.HRMaxOn(s.Day) {
		l.t.Errorf("%s (%s in %s): stored is %s", s.Name, s.Intent, s.Phase, asJSON(got))
	}
	if asked := s.RPE >= 0; asked != (got.RPE != nil) || asked && math.Abs(*got.RPE-s.RPE) > 0.01 {
		l.t.Errorf("%s: effort is %v, the athlete said %v", s.Name, orNaN(got.RPE), s.RPE)
	}
	switch {
	case s.Verdict() == "no_hr":
		if got.LowS != nil || got.ModerateS != nil || got.HighS != nil || got.LowShare != nil {
			l.t.Errorf("%s has no heart rate and yet shares of it: %s", s.Name, asJSON(got))
		}
	case !sameSeconds(orNaN(got.LowS), s.Thirds.Low.Seconds()) || !sameSeconds(orNaN(got.ModerateS), s.Thirds.Moderate.Seconds()) ||
		!sameSeconds(orNaN(got.HighS), s.Thirds.High.Seconds()):
		l.t.Errorf("%s: stored is %s, booked were %+v", s.Name, asJSON(got), s.Thirds)
	default:
		if share, _ := s.Thirds.LowShare(); math.Abs(orNaN(got.LowShare)-share) > 1e-9 {
			l.t.Errorf("%s: low share %v, booked was %v", s.Name, orNaN(got.LowShare), share)
		}
	}
}

// sessionsSayWhy looks at sessions that cannot be judged, in the list, alone and
// in the view.
func (l *life) sessionsSayWhy() {
	stored := map[string]string{exportOf(l.t, ofLena()): "no_hrmax"}
	for i := range l.season.Sessions {
		if s := &l.season.Sessions[i]; s.Verdict() != "ok" {
			stored[exportOf(l.t, l.path(s))] = s.Verdict()
		}
	}
	type row struct {
		ID       string   `json:"session_id"`
		ExportID string   `json:"export_id"`
		Verdict  string   `json:"verdict"`
		Unknown  bool     `json:"unknown"`
		Low      *float64 `json:"low_share"`
	}
	list := rows[row](l.person, `SELECT toString(i.session_id) AS session_id, s.export_id AS export_id, i.verdict AS verdict, i.low_share AS low_share,
		toBool(isNull(i.low_s) AND isNull(i.low_share) AND isNull(i.moderate_share) AND isNull(i.high_share) AND isNull(i.meets_80_20) AND
		isNull(i.above60_share) AND isNull(i.over_cap_s) AND isNull(i.cap_ok) AND isNull(i.trimp)) AS unknown
		FROM intensity AS i JOIN sessions AS s ON s.session_id = i.session_id WHERE i.verdict != 'ok'`)
	if len(list) != len(stored) {
		l.t.Errorf("%d sessions without an answer, want %d: %s", len(list), len(stored), asJSON(list))
	}
	table := l.do(exitOK, "sessions", "--limit", "0").stdout
	for _, r := range list {
		if stored[r.ExportID] != r.Verdict {
			l.t.Errorf("session %s: verdict %s, want %q", r.ID, r.Verdict, stored[r.ExportID])
		}
		nothing := r.Verdict == "no_hr" || r.Verdict == "no_hrmax"
		if r.Unknown != nothing || r.Low != nil && *r.Low == 0 {
			l.t.Errorf("session %s: figures unknown: %t", asJSON(r), r.Unknown)
		}
		one := l.do(exitOK, "session", r.ID).stdout
		if !lineHolds(one, "verdict", r.Verdict) || nothing && !lineHolds(one, "low/mod/high", "-") {
			l.t.Errorf("session %s does not say %s:\n%s", r.ID, r.Verdict, one)
		}
		if !lineHolds(table, r.ID[:8], r.Verdict) || nothing && lineHolds(table, r.ID[:8], "%") {
			l.t.Errorf("sessions does not say %s of %s", r.Verdict, r.ID)
		}
	}
	l.weeksSayWhy()
}

// weeksSayWhy looks at the week of the athlete about whom nothing is known.
func (l *life) weeksSayWhy() {
	type row struct {
		Verdict string `json:"verdict"`
		Reason  string `json:"reason"`
		Unknown bool   `json:"unknown"`
	}
	list := rows[row](l.person, `SELECT verdict, reason, toBool(isNull(low_s) AND isNull(moderate_s) AND isNull(high_s) AND isNull(low_share) AND
		isNull(easy_session_share) AND isNull(polarization_index)) AS unknown FROM weekly_intensity WHERE athlete_id = 'lena' AND sessions > 0
		UNION ALL SELECT verdict_28d, reason_28d, toBool(isNull(low_s_28d) AND isNull(low_share_28d) AND isNull(easy_session_share_28d))
		FROM rolling_intensity WHERE athlete_id = 'lena' AND sessions_28d > 0`)
	for _, r := range list {
		if r != (row{"insufficient_data", "no_hrmax", true}) {
			l.t.Errorf("a week without max HR: %+v", r)
		}
	}
	if len(list) != 1+28 {
		l.t.Errorf("%d weeks and days without max HR, want 1 and 28", len(list))
	}
	weeks := l.do(exitOK, "week", "lena").stdout
	if !lineHolds(weeks, "2024-W18", "no_hrmax") || lineHolds(weeks, "2024-W18", "%") {
		l.t.Errorf("week does not say why, or shows shares:\n%s", weeks)
	}
}

// lineHolds reports whether a line that begins with a word holds another.
func lineHolds(table, first, other string) bool {
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, first) && slices.Contains(strings.Fields(line)[1:], other) {
			return true
		}
	}
	return false
}

// sameSeconds compares seconds that were summed in milliseconds.
func sameSeconds(a, b float64) bool { return math.Abs(a-b) < 0.0005 }

// orNaN is NaN for null, which equals nothing.
func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func orEmpty(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}

// asJSON writes a row as JSON, for messages.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
