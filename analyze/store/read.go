package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// namesPerQuery bounds how many athletes or sessions one query names.
const namesPerQuery = 500

// Settings returns the dated settings of the athletes, ascending by day.
// Athletes without settings are not in the map.
func (s *Store) Settings(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]analyze.Dated, error) {
	query := "SELECT " + columnsOf(settingsRow{}) + ` FROM athlete_settings_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} ORDER BY athlete_id, valid_from`
	all := make(map[schema.AthleteID][]analyze.Dated)
	err := eachPart(athletes, func(part []schema.AthleteID) error {
		var rows []settingsRow
		if err := s.conn.Select(withParameter(ctx, "athletes", textArray(part)), &rows, query); err != nil {
			return err
		}
		for i := range rows {
			d := rows[i].dated()
			all[d.Athlete] = append(all[d.Athlete], d)
		}
		return nil
	})
	if err != nil {
		return nil, classify("read athlete settings", err)
	}
	return all, nil
}

// Records returns, for each athlete, the sessions that raised the highest
// observed heart rate, ascending by start and by heart rate.
func (s *Store) Records(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]analyze.Record, error) {
	const query = `SELECT athlete_id, started_at, observed_hr_max FROM (
			SELECT athlete_id, started_at, observed_hr_max, max(observed_hr_max) OVER (
				PARTITION BY athlete_id ORDER BY started_at, observed_hr_max
				ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
			FROM sessions_versions FINAL
			WHERE athlete_id IN {athletes:Array(String)} AND observed_hr_max > 0
		) WHERE observed_hr_max > before ORDER BY athlete_id, started_at, observed_hr_max`
	all := make(map[schema.AthleteID][]analyze.Record)
	err := eachPart(athletes, func(part []schema.AthleteID) error {
		rows, err := s.conn.Query(withParameter(ctx, "athletes", textArray(part)), query)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err below has it
		for rows.Next() {
			var (
				name string
				r    analyze.Record
			)
			if err := rows.Scan(&name, &r.StartMs, &r.BPM); err != nil {
				return err
			}
			all[schema.AthleteID(name)] = append(all[schema.AthleteID(name)], r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, classify("read observed heart rates", err)
	}
	return all, nil
}

// Athletes returns the athletes who have sessions, in order.
func (s *Store) Athletes(ctx context.Context) ([]schema.AthleteID, error) {
	var rows []struct {
		AthleteID string `ch:"athlete_id"`
	}
	if err := s.conn.Select(ctx, &rows, "SELECT DISTINCT athlete_id FROM sessions_versions ORDER BY athlete_id"); err != nil {
		return nil, classify("list athletes", err)
	}
	all := make([]schema.AthleteID, len(rows))
	for i := range rows {
		all[i] = schema.AthleteID(rows[i].AthleteID)
	}
	return all, nil
}

// Briefs calls yield for each stored session of the athletes, ordered by
// athlete, start and id. A session without an intensity row is among them,
// with RulesVersion 0. It ends early with yield's error. The Brief is used
// again for the next call.
func (s *Store) Briefs(ctx context.Context, athletes []schema.AthleteID, yield func(*analyze.Brief) error) error {
	const query = `SELECT s.athlete_id, s.session_id, s.started_at, s.observed_hr_max, s.utc_offset_s,
			s.utc_offset_source, s.local_day, i.settings_version, i.observed_hr_max, i.hr_max_source, i.rules_version
		FROM (SELECT athlete_id, session_id, started_at, observed_hr_max, utc_offset_s, utc_offset_source, local_day
			FROM sessions_versions FINAL WHERE athlete_id IN {athletes:Array(String)}) AS s
		LEFT JOIN (SELECT athlete_id, session_id, settings_version, observed_hr_max, hr_max_source, rules_version
			FROM intensity_versions FINAL WHERE athlete_id IN {athletes:Array(String)}) AS i
		ON s.athlete_id = i.athlete_id AND s.session_id = i.session_id
		ORDER BY s.athlete_id, s.started_at, s.session_id
		SETTINGS join_use_nulls = 0`
	return eachPart(athletes, func(part []schema.AthleteID) error {
		rows, err := s.conn.Query(withParameter(ctx, "athletes", textArray(part)), query)
		if err != nil {
			return classify("read sessions", err)
		}
		defer rows.Close() //nolint:errcheck // Err below has it
		for rows.Next() {
			var r briefRow
			if err := r.scan(rows); err != nil {
				return classify("read sessions", err)
			}
			b := r.brief()
			if err := yield(&b); err != nil {
				return err
			}
		}
		return classify("read sessions", rows.Err())
	})
}

type briefRow struct {
	analyze.Brief
	athlete, offsetSource, hrMaxSource string
	id                                 uuid.UUID
	day                                time.Time
}

func (r *briefRow) scan(rows interface{ Scan(dest ...any) error }) error {
	return rows.Scan(&r.athlete, &r.id, &r.StartMs, &r.ObservedHRMax, &r.UTCOffsetS, &r.offsetSource,
		&r.day, &r.SettingsAt, &r.ObservedUsed, &r.hrMaxSource, &r.RulesVersion)
}

func (r *briefRow) brief() analyze.Brief {
	b := r.Brief
	b.Athlete, b.ID = schema.AthleteID(r.athlete), schema.SessionID(r.id)
	b.OffsetSource = schema.OffsetSource(r.offsetSource)
	b.HRMaxSource = intensity.HRMaxSource(r.hrMaxSource)
	b.LocalDay = dayOf(r.day)
	return b
}

// Load calls yield for each of the sessions that are still there, with all
// their samples, in no special order. It ends early with yield's error.
func (s *Store) Load(ctx context.Context, keys []analyze.SessionKey, yield func(*analyze.Stored) error) error {
	const perQuery = 16 // bounds the samples in memory
	for len(keys) > 0 {
		part := keys[:min(perQuery, len(keys))]
		keys = keys[len(part):]
		sessions, err := s.loadSessions(ctx, part)
		if err != nil {
			return classify("load sessions", err)
		}
		if err := s.loadSamples(ctx, part, sessions); err != nil {
			return classify("load samples", err)
		}
		for _, stored := range sessions {
			samples := &stored.Env.Session.Samples
			if samples.DropEmpty(); samples.Len() == 0 {
				samples.TimeMs = nil
			}
			if err := yield(stored); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) loadSessions(ctx context.Context, keys []analyze.SessionKey) (map[analyze.SessionKey]*analyze.Stored, error) {
	query := "SELECT " + columnsOf(sessionRow{}) + ` FROM sessions_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} AND session_id IN {sessions:Array(UUID)}`
	var rows []sessionRow
	if err := s.conn.Select(withKeys(ctx, keys), &rows, query); err != nil {
		return nil, err
	}
	all := make(map[analyze.SessionKey]*analyze.Stored, len(rows))
	for i := range rows {
		stored, err := rows[i].stored()
		if err != nil {
			return nil, err
		}
		stored.Env.Session.Samples = emptyColumns(int(rows[i].Samples))
		all[analyze.SessionKey{Athlete: stored.Env.Athlete, ID: stored.Env.ID}] = stored
	}
	return all, nil
}

// emptyColumns returns all columns with no rows and room for n.
func emptyColumns(n int) schema.Samples {
	s := schema.Samples{TimeMs: make([]int64, 0, n), HeartRate: make([]uint8, 0, n)}
	for _, col := range s.Int32Columns() {
		*col = make([]int32, 0, n)
	}
	return s
}

func (s *Store) loadSamples(ctx context.Context, keys []analyze.SessionKey, into map[analyze.SessionKey]*analyze.Stored) error {
	const query = `SELECT athlete_id, session_id, decode, t, hr, speed_mmps, distance_cm, altitude_cm, cadence_100,
			power_w, lat_e7, lon_e7, temperature_dc
		FROM samples_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} AND session_id IN {sessions:Array(UUID)}
		ORDER BY athlete_id, session_id, decode, t`
	rows, err := s.conn.Query(withKeys(ctx, keys), query)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	var (
		athlete string
		id      uuid.UUID
		decode  uint64
		ms      int64
		hr      uint8
		v       [8]int32
		dest    = []any{&athlete, &id, &decode, &ms, &hr}
	)
	for i := range v {
		dest = append(dest, &v[i])
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		stored := into[analyze.SessionKey{Athlete: schema.AthleteID(athlete), ID: schema.SessionID(id)}]
		if stored == nil || stored.Decode != decode {
			continue // of another decode
		}
		samples := &stored.Env.Session.Samples
		samples.TimeMs = append(samples.TimeMs, ms)
		samples.HeartRate = append(samples.HeartRate, hr)
		for i, col := range samples.Int32Columns() {
			*col = append(*col, v[i])
		}
	}
	return rows.Err()
}

// eachPart calls f with at most namesPerQuery names at a time.
func eachPart[T any](names []T, f func([]T) error) error {
	for len(names) > 0 {
		part := names[:min(namesPerQuery, len(names))]
		names = names[len(part):]
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}

func withParameter(ctx context.Context, name, value string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{name: value}))
}

func withKeys(ctx context.Context, keys []analyze.SessionKey) context.Context {
	athletes, ids := make([]schema.AthleteID, len(keys)), make([]schema.SessionID, len(keys))
	for i, k := range keys {
		athletes[i], ids[i] = k.Athlete, k.ID
	}
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"athletes": textArray(athletes), "sessions": textArray(ids),
	}))
}

// textArray writes identities, which need no escaping, as an array literal.
func textArray[T schema.AthleteID | schema.SessionID | schema.ExportID](names []T) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "'%v'", name)
	}
	b.WriteByte(']')
	return b.String()
}

// parameterText escapes text as a query parameter, which the server reads as
// a tab-separated value.
func parameterText(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r", "\x00", "\\0").Replace(s)
}
