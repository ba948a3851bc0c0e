package store

import (
	"context"
	"slices"
	"time"

	"plodwatch/schema"
)

// above returns a version for rows of the athletes that are written at a time:
// that time in microseconds, or what lies above all that is there when the
// clock went back meanwhile, for what is written last is to count. Without
// athletes it looks at everybody's rows.
func (s *Store) above(ctx context.Context, table string, at time.Time, athletes ...schema.AthleteID) (uint64, error) {
	return s.aboveOf(ctx, table, micros(at), athletes...)
}

// aboveOf is above with the time in the table's own unit.
func (s *Store) aboveOf(ctx context.Context, table string, at uint64, athletes ...schema.AthleteID) (uint64, error) {
	query := "SELECT max(version) FROM " + table
	if len(athletes) > 0 {
		ctx = withParameter(ctx, "athletes", textArray(athletes))
		query += " WHERE athlete_id IN {athletes:Array(String)}"
	}
	var highest uint64
	if err := s.conn.QueryRow(ctx, query).Scan(&highest); err != nil {
		return 0, classify("look for the last version in "+table, err)
	}
	return max(at, highest+1), nil
}

// distinct returns the athletes, each once.
func distinct(athletes []schema.AthleteID) []schema.AthleteID {
	slices.Sort(athletes)
	return slices.Compact(athletes)
}

func micros(at time.Time) uint64 { return uint64(max(1, at.UnixMicro())) } //nolint:gosec // not negative

func millis(at time.Time) uint64 { return uint64(max(1, at.UnixMilli())) } //nolint:gosec // not negative
