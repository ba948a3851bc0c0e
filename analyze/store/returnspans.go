package store

import (
	"context"
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/schema"
)

// returnRules is the version of the rules in returns.sql. Raise it with every
// change of what they give: all returns are made again then.
const returnRules = 1

// weeksAhead is for how many weeks after the month begins the weeks of a return
// without an end are made: for so long they come when nothing else does.
const weeksAhead = 30

//go:embed returns.sql
var makeReturns string

// RefreshReturns makes the returns to running of those of the athletes whose
// starts and ends, protocols or sessions have changed since they were made, and
// returns of how many. It does nothing for the others and for those who never
// were in a return, so it may be called at any time and repeated after an error.
// Errors wrap analyze.ErrNotNow or analyze.ErrPermanent as those of Write.
func (s *Store) RefreshReturns(ctx context.Context, athletes []schema.AthleteID, now time.Time) (int, error) {
	returning, err := s.returning(ctx)
	if err != nil {
		return 0, err
	}
	var who []schema.AthleteID
	for _, athlete := range athletes {
		if returning[athlete] {
			who = append(who, athlete)
		}
	}
	return s.refreshReturns(ctx, who, now)
}

// refreshAllReturns is RefreshReturns for everybody.
func (s *Store) refreshAllReturns(ctx context.Context, now time.Time) error {
	returning, err := s.returning(ctx)
	if err != nil {
		return err
	}
	_, err = s.refreshReturns(ctx, slices.Sorted(maps.Keys(returning)), now)
	return err
}

// returning are the athletes who ever were in a return.
func (s *Store) returning(ctx context.Context) (map[schema.AthleteID]bool, error) {
	var rows []struct {
		AthleteID string `ch:"athlete_id"`
	}
	if err := s.conn.Select(ctx, &rows, "SELECT DISTINCT athlete_id FROM returns_versions"); err != nil {
		return nil, classify("look for athletes in a return", err)
	}
	all := make(map[schema.AthleteID]bool, len(rows))
	for i := range rows {
		all[schema.AthleteID(rows[i].AthleteID)] = true
	}
	return all, nil
}

func (s *Store) refreshReturns(ctx context.Context, athletes []schema.AthleteID, now time.Time) (int, error) {
	month := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	total := 0
	for part := range slices.Chunk(athletes, athletesPerRefresh) {
		stale, highest, err := s.staleReturns(ctx, part, month)
		if err != nil {
			return total, classify("look for returns to make again", err)
		}
		if len(stale.athletes) == 0 {
			continue
		}
		ctx := clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()), clickhouse.WithParameters(clickhouse.Parameters{
			"athletes": textArray(stale.athletes), "inputs": "[" + strings.Join(stale.fingerprints, ",") + "]",
			"until": month.AddDate(0, 0, 7*weeksAhead).Format(time.DateOnly), "rules": strconv.Itoa(returnRules),
			"version": strconv.FormatUint(max(micros(now), highest+1), 10),
		}))
		if err := s.conn.Exec(ctx, makeReturns); err != nil {
			return total, classify("make returns", err)
		}
		total += len(stale.athletes)
	}
	return total, nil
}

// staleReturns returns the athletes whose returns were made from something else
// than what is there now, in another month or by other rules, and the highest
// version of what is there. What is written after this is read is found by the
// next call.
func (s *Store) staleReturns(ctx context.Context, athletes []schema.AthleteID, month time.Time) (inputs, uint64, error) {
	const query = `WITH (SELECT sum(cityHash64(protocol, phase, version)) FROM return_phases_versions FINAL) AS protocols
		SELECT now.athlete_id AS athlete_id, toString(cityHash64(now.inputs, protocols, {month:String})) AS fingerprint, made.version AS version
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
				UNION ALL
				SELECT athlete_id, cityHash64(from_day, version, 2) AS h
				FROM returns_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
			)
			GROUP BY athlete_id
		) AS now
		LEFT JOIN
		(
			SELECT athlete_id, inputs, rules_version, version
			FROM return_spans_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
		) AS made ON made.athlete_id = now.athlete_id
		WHERE fingerprint != toString(made.inputs) OR made.rules_version != {rules:UInt32}
		ORDER BY athlete_id
		SETTINGS join_use_nulls = 0`
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"athletes": textArray(athletes), "rules": strconv.Itoa(returnRules), "month": month.Format(time.DateOnly),
	}))
	var rows []struct {
		AthleteID   string `ch:"athlete_id"`
		Fingerprint string `ch:"fingerprint"`
		Version     uint64 `ch:"version"`
	}
	if err := s.conn.Select(ctx, &rows, query); err != nil {
		return inputs{}, 0, err
	}
	var found inputs
	var highest uint64
	for i := range rows {
		r := &rows[i]
		found.athletes, found.fingerprints = append(found.athletes, schema.AthleteID(r.AthleteID)), append(found.fingerprints, r.Fingerprint)
		highest = max(highest, r.Version)
	}
	return found, highest, nil
}
