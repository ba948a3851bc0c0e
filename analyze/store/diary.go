package store

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/analyze/diary"
	"plodwatch/schema"
)

// The doors by which what people write comes in.
const (
	FromCommand = "command"
	FromCSV     = "csv"
	FromHTTP    = "http"
)

// logRow is a row of daily_log_versions.
type logRow struct {
	AthleteID       string    `ch:"athlete_id"`
	Day             time.Time `ch:"day"`
	Entry           uint64    `ch:"entry" json:"-"`
	Removed         bool      `ch:"removed"`
	Source          string    `ch:"source" json:"-"`
	RestingHR       *float64  `ch:"resting_hr"`
	HRV             *float64  `ch:"hrv"`
	SleepH          *float64  `ch:"sleep_h"`
	Energy          *uint8    `ch:"energy"`
	EnergyAsWritten string    `ch:"energy_as_written"`
	Note            string    `ch:"note"`
	Version         uint64    `ch:"version" json:"-"`
}

// WriteLog stores entries of the daily log, written at a time by one of the
// doors. What an entry does not say stays as it was written for that day
// before; of several entries for a day the last counts, and what is written last, even
// at an earlier time: clocks go back. Errors are those of
// Write; entries are not checked here. Call RefreshSigns afterwards.
func (s *Store) WriteLog(ctx context.Context, entries []diary.Entry, door string, at time.Time) error {
	if len(entries) == 0 {
		return nil
	}
	who := make([]schema.AthleteID, len(entries))
	for i := range entries {
		who[i] = entries[i].Athlete
	}
	version, err := s.above(ctx, "daily_log_versions", at, distinct(who)...)
	if err != nil {
		return err
	}
	rows := make([]*logRow, len(entries))
	for i := range entries {
		e := &entries[i]
		row := &logRow{
			AthleteID: string(e.Athlete), Day: dayTime(e.Day), Source: door,
			RestingHR: e.RestingHR, HRV: e.HRV, SleepH: e.SleepH, Note: e.Note,
			Version: version + uint64(i), //nolint:gosec // an index
		}
		if e.Energy != nil {
			level := uint8(e.Energy.Level) //nolint:gosec // 1 to 5
			row.Energy, row.EnergyAsWritten = &level, e.Energy.Written
		}
		row.Entry = row.fingerprint()
		rows[i] = row
	}
	return write(ctx, s, "daily_log_versions", rows...)
}

// RemoveLog takes back all that was written for a day until then. What files
// say of the day stays. Errors are those of Write.
func (s *Store) RemoveLog(ctx context.Context, athlete schema.AthleteID, day schema.Day, at time.Time) error {
	version, err := s.above(ctx, "daily_log_versions", at, athlete)
	if err != nil {
		return err
	}
	row := &logRow{AthleteID: string(athlete), Day: dayTime(day), Removed: true, Version: version}
	row.Entry = row.fingerprint()
	return write(ctx, s, "daily_log_versions", row)
}

// fingerprint is equal for entries that say the same.
func (r *logRow) fingerprint() uint64 {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(r) // numbers and text
	return h.Sum64()
}

// write inserts rows that somebody waits for.
func write[T any](ctx context.Context, s *Store, table string, rows ...*T) error {
	return insert(clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings())), s, table, rows)
}

// dayFilter chooses rows by athlete and day. Zero values choose all.
func dayFilter(f ListFilter) (string, clickhouse.Parameters) {
	var where []string
	parameters := clickhouse.Parameters{}
	for _, p := range []struct {
		use                    bool
		condition, name, value string
	}{
		{f.Athlete != "", "athlete_id = {athlete:String}", "athlete", string(f.Athlete)},
		{f.From != nil, "day >= {from:Date32}", "from", dayText(f.From)},
		{f.To != nil, "day <= {to:Date32}", "to", dayText(f.To)},
	} {
		if p.use {
			where = append(where, p.condition)
			parameters[p.name] = p.value
		}
	}
	if len(where) == 0 {
		return "", parameters
	}
	return " WHERE " + strings.Join(where, " AND "), parameters
}

