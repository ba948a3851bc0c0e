package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/schema"
)

// insertRows bounds one insert of samples: the server writes a block of this
// size as one part, and a part appears whole or not at all.
const insertRows = 1 << 20

// insertSettings are set on every insert, whatever the server's defaults: 26.2
// changed those of async_insert. There is never an insert_deduplication_token:
// the tables replace what is written again, and a token drops what a crash
// left in doubt.
func insertSettings() clickhouse.Settings {
	return clickhouse.Settings{
		"async_insert":                0,
		"insert_deduplicate":          0,
		"max_insert_block_size":       insertRows,
		"min_insert_block_size_rows":  insertRows,
		"min_insert_block_size_bytes": 1 << 30,
		// Rows are replaced by merges and by FINAL; doing it once more while
		// inserting costs half again the CPU.
		"optimize_on_insert": 0,
		// On a cluster: an insert ends when the shards have the rows, not when the
		// server that took them has; and INSERT ... SELECT is one insert, too.
		"insert_distributed_sync":            1,
		"parallel_distributed_insert_select": 0,
	}
}

// Write makes the batch durable: samples first, then intensity and exports,
// the sessions' own rows last, because the views show the samples and the
// intensity only of a session that has a row.
//
// The error wraps analyze.ErrNotNow when the same batch may succeed later and
// analyze.ErrPermanent when the server refuses rows of it.
func (s *Store) Write(ctx context.Context, b *analyze.Batch) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	for _, part := range samplesInserts(b.Sessions) {
		if err := s.insertSamples(ctx, part); err != nil {
			return err
		}
	}
	var (
		sessions  = make([]*sessionRow, len(b.Sessions))
		intensity = make([]*intensityRow, len(b.Sessions))
		exports   = make([]*exportRow, len(b.Exports))
	)
	for i := range b.Sessions {
		sessions[i], intensity[i] = sessionRowOf(&b.Sessions[i]), intensityRowOf(&b.Sessions[i])
	}
	for i := range b.Exports {
		exports[i] = exportRowOf(&b.Exports[i])
	}
	if err := insert(ctx, s, "intensity_versions", intensity); err != nil {
		return err
	}
	if err := insert(ctx, s, "exports_versions", exports); err != nil {
		return err
	}
	return insert(ctx, s, "sessions_versions", sessions)
}

// WriteSettings stores an athlete's settings from a day on, in place of those
// stored for the same day with a lower version. Errors are those of Write.
func (s *Store) WriteSettings(ctx context.Context, d analyze.Dated) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	return insert(ctx, s, "athlete_settings_versions", []*settingsRow{settingsRowOf(&d)})
}

// insert writes rows of one of the small tables.
func insert[T any](ctx context.Context, s *Store, table string, rows []*T) error {
	if len(rows) == 0 {
		return nil
	}
	var zero T
	batch, err := s.prepare(ctx, table, columnsOf(zero))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := batch.AppendStruct(row); err != nil {
			return classify("append to "+table, errors.Join(err, batch.Close()))
		}
	}
	return classify("insert into "+table, batch.Send())
}

// prepare begins an insert of the named columns. Their types are asked for
// once: the driver would ask before each insert over HTTP, which costs as much
// as inserting a few rows.
func (s *Store) prepare(ctx context.Context, table, columns string) (driver.Batch, error) {
	types, err := s.columnTypes(ctx, table)
	if err != nil {
		return nil, classify("describe "+table, err)
	}
	var described []clickhouse.ColumnNameAndType
	for name := range strings.SplitSeq(columns, ", ") {
		if types[name] == "" {
			return nil, fmt.Errorf("table %s has no column %s: migrate the database: %w", table, name, analyze.ErrNotNow)
		}
		described = append(described, clickhouse.ColumnNameAndType{Name: name, Type: types[name]})
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(described))
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+columns+")")
	return batch, classify("prepare insert into "+table, err)
}

func (s *Store) columnTypes(ctx context.Context, table string) (map[string]string, error) {
	s.mu.Lock()
	types := s.types[table]
	s.mu.Unlock()
	if types != nil {
		return types, nil
	}
	rows, err := s.conn.Query(withParameter(ctx, "table", table),
		"SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	types = make(map[string]string)
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		types[name] = kind
	}
	if err := rows.Err(); err != nil || len(types) == 0 {
		return types, err // not kept: the table is not there yet
	}
	s.mu.Lock()
	s.types[table] = types
	s.mu.Unlock()
	return types, nil
}

// slice is a stretch of one session's samples.
type slice struct {
	row      *analyze.SessionRow
	from, to int
}

