package store

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/schema"
)

// Overview is what the views say of an athlete's latest weeks. Pointers are nil
// when there is no answer; a verdict or reason beside them says why. Days are
// local ones in the form 2006-01-02.
type Overview struct {
	Weeks      []Week       // oldest first, without holes from the first to the last session
	Last28     *Last28      // to the end of the last week; nil without weeks
	Violations []Violation  // in the order of their start
	Warnings   []Warning    // by day and signal
	Load       []Load       // each day of the weeks
	Returns    []ReturnWeek // of a return to run that falls into the weeks
}

// Week is a row of weekly_intensity with that of athlete_weeks.
type Week struct {
	Week             string   `ch:"week" json:"week"`
	Start            string   `ch:"week_start" json:"week_start"`
	End              string   `ch:"week_end" json:"week_end"`
	TrainingDays     uint64   `ch:"training_days" json:"training_days"`
	Sessions         uint64   `ch:"sessions" json:"sessions"`
	Hours            float64  `ch:"hours" json:"hours"`
	DistanceKM       *float64 `ch:"distance_km" json:"distance_km"`
	HRCoverage       *float64 `ch:"hr_coverage" json:"hr_coverage"`
	LowS             *float64 `ch:"low_s" json:"low_s"`
	ModerateS        *float64 `ch:"moderate_s" json:"moderate_s"`
	HighS            *float64 `ch:"high_s" json:"high_s"`
	LowShare         *float64 `ch:"low_share" json:"low_share"`
	ModerateShare    *float64 `ch:"moderate_share" json:"moderate_share"`
	HighShare        *float64 `ch:"high_share" json:"high_share"`
	EasySessions     uint64   `ch:"easy_sessions" json:"easy_sessions"`
	ModerateSessions uint64   `ch:"moderate_sessions" json:"moderate_sessions"`
	HardSessions     uint64   `ch:"hard_sessions" json:"hard_sessions"`
	EasySessionShare *float64 `ch:"easy_session_share" json:"easy_session_share"`
	Label            string   `ch:"label" json:"label"`
	Polarization     *float64 `ch:"polarization_index" json:"polarization_index"`
	Verdict          string   `ch:"verdict" json:"verdict"`
	Reason           string   `ch:"reason" json:"reason"`
	PaceLowShare     *float64 `ch:"pace_low_share" json:"pace_low_share"`
	PaceVerdict      string   `ch:"pace_verdict" json:"pace_verdict"`
	PaceReason       string   `ch:"pace_reason" json:"pace_reason"`
	Violations       uint64   `ch:"violations" json:"violations"`
	LoadModel        string   `ch:"load_model" json:"load_model"`
	Load             *float64 `ch:"load" json:"load"`
	Monotony         *float64 `ch:"monotony" json:"monotony"`
	Strain           *float64 `ch:"strain" json:"strain"`
	CTL              *float64 `ch:"ctl" json:"ctl"`
	ATL              *float64 `ch:"atl" json:"atl"`
	TSB              *float64 `ch:"tsb" json:"tsb"`
}

const weeksSQL = `SELECT i.week AS week, toString(i.week_start) AS week_start, toString(i.week_end) AS week_end,
		i.training_days AS training_days, i.sessions AS sessions, i.hours AS hours, i.distance_km AS distance_km,
		i.hr_coverage AS hr_coverage, low_s, moderate_s, high_s, i.low_share AS low_share, moderate_share, high_share,
		i.easy_sessions AS easy_sessions, moderate_sessions, i.hard_sessions AS hard_sessions,
		i.easy_session_share AS easy_session_share, i.label AS label, i.polarization_index AS polarization_index,
		i.verdict AS verdict, i.reason AS reason, pace_low_share, pace_verdict, pace_reason,
		violations, load_model, load, monotony, strain, ctl, atl, tsb
	FROM
	(
		SELECT * FROM weekly_intensity
		WHERE athlete_id = {athlete:String} AND week_start <= (
			SELECT max(week_start) FROM weekly_intensity
			WHERE athlete_id = {athlete:String} AND sessions > 0 AND week_start <= {until:Date32})
		ORDER BY week_start DESC LIMIT {weeks:UInt64}
	) AS i
	LEFT JOIN (SELECT week_start, violations, load_model, load, monotony, strain, ctl, atl, tsb
		FROM athlete_weeks WHERE athlete_id = {athlete:String}) AS w ON w.week_start = i.week_start
	ORDER BY i.week_start`

