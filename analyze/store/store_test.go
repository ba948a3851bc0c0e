package store_test

import (
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"plodwatch/analyze/store"
	"plodwatch/analyze/store/storetest"
	"plodwatch/deploy/inprocess/chdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openEngine opens the engine in this process. One process holds one engine,
// so a test shares it among its parts.
func openEngine(tb testing.TB) *chdb.Engine {
	tb.Helper()
	return openEngineOf(tb, chdb.Config{})
}

// openEngineOf is openEngine with other limits.
func openEngineOf(tb testing.TB, cfg chdb.Config) *chdb.Engine {
	tb.Helper()
	cfg.Path = tb.TempDir()
	engine, err := chdb.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := engine.Close(); err != nil {
			tb.Error(err)
		}
	})
	return engine
}

// numbered returns a name for a fresh database each time.
func numbered() func() string {
	var n atomic.Int64
	return func() string { return fmt.Sprintf("t%d", n.Add(1)) }
}

func TestBattery(t *testing.T) {
	engine := openEngine(t)
	next := numbered()
	t.Run("embedded", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) *store.Store {
			t.Helper()
			s, err := store.Open(t.Context(), store.Config{RoundTripper: engine.RoundTripper(), Database: next()})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
	t.Run("http", func(t *testing.T) {
		server := httptest.NewServer(engine.Handler())
		t.Cleanup(server.Close)
		storetest.Run(t, func(t *testing.T) *store.Store {
			t.Helper()
			s, err := store.Open(t.Context(), store.Config{URL: server.URL + "/" + next()})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}, overTheWire()...)
	})
}

// overTheWire names the tests that say something of what is sent and received.
// What the engine computes from it, it computes whoever asks.
func overTheWire() []string {
	return []string{
		"a session reads back as it was written", "views speak SI units and null", "a session without anything",
		"the later analysis replaces the earlier", "repeated delivery is invisible", "samples that are stored are not written again",
		"settings of the same day replace each other", "records are what raised the observed maximum",
		"briefs tell what a session was derived from", "empty questions have empty answers", "a life's history in one batch",
		"exports by outcome", "lists and prefixes", "what became of uploads", "what is missing", "copies of the same activity",
		"judgements and tallies", "the rows of a report", "views over periods agree with a plain model", "a return to running passes",
		"a million samples", "every column has a comment", "the tables are made once", "a newer database is refused",
	}
}
