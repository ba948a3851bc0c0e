package store

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Parameters are the values of a query's {name:Type} placeholders, as text: a
// day is 2006-01-02, an array ['a','b'] is written by its caller.
type Parameters map[string]string

// Select reads the rows of a query that this program has written into a slice
// of structs (into is a pointer to it) whose ch tags name the columns. What
// comes from outside goes into p and never into the query. An error wraps
// analyze.ErrNotNow when the tables cannot be asked now.
func (s *Store) Select(ctx context.Context, into any, query string, p Parameters) error {
	values := make(clickhouse.Parameters, len(p))
	for name, text := range p {
		values[name] = parameterText(text)
	}
	return classify("read tables", s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(values)), into, query))
}
