package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// judgementRow is the part of intensity_versions that Judgements reads.
type judgementRow struct {
	AthleteID    string     `ch:"athlete_id"`
	SessionID    uuid.UUID  `ch:"session_id"`
	SettingsID   string     `ch:"settings_id"`
	SettingsFrom *time.Time `ch:"settings_from"`
	HRMax        *float64   `ch:"hr_max"`
	HRMaxSource  string     `ch:"hr_max_source"`
	LowMs        int64      `ch:"low_ms"`
	ModerateMs   int64      `ch:"moderate_ms"`
	HighMs       int64      `ch:"high_ms"`
	LowShare     *float64   `ch:"low_share"`
	Meets8020    *bool      `ch:"meets_80_20"`
	SessionClass string     `ch:"session_class"`
	Label        string     `ch:"label"`
	CapOK        *bool      `ch:"cap_ok"`
	Verdict      string     `ch:"verdict"`
	RulesVersion uint32     `ch:"rules_version"`
	AnalyzedAt   int64      `ch:"analyzed_at"`
	Threshold    float64    `ch:"threshold_pace"`
	PaceLowMs    int64      `ch:"pace_low_ms"`
	PaceModMs    int64      `ch:"pace_moderate_ms"`
	PaceHighMs   int64      `ch:"pace_high_ms"`
}

// Judgements returns what is stored of the intensity of those of the sessions
// that have been analysed.
func (s *Store) Judgements(ctx context.Context, keys []analyze.SessionKey) (map[analyze.SessionKey]analyze.Judgement, error) {
	query := "SELECT " + columnsOf(judgementRow{}) + ` FROM intensity_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} AND session_id IN {sessions:Array(UUID)}`
	all := make(map[analyze.SessionKey]analyze.Judgement, len(keys))
	err := eachPart(keys, func(part []analyze.SessionKey) error {
		var rows []judgementRow
		if err := s.conn.Select(withKeys(ctx, part), &rows, query); err != nil {
			return err
		}
		for i := range rows {
			key := analyze.SessionKey{Athlete: schema.AthleteID(rows[i].AthleteID), ID: schema.SessionID(rows[i].SessionID)}
			all[key] = rows[i].judgement()
		}
		return nil
	})
	if err != nil {
		return nil, classify("read intensity", err)
	}
	return all, nil
}

func (row *judgementRow) judgement() analyze.Judgement {
	j := analyze.Judgement{
		SettingsID: row.SettingsID, HRMax: row.HRMax, HRMaxSource: intensity.HRMaxSource(row.HRMaxSource),
		LowMs: row.LowMs, ModerateMs: row.ModerateMs, HighMs: row.HighMs, LowShare: row.LowShare,
		Meets8020: row.Meets8020, Class: intensity.Class(row.SessionClass), Label: intensity.Label(row.Label),
		CapOK: row.CapOK, Verdict: intensity.Verdict(row.Verdict), RulesVersion: row.RulesVersion, AnalyzedMs: row.AnalyzedAt,
		Pace: analyze.ByPace{Threshold: row.Threshold, LowMs: row.PaceLowMs, ModerateMs: row.PaceModMs, HighMs: row.PaceHighMs},
	}
	if row.SettingsFrom != nil {
		from := dayOf(*row.SettingsFrom)
		j.SettingsFrom = &from
	}
	return j
}

// Tallies returns what each session of an athlete that counts adds to its week,
// and the day on which that athlete's weeks start: 1 = Monday to 7 = Sunday.
func (s *Store) Tallies(ctx context.Context, athlete schema.AthleteID) (tallies []analyze.Tally, startsOn int, err error) {
	const (
		query = `SELECT s.session_id, s.local_day, s.elapsed_ms - s.paused_ms, s.classified_ms, i.low_ms, i.moderate_ms, i.high_ms, i.session_class,
				i.threshold_pace, i.pace_low_ms, i.pace_moderate_ms, i.pace_high_ms
			FROM (SELECT * FROM sessions_versions FINAL WHERE athlete_id = {athlete:String}) AS s
			LEFT JOIN (SELECT * FROM intensity_versions FINAL WHERE athlete_id = {athlete:String}) AS i ON i.session_id = s.session_id
			WHERE isNull(s.duplicate_of)
			SETTINGS join_use_nulls = 0`
		first = `SELECT toInt64(ifNull(argMax(week_starts_on, athlete_id), 1)) FROM report_settings
			WHERE athlete_id IN ('', {athlete:String}) AND week_starts_on > 0`
	)
	ctx = withParameter(ctx, "athlete", string(athlete))
	var day int64
	if err := s.conn.QueryRow(ctx, first).Scan(&day); err != nil {
		return nil, 0, classify("read report settings", err)
	}
	if startsOn = int(day); startsOn == 0 { // no rows
		startsOn = 1
	}
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return nil, 0, classify("read sessions", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	for rows.Next() {
		var (
			t     = analyze.Tally{SessionKey: analyze.SessionKey{Athlete: athlete}}
			id    uuid.UUID
			local time.Time
			class string
		)
		if err := rows.Scan(&id, &local, &t.TimerMs, &t.ClassifiedMs, &t.LowMs, &t.ModerateMs, &t.HighMs, &class,
			&t.Pace.Threshold, &t.Pace.LowMs, &t.Pace.ModerateMs, &t.Pace.HighMs); err != nil {
			return nil, 0, classify("read sessions", err)
		}
		t.ID, t.Day, t.Class = schema.SessionID(id), dayOf(local), intensity.Class(class)
		tallies = append(tallies, t)
	}
	return tallies, startsOn, classify("read sessions", rows.Err())
}
