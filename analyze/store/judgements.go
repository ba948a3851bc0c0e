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
	}
	if row.SettingsFrom != nil {
		from := dayOf(*row.SettingsFrom)
		j.SettingsFrom = &from
	}
	return j
}