// samplesInserts divides the samples that are to be written into inserts of at
// most insertRows rows, in the order of the table's key.
func samplesInserts(rows []analyze.SessionRow) [][]slice {
	var order []*analyze.SessionRow
	for i := range rows {
		if !rows[i].SamplesStored {
			order = append(order, &rows[i])
		}
	}
	slices.SortStableFunc(order, compareKeys)
	var (
		all  [][]slice
		part []slice
		have int
	)
	for _, row := range order {
		n := row.Env.Session.Samples.Len()
		for from := 0; from < n; {
			to := min(n, from+insertRows-have)
			part = append(part, slice{row: row, from: from, to: to})
			have += to - from
			from = to
			if have == insertRows {
				all, part, have = append(all, part), nil, 0
			}
		}
	}
	if have > 0 {
		all = append(all, part)
	}
	return all
}

// compareKeys orders as the server does, which compares the second half of a
// UUID first, so that it need not sort.
func compareKeys(a, b *analyze.SessionRow) int {
	return cmp.Or(
		cmp.Compare(a.Env.Athlete, b.Env.Athlete),
		bytes.Compare(a.Env.ID[8:], b.Env.ID[8:]),
		bytes.Compare(a.Env.ID[:8], b.Env.ID[:8]),
		cmp.Compare(a.Decode, b.Decode),
	)
}

// samplesColumns are the columns of samples_versions in the order in which
// filler fills them.
const samplesColumns = "athlete_id, session_id, decode, t, hr, hr_flag, " +
	"speed_mmps, distance_cm, altitude_cm, cadence_100, power_w, lat_e7, lon_e7, temperature_dc"

func (s *Store) insertSamples(ctx context.Context, part []slice) error {
	batch, err := s.prepare(ctx, "samples_versions", samplesColumns)
	if err != nil {
		return err
	}
	rows := 0
	for _, p := range part {
		rows += p.to - p.from
	}
	f := filler{batch: batch}
	f.reserve(rows)
	for _, p := range part {
		f.add(p)
	}
	if f.err != nil {
		return classify("append to samples_versions", errors.Join(f.err, batch.Close()))
	}
	return classify("insert into samples_versions", batch.Send())
}

// filler appends whole columns to a batch. Values that are the same for all
// samples of a session come from slices that are filled once and used again.
type filler struct {
	batch   driver.Batch
	err     error
	names   []string
	ids     []uuid.UUID
	numbers []uint64
	missing []int32
	zeros   []uint8
	flags   []uint8
}

func (f *filler) add(p slice) {
	env, n := p.row.Env, p.to-p.from
	s := env.Session.Samples.Slice(p.from, p.to)
	f.put(0, repeat(&f.names, string(env.Athlete), n))
	f.put(1, repeat(&f.ids, uuid.UUID(env.ID), n))
	f.put(2, repeat(&f.numbers, p.row.Decode, n))
	f.put(3, s.TimeMs)
	f.put(4, orElse(s.HeartRate, &f.zeros, 0, n))
	f.put(5, f.flagBytes(p.row.Measured.HRFlags[p.from:p.to]))
	for i, col := range s.Int32Columns() {
		f.put(6+i, orElse(*col, &f.missing, schema.Missing, n))
	}
}

// reserve gives every column room for n rows. The driver has no call for that,
// and growing a slice step by step copies it five times: decoding n zeros makes
// room, and a reset keeps it. Text is left out, which decodes slowly.
func (f *filler) reserve(n int) {
	for _, col := range f.batch.Columns() {
		if f.err == nil && col.Type() != "String" {
			f.err = col.Decode(proto.NewReader(zeros{}), n)
			col.Reset()
		}
	}
}

// zeros is an endless source of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (f *filler) put(column int, values any) {
	if f.err == nil {
		f.err = f.batch.Column(column).Append(values)
	}
}

func (f *filler) flagBytes(flags []schema.HRFlag) []uint8 {
	f.flags = f.flags[:0]
	for _, v := range flags {
		f.flags = append(f.flags, uint8(v))
	}
	return f.flags
}

// orElse returns col, or n times the value that stands for "missing".
func orElse[T comparable](col []T, scratch *[]T, missing T, n int) []T {
	if col != nil {
		return col
	}
	return repeat(scratch, missing, n)
}

// repeat returns v n times, in scratch, which it fills only as far as needed.
func repeat[T comparable](scratch *[]T, v T, n int) []T {
	if len(*scratch) >= n && (*scratch)[0] == v && (*scratch)[n-1] == v {
		return (*scratch)[:n]
	}
	*scratch = (*scratch)[:0]
	for range n {
		*scratch = append(*scratch, v)
	}
	return *scratch
}
