package main

import (
	"context"
	"errors"
	"net"
	"testing"

	"plodwatch/ingest"
)

// TestTablesThatHangHoldUpNobodyElse: whoever comes second waits no longer
// than it wants to, though the first still waits for a server that never
// answers.
func TestTablesThatHangHoldUpNobodyElse(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := &app{globals: globals{ClickHouse: "clickhouse://" + l.Addr().String() + "/plodwatch"}}
	tables := newLazyStore(a, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := tables.open(ctx)
		first <- err
	}()
	conn, err := l.Accept() // the first is waiting
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := tables.open(gone); !errors.Is(err, ingest.ErrNotNow) || !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v", err)
	}
	select {
	case err := <-first:
		t.Errorf("the first has ended: %v", err)
	default:
	}
	cancel()
	conn.Close()
	if err := <-first; err == nil {
		t.Error("the first has tables of a server that never answers")
	}
	if err := tables.close(); err != nil {
		t.Error(err)
	}
}
