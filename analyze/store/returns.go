package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/diary"
	"plodwatch/schema"
)

// returnRow is a row of returns_versions.
type returnRow struct {
	AthleteID       string    `ch:"athlete_id"`
	FromDay         time.Time `ch:"from_day"`
	Protocol        string    `ch:"protocol"`
	Phase           uint8     `ch:"phase"`
	Removed         bool      `ch:"removed"`
	BaselineKm      *float64  `ch:"baseline_km"`
	BaselineMinutes *float64  `ch:"baseline_minutes"`
	Version         uint64    `ch:"version"`
}

// WriteReturn stores a phase of a return to running, or its end, in place of
// what was stored for the same day, and makes the athlete's returns again: call
// it again after an error. Errors are those of Write.
func (s *Store) WriteReturn(ctx context.Context, r diary.Return, at time.Time) error {
	return s.writeReturn(ctx, &returnRow{
		AthleteID: string(r.Athlete), FromDay: dayTime(r.From), Protocol: r.Protocol, Phase: uint8(r.Phase), //nolint:gosec // checked by Return.Validate
		BaselineKm: r.BaselineKm, BaselineMinutes: r.BaselineMinutes,
	}, at)
}

// RemoveReturn takes back what was stored for a day, otherwise as WriteReturn.
func (s *Store) RemoveReturn(ctx context.Context, athlete schema.AthleteID, from schema.Day, at time.Time) error {
	return s.writeReturn(ctx, &returnRow{
		AthleteID: string(athlete), FromDay: dayTime(from), Removed: true,
	}, at)
}

func (s *Store) writeReturn(ctx context.Context, r *returnRow, at time.Time) (err error) {
	if r.Version, err = s.above(ctx, "returns_versions", at, schema.AthleteID(r.AthleteID)); err != nil {
		return err
	}
	if err := write(ctx, s, "returns_versions", r); err != nil {
		return err
	}
	_, err = s.refreshReturns(ctx, []schema.AthleteID{schema.AthleteID(r.AthleteID)}, time.Now())
	return err
}

// phaseRow is a row of return_phases_versions.
type phaseRow struct {
	Protocol          string   `ch:"protocol"`
	Phase             uint8    `ch:"phase"`
	Name              string   `ch:"name"`
	Weeks             *uint16  `ch:"weeks"`
	DaysPerWeek       uint8    `ch:"days_per_week"`
	Sports            []string `ch:"sports"`
	VolumeFromPct     *float64 `ch:"volume_from_pct"`
	VolumeToPct       *float64 `ch:"volume_to_pct"`
	CapRule           string   `ch:"cap_rule"`
	UnderCapShare     *float64 `ch:"under_cap_share"`
	RPEFrom           *float64 `ch:"rpe_from"`
	RPEBelow          *float64 `ch:"rpe_below"`
	HardRPEFrom       *float64 `ch:"hard_rpe_from"`
	HardRPEBelow      *float64 `ch:"hard_rpe_below"`
	HardShareFrom     *float64 `ch:"hard_share_from"`
	HardShareTo       *float64 `ch:"hard_share_to"`
	HardSessions      uint8    `ch:"hard_sessions"`
	HardSessionsLater uint8    `ch:"hard_sessions_later"`
	HardLaterFrom     *uint16  `ch:"hard_later_from"`
	Text              string   `ch:"text"`
	Version           uint64   `ch:"version"`
}

