package storetest

import (
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// testJudgements reads back what was stored of three sessions' intensity, in
// the forms that explain, what-if and the report need.
func testJudgements(t *testing.T, s *store.Store) {
	var keys []analyze.SessionKey
	var rows []analyze.SessionRow
	for i := range 3 {
		r := row(envelope("me", i, 2400), startMs+int64(i))
		r.SettingsID = "00112233aabbccdd"
		rows, keys = append(rows, r), append(keys, keyOf(r.Env))
	}
	rows[1].Inputs.Settings = analyze.Dated{Settings: schema.Settings{ValidFrom: 19800}, Version: 7}
	write(t, s, rows...)

	got, err := s.Judgements(t.Context(), append(keys, analyze.SessionKey{Athlete: "me", ID: schema.SessionID{1}}))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%d judgements, want 3", len(got))
	}
	from := schema.Day(19800)
	for i := range rows {
		r := &rows[i].Result
		hrMax := r.HRMax
		want := analyze.Judgement{
			SettingsID: rows[i].SettingsID, HRMax: &hrMax, HRMaxSource: r.HRMaxSource, LowMs: r.LowMs, ModerateMs: r.ModerateMs, HighMs: r.HighMs,
			LowShare: r.LowShare, Meets8020: r.Meets8020, Class: r.Class, Label: r.Label, CapOK: r.CapOK, Verdict: r.Verdict,
			RulesVersion: r.RulesVersion, AnalyzedMs: startMs + int64(i),
		}
		if i == 1 {
			want.SettingsFrom = &from
		}
		equal(t, "judgement", got[keys[i]], want)
	}
	stored := load(t, s, keys[0])
	equal(t, "budget", stored.Budget, rows[0].Measured.Budget)
	equal(t, "rules version", stored.RulesVersion, rows[0].Result.RulesVersion)
	testTallies(t, s, rows)
}

func testTallies(t *testing.T, s *store.Store, rows []analyze.SessionRow) {
	t.Helper()
	tallies, startsOn, err := s.Tallies(t.Context(), "me")
	if err != nil || len(tallies) != len(rows) || startsOn != 1 {
		t.Fatalf("%d tallies of weeks that start on day %d, %v", len(tallies), startsOn, err)
	}
	byKey := map[analyze.SessionKey]analyze.Tally{}
	for _, tally := range tallies {
		byKey[tally.SessionKey] = tally
	}
	for i := range rows {
		r, b := &rows[i].Result, rows[i].Measured.Budget
		equal(t, "tally", byKey[keyOf(rows[i].Env)], analyze.Tally{
			SessionKey: keyOf(rows[i].Env), Day: rows[i].Inputs.LocalDay, TimerMs: b.TimerMs(), ClassifiedMs: b.ClassifiedMs,
			LowMs: r.LowMs, ModerateMs: r.ModerateMs, HighMs: r.HighMs, Class: r.Class,
		})
	}
	for i, c := range []struct {
		athlete  string
		day      int
		startsOn int
	}{{"", 7, 7}, {"other", 3, 7}, {"me", 6, 6}} {
		exec(t.Context(), t, s, "INSERT INTO report_settings_versions (athlete_id, week_starts_on, version) VALUES ('%s', %d, %d)", c.athlete, c.day, i+1)
		if _, got, err := s.Tallies(t.Context(), "me"); err != nil || got != c.startsOn {
			t.Errorf("after %+v weeks start on day %d, %v", c, got, err)
		}
	}
}

// testOverview asks for the report's rows of an athlete with sessions in two
// weeks, and of one without.
// Some programs set join_use_nulls for all that they ask.
func testJoinsWithNulls(t *testing.T, s *store.Store) {
	write(t, s, row(envelope("me", 0, 2400), startMs), row(envelope("you", 1, 2400), startMs))
	exec(t.Context(), t, s, "INSERT INTO athlete_settings_versions (athlete_id, valid_from, hr_max, version) VALUES ('third', '2024-01-01', 190, 1)")
	if _, err := s.RefreshDays(t.Context(), []schema.AthleteID{"me"}); err != nil {
		t.Fatal(err)
	}
	for _, view := range views(t, s) {
		const query = "SELECT arraySort(groupArray(toString(tuple(*)))) FROM "
		equal(t, view, value[[]string](t, s, query+view+" SETTINGS join_use_nulls = 1"), value[[]string](t, s, query+view))
	}
}

func testOverview(t *testing.T, s *store.Store) {
	write(t, s, row(envelope("me", 0, 2400), startMs), row(envelope("me", 1, 2400), startMs), row(envelope("me", 2, 2400), startMs))
	if _, err := s.RefreshDays(t.Context(), []schema.AthleteID{"me"}); err != nil {
		t.Fatal(err)
	}
	// The sessions are on 4, 5 and 6 May 2024: Saturday, Sunday and Monday.
	saturday := schema.Day(19847)
	for _, c := range []struct {
		athlete  schema.AthleteID
		weeks    int
		until    *schema.Day
		starts   []string
		sessions []uint64
	}{
		{"me", 5, nil, []string{"2024-04-29", "2024-05-06"}, []uint64{2, 1}},
		{"me", 1, nil, []string{"2024-05-06"}, []uint64{1}},
		{"me", 5, &saturday, []string{"2024-04-29"}, []uint64{2}},
		{"nobody", 5, nil, nil, nil},
	} {
		o, err := s.Overview(t.Context(), c.athlete, c.weeks, c.until)
		if err != nil {
			t.Fatal(err)
		}
		var starts []string
		var sessions []uint64
		for _, w := range o.Weeks {
			starts, sessions = append(starts, w.Start), append(sessions, w.Sessions)
		}
		equal(t, "weeks", starts, c.starts)
		equal(t, "sessions", sessions, c.sessions)
		if len(c.starts) == 0 {
			continue
		}
		end := o.Weeks[len(o.Weeks)-1].End
		if o.Last28 == nil || o.Last28.Day != end || o.Last28.LowShare == nil || o.Last28.Verdict == "" {
			t.Errorf("28 days: %+v, want those to %s", o.Last28, end)
		}
		if n := len(o.Load); n == 0 || o.Load[n-1].Day != end {
			t.Errorf("%d days of load, want them to end on %s", n, end)
		}
	}
}