func dayText(d *schema.Day) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// LogDay is a day of the view daily_log.
type LogDay struct {
	Athlete         string    `ch:"athlete_id" json:"athlete_id"`
	Day             time.Time `ch:"day" json:"-"`
	RestingHR       *float64  `ch:"resting_hr" json:"resting_hr"`
	RestingHRSource string    `ch:"resting_hr_source" json:"resting_hr_source"`
	RestingHR7d     *float64  `ch:"resting_hr_7d" json:"resting_hr_7d"`
	RestingHRBase   *float64  `ch:"resting_hr_base" json:"resting_hr_base"`
	RestingHRBaseSD *float64  `ch:"resting_hr_base_sd" json:"resting_hr_base_sd"`
	RestingHRChange *float64  `ch:"resting_hr_change" json:"resting_hr_change"`
	RestingHRFlag   *bool     `ch:"resting_hr_flag" json:"resting_hr_flag"`
	HRV             *float64  `ch:"hrv" json:"hrv"`
	HRVChange       *float64  `ch:"hrv_change" json:"hrv_change"`
	SleepH          *float64  `ch:"sleep_h" json:"sleep_h"`
	Energy          *uint8    `ch:"energy" json:"energy"`
	EnergyAsWritten string    `ch:"energy_as_written" json:"energy_as_written"`
	EnergyChange    *float64  `ch:"energy_change" json:"energy_change"`
	EnergyFlag      *bool     `ch:"energy_flag" json:"energy_flag"`
	Note            string    `ch:"note" json:"note"`
	Verdict         string    `ch:"verdict" json:"verdict"`
}

// DailyLog returns days of the view daily_log by athlete and day, the latest
// Limit of them. The filter's sport counts for nothing.
func (s *Store) DailyLog(ctx context.Context, f ListFilter) ([]LogDay, error) {
	return latest[LogDay](ctx, s, "daily_log", f)
}

// PlannedDay is a day of the view session_plans.
type PlannedDay struct {
	Athlete string    `ch:"athlete_id" json:"athlete_id"`
	Day     time.Time `ch:"day" json:"-"`
	Intent  string    `ch:"intent" json:"intent"`
	Source  string    `ch:"source" json:"source"`
}

// Plans returns days of the view session_plans as DailyLog does.
func (s *Store) Plans(ctx context.Context, f ListFilter) ([]PlannedDay, error) {
	return latest[PlannedDay](ctx, s, "session_plans", f)
}

// DayWarning is a row of the view warnings with its athlete.
type DayWarning struct {
	Athlete   string             `ch:"athlete_id" json:"athlete_id"`
	Day       time.Time          `ch:"day" json:"-"`
	Signal    string             `ch:"signal" json:"signal"`
	Pattern   string             `ch:"pattern" json:"pattern"`
	Value     *float64           `ch:"value" json:"value"`
	Baseline  *float64           `ch:"baseline" json:"baseline"`
	Change    *float64           `ch:"change" json:"change"`
	Unit      string             `ch:"unit" json:"unit"`
	Threshold string             `ch:"threshold" json:"threshold"`
	Inputs    map[string]float64 `ch:"inputs" json:"inputs"`
	Missing   []string           `ch:"missing" json:"missing"`
}

// Warnings returns rows of the view warnings as DailyLog does.
func (s *Store) Warnings(ctx context.Context, f ListFilter) ([]DayWarning, error) {
	return latest[DayWarning](ctx, s, "warnings", f)
}

// latest returns the rows of a view that has athlete_id and day, ascending by
// both; with a limit the latest days.
func latest[T any](ctx context.Context, s *Store, view string, f ListFilter) ([]T, error) {
	where, parameters := dayFilter(f)
	var zero T
	query := "SELECT " + columnsOf(zero) + " FROM " + view + where + " ORDER BY day DESC, athlete_id DESC"
	if f.Limit > 0 {
		query += " LIMIT " + strconv.Itoa(f.Limit)
	}
	var rows []T
	if err := s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), &rows, query); err != nil {
		return nil, classify("read "+view, err)
	}
	slices.Reverse(rows)
	return rows, nil
}

// planRow is a row of session_plans_versions.
type planRow struct {
	AthleteID string    `ch:"athlete_id"`
	Day       time.Time `ch:"day"`
	Intent    string    `ch:"intent"`
	Source    string    `ch:"source"`
	Version   uint64    `ch:"version"`
}

// WritePlans stores what days were planned to be, in place of earlier plans; of
// several for a day the last counts. Errors are those of Write.
func (s *Store) WritePlans(ctx context.Context, plans []diary.Plan, door string, at time.Time) error {
	if len(plans) == 0 {
		return nil
	}
	who := make([]schema.AthleteID, len(plans))
	for i := range plans {
		who[i] = plans[i].Athlete
	}
	version, err := s.aboveOf(ctx, "session_plans_versions", millis(at), distinct(who)...)
	if err != nil {
		return err
	}
	rows := make([]*planRow, 0, len(plans))
	seen := make(map[diary.Plan]bool, len(plans))
	for _, p := range slices.Backward(plans) {
		key := diary.Plan{Athlete: p.Athlete, Day: p.Day}
		if seen[key] {
			continue
		}
		seen[key] = true
		rows = append(rows, &planRow{
			AthleteID: string(p.Athlete), Day: dayTime(p.Day), Intent: string(p.Intent), Source: door,
			Version: version,
		})
	}
	return write(ctx, s, "session_plans_versions", rows...)
}
