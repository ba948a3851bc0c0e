package store_test

import (
	"testing"

	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema"
)

// TestDecidingOnCopiesNeedsLittleMemory: a session's milliseconds at each heart rate
// take 2 kB. What is made of them is read without holding them many times over:
// 6,000 sessions in one part within 100 MB.
func TestDecidingOnCopiesNeedsLittleMemory(t *testing.T) {
	engine := openEngineOf(t, chdb.Config{MaxQueryMemoryBytes: 100_000_000})
	s, err := store.Open(t.Context(), store.Config{RoundTripper: engine.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	const sessions = 6_000
	err = s.Conn().Exec(t.Context(), `INSERT INTO sessions_versions (athlete_id, session_id, export_id, classified_ms, hr_ms, version)
		SELECT 'me', toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number), 12, '0'))),
			lower(hex(SHA256(toString(number)))), 3600000, arrayResize([3600000], 255), 1
		FROM numbers(6000) SETTINGS max_threads = 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Copies(t.Context(), []schema.AthleteID{"me"})
	if err != nil {
		t.Fatal(err)
	}
	if len(all["me"]) != sessions || all["me"][0].HRShares[0] != 1000 {
		t.Errorf("%d sessions, the first %+v", len(all["me"]), all["me"][0])
	}
}
