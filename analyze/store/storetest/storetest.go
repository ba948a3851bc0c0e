// Package storetest is the battery that every ClickHouse plodwatch supports
// must pass: the engine in this process, and a server over the wire.
package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// Run runs the battery, or of it the tests with these names. The function open
// returns a store over an empty database of its own each time, without tables;
// Run closes it.
func Run(t *testing.T, open func(t *testing.T) *store.Store, only ...string) {
	t.Helper()
	tests := map[string]func(*testing.T, *store.Store){
		"a session reads back as it was written":        testRoundTrip,
		"views speak SI units and null":                 testViews,
		"a session without anything":                    testBareSession,
		"the later analysis replaces the earlier":       testReplace,
		"an older decoder hides nothing":                testOlderDecoder,
		"a decode with fewer samples leaves none over":  testFewerSamples,
		"repeated delivery is invisible":                testRepeatedDelivery,
		"samples wait for their session's row":          testCommitMark,
		"samples that are stored are not written again": testSamplesStored,
		"settings of the same day replace each other":   testSettings,
		"records are what raised the observed maximum":  testRecords,
		"briefs tell what a session was derived from":   testBriefs,
		"empty questions have empty answers":            testEmpty,
		"a life's history in one batch":                 testHistory,
		"exports by outcome":                            testExports,
		"lists and prefixes":                            testLists,
		"what became of uploads":                        testFates,
		"what is missing":                               testLedger,
		"copies of the same activity":                   testCopies,
		"judgements and tallies":                        testJudgements,
		"the rows of a report":                          testOverview,
		"joins that give nulls change no view":          testJoinsWithNulls,
		"the week of three sessions":                    testWeekOfThreeSessions,
		"verdicts change at their bounds":               testVerdictsAtTheirBounds,
		"periods without an answer say why":             testReasons,
		"load by the asserts of the literature":         testLoadOfScience,
		"views over periods agree with a plain model":   testPeriods,
		"a clock that went back":                        testClockWentBack,
		"a million samples":                             testMillion,
		"every column has a comment":                    testComments,
		"the tables are made once":                      testMigrateTwice,
		"a newer database is refused":                   testNewerDatabase,
	}
	maps.Copy(tests, signTests())
	for _, name := range only {
		if tests[name] == nil {
			t.Errorf("the battery has no test %q", name)
		}
	}
	if len(only) > 0 {
		maps.DeleteFunc(tests, func(name string, _ func(*testing.T, *store.Store)) bool { return !slices.Contains(only, name) })
	}
	shared := openMigrated(t, open)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if changesTables(name) {
				test(t, openMigrated(t, open))
				return
			}
			Empty(t, shared)
			test(t, shared)
		})
	}
}

// changesTables reports whether a test changes the tables themselves, or what
// comes with them: it gets a database of its own. The others share one, which
// is emptied before each, because making the tables takes longer than most of
// them.
func changesTables(test string) bool {
	switch test {
	case "the tables are made once", "a newer database is refused", "every column has a comment", "another protocol",
		"returns are there after an update":
		return true
	}
	return false
}

