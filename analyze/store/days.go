package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/periods"
	"plodwatch/schema"
)

// athletesPerRefresh bounds the days in memory.
const athletesPerRefresh = 25

// Refresh makes again what was computed over the athletes' sessions when these
// have changed since, and returns of how many athletes. See RefreshDays,
// RefreshSigns and RefreshReturns.
func (s *Store) Refresh(ctx context.Context, athletes []schema.AthleteID) (int, error) {
	days, err := s.RefreshDays(ctx, athletes)
	if err != nil {
		return days, err
	}
	made, err := s.RefreshSigns(ctx, athletes, time.Now())
	if err != nil {
		return max(days, made), err
	}
	returns, err := s.RefreshReturns(ctx, athletes, time.Now())
	return max(days, made, returns), err
}

// RefreshDays makes the days of those of the athletes whose sessions or their
// intensity have changed since the days were made, and returns of how many. It
// does nothing for the others, so it may be called at any time and repeated
// after an error. Errors wrap analyze.ErrNotNow or analyze.ErrPermanent as
// those of Write.
func (s *Store) RefreshDays(ctx context.Context, athletes []schema.AthleteID) (int, error) {
	total := 0
	for len(athletes) > 0 {
		part := athletes[:min(athletesPerRefresh, len(athletes))]
		athletes = athletes[len(part):]
		stale, err := s.staleDays(ctx, part)
		if err != nil {
			return total, classify("look for days to make again", err)
		}
		if len(stale.athletes) == 0 {
			continue
		}
		if err := s.makeDays(ctx, stale, time.Now()); err != nil {
			return total, classify("make days", err)
		}
		total += len(stale.athletes)
	}
	return total, nil
}

// inputs are athletes with the fingerprints of what is made from their sessions.
type inputs struct {
	athletes     []schema.AthleteID
	fingerprints []string
}

// staleDays returns the athletes whose days were made from something else than
// what is there now, or by other rules. What is written after this is read is
// found by the next call, because the fingerprint is older than the days.
func (s *Store) staleDays(ctx context.Context, athletes []schema.AthleteID) (inputs, error) {
	const query = `SELECT now.athlete_id, toString(now.inputs)
		FROM
		(
			SELECT athlete_id, sum(h) AS inputs
			FROM
			(
				SELECT athlete_id, cityHash64(session_id, version) AS h
				FROM sessions_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
				UNION ALL
				SELECT athlete_id, cityHash64(session_id, version, 1) AS h
				FROM intensity_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
			)
			GROUP BY athlete_id
		) AS now
		LEFT JOIN
		(
			SELECT athlete_id, inputs, days_version
			FROM athlete_spans_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
		) AS made ON made.athlete_id = now.athlete_id
		WHERE now.inputs != made.inputs OR made.days_version != {version:UInt32}
		ORDER BY now.athlete_id
		SETTINGS join_use_nulls = 0`
	return s.stale(ctx, athletes, periods.Version, query)
}

// stale asks which of the athletes have something that was made from other
// inputs or by another version of the rules. The query has the parameters
// athletes and version, and answers with athletes and the fingerprints of now.
func (s *Store) stale(ctx context.Context, athletes []schema.AthleteID, version uint32, query string) (inputs, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"athletes": textArray(athletes), "version": strconv.FormatUint(uint64(version), 10),
	}))
	var found inputs
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return found, err
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	for rows.Next() {
		var athlete, fingerprint string
		if err := rows.Scan(&athlete, &fingerprint); err != nil {
			return found, err
		}
		found.athletes = append(found.athletes, schema.AthleteID(athlete))
		found.fingerprints = append(found.fingerprints, fingerprint)
	}
	return found, rows.Err()
}