// WritePhases stores phases of protocols, in place of those of the same
// protocol and number, and makes all returns again. Errors are those of Write;
// phases are not checked here.
func (s *Store) WritePhases(ctx context.Context, phases []diary.Phase, at time.Time) error {
	version, err := s.above(ctx, "return_phases_versions", at)
	if err != nil {
		return err
	}
	rows := make([]*phaseRow, len(phases))
	for i := range phases {
		p := &phases[i]
		rows[i] = &phaseRow{
			Protocol: p.Protocol, Phase: uint8(p.Phase), Name: p.Name, Weeks: small(p.Weeks), DaysPerWeek: uint8(p.DaysPerWeek), //nolint:gosec // checked by Phase.Validate
			Sports: p.Sports, VolumeFromPct: p.VolumeFromPct, VolumeToPct: p.VolumeToPct, CapRule: string(p.CapRule),
			UnderCapShare: p.UnderCapShare, RPEFrom: p.RPEFrom, RPEBelow: p.RPEBelow, HardRPEFrom: p.HardRPEFrom, HardRPEBelow: p.HardRPEBelow,
			HardShareFrom: p.HardShareFrom, HardShareTo: p.HardShareTo,
			HardSessions: uint8(p.HardSessions), HardSessionsLater: uint8(p.HardSessionsLater), HardLaterFrom: small(p.HardLaterFrom), //nolint:gosec // checked by Phase.Validate
			Text: p.Text, Version: version,
		}
	}
	if err := write(ctx, s, "return_phases_versions", rows...); err != nil {
		return err
	}
	return s.refreshAllReturns(ctx, time.Now())
}

func small(v *int) *uint16 {
	if v == nil {
		return nil
	}
	n := uint16(*v) //nolint:gosec // checked by Phase.Validate
	return &n
}

// PhaseOfProtocol is a row of the view return_phases.
type PhaseOfProtocol struct {
	Protocol          string   `ch:"protocol" json:"protocol"`
	Phase             uint8    `ch:"phase" json:"phase"`
	Name              string   `ch:"name" json:"name"`
	Weeks             *uint16  `ch:"weeks" json:"weeks"`
	DaysPerWeek       uint8    `ch:"days_per_week" json:"days_per_week"`
	Sports            []string `ch:"sports" json:"sports"`
	VolumeFromPct     *float64 `ch:"volume_from_pct" json:"volume_from_pct"`
	VolumeToPct       *float64 `ch:"volume_to_pct" json:"volume_to_pct"`
	CapRule           string   `ch:"cap_rule" json:"cap_rule"`
	UnderCapShare     *float64 `ch:"under_cap_share" json:"under_cap_share"`
	HardShareFrom     *float64 `ch:"hard_share_from" json:"hard_share_from"`
	HardShareTo       *float64 `ch:"hard_share_to" json:"hard_share_to"`
	HardSessions      uint8    `ch:"hard_sessions" json:"hard_sessions"`
	HardSessionsLater uint8    `ch:"hard_sessions_later" json:"hard_sessions_later"`
	HardLaterFrom     *uint16  `ch:"hard_later_from" json:"hard_later_from"`
	Text              string   `ch:"text" json:"text"`
}

// Protocols returns the phases of all protocols, by protocol and number.
func (s *Store) Protocols(ctx context.Context) ([]PhaseOfProtocol, error) {
	return selectAll[PhaseOfProtocol](ctx, s, "return_phases", "", "protocol, phase")
}

// ReturnPhase is a row of the view returns.
type ReturnPhase struct {
	Athlete         string     `ch:"athlete_id" json:"athlete_id"`
	FromDay         time.Time  `ch:"from_day" json:"-"`
	ToDay           *time.Time `ch:"to_day" json:"-"`
	ReturnFrom      time.Time  `ch:"return_from" json:"-"`
	Protocol        string     `ch:"protocol" json:"protocol"`
	Phase           uint8      `ch:"phase" json:"phase"`
	BaselineKm      *float64   `ch:"baseline_km" json:"baseline_km"`
	BaselineMinutes *float64   `ch:"baseline_minutes" json:"baseline_minutes"`
	BaselineSource  string     `ch:"baseline_source" json:"baseline_source"`
	VolumeUnit      string     `ch:"volume_unit" json:"volume_unit"`
}

// Returns returns the phases of an athlete's returns to running, by day.
func (s *Store) Returns(ctx context.Context, athlete schema.AthleteID) ([]ReturnPhase, error) {
	return selectAll[ReturnPhase](ctx, s, "returns", athlete, "from_day")
}

