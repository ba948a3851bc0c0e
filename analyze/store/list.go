package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/schema"
)

// ListFilter chooses sessions for a list. Zero values choose all.
type ListFilter struct {
	Athlete  schema.AthleteID
	Sport    schema.Sport
	From, To *schema.Day // local days, both included
	Limit    int         // the latest so many; 0 = all
}

// Summary is one session of a list, as the views sessions and intensity show
// it. Pointers are nil when there is no answer.
type Summary struct {
	SessionID    uuid.UUID `ch:"session_id" json:"session_id"`
	Athlete      string    `ch:"athlete_id" json:"athlete_id"`
	ExportID     string    `ch:"export_id" json:"export_id"`
	Sport        string    `ch:"sport" json:"sport"`
	SubSport     string    `ch:"sub_sport" json:"sub_sport"`
	StartedAt    time.Time `ch:"started_at" json:"started_at"`
	UTCOffsetS   int32     `ch:"utc_offset_s" json:"utc_offset_s"`
	ElapsedS     float64   `ch:"elapsed_s" json:"elapsed_s"`
	TimerS       float64   `ch:"timer_s" json:"timer_s"`
	MovingS      float64   `ch:"moving_s" json:"moving_s"`
	HRCoverage   float64   `ch:"hr_coverage" json:"hr_coverage"`
	DistanceM    *float64  `ch:"distance_m" json:"distance_m"`
	PaceSPerKm   *float64  `ch:"pace_s_per_km" json:"pace_s_per_km"`
	HRAvg        *float64  `ch:"hr_avg" json:"hr_avg"`
	HRMax        *uint8    `ch:"hr_max" json:"hr_max"`
	HRMaxUsed    *float64  `ch:"hr_max_used" json:"hr_max_used"`
	HRMaxSource  string    `ch:"hr_max_source" json:"hr_max_source"`
	LowS         *float64  `ch:"low_s" json:"low_s"`
	ModerateS    *float64  `ch:"moderate_s" json:"moderate_s"`
	HighS        *float64  `ch:"high_s" json:"high_s"`
	LowShare     *float64  `ch:"low_share" json:"low_share"`
	ZoneS        []float64 `ch:"zone_s" json:"zone_s"`
	ZoneBounds   []float64 `ch:"zone_bounds" json:"zone_bounds"`
	SessionClass *string   `ch:"session_class" json:"session_class"`
	Label        string    `ch:"label" json:"label"`
	Above60S     *float64  `ch:"above60_s" json:"above60_s"`
	CapBPM       *float64  `ch:"cap_bpm" json:"cap_bpm"`
	OverCapS     *float64  `ch:"over_cap_s" json:"over_cap_s"`
	CapOK        *bool     `ch:"cap_ok" json:"cap_ok"`
	Trimp        *float64  `ch:"trimp" json:"trimp"`
	Verdict      string    `ch:"verdict" json:"verdict"`
	Flags        []string  `ch:"flags" json:"flags"`
}

const summaryColumns = `SELECT s.session_id AS session_id, s.athlete_id AS athlete_id, export_id, sport, sub_sport,
		started_at, utc_offset_s, elapsed_s, timer_s, moving_s, hr_coverage, distance_m, pace_s_per_km, hr_avg,
		s.hr_max AS hr_max, i.hr_max AS hr_max_used, hr_max_source, low_s, moderate_s, high_s, low_share, zone_s,
		zone_bounds, session_class, label, above60_s, cap_bpm, over_cap_s, cap_ok, trimp, verdict, flags
	FROM `

// What counts, and everything.
const (
	summarySQL    = summaryColumns + "sessions AS s LEFT JOIN intensity AS i ON s.athlete_id = i.athlete_id AND s.session_id = i.session_id"
	allSummarySQL = summaryColumns + "sessions_and_copies AS s LEFT JOIN intensity_and_copies AS i ON s.athlete_id = i.athlete_id AND s.session_id = i.session_id"
)

// List returns sessions in the order of their start, of those with the same
// start in the order of their id.
func (s *Store) List(ctx context.Context, f ListFilter) ([]Summary, error) {
	var where []string
	parameters := clickhouse.Parameters{}
	restrict := func(condition, name, value string) {
		where = append(where, condition)
		parameters[name] = value
	}
	if f.Athlete != "" {
		restrict("s.athlete_id = {athlete:String}", "athlete", string(f.Athlete))
	}
	if f.Sport != "" {
		restrict("s.sport = {sport:String}", "sport", parameterText(string(f.Sport)))
	}
	if f.From != nil {
		restrict("s.local_day >= {from:Date32}", "from", f.From.String())
	}
	if f.To != nil {
		restrict("s.local_day <= {to:Date32}", "to", f.To.String())
	}
	query := summarySQL
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY started_at DESC, session_id DESC"
	if f.Limit > 0 {
		query += " LIMIT {limit:UInt64}"
		parameters["limit"] = strconv.Itoa(f.Limit)
	}
	var latestFirst []Summary
	if err := s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), &latestFirst, query); err != nil {
		return nil, classify("list sessions", err)
	}
	slices.Reverse(latestFirst)
	return latestFirst, nil
}

