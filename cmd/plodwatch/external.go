package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"plodwatch/analyze/store"
)

// queryExternal runs a query on an external ClickHouse and writes the rows as
// a table or as JSON lines.
func queryExternal(ctx context.Context, st *store.Store, w io.Writer, sql, format string) error {
	if format != "JSONEachRow" && format != tableFormat {
		return errors.New("with an external ClickHouse the output is a table or --json; other formats come from its own client")
	}
	var t *table
	err := st.ReadOnly(ctx, sql, func(columns []string, values []any) error {
		if format != tableFormat {
			return writeObject(w, columns, values)
		}
		if t == nil {
			t = newTable(w, columns...)
		}
		t.row(texts(values)...)
		return nil
	})
	if err != nil || t == nil {
		return err
	}
	return t.flush()
}

// writeObject writes a row as a JSON object with the keys in the order of the
// columns.
func writeObject(w io.Writer, columns []string, values []any) error {
	line := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		key, err := json.Marshal(columns[i])
		if err != nil {
			return fmt.Errorf("write column name: %w", err)
		}
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write column %s: %w", columns[i], err)
		}
		line = append(append(append(line, key...), ':'), value...)
	}
	_, err := w.Write(append(line, '}', '\n'))
	return err
}

func texts(values []any) []string {
	out := make([]string, len(values))
	for i, value := range values {
		v := reflect.ValueOf(value)
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() == reflect.Pointer {
			out[i] = "NULL"
		} else {
			out[i] = fmt.Sprint(v.Interface())
		}
	}
	return out
}

// storeConfig is how the flags say to reach ClickHouse. Without a URL the
// caller adds the way to the engine.
func (a *app) storeConfig() store.Config {
	return store.Config{URL: a.ClickHouse, Cluster: a.Cluster}
}
