package store

import (
	"context"
	_ "embed"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/schema"
)

// daysVersion grows whenever days.sql would make other rows of the same
// sessions; athletes whose days an older one made are made again.
const daysVersion = 1

// insertDays makes the days of athletes from their sessions and writes those
// that are not there yet.
//
//go:embed days.sql
var insertDays string

// athletesPerRefresh bounds the days that one statement has in memory.
const athletesPerRefresh = 25

// Refresh makes again what was computed over the athletes' sessions when these
// have changed since, and returns of how many athletes. See RefreshDays and
// RefreshSigns.
func (s *Store) Refresh(ctx context.Context, athletes []schema.AthleteID) (int, error) {
	days, err := s.RefreshDays(ctx, athletes)
	if err != nil {
		return days, err
	}
	made, err := s.RefreshSigns(ctx, athletes, time.Now())
	return max(days, made), err
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
		if err := s.makeDays(ctx, stale); err != nil {
			return total, classify("make days", err)
		}
		total += len(stale.athletes)
	}
	return total, nil
}

// inputs are athletes with the fingerprints of what their days are made from.
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
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"athletes": textArray(athletes), "version": strconv.Itoa(daysVersion),
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
func (s *Store) makeDays(ctx context.Context, of inputs) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()), clickhouse.WithParameters(clickhouse.Parameters{
		"athletes": textArray(of.athletes), "inputs": "[" + strings.Join(of.fingerprints, ",") + "]",
		"version": strconv.Itoa(daysVersion),
	}))
	for _, statement := range []string{insertDays, takeDays, insertSpans} {
		if err := s.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// takeDays takes away the days that the athletes' sessions no longer cover:
// one that was decoded or placed anew may have moved to another day.
const takeDays = `INSERT INTO athlete_days_versions (athlete_id, day, is_deleted, version)
	SELECT have.athlete_id, have.day, 1, have.version + 1
	FROM
	(
		SELECT athlete_id, day, version
		FROM athlete_days_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
	) AS have
	LEFT JOIN
	(
		SELECT athlete_id, min(local_day) AS first_day, max(local_day) + 28 AS end_day
		FROM sessions_versions FINAL
		WHERE athlete_id IN {athletes:Array(String)} AND isNull(duplicate_of)
		GROUP BY athlete_id
	) AS covered ON covered.athlete_id = have.athlete_id
	WHERE covered.athlete_id = '' OR have.day < covered.first_day OR have.day > covered.end_day
	SETTINGS join_use_nulls = 0`

// insertSpans marks the athletes' days as whole, and keeps beside the mark what
// is asked of all athletes at once: their state on the last day of a session and
// on each of the 28 days after it.
//
//go:embed spans.sql
var insertSpans string