// FindSession returns the sessions whose id begins with prefix, the form of
// SessionID.String or the beginning of it: none, the one, or several when the
// prefix is too short. Copies of other sessions are among them.
func (s *Store) FindSession(ctx context.Context, prefix string) ([]Summary, error) {
	query := allSummarySQL + " WHERE startsWith(toString(s.session_id), {prefix:String}) ORDER BY started_at, session_id"
	var found []Summary
	ctx = withParameter(ctx, "prefix", parameterText(strings.ToLower(prefix)))
	if err := s.conn.Select(ctx, &found, query); err != nil {
		return nil, classify("find session", err)
	}
	return found, nil
}

// OutcomeCount says how many exports ended in an outcome for a reason.
type OutcomeCount struct {
	Outcome  schema.Outcome `json:"outcome"`
	Reason   schema.Reason  `json:"reason"`
	Exports  uint64         `json:"exports"`
	Sessions uint64         `json:"sessions"`
	Bytes    uint64         `json:"bytes"`
}

// Outcomes counts the exports by outcome and reason.
func (s *Store) Outcomes(ctx context.Context) ([]OutcomeCount, error) {
	rows, err := s.conn.Query(ctx, `SELECT outcome, reason, count(), sum(sessions), sum(bytes)
		FROM exports GROUP BY outcome, reason ORDER BY outcome, reason`)
	if err != nil {
		return nil, classify("count exports", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	var all []OutcomeCount
	for rows.Next() {
		var (
			c               OutcomeCount
			outcome, reason string
		)
		if err := rows.Scan(&outcome, &reason, &c.Exports, &c.Sessions, &c.Bytes); err != nil {
			return nil, classify("count exports", err)
		}
		c.Outcome, c.Reason = schema.Outcome(outcome), schema.Reason(reason)
		all = append(all, c)
	}
	return all, classify("count exports", rows.Err())
}

// Known is what is stored of an export.
type Known struct {
	Outcome        schema.Outcome
	Reason         schema.Reason
	Sessions       int
	Missing        int               // of its sessions, those whose rows are not there yet
	Members        []schema.ExportID // of an archive, in its order
	DecoderVersion uint32
}

// knownSQL reads exports and counts those of their sessions that are not
// stored: outcomes and sessions travel on their own, and an outcome may arrive
// first.
const knownSQL = `SELECT export_id, any(outcome), any(reason), any(sessions), any(member_ids), any(decoder_version),
		countIf(sessions > 0 AND id NOT IN (SELECT session_id FROM sessions_versions WHERE athlete_id = {athlete:String}))
	FROM exports LEFT ARRAY JOIN session_ids AS id
	WHERE athlete_id = {athlete:String} AND export_id IN {exports:Array(String)}
	GROUP BY export_id`

// KnownExports returns those of an athlete's exports that have a row.
func (s *Store) KnownExports(ctx context.Context, athlete schema.AthleteID, ids []schema.ExportID) (map[schema.ExportID]Known, error) {
	all := make(map[schema.ExportID]Known)
	err := eachPart(ids, func(part []schema.ExportID) error {
		rows, err := s.conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
			"athlete": string(athlete), "exports": textArray(part),
		})), knownSQL)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err below has it
		for rows.Next() {
			var (
				text, outcome, reason string
				sessions, missing     uint64
				members               []string
				k                     Known
			)
			if err := rows.Scan(&text, &outcome, &reason, &sessions, &members, &k.DecoderVersion, &missing); err != nil {
				return err
			}
			id, err := schema.ParseExportID(text)
			if err != nil {
				return err
			}
			for _, m := range members {
				member, err := schema.ParseExportID(m)
				if err != nil {
					return err
				}
				k.Members = append(k.Members, member)
			}
			k.Outcome, k.Reason, k.Sessions = schema.Outcome(outcome), schema.Reason(reason), int(sessions) //nolint:gosec // few
			k.Missing = int(missing)                                                                        //nolint:gosec // few
			all[id] = k
		}
		return rows.Err()
	})
	if err != nil {
		return nil, classify("look up exports", err)
	}
	return all, nil
}

// Counts is how much is stored.
type Counts struct {
	Exports  uint64 `json:"exports"`
	Sessions uint64 `json:"sessions"`
	Samples  uint64 `json:"samples"`
	Copies   uint64 `json:"copies"` // sessions that are copies of others and do not count
}

// Count counts exports and sessions, copies included; the samples are those the
// sessions have.
func (s *Store) Count(ctx context.Context) (Counts, error) {
	var c Counts
	row := s.conn.QueryRow(ctx, `SELECT (SELECT count() FROM exports), count(), sum(samples), countIf(isNotNull(duplicate_of))
		FROM sessions_versions FINAL`)
	if err := row.Scan(&c.Exports, &c.Sessions, &c.Samples, &c.Copies); err != nil {
		return Counts{}, classify("count rows", err)
	}
	return c, nil
}
