package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"plodwatch/deploy/inprocess/chdb"
)

// engine is shared by all tests: a process holds one.
var engine *chdb.Engine

func TestMain(m *testing.M) {
	if dir := os.Getenv(childPath); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "chdb")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	engine, err = chdb.Open(chdb.Config{
		Path:    filepath.Join(dir, "engine"),
		Outside: chdb.Limits{MaxResultRows: 50_000, MaxResultBytes: 16 << 20, MaxMemoryBytes: 200_000_000, MaxConcurrent: 2},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(engine.Close(), leaked()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// connect opens an unchanged clickhouse-go client on the engine in process.
func connect(t *testing.T, rt http.RoundTripper, change ...func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	opt := &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{"inprocess:8123"},
		Auth:     clickhouse.Auth{Database: "plodwatch"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) {
			return rt, nil
		},
	}
	for _, c := range change {
		c(opt)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// table makes an empty table that the test drops.
func table(t *testing.T, conn driver.Conn, name, columns string) {
	t.Helper()
	must(t, conn.Exec(t.Context(), "CREATE TABLE "+name+" ("+columns+") ENGINE = MergeTree ORDER BY tuple()"))
	t.Cleanup(func() {
		if err := conn.Exec(context.WithoutCancel(t.Context()), "DROP TABLE "+name+" SYNC"); err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