// ReturnToRunWeek is a row of the view return_to_run.
type ReturnToRunWeek struct {
	Athlete          string    `ch:"athlete_id" json:"athlete_id"`
	Protocol         string    `ch:"protocol" json:"protocol"`
	Phase            uint8     `ch:"phase" json:"phase"`
	PhaseName        string    `ch:"phase_name" json:"phase_name"`
	Week             uint16    `ch:"week" json:"week"`
	WeekFrom         time.Time `ch:"week_from" json:"-"`
	WeekTo           time.Time `ch:"week_to" json:"-"`
	Complete         bool      `ch:"complete" json:"complete"`
	Sessions         uint64    `ch:"sessions" json:"sessions"`
	Days             uint64    `ch:"days" json:"days"`
	DaysAllowed      uint8     `ch:"days_allowed" json:"days_allowed"`
	Minutes          float64   `ch:"minutes" json:"minutes"`
	Km               *float64  `ch:"km" json:"km"`
	VolumePct        *float64  `ch:"volume_pct" json:"volume_pct"`
	VolumeToPct      *float64  `ch:"volume_to_pct" json:"volume_to_pct"`
	VolumeUnit       string    `ch:"volume_unit" json:"volume_unit"`
	OverCapS         *float64  `ch:"over_cap_s" json:"over_cap_s"`
	LongestOverCapS  *float64  `ch:"longest_over_cap_s" json:"longest_over_cap_s"`
	UnderCapShare    *float64  `ch:"under_cap_share" json:"under_cap_share"`
	HardShare        *float64  `ch:"hard_share" json:"hard_share"`
	HardSessions     uint64    `ch:"hard_sessions" json:"hard_sessions"`
	HardSessionsMost uint8     `ch:"hard_sessions_allowed" json:"hard_sessions_allowed"`
	Outcome          string    `ch:"outcome" json:"outcome"`
	Reasons          []string  `ch:"reasons" json:"reasons"`
	NotJudged        []string  `ch:"not_judged" json:"not_judged"`
	NextWeek         string    `ch:"next_week" json:"next_week"`
}

// ReturnWeeks returns the weeks of an athlete's returns to running, by day.
func (s *Store) ReturnWeeks(ctx context.Context, athlete schema.AthleteID) ([]ReturnToRunWeek, error) {
	return selectAll[ReturnToRunWeek](ctx, s, "return_to_run", athlete, "week_from")
}

// ReturnSession is a row of the view return_to_run_sessions.
type ReturnSession struct {
	Athlete         string    `ch:"athlete_id" json:"athlete_id"`
	SessionID       uuid.UUID `ch:"session_id" json:"session_id"`
	Day             time.Time `ch:"day" json:"-"`
	Phase           uint8     `ch:"phase" json:"phase"`
	Week            uint16    `ch:"week" json:"week"`
	Sport           string    `ch:"sport" json:"sport"`
	Minutes         float64   `ch:"minutes" json:"minutes"`
	CapBPM          *float64  `ch:"cap_bpm" json:"cap_bpm"`
	OverCapS        *float64  `ch:"over_cap_s" json:"over_cap_s"`
	LongestOverCapS *float64  `ch:"longest_over_cap_s" json:"longest_over_cap_s"`
	CapOK           *bool     `ch:"cap_ok" json:"cap_ok"`
	Hard            bool      `ch:"hard" json:"hard"`
	Outcome         string    `ch:"outcome" json:"outcome"`
	Reason          string    `ch:"reason" json:"reason"`
}

// ReturnSessions returns the sessions of an athlete's returns to running, by
// start.
func (s *Store) ReturnSessions(ctx context.Context, athlete schema.AthleteID) ([]ReturnSession, error) {
	return selectAll[ReturnSession](ctx, s, "return_to_run_sessions", athlete, "started_at")
}

// selectAll reads the columns of T from a view, of one athlete when one is
// given.
func selectAll[T any](ctx context.Context, s *Store, view string, athlete schema.AthleteID, order string) ([]T, error) {
	var zero T
	query := "SELECT " + columnsOf(zero) + " FROM " + view
	if athlete != "" {
		query += " WHERE athlete_id = {athlete:String}"
		ctx = withParameter(ctx, "athlete", string(athlete))
	}
	var rows []T
	if err := s.conn.Select(ctx, &rows, query+" ORDER BY "+order); err != nil {
		return nil, classify("read "+view, err)
	}
	return rows, nil
}
