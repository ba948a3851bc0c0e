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
	Broken   uint64 // easy days of the last 28 that were not easy
	Return   *store.ReturnWeek
	Hours    *report.Chart
	Latest   []*latestRow
}

// BrokenCount is Broken for the words about it.
func (d *overviewData) BrokenCount() int { return int(d.Broken) } //nolint:gosec // few

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
	BPM      *float64
	Source   string
	VT1, VT2 *float64
	From     string // first day of the settings that say so, "" when none does
}

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

// latestRow is one of the latest sessions, as a row of the list, with what it
// was judged by.
type latestRow struct {
	listed

	Athlete     string   `ch:"athlete_id"`
	HRMax       *float64 `ch:"hr_max_used"`
	HRMaxSource string   `ch:"hr_max_source"`
	VT1         *float64 `ch:"vt1"`
	VT2         *float64 `ch:"vt2"`
	Day         string   `ch:"day"`
	Silent      int32    `ch:"silent"` // days from it to today
}

// latestSQL names the latest sessions first, and reads only those: joining all
// that an athlete has takes longer than everything else on the page.
const latestSQL = `WITH (SELECT groupArray(session_id) FROM (
			SELECT session_id FROM sessions WHERE athlete_id = {athlete:String} AND local_day <= {until:Date32}
			ORDER BY started_at DESC, session_id DESC LIMIT 6)) AS latest
	SELECT s.session_id AS session_id, s.athlete_id AS athlete_id, s.sport AS sport, s.sub_sport AS sub_sport, s.started_at AS started_at,
		s.utc_offset_s AS utc_offset_s, s.timer_s AS timer_s, s.distance_m AS distance_m, s.hr_avg AS hr_avg, i.low_s AS low_s,
		i.moderate_s AS moderate_s, i.high_s AS high_s, i.above60_s AS above60_s, i.session_class AS session_class,
		toString(i.verdict) AS verdict, i.hr_max AS hr_max_used, toString(i.hr_max_source) AS hr_max_source, i.vt1 AS vt1, i.vt2 AS vt2,
		toString(s.local_day) AS day, toInt32(dateDiff('day', s.local_day, toDate32(now('UTC')))) AS silent
	FROM (SELECT * FROM sessions WHERE athlete_id = {athlete:String} AND has(latest, session_id)) AS s
	LEFT JOIN (SELECT * FROM intensity WHERE athlete_id = {athlete:String} AND has(latest, session_id)) AS i ON i.session_id = s.session_id
	ORDER BY s.started_at DESC, s.session_id DESC`

// chartWeeksSQL reads what the picture of the weeks needs.
const chartWeeksSQL = `SELECT week, toString(w.week_start) AS week_start, toString(w.week_end) AS week_end, sessions, hours, low_s, moderate_s, high_s
	FROM weekly_intensity AS w WHERE w.athlete_id = {athlete:String} AND w.week_start > {until:Date32} - 91 AND w.week_start <= {until:Date32}
	ORDER BY w.week_start`

const signsSQL = `SELECT toString(w.day) AS day, signal, pattern, value, baseline, change, unit, threshold, inputs, missing
	FROM warnings AS w WHERE w.athlete_id = {athlete:String} AND w.day > {until:Date32} - 28 AND w.day <= {until:Date32} ORDER BY w.day, signal`

const brokenSQL = `SELECT count() AS broken FROM easy_day_violations AS v
	WHERE v.athlete_id = {athlete:String} AND v.day > {until:Date32} - 28 AND v.day <= {until:Date32}`

// overview shows how an athlete's last days and weeks went.
func (w *Web) overview(v *visit) error {
	until, err := v.until()
	if err != nil {
		return err
	}
	data := &overviewData{Until: until, Today: !v.r.URL.Query().Has("until")}
	var latest []latestRow
	if err := v.sql(&latest, latestSQL, v.untilDay(until)); err != nil {
		return err
	}
	if len(latest) == 0 {
		return v.render("empty", "Overview", nil)
	}
	last, err := schema.ParseDay(latest[0].Day)
	if err != nil {
		return fmt.Errorf("read the last day: %w", err)
	}
	const quietDays = 10 // as who_needs_a_call
	if silent := int(latest[0].Silent); data.Today && silent > quietDays {
		data.Until, data.Silent = last, silent
	} else if data.Today {
		data.Until = max(last, schema.DayOf(w.deps.Now().UnixMilli(), latest[0].UTCOffsetS))
	}
	for i := range latest {
		data.Latest = append(data.Latest, &latest[i])
	}
	if err := v.fillOverview(data); err != nil {
		return err
	}
	return v.render("overview", "Overview", data)
}

// untilDay are the parameters of queries about an athlete up to a day.
func (v *visit) untilDay(day schema.Day) store.Parameters {
	return store.Parameters{"athlete": string(v.athlete), "until": day.String()}
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

// fillOverview reads what the overview shows besides the latest sessions.
func (v *visit) fillOverview(data *overviewData) error {
	p := v.untilDay(data.Until)
	var (
		windows []windowRow
		o       store.Overview
		broken  []struct {
			Broken uint64 `ch:"broken"`
		}
	)
	for _, q := range []struct {
		into any
		sql  string
	}{{&windows, windowSQL}, {&o.Weeks, chartWeeksSQL}, {&o.Warnings, signsSQL}, {&broken, brokenSQL}} {
		if err := v.sql(q.into, q.sql, p); err != nil {
			return err
		}
	}
	data.Windows = windowsOf(windows)
	data.Weeks, data.Broken = o.Weeks, broken[0].Broken
	data.Patterns = report.ForWeeks(v.athlete, &o, nil).Patterns
	if len(o.Weeks) > 0 {
		data.Hours = report.HoursChart(o.Weeks)
	}
	latest := data.Latest[0]
	data.HRMax = &hrMaxUsed{BPM: latest.HRMax, Source: latest.HRMaxSource, VT1: latest.VT1, VT2: latest.VT2}
	if err := data.HRMax.since(v, data.Until); err != nil {
		return err
	}
	return v.returnToRun(data)
}

// returnToRun fills in the week of a return to running that the last day lies
// in. Most athletes have none, which is quickly known.
func (v *visit) returnToRun(data *overviewData) error {
	p := v.untilDay(data.Until)
	var some []struct {
		N uint64 `ch:"n"`
	}
	if err := v.sql(&some, "SELECT count() AS n FROM returns_versions WHERE athlete_id = {athlete:String}", p); err != nil || some[0].N == 0 {
		return err
	}
	const query = `SELECT phase, phase_name, week, toString(r.week_from) AS week_from, toString(r.week_to) AS week_to, complete, sessions, days,
			days_allowed, volume_pct, over_cap_s, cap_bpm, sessions_over_cap, hard_sessions, outcome, reasons, not_judged, next_week
		FROM return_to_run AS r WHERE r.athlete_id = {athlete:String} AND r.week_from <= {until:Date32} AND r.week_to >= {until:Date32}
		ORDER BY r.week_from DESC LIMIT 1`
	var weeks []store.ReturnWeek
	if err := v.sql(&weeks, query, p); err != nil {
		return err
	}
	if len(weeks) > 0 {
		data.Return = &weeks[0]
	}
	return nil
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
func (h *hrMaxUsed) since(v *visit, until schema.Day) error {
	if intensity.HRMaxSource(h.Source) != intensity.HRMaxSetting {
		return nil
	}
	st, err := v.tables()
	if err != nil {
		return err
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
