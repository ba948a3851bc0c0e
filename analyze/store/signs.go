package store

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/analyze/signs"
	"plodwatch/schema"
)

// RefreshSigns makes the signs of decline and the warnings of those of the
// athletes whose sessions, days or log have changed since they were made, and
// returns of how many. It does nothing for the others, so it may be called at
// any time and repeated after an error. Monotony comes from the days that
// RefreshDays makes: call that first. Errors wrap analyze.ErrNotNow or
// analyze.ErrPermanent as those of Write.
func (s *Store) RefreshSigns(ctx context.Context, athletes []schema.AthleteID, now time.Time) (int, error) {
	total := 0
	for len(athletes) > 0 {
		part := athletes[:min(athletesPerRefresh, len(athletes))]
		athletes = athletes[len(part):]
		stale, err := s.staleSigns(ctx, part)
		if err != nil {
			return total, classify("look for signs to make again", err)
		}
		if len(stale.athletes) == 0 {
			continue
		}
		if err := s.makeSigns(ctx, stale, now); err != nil {
			return total, err
		}
		total += len(stale.athletes)
	}
	return total, nil
}

// staleSigns returns the athletes whose signs were made from something else
// than what is there now, or by other rules. What is written after this is read
// is found by the next call.
func (s *Store) staleSigns(ctx context.Context, athletes []schema.AthleteID) (inputs, error) {
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
				UNION ALL
				SELECT athlete_id, cityHash64(day, entry, version, 2) AS h
				FROM daily_log_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
				UNION ALL
				SELECT athlete_id, cityHash64(inputs, days_version, 3) AS h
				FROM athlete_spans_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
			)
			GROUP BY athlete_id
		) AS now
		LEFT JOIN
		(
			SELECT athlete_id, inputs, rules_version
			FROM signal_spans_versions FINAL WHERE athlete_id IN {athletes:Array(String)}
		) AS made ON made.athlete_id = now.athlete_id
		WHERE now.inputs != made.inputs OR made.rules_version != {version:UInt32}
		ORDER BY now.athlete_id
		SETTINGS join_use_nulls = 0`
	return s.stale(ctx, athletes, signs.Version, query)
}

// makeSigns writes the days and warnings that differ from those that are there,
// takes away those that no longer hold, and writes the span last, as the mark
// that they are whole.
func (s *Store) makeSigns(ctx context.Context, of inputs, now time.Time) error {
	from, err := s.signInputs(ctx, of.athletes, now)
	if err != nil {
		return classify("read what signs are made from", err)
	}
	have, err := s.madeSigns(ctx, of.athletes)
	if err != nil {
		return classify("read the signs that are there", err)
	}
	version, err := s.above(ctx, "signal_spans_versions", now, of.athletes...)
	if err != nil {
		return err
	}
	var days []*signalDayRow
	var warnings []*warningRow
	spans := make([]*signalSpanRow, 0, len(of.athletes))
	for i, athlete := range of.athletes {
		all := signs.Days(*from.of(string(athlete)))
		for k := range all {
			if row := signalDayRowOf(athlete, &all[k]); have.days.put(row, version) {
				days = append(days, row)
			}
			for _, w := range all[k].Warnings() {
				if row := warningRowOf(athlete, &w); have.warnings.put(row, version) {
					warnings = append(warnings, row)
				}
			}
		}
		fingerprint, err := strconv.ParseUint(of.fingerprints[i], 10, 64)
		if err != nil {
			return fmt.Errorf("read fingerprint: %w", err)
		}
		spans = append(spans, &signalSpanRow{AthleteID: string(athlete), Inputs: fingerprint, RulesVersion: signs.Version, Version: version})
	}
	for key, old := range have.days.rest() {
		days = append(days, &signalDayRow{AthleteID: key.athlete, Day: key.day, made: made{IsDeleted: 1, Version: max(version, old.version+1)}})
	}
	for key, old := range have.warnings.rest() {
		warnings = append(warnings, &warningRow{AthleteID: key.athlete, Day: key.day, Signal: key.signal, made: made{IsDeleted: 1, Version: max(version, old.version+1)}})
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	if err := insert(ctx, s, "signal_days_versions", days); err != nil {
		return err
	}
	if err := insert(ctx, s, "warnings_versions", warnings); err != nil {
		return err
	}
	return insert(ctx, s, "signal_spans_versions", spans)
}

// known is what is known of athletes.
type known map[schema.AthleteID]*signs.Inputs

func (k known) of(athlete string) *signs.Inputs {
	in := k[schema.AthleteID(athlete)]
	if in == nil {
		in = &signs.Inputs{}
		k[schema.AthleteID(athlete)] = in
	}
	return in
}

// signInputs reads what is known of the athletes, day by day.
func (s *Store) signInputs(ctx context.Context, athletes []schema.AthleteID, now time.Time) (known, error) {
	all := make(known, len(athletes))
	for _, athlete := range athletes {
		// Somewhere on earth the next day has begun already.
		all.of(string(athlete)).Today = schema.DayOf(now.UnixMilli(), 14*60*60)
	}
	ctx = withParameter(ctx, "athletes", textArray(athletes))
	for _, read := range []func(context.Context, known) error{s.readLogged, s.readSigns, s.readMonotony} {
		if err := read(ctx, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Store) readLogged(ctx context.Context, to known) error {
	var rows []struct {
		AthleteID string    `ch:"athlete_id"`
		Day       time.Time `ch:"day"`
		RestingHR *float64  `ch:"resting_hr"`
		HRV       *float64  `ch:"hrv"`
		SleepH    *float64  `ch:"sleep_h"`
		Energy    *uint8    `ch:"energy"`
	}
	err := s.conn.Select(ctx, &rows, `SELECT athlete_id, day, resting_hr, hrv, sleep_h, energy
		FROM log_days WHERE athlete_id IN {athletes:Array(String)}`)
	for i := range rows {
		r := &rows[i]
		in := to.of(r.AthleteID)
		in.Logged = append(in.Logged, signs.Logged{Day: dayOf(r.Day), RestingHR: r.RestingHR, HRV: r.HRV, SleepH: r.SleepH, Energy: r.Energy})
	}
	return err
}

func (s *Store) readSigns(ctx context.Context, to known) error {
	var rows []struct {
		AthleteID  string    `ch:"athlete_id"`
		Day        time.Time `ch:"local_day"`
		Pace       *float64  `ch:"same_effort_pace"`
		Efficiency *float64  `ch:"efficiency"`
		Decoupling *float64  `ch:"decoupling"`
	}
	err := s.conn.Select(ctx, &rows, `SELECT s.athlete_id AS athlete_id, local_day, same_effort_pace, efficiency, decoupling
		FROM (SELECT athlete_id, session_id, local_day FROM sessions_versions FINAL
			WHERE athlete_id IN {athletes:Array(String)} AND isNull(duplicate_of)) AS s
		LEFT JOIN (SELECT athlete_id, session_id, same_effort_pace, efficiency, decoupling FROM intensity_versions FINAL
			WHERE athlete_id IN {athletes:Array(String)}) AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id`)
	for i := range rows {
		r := &rows[i]
		in := to.of(r.AthleteID)
		in.Sessions = append(in.Sessions, signs.Session{Day: dayOf(r.Day), Pace: r.Pace, Efficiency: r.Efficiency, Decoupling: r.Decoupling})
	}
	return err
}

func (s *Store) readMonotony(ctx context.Context, to known) error {
	var rows []struct {
		AthleteID string    `ch:"athlete_id"`
		Day       time.Time `ch:"day"`
		Monotony  *float64  `ch:"monotony"`
	}
	err := s.conn.Select(ctx, &rows, "SELECT athlete_id, day, monotony FROM load_daily WHERE athlete_id IN {athletes:Array(String)}")
	for i := range rows {
		r := &rows[i]
		in := to.of(r.AthleteID)
		in.Loads = append(in.Loads, signs.Load{Day: dayOf(r.Day), Monotony: r.Monotony})
	}
	return err
}

// signKey names a row of signal_days_versions, or with a signal of
// warnings_versions.
type signKey struct {
	athlete string
	day     time.Time
	signal  string
}

// stored is what is there of a row.
type stored struct {
	hash, version uint64
	kept          bool
}

// shelf is the rows that are there.
type shelf map[signKey]stored

// row is what shelf.put needs of a new row.
type row interface {
	key() signKey
	mark(hash, version uint64)
}

// put marks a row with its fingerprint and a version above that of the row it
// replaces, and reports whether it has to be written.
func (s shelf) put(r row, version uint64) bool {
	key := r.key()
	old, there := s[key]
	hash := hashOf(r)
	if there {
		old.kept = true
		s[key] = old
		if old.hash == hash {
			return false
		}
	}
	r.mark(hash, max(version, old.version+1))
	return true
}

// rest returns the rows that nothing was put in the place of.
func (s shelf) rest() shelf {
	left := make(shelf)
	for key, old := range s {
		if !old.kept {
			left[key] = old
		}
	}
	return left
}

// hashOf is the fingerprint of a row that has no mark yet.
func hashOf(r row) uint64 {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(r) // numbers, text and maps of them, which JSON writes in order
	return h.Sum64()
}

// shelves is what is there of athletes.
type shelves struct{ days, warnings shelf }

func (s *Store) madeSigns(ctx context.Context, athletes []schema.AthleteID) (shelves, error) {
	have := shelves{days: make(shelf), warnings: make(shelf)}
	ctx = withParameter(ctx, "athletes", textArray(athletes))
	for _, part := range []struct {
		to    shelf
		query string
	}{
		{have.days, "SELECT athlete_id, day, '' AS signal, row_hash, version FROM signal_days_versions FINAL WHERE athlete_id IN {athletes:Array(String)}"},
		{have.warnings, "SELECT athlete_id, day, toString(signal) AS signal, row_hash, version FROM warnings_versions FINAL WHERE athlete_id IN {athletes:Array(String)}"},
	} {
		var rows []struct {
			AthleteID string    `ch:"athlete_id"`
			Day       time.Time `ch:"day"`
			Signal    string    `ch:"signal"`
			RowHash   uint64    `ch:"row_hash"`
			Version   uint64    `ch:"version"`
		}
		if err := s.conn.Select(ctx, &rows, part.query); err != nil {
			return have, err
		}
		for i := range rows {
			r := &rows[i]
			part.to[signKey{athlete: r.AthleteID, day: r.Day.UTC(), signal: r.Signal}] = stored{hash: r.RowHash, version: r.Version}
		}
	}
	return have, nil
}
