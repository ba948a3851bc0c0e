package web

import (
	"fmt"
	"strings"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/periods"
	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// overviewWeeks is how many weeks the overview draws.
const overviewWeeks = 13

// windowDays are the windows that the overview judges; the one of 28 days is
// the one to go by.
func windowDays() [3]int { return [3]int{7, 28, 90} }

// overviewData is what the overview shows.
type overviewData struct {
	Until    schema.Day // last day of the windows
	Today    bool       // Until is the athlete's latest day, not one that was asked for
	Silent   int        // days from the last session to today when the windows end with it, else 0
	Windows  []*window
	HRMax    *hrMaxUsed
	Weeks    []store.Week
	Patterns []report.Pattern
	Broken   []store.Violation
	Return   *store.ReturnWeek
	Hours    *report.Chart
	Latest   []store.Summary
}

// window is a number of days and how they are judged.
type window struct {
	Days int
	periods.Sums
	periods.Judgement
}

// windowRow is what a window is judged by.
type windowRow struct {
	Days         uint16  `ch:"days"`
	Sessions     uint32  `ch:"sessions"`
	HRSessions   uint32  `ch:"hr_sessions"`
	Easy         uint32  `ch:"easy"`
	Moderate     uint32  `ch:"moderate"`
	Hard         uint32  `ch:"hard"`
	TimerMs      int64   `ch:"timer"`
	ClassifiedMs int64   `ch:"classified"`
	LowMs        int64   `ch:"low"`
	ModerateMs   int64   `ch:"middle"`
	HighMs       int64   `ch:"high"`
	DistanceM    float64 `ch:"distance"`
}

const windowSQL = `SELECT n AS days, toUInt32(sum(d.sessions)) AS sessions, toUInt32(sum(d.hr_sessions)) AS hr_sessions,
		toUInt32(sum(d.easy_sessions)) AS easy, toUInt32(sum(d.moderate_sessions)) AS moderate, toUInt32(sum(d.hard_sessions)) AS hard,
		sum(d.timer_ms) AS timer, sum(d.classified_ms) AS classified, sum(d.low_ms) AS low, sum(d.moderate_ms) AS middle,
		sum(d.high_ms) AS high, sum(d.distance_m) AS distance
	FROM (SELECT * FROM athlete_days WHERE athlete_id = {athlete:String}
		AND day > {until:Date32} - 90 AND day <= {until:Date32}) AS d
	ARRAY JOIN [7, 28, 90]::Array(UInt16) AS n
	WHERE d.day > {until:Date32} - n GROUP BY n ORDER BY n`

func (r *windowRow) window() *window {
	s := periods.Sums{
		Sessions: r.Sessions, HRSessions: r.HRSessions, EasySessions: r.Easy, ModerateSessions: r.Moderate, HardSessions: r.Hard,
		TimerMs: r.TimerMs, ClassifiedMs: r.ClassifiedMs, LowMs: r.LowMs, ModerateMs: r.ModerateMs, HighMs: r.HighMs, DistanceM: r.DistanceM,
	}
	return &window{Days: int(r.Days), Sums: s, Judgement: s.Judge()}
}

// Hours is the time the timer ran.
func (w *window) Hours() float64 { return float64(w.TimerMs) / 3_600_000 }

// KM is the distance.
func (w *window) KM() float64 { return w.DistanceM / 1000 }

// SessionCount is how many sessions there were.
func (w *window) SessionCount() int { return int(w.Sessions) }

// VerdictWords is the verdict for people.
func (w *window) VerdictWords() string {
	if w.Verdict == periods.VerdictInsufficientData {
		return "not judged"
	}
	return strings.ReplaceAll(string(w.Verdict), "_", " ")
}

// Judged is how many sessions have a class.
func (w *window) Judged() uint32 { return w.EasySessions + w.ModerateSessions + w.HardSessions }

// ByTime is the bar of low, moderate and high time.
func (w *window) ByTime() *splitBar {
	return newSplitBar("by time", float64(w.LowMs), float64(w.ModerateMs), float64(w.HighMs))
}

// BySessions is the bar of easy, moderate and hard sessions.
func (w *window) BySessions() *splitBar {
	return newSplitBar("by sessions", float64(w.EasySessions), float64(w.ModerateSessions), float64(w.HardSessions))
}

// LowShare is the low share of the time whose intensity is known.
func (w *window) LowShare() float64 { return float64(w.LowMs) / float64(max(w.KnownMs, 1)) }

// Sentence says the verdict in words, with the rule that made it.
func (w *window) Sentence() string {
	words := report.Percent(w.LowShare()) + " of the time with heart rate was low. "
	switch w.Verdict {
	case periods.VerdictOK:
		return words + "That is 80 % or more, as it should be."
	case periods.VerdictBorderline:
		return words + "That is from 75 % to 80 %: borderline."
	case periods.VerdictTooHard:
		return words + "That is under 75 %: too hard."
	}
	text := "Not judged: " + report.ReasonWords(string(w.Reason)) + "."
	if w.KnownMs > 0 {
		text += " Of what is known, " + report.Percent(w.LowShare()) + " was low."
	}
	return text
}

// hrMaxUsed is the max HR that the latest session was judged by.
type hrMaxUsed struct {
	BPM    *float64 `ch:"hr_max"`
	Source string   `ch:"hr_max_source"`
	VT1    *float64 `ch:"vt1"`
	VT2    *float64 `ch:"vt2"`
	From   string   // first day of the settings that say so, "" when none does
}

const hrMaxSQL = `SELECT i.hr_max AS hr_max, toString(i.hr_max_source) AS hr_max_source, i.vt1 AS vt1, i.vt2 AS vt2
	FROM sessions AS s INNER JOIN intensity AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
	WHERE s.athlete_id = {athlete:String} AND i.athlete_id = {athlete:String} AND s.local_day <= {until:Date32}
	ORDER BY s.started_at DESC LIMIT 1`

// BPMValue is the max HR, 0 when it is unknown.
func (h *hrMaxUsed) BPMValue() float64 {
	if h.BPM == nil {
		return 0
	}
	return *h.BPM
}

// Words says where the max HR comes from.
func (h *hrMaxUsed) Words() string {
	switch intensity.HRMaxSource(h.Source) {
	case intensity.HRMaxSetting:
		if h.From > "1970-01-01" {
			return "set, from " + report.Day(h.From) + " on"
		}
		return "set for the athlete"
	case intensity.HRMaxFile:
		return "from the watch's file: nothing is set"
	case intensity.HRMaxObserved:
		return "the highest observed: nothing is set, and the file says nothing"
	case intensity.HRMaxAge:
		return "estimated from age (Tanaka): nothing better is known"
	}
	return "unknown: set it, or nothing can be judged"
}

// latestSQL finds the day of the last session, and how long ago that is.
const latestSQL = `SELECT toString(max(local_day)) AS day, toInt32(dateDiff('day', max(local_day), toDate32(now('UTC')))) AS silent, count() AS sessions
	FROM sessions WHERE athlete_id = {athlete:String} AND local_day <= {until:Date32}`

// overview shows how an athlete's last days and weeks went.
func (w *Web) overview(v *visit) error {
	until, err := v.until()
	if err != nil {
		return err
	}
	var latest []struct {
		Day      string `ch:"day"`
		Silent   int32  `ch:"silent"`
		Sessions uint64 `ch:"sessions"`
	}
	if err := v.sql(&latest, latestSQL, store.Parameters{"athlete": string(v.athlete), "until": until.String()}); err != nil {
		return err
	}
	if latest[0].Sessions == 0 {
		return v.render("empty", "Overview", nil)
	}
	const quietDays = 10 // as who_needs_a_call
	data := &overviewData{Until: until, Today: !v.r.URL.Query().Has("until")}
	if last, err := schema.ParseDay(latest[0].Day); err != nil {
		return fmt.Errorf("read the last day: %w", err)
	} else if data.Today && latest[0].Silent > quietDays {
		data.Until, data.Silent = last, int(latest[0].Silent)
	}
	if err := v.fillOverview(data); err != nil {
		return err
	}
	return v.render("overview", "Overview", data)
}

// until is the day the visitor asks about, today when they name none.
func (v *visit) until() (schema.Day, error) {
	text := strings.TrimSpace(v.r.URL.Query().Get("until"))
	if text == "" {
		return schema.DayOf(v.web.deps.Now().UnixMilli(), int32((14 * time.Hour).Seconds())), nil // somewhere it is that day already
	}
	day, err := schema.ParseDay(text)
	if err != nil {
		return 0, inputError("A day looks like 2026-03-31.")
	}
	return day, nil
}

// fillOverview reads what the overview shows.
func (v *visit) fillOverview(data *overviewData) error {
	st, err := v.tables()
	if err != nil {
		return err
	}
	p := store.Parameters{"athlete": string(v.athlete), "until": data.Until.String()}
	var rows []windowRow
	if err := v.sql(&rows, windowSQL, p); err != nil {
		return err
	}
	data.Windows = windowsOf(rows)
	o, err := st.Overview(v.r.Context(), v.athlete, overviewWeeks, &data.Until)
	if err != nil {
		return err
	}
	r := report.ForWeeks(v.athlete, o, nil)
	data.Weeks, data.Patterns, data.Broken = r.Weeks, r.Patterns, r.Violations
	if n := len(r.ReturnToRun); n > 0 && r.ReturnToRun[n-1].To >= data.Until.String() {
		data.Return = &r.ReturnToRun[n-1]
	}
	if len(r.Weeks) > 0 {
		data.Hours = report.HoursChart(r.Weeks)
	}
	var used []hrMaxUsed
	if err := v.sql(&used, hrMaxSQL, p); err != nil {
		return err
	}
	if len(used) > 0 {
		data.HRMax = &used[0]
		if err := data.HRMax.since(v, st, data.Until); err != nil {
			return err
		}
	}
	data.Latest, err = st.List(v.r.Context(), store.ListFilter{Athlete: v.athlete, To: &data.Until, Limit: 6})
	return err
}

// windowsOf returns all windows, those without sessions too.
func windowsOf(rows []windowRow) []*window {
	var all []*window
	for _, days := range windowDays() {
		row := windowRow{Days: uint16(days)} //nolint:gosec // few
		for i := range rows {
			if int(rows[i].Days) == days {
				row = rows[i]
			}
		}
		all = append(all, row.window())
	}
	return all
}

// since fills in from when on the settings say the max HR.
func (h *hrMaxUsed) since(v *visit, st *store.Store, until schema.Day) error {
	if intensity.HRMaxSource(h.Source) != intensity.HRMaxSetting {
		return nil
	}
	all, err := st.Settings(v.r.Context(), []schema.AthleteID{v.athlete})
	if err != nil {
		return err
	}
	for _, d := range all[v.athlete] {
		if d.ValidFrom <= until {
			h.From = d.ValidFrom.String()
		}
	}
	return nil
}
