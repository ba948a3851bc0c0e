package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plodwatch/schema/tables"
)

// ErrTablesLost says that tables which were made once are not there any more.
var ErrTablesLost = errors.New("tables are gone")

// lookForTables returns an error that wraps ErrTablesLost and names the tables
// that are not there, if any.
func (s *Store) lookForTables(ctx context.Context) error {
	names, err := tables.Names()
	if err != nil {
		return err
	}
	var have []string
	const query = "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase()"
	if err := s.conn.QueryRow(ctx, query).Scan(&have); err != nil {
		return classify("list tables", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(have, name) })
	if len(names) > 0 {
		return fmt.Errorf("%s: %w", strings.Join(names, ", "), ErrTablesLost)
	}
	return nil
}

// BrokenTables returns the tables of which the server has set parts aside that
// it could not read: their rows are missing from every answer. It needs the
// right to read system.detached_parts.
func (s *Store) BrokenTables(ctx context.Context) ([]string, error) {
	var broken []string
	const query = `SELECT arraySort(groupUniqArray(table)) FROM system.detached_parts
		WHERE database = currentDatabase() AND startsWith(reason, 'broken')`
	if err := s.conn.QueryRow(ctx, query).Scan(&broken); err != nil {
		return nil, classify("look for broken parts", err)
	}
	return broken, nil
}

// FromFiles reports whether all that is in a table can be made again from the
// originals by looking for what is missing (see package reconcile).
func FromFiles(table string) bool {
	switch table {
	case "samples_versions", "sessions_versions", "exports_versions":
		return true
	}
	return false
}

// DropBroken removes the parts that BrokenTables tells of, of the tables that
// are FromFiles. It is for when their rows have been made again.
func (s *Store) DropBroken(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, `SELECT table, name FROM system.detached_parts
		WHERE database = currentDatabase() AND startsWith(reason, 'broken') ORDER BY table, name`)
	if err != nil {
		return classify("look for broken parts", err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	var drops []string
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			return classify("look for broken parts", err)
		}
		if FromFiles(table) {
			drops = append(drops, "ALTER TABLE "+table+" DROP DETACHED PART '"+name+"' SETTINGS allow_drop_detached = 1")
		}
	}
	if err := rows.Err(); err != nil {
		return classify("look for broken parts", err)
	}
	for _, statement := range drops {
		if err := s.conn.Exec(ctx, statement); err != nil {
			return classify("drop a broken part", err)
		}
	}
	return nil
}