// Last28 is a row of rolling_intensity: the 28 days that end with a day.
type Last28 struct {
	Day              string   `ch:"day" json:"day"`
	Sessions         uint32   `ch:"sessions_28d" json:"sessions"`
	Hours            float64  `ch:"hours_28d" json:"hours"`
	DistanceKM       *float64 `ch:"distance_km_28d" json:"distance_km"`
	HRCoverage       *float64 `ch:"hr_coverage_28d" json:"hr_coverage"`
	LowShare         *float64 `ch:"low_share_28d" json:"low_share"`
	ModerateShare    *float64 `ch:"moderate_share_28d" json:"moderate_share"`
	HighShare        *float64 `ch:"high_share_28d" json:"high_share"`
	EasySessions     uint32   `ch:"easy_sessions_28d" json:"easy_sessions"`
	ModerateSessions uint32   `ch:"moderate_sessions_28d" json:"moderate_sessions"`
	HardSessions     uint32   `ch:"hard_sessions_28d" json:"hard_sessions"`
	EasySessionShare *float64 `ch:"easy_session_share_28d" json:"easy_session_share"`
	Label            string   `ch:"label_28d" json:"label"`
	Polarization     *float64 `ch:"polarization_index_28d" json:"polarization_index"`
	Verdict          string   `ch:"verdict_28d" json:"verdict"`
	Reason           string   `ch:"reason_28d" json:"reason"`
}

const last28SQL = `SELECT toString(r.day) AS day, sessions_28d, hours_28d, distance_km_28d, hr_coverage_28d, low_share_28d,
		moderate_share_28d, high_share_28d, easy_sessions_28d, moderate_sessions_28d, hard_sessions_28d,
		easy_session_share_28d, label_28d, polarization_index_28d, verdict_28d, reason_28d
	FROM rolling_intensity AS r
	WHERE r.athlete_id = {athlete:String} AND r.day <= {to:Date32} ORDER BY r.day DESC LIMIT 1`

// Violation is a row of easy_day_violations.
type Violation struct {
	Day           string    `ch:"day" json:"day"`
	SessionID     uuid.UUID `ch:"session_id" json:"session_id"`
	Sport         string    `ch:"sport" json:"sport"`
	MeantEasy     string    `ch:"meant_easy" json:"meant_easy"`
	Class         string    `ch:"session_class" json:"session_class"`
	OverVT1S      float64   `ch:"over_vt1_s" json:"over_vt1_s"`
	OverVT1Share  float64   `ch:"over_vt1_share" json:"over_vt1_share"`
	LongestS      float64   `ch:"longest_over_vt1_s" json:"longest_over_vt1_s"`
	VT1           *float64  `ch:"vt1" json:"vt1"`
	SlowerSPerKM  *float64  `ch:"slower_by_s_per_km" json:"slower_by_s_per_km"`
	VT1PaceSPerKM *float64  `ch:"vt1_pace_s_per_km" json:"vt1_pace_s_per_km"`
	PaceReason    string    `ch:"pace_reason" json:"pace_reason"`
}

const violationsSQL = `SELECT toString(v.day) AS day, session_id, sport, meant_easy, session_class, over_vt1_s, over_vt1_share,
		longest_over_vt1_s, vt1, slower_by_s_per_km, vt1_pace_s_per_km, pace_reason
	FROM easy_day_violations AS v
	WHERE v.athlete_id = {athlete:String} AND v.day >= {from:Date32} AND v.day <= {to:Date32}
	ORDER BY started_at, session_id`

// Warning is a row of warnings: a pattern on a day.
type Warning struct {
	Day       string             `ch:"day" json:"day"`
	Signal    string             `ch:"signal" json:"signal"`
	Pattern   string             `ch:"pattern" json:"pattern"`
	Value     *float64           `ch:"value" json:"value"`
	Baseline  *float64           `ch:"baseline" json:"baseline"`
	Change    *float64           `ch:"change" json:"change"`
	Unit      string             `ch:"unit" json:"unit"`
	Threshold string             `ch:"threshold" json:"threshold"`
	Inputs    map[string]float64 `ch:"inputs" json:"inputs"`
	Missing   []string           `ch:"missing" json:"missing"`
}

