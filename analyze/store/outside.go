package store

import (
	"context"
	"fmt"
	"reflect"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// readOnlySeconds bounds a query from outside on an external server.
const readOnlySeconds = 30

// ReadOnly runs a query that somebody wrote, read-only by the server's own
// setting and for at most 30 s. What the server's user may read is for its
// grants to say. The function each is called for every row with the columns'
// names and pointers to the row's values, which it must not keep.
func (s *Store) ReadOnly(ctx context.Context, sql string, each func(columns []string, values []any) error) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"readonly": 2, "max_execution_time": readOnlySeconds,
	}))
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("run query: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	types := rows.ColumnTypes()
	values := make([]any, len(types))
	for rows.Next() {
		for i := range values {
			values[i] = reflect.New(types[i].ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if err := each(rows.Columns(), values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("run query: %w", err)
	}
	return nil
}