func openMigrated(t *testing.T, open func(t *testing.T) *store.Store) *store.Store {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Empty takes away all rows but those that came with the tables, so that the
// next test need not wait for new ones.
func Empty(t testing.TB, s *store.Store) {
	t.Helper()
	full := value[[]string](t, s, `SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase()
		AND total_rows > 0 AND name NOT IN ('schema_versions', 'return_phases_versions')`)
	for _, table := range full {
		exec(t.Context(), t, s, "TRUNCATE TABLE %s", table)
	}
}

// startMs is 2024-05-04 06:30:00 UTC.
const startMs = 1714804200000

// envelope returns a session of n samples at 1 Hz with every field filled.
func envelope(athlete schema.AthleteID, ordinal, n int) *schema.Envelope {
	export := schema.ExportIDOf([]byte("an export"))
	start := int64(startMs) + int64(ordinal)*86_400_000
	s := schema.Session{
		Ordinal: ordinal, Sport: schema.SportRunning, SubSport: "trail",
		StartMs: start, EndMs: start + int64(n)*1000,
		UTCOffsetS: 7200, OffsetSource: schema.OffsetFile,
		TimerEvents: []schema.TimerEvent{{AtMs: start}, {AtMs: start + 5000, Stop: true}, {AtMs: start + 7000}},
		Breaks:      []schema.Interval{{FromMs: start + 8000, ToMs: start + 9000}},
		Laps: []schema.Lap{
			{
				StartMs: start, EndMs: start + 5000, ElapsedMs: 5000, TimerMs: 4000, DistanceCm: 1234, AvgHR: 140, MaxHR: 150,
				Zones: schema.WatchZones{TimeMs: []int64{0, 4000}, BoundsBPM: []uint8{95}, MaxHR: 190, RestHR: 50, ThresholdHR: 170},
			},
			{StartMs: start + 5000, EndMs: start + 10_000, ElapsedMs: 5000},
		},
		Watch: schema.WatchSummary{
			ElapsedMs: 10_000, TimerMs: 9000, DistanceCm: 3000, AscentM: 12, AvgHR: 141, MaxHR: 171,
			AvgSpeedMMps: 2900, CaloriesKcal: 77,
		},
		WatchZones: schema.WatchZones{
			TimeMs: []int64{1, 2, 3, 4, 5, 6}, BoundsBPM: []uint8{95, 114, 133, 152, 171}, MaxHR: 190, RestHR: 48, ThresholdHR: 168,
		},
		Facts: schema.FileFacts{MaxHR: 190, MaxHRSource: "time_in_zone", RestHR: 48, ThresholdHR: 168},
		RPE:   6.5, HasRPE: true, Feel: 75,
		Device: "garmin fr965 \t'quoted' \\ ü",
		Flags:  []schema.Flag{schema.FlagCRCBad, schema.FlagTruncated},
	}
	s.Samples = schema.Samples{TimeMs: make([]int64, n), HeartRate: make([]uint8, n)}
	for _, col := range s.Samples.Int32Columns() {
		*col = make([]int32, n)
	}
	for i := range n {
		s.Samples.TimeMs[i] = start + int64(i)*1000
		s.Samples.HeartRate[i] = uint8(100 + i%80) //nolint:gosec // below 180
		for k, col := range s.Samples.Int32Columns() {
			(*col)[i] = int32(i*(k+1)) - 500 //nolint:gosec // small
		}
	}
	return &schema.Envelope{
		Athlete: athlete, Export: export, ID: schema.SessionIDOf(athlete, export, ordinal), Format: schema.FormatFIT,
		DecoderVersion: 3, Salvaged: true, ReceivedMs: start + 100_000_000, Session: s,
	}
}

// row completes env to a row as the analyzer would, analysed at ms.
func row(env *schema.Envelope, ms int64) analyze.SessionRow {
	s := &env.Session
	measured := intensity.Measure(s)
	in := analyze.Inputs{
		UTCOffsetS: s.UTCOffsetS, OffsetSource: s.OffsetSource, LocalDay: schema.DayOf(s.StartMs, s.UTCOffsetS),
	}
	return analyze.SessionRow{
		Env: env, Measured: measured, Inputs: in,
		Result:     intensity.Derive(measured, s, intensity.Inputs{}),
		SettingsID: "0123456789abcdef", Decode: analyze.Fingerprint(&s.Samples, measured.HRFlags),
		AnalyzedMs: ms, Version: analyze.VersionOf(env.DecoderVersion, ms),
	}
}

func write(t *testing.T, s *store.Store, rows ...analyze.SessionRow) {
	t.Helper()
	if err := s.Write(t.Context(), &analyze.Batch{Sessions: rows}); err != nil {
		t.Fatal(err)
	}
}

func keyOf(env *schema.Envelope) analyze.SessionKey {
	return analyze.SessionKey{Athlete: env.Athlete, ID: env.ID}
}

// load returns the one session with this key, or nil.
func load(t *testing.T, s *store.Store, key analyze.SessionKey) *analyze.Stored {
	t.Helper()
	var found *analyze.Stored
	err := s.Load(t.Context(), []analyze.SessionKey{key}, func(st *analyze.Stored) error {
		if found != nil {
			t.Errorf("session %s comes twice", key.ID)
		}
		found = st
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// value runs a query for one value of type T.
func value[T any](t testing.TB, s *store.Store, query string) T {
	t.Helper()
	var v T
	if err := s.Conn().QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// want compares the text of a query's only value.
func want(t *testing.T, s *store.Store, query, text string) {
	t.Helper()
	if got := value[string](t, s, "SELECT toString(("+query+"))"); got != text {
		t.Errorf("%s\n got %s\nwant %s", query, got, text)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// physical returns the name of the table that holds the rows of a table: on a
// cluster it is the shard's own.
func physical(t *testing.T, s *store.Store, table string) string {
	t.Helper()
	local := table + "_local"
	if value[uint64](t, s, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '"+local+"'") == 1 {
		return local
	}
	return table
}

// exec runs a statement of the test's own.
func exec(ctx context.Context, t testing.TB, s *store.Store, format string, args ...any) {
	t.Helper()
	statement := fmt.Sprintf(format, args...)
	if err := s.Conn().Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
