package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/analyze"
	"plodwatch/schema"
)

// WeekRow is a row of the view weekly_intensity with the violations of
// athlete_weeks. Pointers are nil when there is no answer; Reason and
// PaceReason say why.
type WeekRow struct {
	Athlete          string   `ch:"athlete_id" json:"athlete_id"`
	Week             string   `ch:"week" json:"week"`
	Start            string   `ch:"starts" json:"week_start"`
	End              string   `ch:"ends" json:"week_end"`
	TrainingDays     uint64   `ch:"training_days" json:"training_days"`
	Sessions         uint64   `ch:"sessions" json:"sessions"`
	Hours            float64  `ch:"hours" json:"hours"`
	DistanceKm       *float64 `ch:"distance_km" json:"distance_km"`
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
	PaceLowS         *float64 `ch:"pace_low_s" json:"pace_low_s"`
	PaceModerateS    *float64 `ch:"pace_moderate_s" json:"pace_moderate_s"`
	PaceHighS        *float64 `ch:"pace_high_s" json:"pace_high_s"`
	PaceLowShare     *float64 `ch:"pace_low_share" json:"pace_low_share"`
	PaceVerdict      string   `ch:"pace_verdict" json:"pace_verdict"`
	PaceReason       string   `ch:"pace_reason" json:"pace_reason"`
	Violations       uint64   `ch:"violations" json:"violations"`
}

// WeekRows returns the latest so many weeks up to the last one with a session,
// of one athlete, or of each when athlete is empty, oldest first. The days are
// those of the last Refresh.
func (s *Store) WeekRows(ctx context.Context, athlete schema.AthleteID, weeks int) ([]WeekRow, error) {
	const columns = `i.week AS week, toString(i.week_start) AS starts, toString(i.week_end) AS ends, i.training_days AS training_days,
			i.sessions AS sessions, i.hours AS hours, i.distance_km AS distance_km, i.hr_coverage AS hr_coverage, i.low_s AS low_s,
			i.moderate_s AS moderate_s, i.high_s AS high_s, i.low_share AS low_share, i.moderate_share AS moderate_share,
			i.high_share AS high_share, i.easy_sessions AS easy_sessions, i.moderate_sessions AS moderate_sessions,
			i.hard_sessions AS hard_sessions, i.easy_session_share AS easy_session_share, i.label AS label,
			i.polarization_index AS polarization_index, i.verdict AS verdict, i.reason AS reason, i.pace_low_s AS pace_low_s,
			i.pace_moderate_s AS pace_moderate_s, i.pace_high_s AS pace_high_s, i.pace_low_share AS pace_low_share,
			i.pace_verdict AS pace_verdict, i.pace_reason AS pace_reason`
	where := ""
	parameters := clickhouse.Parameters{"weeks": strconv.Itoa(weeks)}
	if athlete != "" {
		where = "WHERE athlete_id = {athlete:String}"
		parameters["athlete"] = string(athlete)
	}
	query := `SELECT * FROM
		(
			SELECT i.athlete_id AS athlete_id, ` + columns + `, w.violations AS violations,
				max(if(i.sessions > 0, i.week_start, toDate32('1900-01-01'))) OVER (PARTITION BY i.athlete_id) AS last_week
			FROM (SELECT * FROM weekly_intensity ` + where + `) AS i
			LEFT JOIN (SELECT athlete_id, week_start, violations FROM athlete_weeks ` + where + `) AS w
			ON w.athlete_id = i.athlete_id AND w.week_start = i.week_start
			ORDER BY athlete_id, starts DESC
		)
		WHERE toDate32(starts) <= last_week
		LIMIT {weeks:UInt64} BY athlete_id`
	var latestFirst []struct {
		WeekRow

		LastWeek time.Time `ch:"last_week"`
	}
	if err := s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), &latestFirst, query); err != nil {
		return nil, classify("read weeks", err)
	}
	all := make([]WeekRow, 0, len(latestFirst))
	for from := 0; from < len(latestFirst); {
		to := from
		for to < len(latestFirst) && latestFirst[to].Athlete == latestFirst[from].Athlete {
			to++
		}
		for i := to - 1; i >= from; i-- {
			all = append(all, latestFirst[i].WeekRow)
		}
		from = to
	}
	return all, nil
}

// SetWeekStart sets the day on which weeks start in the views, of one athlete,
// or of everybody who has no setting of their own when athlete is empty. It
// returns an error that wraps analyze.ErrPermanent when there is no such day.
func (s *Store) SetWeekStart(ctx context.Context, athlete schema.AthleteID, day time.Weekday, now time.Time) error {
	if day < time.Sunday || day > time.Saturday {
		return fmt.Errorf("set week start: weekday %d: %w", int(day), analyze.ErrPermanent)
	}
	version, err := s.aboveOf(ctx, "report_settings_versions", millis(now))
	if err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	return insert(ctx, s, "report_settings_versions", []*reportSettingsRow{{
		AthleteID: string(athlete), WeekStartsOn: uint8((int(day)+6)%7 + 1), //nolint:gosec // 1 to 7
		Version: version,
	}})
}

// reportSettingsRow is a row of report_settings_versions.
type reportSettingsRow struct {
	AthleteID    string `ch:"athlete_id"`
	WeekStartsOn uint8  `ch:"week_starts_on"` // 1 = Monday to 7 = Sunday
	Version      uint64 `ch:"version"`
}
