package store_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

func TestErrorsSayWhetherToTryAgain(t *testing.T) {
	engine := openEngine(t)
	server := httptest.NewServer(engine.Handler())
	t.Cleanup(server.Close)
	open := func(t *testing.T) *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), store.Config{URL: server.URL + "/errors"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	outcome := &schema.ExportOutcome{Job: schema.Job{Athlete: "me", Bytes: 7}, Outcome: schema.OutcomeDecoded}
	export := &analyze.Batch{Exports: []analyze.ExportRow{{Outcome: outcome}}}
	check := func(t *testing.T, err, want error) {
		t.Helper()
		if want == nil {
			if err != nil {
				t.Error(err)
			}
			return
		}
		other := analyze.ErrPermanent
		if errors.Is(want, analyze.ErrPermanent) {
			other = analyze.ErrNotNow
		}
		if !errors.Is(err, want) || errors.Is(err, other) {
			t.Errorf("got %v, want it to be %q", err, want)
		}
	}
	t.Run("a missing table", func(t *testing.T) {
		s := open(t)
		if err := s.Conn().Exec(t.Context(), "RENAME TABLE exports_versions TO away"); err != nil {
			t.Fatal(err)
		}
		check(t, s.Write(t.Context(), export), analyze.ErrNotNow)
		if err := s.Conn().Exec(t.Context(), "RENAME TABLE away TO exports_versions"); err != nil {
			t.Fatal(err)
		}
		check(t, s.Write(t.Context(), export), nil)
	})
	t.Run("rows the table refuses", func(t *testing.T) {
		s := open(t)
		if err := s.Conn().Exec(t.Context(), "ALTER TABLE exports_versions ADD CONSTRAINT small CHECK bytes < 5"); err != nil {
			t.Fatal(err)
		}
		check(t, s.Write(t.Context(), export), analyze.ErrPermanent)
		if err := s.Conn().Exec(t.Context(), "ALTER TABLE exports_versions DROP CONSTRAINT small"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a cancelled write", func(t *testing.T) {
		s := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, s.Write(ctx, export), analyze.ErrNotNow)
	})
	t.Run("nobody there", func(t *testing.T) {
		gone := httptest.NewServer(engine.Handler())
		gone.Close()
		_, err := store.Open(t.Context(), store.Config{URL: gone.URL})
		check(t, err, analyze.ErrNotNow)
	})
}

func TestConfigFaults(t *testing.T) {
	for name, c := range map[string]store.Config{
		"neither":      {},
		"database":     {URL: "http://127.0.0.1:1", Database: "a`b"},
		"url database": {URL: "http://user:secret@127.0.0.1:1/a`b"},
		"scheme":       {URL: "http://user:secret@127.0.0.1:x"},
		"negative":     {URL: "http://127.0.0.1:1", MaxConns: -1},
	} {
		_, err := store.Open(t.Context(), c)
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}
