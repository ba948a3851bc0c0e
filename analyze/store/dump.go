package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	chproto "github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"plodwatch/schema/tables"
)

const (
	// dumpRows is how many rows a block of a dump has at most.
	dumpRows = 1 << 13
	// loadRows is how many rows are inserted at once.
	loadRows = 1 << 17
)

// DumpTables returns the tables that hold what cannot be made anew from
// elsewhere, in the order in which they are dumped: sessions first, for their
// rows say that everything else of them is there.
func (s *Store) DumpTables(ctx context.Context) ([]string, error) {
	var rows []struct {
		Name string `ch:"name"`
	}
	err := s.conn.Select(ctx, &rows, `SELECT name FROM system.tables
		WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_versions'
		ORDER BY name != 'sessions_versions', name`)
	all := make([]string, len(rows))
	for i := range rows {
		all[i] = rows[i].Name
	}
	return all, classify("list tables", err)
}

// SchemaVersion returns the version of the tables.
func (s *Store) SchemaVersion(ctx context.Context) (uint64, error) {
	return (*execer)(s).Uint64(ctx, "SELECT toUInt64(max(version)) FROM schema_versions")
}

// LatestSchema is the version of the tables that this program makes.
func LatestSchema() (uint32, error) { return tables.Latest() }

// Rows returns how many rows a table has, all versions of them.
func (s *Store) Rows(ctx context.Context, table string) (uint64, error) {
	return s.countRows(ctx, table, "1")
}

// Dump calls yield for the rows of a table, those of the latest versions, as
// blocks in ClickHouse's format Native, which any ClickHouse reads. yield must
// not keep the block. It returns the number of rows.
func (s *Store) Dump(ctx context.Context, table string, yield func(block []byte) error) (uint64, error) {
	if !databaseName.MatchString(table) {
		return 0, fmt.Errorf("dump table %q: not a name of ours", table)
	}
	rows, err := s.conn.Query(ctx, "SELECT * FROM `"+table+"` FINAL")
	if err != nil {
		return 0, classify("dump "+table, err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	types := rows.ColumnTypes()
	values := make([]any, len(types))
	row := make([]any, len(types))
	for i, t := range types {
		values[i] = reflect.New(t.ScanType()).Interface()
	}
	var total uint64
	block, err := emptyBlock(types)
	for err == nil && rows.Next() {
		if err = rows.Scan(values...); err != nil {
			break
		}
		for i, v := range values {
			row[i] = reflect.ValueOf(v).Elem().Interface()
		}
		if err = block.Append(row...); err != nil {
			break
		}
		if total++; block.Rows() == dumpRows {
			if err = give(block, yield); err == nil {
				block, err = emptyBlock(types)
			}
		}
	}
	if err = errors.Join(err, rows.Err()); err == nil && block.Rows() > 0 {
		err = give(block, yield)
	}
	return total, classify("dump "+table, err)
}

func emptyBlock(types []driver.ColumnType) (*chproto.Block, error) {
	block := chproto.NewBlock()
	for _, t := range types {
		if err := block.AddColumn(t.Name(), column.Type(t.DatabaseTypeName())); err != nil {
			return nil, err
		}
	}
	return block, nil
}

func give(block *chproto.Block, yield func([]byte) error) error {
	var buf proto.Buffer
	if err := block.Encode(&buf, 0); err != nil {
		return err
	}
	return yield(buf.Buf)
}

// LoadDump inserts blocks of a dump, one after the other in data, and returns the
// number of rows. Columns that the table does not have are an error; those that
// the dump does not have take their defaults.
func (s *Store) LoadDump(ctx context.Context, table string, data []byte) (uint64, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	var total uint64
	source := bytes.NewReader(data)
	reader := proto.NewReader(source)
	var batch driver.Batch
	for {
		block := chproto.NewBlock()
		if err := block.Decode(reader, 0); errors.Is(err, io.EOF) && len(block.Columns) == 0 {
			break
		} else if err != nil {
			return total, fmt.Errorf("read block of %s: %w", table, err)
		}
		if batch == nil {
			var err error
			if batch, err = s.prepare(ctx, table, strings.Join(block.ColumnsNames(), ", ")); err != nil {
				return total, err
			}
		}
		if err := appendBlock(batch, block); err != nil {
			return total, classify("append to "+table, errors.Join(err, batch.Close()))
		}
		total += uint64(block.Rows()) //nolint:gosec // not negative
		if batch.Rows() >= loadRows {
			if err := batch.Send(); err != nil {
				return total, classify("insert into "+table, err)
			}
			batch = nil
		}
	}
	if batch != nil {
		return total, classify("insert into "+table, batch.Send())
	}
	return total, nil
}

func appendBlock(batch driver.Batch, block *chproto.Block) error {
	row := make([]any, len(block.Columns))
	for i := range block.Rows() {
		for c, col := range block.Columns {
			row[c] = col.Row(i, false)
		}
		if err := batch.Append(row...); err != nil {
			return err
		}
	}
	return nil
}
