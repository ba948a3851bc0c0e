package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"plodwatch/schema"
)

// LedgerRow is the row of an export, as the comparison of all that is kept
// needs it.
type LedgerRow struct {
	Job            schema.Job
	Format         schema.Format
	Outcome        schema.Outcome
	DecoderVersion uint32
	Members        []schema.ExportID  // of an archive, in its order
	Missing        []schema.SessionID // its sessions that have no row
}

// LedgerFilter says which exports Ledger yields. The zero value is all.
type LedgerFilter struct {
	Prefix  string            // first hexadecimal digits of the identity
	Athlete schema.AthleteID  // "" for all
	Exports []schema.ExportID // nil for all; at most some hundreds

	SinceMs       int64         // taken at this time (Unix ms) or later
	Format        schema.Format // "" for all
	DecoderBefore uint32        // read by a decoder of a lower version, or by none; 0 for all
}

// ledgerSQL lists exports. How many archives one came out of is found by going
// up: there are at most two.
const ledgerSQL = `SELECT e.athlete_id, e.export_id, e.parent_id, e.source, e.format, e.bytes,
		toUnixTimestamp64Milli(e.received_at), e.outcome, e.decoder_version, e.member_ids,
		multiIf(e.parent_id = '', 0, p.parent_id = '', 1, 2),
		arrayFilter(id -> NOT has(m.ids, id), e.session_ids)
	FROM (SELECT * FROM exports_versions FINAL WHERE WHICH) AS e
	LEFT JOIN (
		SELECT athlete_id, export_id, parent_id FROM exports_versions FINAL WHERE notEmpty(member_ids)
	) AS p ON p.athlete_id = e.athlete_id AND p.export_id = e.parent_id
	LEFT JOIN (
		SELECT athlete_id, export_id, groupArray(id) AS ids FROM (
			SELECT athlete_id, export_id, arrayJoin(session_ids) AS id FROM exports_versions FINAL WHERE WHICH
		) WHERE (athlete_id, id) IN (SELECT athlete_id, session_id FROM sessions_versions)
		GROUP BY athlete_id, export_id
	) AS m ON m.athlete_id = e.athlete_id AND m.export_id = e.export_id
	ORDER BY e.export_id, e.athlete_id
	SETTINGS join_use_nulls = 0`

// Ledger calls yield for the row of each export that the filter lets through,
// by export and then by athlete. It ends early with yield's error. The row is
// yield's to keep.
func (s *Store) Ledger(ctx context.Context, f LedgerFilter, yield func(*LedgerRow) error) error {
	var which []string
	parameters := clickhouse.Parameters{}
	add := func(condition, name, value string) {
		which = append(which, condition)
		parameters[name] = value
	}
	if f.Prefix != "" {
		add("startsWith(export_id, {prefix:String})", "prefix", f.Prefix)
	}
	if f.Athlete != "" {
		add("athlete_id = {athlete:String}", "athlete", string(f.Athlete))
	}
	if f.Exports != nil {
		add("export_id IN {exports:Array(String)}", "exports", textArray(f.Exports))
	}
	if f.SinceMs != 0 {
		add("toUnixTimestamp64Milli(received_at) >= {since:Int64}", "since", strconv.FormatInt(f.SinceMs, 10))
	}
	if f.Format != "" {
		add("format = {format:String}", "format", string(f.Format))
	}
	if f.DecoderBefore != 0 {
		add("decoder_version < {before:UInt32}", "before", strconv.FormatUint(uint64(f.DecoderBefore), 10))
	}
	if which == nil {
		which = []string{"1"}
	}
	query := strings.ReplaceAll(ledgerSQL, "WHICH", strings.Join(which, " AND "))
	rows, err := s.conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), query)
	if err != nil {
		return classify("list exports", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	for rows.Next() {
		r, err := scanLedger(rows)
		if err != nil {
			return classify("list exports", err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return classify("list exports", rows.Err())
}

func scanLedger(rows driver.Rows) (*LedgerRow, error) {
	var (
		athlete, export, parent, source, format, outcome string
		bytes                                            uint64
		depth                                            uint8
		members                                          []string
		missing                                          []uuid.UUID
		r                                                LedgerRow
	)
	err := rows.Scan(&athlete, &export, &parent, &source, &format, &bytes, &r.Job.ReceivedMs, &outcome,
		&r.DecoderVersion, &members, &depth, &missing)
	if err != nil {
		return nil, err
	}
	if r.Job.Export, err = schema.ParseExportID(export); err != nil {
		return nil, err
	}
	if parent != "" {
		if r.Job.Parent, err = schema.ParseExportID(parent); err != nil {
			return nil, err
		}
	}
	r.Job.Athlete, r.Job.Source = schema.AthleteID(athlete), schema.Source(source)
	r.Job.Bytes, r.Job.Depth = int64(bytes), int(depth) //nolint:gosec // the size of a file
	r.Format, r.Outcome = schema.Format(format), schema.Outcome(outcome)
	for _, m := range members {
		id, err := schema.ParseExportID(m)
		if err != nil {
			return nil, err
		}
		r.Members = append(r.Members, id)
	}
	for _, id := range missing {
		r.Missing = append(r.Missing, schema.SessionID(id))
	}
	return &r, nil
}

// ShortSession is a session with fewer samples than its row says.
type ShortSession struct {
	Athlete    schema.AthleteID
	Export     schema.ExportID // the export it came in
	ReceivedMs int64           // when that was taken, Unix ms
	ID         schema.SessionID
	Have, Want uint64
}

// Short calls yield for each session of whose decode fewer samples are stored
// than its row says. A sample that was written twice counts twice unless exact,
// which takes longer.
func (s *Store) Short(ctx context.Context, exact bool, yield func(*ShortSession) error) error {
	counted := "count()"
	if exact {
		counted = "uniqExact(t)"
	}
	query := `SELECT s.athlete_id, s.session_id, s.export_id, toUnixTimestamp64Milli(s.received_at), c.n, toUInt64(s.samples)
		FROM (
			SELECT athlete_id, session_id, export_id, received_at, decode, samples FROM sessions_versions FINAL
		) AS s LEFT JOIN (
			SELECT athlete_id, session_id, decode, ` + counted + ` AS n FROM samples_versions
			GROUP BY athlete_id, session_id, decode
		) AS c ON c.athlete_id = s.athlete_id AND c.session_id = s.session_id AND c.decode = s.decode
		WHERE c.n < s.samples
		SETTINGS join_use_nulls = 0, optimize_aggregation_in_order = 1`
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return classify("count samples", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	for rows.Next() {
		var (
			athlete, export string
			id              uuid.UUID
			short           ShortSession
		)
		if err := rows.Scan(&athlete, &id, &export, &short.ReceivedMs, &short.Have, &short.Want); err != nil {
			return classify("count samples", err)
		}
		if short.Export, err = schema.ParseExportID(export); err != nil {
			return classify("count samples", err)
		}
		short.Athlete, short.ID = schema.AthleteID(athlete), schema.SessionID(id)
		if err := yield(&short); err != nil {
			return err
		}
	}
	return classify("count samples", rows.Err())
}