const warningsSQL = `SELECT toString(w.day) AS day, signal, pattern, value, baseline, change, unit, threshold, inputs, missing
	FROM warnings AS w
	WHERE w.athlete_id = {athlete:String} AND w.day >= {from:Date32} AND w.day <= {to:Date32}
	ORDER BY w.day, signal`

// Load is a row of load_daily.
type Load struct {
	Day     string   `ch:"day" json:"day"`
	Model   string   `ch:"load_model" json:"load_model"`
	Load    *float64 `ch:"load" json:"load"`
	CTL     *float64 `ch:"ctl" json:"ctl"`
	ATL     *float64 `ch:"atl" json:"atl"`
	TSB     *float64 `ch:"tsb" json:"tsb"`
	WarmUp  bool     `ch:"warm_up" json:"warm_up"`
	Verdict string   `ch:"verdict" json:"verdict"`
}

const loadSQL = `SELECT toString(l.day) AS day, load_model, load, ctl, atl, tsb, warm_up, verdict
	FROM load_daily AS l
	WHERE l.athlete_id = {athlete:String} AND l.day >= {from:Date32} AND l.day <= {to:Date32}
	ORDER BY l.day`

// ReturnWeek is a row of return_to_run.
type ReturnWeek struct {
	Phase           uint8    `ch:"phase" json:"phase"`
	PhaseName       string   `ch:"phase_name" json:"phase_name"`
	Week            uint16   `ch:"week" json:"week"`
	From            string   `ch:"week_from" json:"week_from"`
	To              string   `ch:"week_to" json:"week_to"`
	Complete        bool     `ch:"complete" json:"complete"`
	Sessions        uint64   `ch:"sessions" json:"sessions"`
	Days            uint64   `ch:"days" json:"days"`
	DaysAllowed     uint8    `ch:"days_allowed" json:"days_allowed"`
	VolumePct       *float64 `ch:"volume_pct" json:"volume_pct"`
	OverCapS        *float64 `ch:"over_cap_s" json:"over_cap_s"`
	CapBPM          *float64 `ch:"cap_bpm" json:"cap_bpm"`
	SessionsOverCap uint64   `ch:"sessions_over_cap" json:"sessions_over_cap"`
	HardSessions    uint64   `ch:"hard_sessions" json:"hard_sessions"`
	Outcome         string   `ch:"outcome" json:"outcome"`
	Reasons         []string `ch:"reasons" json:"reasons"`
	NotJudged       []string `ch:"not_judged" json:"not_judged"`
	NextWeek        string   `ch:"next_week" json:"next_week"`
}

const returnsSQL = `SELECT phase, phase_name, week, toString(r.week_from) AS week_from, toString(r.week_to) AS week_to, complete, sessions, days,
		days_allowed, volume_pct, over_cap_s, cap_bpm, sessions_over_cap, hard_sessions, outcome, reasons, not_judged, next_week
	FROM return_to_run AS r
	WHERE r.athlete_id = {athlete:String} AND r.week_to >= {from:Date32} AND r.week_from <= {to:Date32}
	ORDER BY r.week_from`

// Overview reads so many weeks of an athlete, up to the last one with a session
// that begins on the day until or before it (nil: the latest). It has no weeks
// when the athlete has no sessions by then.
func (s *Store) Overview(ctx context.Context, athlete schema.AthleteID, weeks int, until *schema.Day) (*Overview, error) {
	o := &Overview{}
	p := clickhouse.Parameters{"athlete": string(athlete), "weeks": strconv.Itoa(weeks), "until": "2299-12-31"}
	if until != nil {
		p["until"] = until.String()
	}
	if err := s.read(ctx, p, &o.Weeks, weeksSQL); err != nil {
		return nil, err
	}
	if len(o.Weeks) == 0 {
		return o, nil
	}
	p["from"], p["to"] = o.Weeks[0].Start, o.Weeks[len(o.Weeks)-1].End
	var last []Last28
	for _, q := range []struct {
		into any
		sql  string
	}{
		{&last, last28SQL}, {&o.Violations, violationsSQL}, {&o.Warnings, warningsSQL}, {&o.Load, loadSQL}, {&o.Returns, returnsSQL},
	} {
		if err := s.read(ctx, p, q.into, q.sql); err != nil {
			return nil, err
		}
	}
	if len(last) > 0 {
		o.Last28 = &last[0]
	}
	return o, nil
}

func (s *Store) read(ctx context.Context, p clickhouse.Parameters, into any, sql string) error {
	return classify("read overview", s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(p)), into, sql))
}
