package store

import (
	"context"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/analyze"
)

// InsertSamples writes the sessions' samples as Write does, and nothing else,
// to a server so old that it is spared two things: the question after the types
// of the columns, which has a parameter, and settings that it does not know.
func InsertSamples(ctx context.Context, s *Store, types map[string]string, unknown []string, rows ...*analyze.SessionRow) error {
	all := make([]analyze.SessionRow, len(rows))
	for i, row := range rows {
		all[i] = *row
	}
	s.mu.Lock()
	s.types["samples_versions"] = types
	s.mu.Unlock()
	settings := insertSettings()
	maps.DeleteFunc(settings, func(name string, _ any) bool { return slices.Contains(unknown, name) })
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings))
	for _, part := range samplesInserts(all) {
		if err := s.insertSamples(ctx, part); err != nil {
			return err
		}
	}
	return nil
}
