package storetest

import (
	"errors"
	"slices"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
	"plodwatch/schema/tables"
)

func testSettings(t *testing.T, s *store.Store) {
	full := analyze.Dated{
		Settings: schema.Settings{
			Athlete: "me", ValidFrom: 19000, HRMax: 190.5, HRRest: 48, LTHR: 170, VT1: 150, VT2: 172, BirthYear: 1980,
			Sex: schema.SexFemale, ZoneModel: schema.ZoneCustom, CustomBounds: []float64{100, 120.5}, TimeZone: "Europe/Vienna", ThresholdPace: 270.5,
		},
		Version: 1000,
	}
	bare := analyze.Dated{Settings: schema.Settings{Athlete: "me", ValidFrom: -20000}, Version: 1000}
	other := analyze.Dated{Settings: schema.Settings{Athlete: "other", ValidFrom: 5, HRMax: 180}, Version: 7}
	replaced := full
	replaced.HRMax, replaced.Version = 185, 900
	for _, d := range []analyze.Dated{full, bare, other, replaced, full} {
		if err := s.WriteSettings(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Settings(t.Context(), []schema.AthleteID{"me", "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "settings", got, map[schema.AthleteID][]analyze.Dated{"me": {bare, full}})
	want(t, s, "SELECT (hr_max, sex, time_zone) FROM athlete_settings WHERE valid_from = '2022-01-08'", "(190.5,'female','Europe/Vienna')")
	want(t, s, "SELECT (hr_max IS NULL, sex IS NULL, zone_model IS NULL) FROM athlete_settings WHERE valid_from < '1970-01-01'", "(1,1,1)")
}

// observed returns a row whose session starts on the day-th day and shows the
// given observed maximum.
func observed(athlete schema.AthleteID, day int, bpm float64) analyze.SessionRow {
	r := row(envelope(athlete, day, 3), 1000)
	m := *r.Measured
	m.ObservedHRMax = bpm
	r.Measured = &m
	return r
}

func testRecords(t *testing.T, s *store.Store) {
	write(t, s, observed("me", 0, 0), observed("me", 4, 180), observed("me", 1, 170), observed("me", 2, 170),
		observed("me", 3, 160), observed("me", 5, 200), observed("other", 0, 210), observed("none", 0, 0))
	lower := observed("me", 5, 175) // analysed again
	lower.Version++
	write(t, s, lower)
	got, err := s.Records(t.Context(), []schema.AthleteID{"me", "none"})
	if err != nil {
		t.Fatal(err)
	}
	const day = 86_400_000
	equal(t, "records", got, map[schema.AthleteID][]analyze.Record{
		"me": {{StartMs: startMs + day, BPM: 170}, {StartMs: startMs + 4*day, BPM: 180}},
	})
	athletes, err := s.Athletes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "athletes", athletes, []schema.AthleteID{"me", "none", "other"})
}

func testBriefs(t *testing.T, s *store.Store) {
	late, early := observed("me", 3, 181.5), observed("me", 1, 0)
	late.Inputs = analyze.Inputs{
		Settings:   analyze.Dated{Settings: schema.Settings{Athlete: "me", ValidFrom: 3}, Version: 77},
		UTCOffsetS: -3600, OffsetSource: analyze.OffsetAthlete, LocalDay: 19849, ObservedHRMax: 181.5,
	}
	late.Result.HRMaxSource, late.Result.RulesVersion = intensity.HRMaxObserved, 9
	write(t, s, late, early, observed("other", 1, 0))
	var got []analyze.Brief
	err := s.Briefs(t.Context(), []schema.AthleteID{"me"}, func(b *analyze.Brief) error {
		got = append(got, *b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "briefs", got, []analyze.Brief{
		{
			SessionKey: keyOf(early.Env), StartMs: early.Env.Session.StartMs, UTCOffsetS: 7200,
			OffsetSource: schema.OffsetFile, LocalDay: 19848, HRMaxSource: intensity.HRMaxFile, RulesVersion: intensity.RulesVersion,
		},
		{
			SessionKey: keyOf(late.Env), StartMs: late.Env.Session.StartMs, ObservedHRMax: 181.5, UTCOffsetS: -3600,
			OffsetSource: analyze.OffsetAthlete, LocalDay: 19849, SettingsAt: 77, ObservedUsed: 181.5,
			HRMaxSource: intensity.HRMaxObserved, RulesVersion: 9,
		},
	})
	stop := errors.New("stop")
	calls := 0
	err = s.Briefs(t.Context(), []schema.AthleteID{"me"}, func(*analyze.Brief) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls, want the caller's error after one", err, calls)
	}
	exec(t.Context(), t, s, "TRUNCATE TABLE %s", physical(t, s, "intensity_versions"))
	calls = 0
	err = s.Briefs(t.Context(), []schema.AthleteID{"me"}, func(b *analyze.Brief) error {
		calls++
		equal(t, "rules version without intensity", b.RulesVersion, uint32(0))
		return nil
	})
	if err != nil || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func testEmpty(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if err := s.Write(ctx, &analyze.Batch{}); err != nil {
		t.Error(err)
	}
	if got, err := s.Settings(ctx, nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := s.Records(ctx, []schema.AthleteID{"nobody"}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := s.Athletes(ctx); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got := load(t, s, analyze.SessionKey{Athlete: "me"}); got != nil {
		t.Error("an unknown session was read back")
	}
	if got, err := s.List(ctx, store.ListFilter{Athlete: "me", Limit: 3}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := s.Outcomes(ctx); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := s.KnownExports(ctx, "me", []schema.ExportID{{1}}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	if got, err := s.Count(ctx); err != nil || got != (store.Counts{}) {
		t.Error(got, err)
	}
	for _, view := range views(t, s) {
		if view != "return_phases" { // which come with the program
			want(t, s, "SELECT count() FROM "+view, "0")
		}
		// The engine answers this from a subcolumn where the type has one, and
		// fails when the view promises another type than its query has.
		tests := value[string](t, s, "SELECT arrayStringConcat(groupArray(name || ' IS NULL'), ', ') FROM system.columns "+
			"WHERE database = currentDatabase() AND table = '"+view+"'")
		exec(ctx, t, s, "SELECT %s FROM %s", tests, view)
	}
}

func testExports(t *testing.T, s *store.Store) {
	zip := &schema.ExportOutcome{
		Job:    schema.Job{Athlete: "me", Export: schema.ExportID{1}, Source: schema.SourceImport, Bytes: 1 << 40, ReceivedMs: startMs},
		Format: schema.FormatArchive, Outcome: schema.OutcomeDecoded, Reason: schema.ReasonArchive,
		Members: []schema.ExportID{{2}, {3}}, DecoderVersion: 3, FinishedMs: startMs + 5,
	}
	good := &schema.ExportOutcome{
		Job:    schema.Job{Athlete: "me", Export: schema.ExportID{2}, Source: schema.SourceArchive, Bytes: 10, Parent: schema.ExportID{1}, Depth: 1},
		Format: schema.FormatFIT, Outcome: schema.OutcomeSalvaged, Reason: schema.ReasonCRC, Detail: "it's broken",
		Flags: []schema.Flag{schema.FlagCRCBad}, Sessions: []schema.SessionID{{1}, {2}}, Records: 77, DecoderVersion: 3,
	}
	bad := &schema.ExportOutcome{
		Job:    schema.Job{Athlete: "me", Export: schema.ExportID{3}, Bytes: 3},
		Format: schema.FormatUnknown, Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, DecoderVersion: 3,
	}
	again := *good
	again.Outcome, again.Reason, again.Sessions = schema.OutcomeDuplicate, schema.ReasonSameBytes, nil
	err := s.Write(t.Context(), &analyze.Batch{Exports: []analyze.ExportRow{
		{Outcome: zip, AnalyzedMs: 1, Version: 5}, {Outcome: good, Version: 5}, {Outcome: bad, Version: 5}, {Outcome: &again, Version: 4},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Outcomes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "outcomes", got, []store.OutcomeCount{
		{Outcome: schema.OutcomeDecoded, Reason: schema.ReasonArchive, Exports: 1, Bytes: 1 << 40},
		{Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Exports: 1, Bytes: 3},
		{Outcome: schema.OutcomeSalvaged, Reason: schema.ReasonCRC, Exports: 1, Sessions: 2, Bytes: 10},
	})
	known, err := s.KnownExports(t.Context(), "me", []schema.ExportID{{2}, {9}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "known", known, map[schema.ExportID]store.Known{
		{2}: {Outcome: schema.OutcomeSalvaged, Reason: schema.ReasonCRC, Sessions: 2, Missing: 2, DecoderVersion: 3},
	})
	want(t, s, "SELECT (length(member_ids), parent_id IS NULL) FROM exports WHERE format = 'zip'", "(2,1)")
	want(t, s, "SELECT parent_id FROM exports WHERE format = 'fit'", schema.ExportID{1}.String())
}

func testLists(t *testing.T, s *store.Store) {
	var rows []analyze.SessionRow
	for day := range 4 {
		rows = append(rows, row(envelope("me", day, 400), 1000))
	}
	rows[2].Env.Session.Sport = schema.SportCycling
	rows = append(rows, row(envelope("other", 1, 3), 1000))
	write(t, s, rows...)
	list := func(f store.ListFilter) []string {
		t.Helper()
		got, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for i := range got {
			ids = append(ids, got[i].SessionID.String())
		}
		return ids
	}
	ids := func(which ...int) []string {
		all := []string{}
		for _, i := range which {
			all = append(all, rows[i].Env.ID.String())
		}
		return all
	}
	from, to := rows[1].Inputs.LocalDay, rows[2].Inputs.LocalDay
	equal(t, "the latest two", list(store.ListFilter{Athlete: "me", Limit: 2}), ids(2, 3))
	equal(t, "by day", list(store.ListFilter{Athlete: "me", From: &from, To: &to}), ids(1, 2))
	equal(t, "by sport", list(store.ListFilter{Sport: schema.SportCycling}), ids(2))
	equal(t, "a hostile sport", list(store.ListFilter{Sport: "x' OR 1=1 --\t\\"}), []string{})
	if got := list(store.ListFilter{}); len(got) != 5 {
		t.Errorf("got %d sessions, want all 5", len(got))
	}
	found, err := s.FindSession(t.Context(), rows[0].Env.ID.String()[:13])
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	first := found[0]
	if first.Athlete != "me" || first.HRMaxUsed == nil || *first.HRMaxUsed != 190 || first.Verdict != string(rows[0].Result.Verdict) {
		t.Errorf("got %+v", first)
	}
	counts, err := s.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts", counts, store.Counts{Sessions: 5, Samples: 4*400 + 3})
}

func testComments(t *testing.T, s *store.Store) {
	want(t, s, "SELECT groupArray((table, name)) FROM system.columns WHERE database = currentDatabase() AND comment = ''", "[]")
	want(t, s, "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND comment = ''", "[]")
	want(t, s, "SELECT groupArray(partition_key) FROM system.tables WHERE database = currentDatabase() AND partition_key != ''", "[]")
	if all := views(t, s); !slices.Contains(all, "sessions") || !slices.Contains(all, "who_needs_a_call") {
		t.Errorf("views are missing: %q", all)
	}
}

// views lists the views of the database.
func views(t *testing.T, s *store.Store) []string {
	t.Helper()
	return value[[]string](t, s, "SELECT arraySort(groupArray(name)) FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
}

func testMigrateTwice(t *testing.T, s *store.Store) {
	write(t, s, row(envelope("me", 0, 5), 1000))
	n, err := s.Migrate(t.Context())
	if err != nil || n != 0 {
		t.Errorf("applied %d migrations again: %v", n, err)
	}
	// A process that was stopped before it could record what it did.
	exec(t.Context(), t, s, "TRUNCATE TABLE schema_versions")
	all, err := tables.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if n, err = s.Migrate(t.Context()); err != nil || n != len(all) {
		t.Errorf("applied %d migrations of %d: %v", n, len(all), err)
	}
	want(t, s, "SELECT count() FROM samples", "5")
}

func testNewerDatabase(t *testing.T, s *store.Store) {
	exec(t.Context(), t, s, "INSERT INTO schema_versions (version, name) VALUES (4000, 'from the future')")
	n, err := s.Migrate(t.Context())
	if !errors.Is(err, tables.ErrNewerDatabase) || n != 0 {
		t.Errorf("applied %d, got %v", n, err)
	}
}