// makeDays writes the days that differ from those that are there, takes away
// those that no longer belong, and writes the span last, as the mark that the
// days are whole.
func (s *Store) makeDays(ctx context.Context, of inputs, now time.Time) error {
	sessions, err := s.daySessions(ctx, of.athletes)
	if err != nil {
		return err
	}
	have, version, err := s.madeDays(ctx, of.athletes)
	if err != nil {
		return err
	}
	spanVersion, err := s.aboveOf(ctx, "athlete_spans_versions", millis(now), of.athletes...)
	if err != nil {
		return err
	}
	version = max(version, spanVersion)
	var all []athleteDay
	spans := make([]*spanRow, len(of.athletes))
	for i, athlete := range of.athletes {
		from := sessions[athlete]
		days := periods.Make(from.sessions)
		spans[i] = &spanRow{
			AthleteID: string(athlete), FirstDay: dayTime(0), LastDay: dayTime(0), DaysVersion: periods.Version, Version: version,
		}
		if spans[i].Inputs, err = strconv.ParseUint(of.fingerprints[i], 10, 64); err != nil {
			return fmt.Errorf("read fingerprint: %w", err)
		}
		if len(days) > 0 {
			spans[i].addSessions(from, days)
		}
		for k := range days {
			all = append(all, athleteDay{athlete: athlete, Day: days[k]})
		}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	if err := s.writeDays(ctx, all, have, version); err != nil {
		return err
	}
	return insert(ctx, s, "athlete_spans_versions", spans)
}

// dayInputs are an athlete's sessions in the order of their start.
type dayInputs struct {
	sessions []periods.Session
	peaks    []peak
	lastID   uuid.UUID
	lastMs   int64
}

// daySessions reads what the days of athletes are made from.
func (s *Store) daySessions(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID]*dayInputs, error) {
	ctx = withParameter(ctx, "athletes", textArray(athletes))
	judged, err := s.dayIntensities(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.conn.Query(ctx, `SELECT athlete_id, session_id, started_at, local_day, elapsed_ms - paused_ms, moving_ms, classified_ms,
			distance_m, toFloat64(rpe), sport, observed_hr_max, hasAny(signal_flags, ['stuck_hr', 'cadence_lock'])
		FROM sessions_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} AND isNull(duplicate_of)
		ORDER BY athlete_id, started_at, session_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	all := make(map[schema.AthleteID]*dayInputs)
	for _, athlete := range athletes {
		all[athlete] = &dayInputs{}
	}
	for rows.Next() {
		var (
			athlete string
			id      uuid.UUID
			ms      int64
			day     time.Time
			x       periods.Session
			top     peak
			flagged uint8
		)
		if err := rows.Scan(&athlete, &id, &ms, &day, &x.TimerMs, &x.MovingMs, &x.ClassifiedMs, &x.DistanceM, &x.RPE,
			&top.sport, &top.Observed, &flagged); err != nil {
			return nil, err
		}
		x.Day = dayOf(day)
		of := judged[sessionOf{athlete, id}]
		of.addTo(&x)
		top.id, top.day, top.doubtful = id, day, flagged != 0
		top.judge(of)
		in := all[schema.AthleteID(athlete)]
		in.sessions, in.peaks, in.lastID, in.lastMs = append(in.sessions, x), append(in.peaks, top), id, ms
	}
	return all, rows.Err()
}

type sessionOf struct {
	athlete string
	id      uuid.UUID
}

// dayIntensity is the part of intensity_versions that days are made from.
type dayIntensity struct {
	AthleteID      string    `ch:"athlete_id"`
	SessionID      uuid.UUID `ch:"session_id"`
	Class          string    `ch:"session_class"`
	LowMs          int64     `ch:"low_ms"`
	ModerateMs     int64     `ch:"moderate_ms"`
	HighMs         int64     `ch:"high_ms"`
	Efforts        uint32    `ch:"efforts"`
	ThresholdPace  float64   `ch:"threshold_pace"`
	PaceLowMs      int64     `ch:"pace_low_ms"`
	PaceModerateMs int64     `ch:"pace_moderate_ms"`
	PaceHighMs     int64     `ch:"pace_high_ms"`
	NearVT1Ms      int64     `ch:"near_vt1_ms"`
	NearVT1M       float64   `ch:"near_vt1_m"`
	Trimp          *float64  `ch:"trimp"`
	Edwards        *float64  `ch:"edwards"`
	Lucia          *float64  `ch:"lucia"`
	HRMax          *float64  `ch:"hr_max"`
	HRMaxSource    string    `ch:"hr_max_source"`
}

func (s *Store) dayIntensities(ctx context.Context) (map[sessionOf]*dayIntensity, error) {
	var rows []dayIntensity
	query := "SELECT " + columnsOf(dayIntensity{}) + " FROM intensity_versions FINAL WHERE athlete_id IN {athletes:Array(String)}"
	if err := s.conn.Select(ctx, &rows, query); err != nil {
		return nil, err
	}
	all := make(map[sessionOf]*dayIntensity, len(rows))
	for i := range rows {
		all[sessionOf{rows[i].AthleteID, rows[i].SessionID}] = &rows[i]
	}
	return all, nil
}

// addTo fills what the intensity knows of a session; a session without one
// stays unjudged.
func (row *dayIntensity) addTo(x *periods.Session) {
	if row == nil {
		return
	}
	x.Class, x.Efforts = intensity.Class(row.Class), int(row.Efforts)
	x.LowMs, x.ModerateMs, x.HighMs = row.LowMs, row.ModerateMs, row.HighMs
	x.Paced, x.PaceLowMs, x.PaceModerateMs, x.PaceHighMs = row.ThresholdPace > 0, row.PaceLowMs, row.PaceModerateMs, row.PaceHighMs
	x.NearVT1Ms, x.NearVT1M = row.NearVT1Ms, row.NearVT1M
	x.Trimp, x.Edwards, x.Lucia = row.Trimp, row.Edwards, row.Lucia
}

// dayOfAthlete is the key of athlete_days_versions.
type dayOfAthlete struct {
	athlete schema.AthleteID
	day     schema.Day
}

// madeDays returns the fingerprints of the days that are there, and a version
// above all of theirs, also when the clock went back.
func (s *Store) madeDays(ctx context.Context, athletes []schema.AthleteID) (map[dayOfAthlete]uint64, uint64, error) {
	rows, err := s.conn.Query(withParameter(ctx, "athletes", textArray(athletes)), `SELECT athlete_id, day, row_hash, version
		FROM athlete_days_versions FINAL WHERE athlete_id IN {athletes:Array(String)}`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	have := make(map[dayOfAthlete]uint64)
	var highest uint64
	for rows.Next() {
		var (
			athlete       string
			day           time.Time
			hash, version uint64
		)
		if err := rows.Scan(&athlete, &day, &hash, &version); err != nil {
			return nil, 0, err
		}
		have[dayOfAthlete{schema.AthleteID(athlete), dayOf(day)}] = hash
		highest = max(highest, version)
	}
	return have, highest + 1, rows.Err()
}

// writeDays writes the days whose fingerprint is not in have, and a mark in the
// place of each day in have that there is no longer: a session that was decoded
// or placed anew may have moved to another day.
func (s *Store) writeDays(ctx context.Context, all []athleteDay, have map[dayOfAthlete]uint64, version uint64) error {
	columns := dayColumns()
	hashes := fingerprints(all, columns)
	var rows []athleteDay
	var marks []uint64
	for i := range all {
		key := dayOfAthlete{all[i].athlete, all[i].Day.Day}
		if hash, ok := have[key]; !ok || hash != hashes[i] {
			rows, marks = append(rows, all[i]), append(marks, hashes[i])
		}
		delete(have, key)
	}
	deleted := make([]uint8, len(rows), len(rows)+len(have))
	for key := range have {
		rows, marks = append(rows, athleteDay{athlete: key.athlete, Day: periods.Day{Day: key.day}}), append(marks, 0)
		deleted = append(deleted, 1)
	}
	if len(rows) == 0 {
		return nil
	}
	versions := make([]uint64, len(rows))
	for i := range versions {
		versions[i] = version
	}
	columns = append(columns, fixed("row_hash", marks), fixed("is_deleted", deleted), fixed("version", versions))
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	batch, err := s.prepare(ctx, "athlete_days_versions", strings.Join(names, ", "))
	if err != nil {
		return err
	}
	for i := range columns {
		if err := batch.Column(i).Append(columns[i].values(rows)); err != nil {
			return fmt.Errorf("append column %s: %w", columns[i].name, errors.Join(err, batch.Close()))
		}
	}
	return batch.Send()
}

// fixed is a column whose values are there.
func fixed[T any](name string, values []T) dayColumn {
	return dayColumn{name: name, values: func([]athleteDay) any { return values }}
}
