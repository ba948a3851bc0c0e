package storetest

import (
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/duplicates"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// testClockWentBack: what is written last counts, also when the clock said a
// later time before.
func testClockWentBack(t *testing.T, s *store.Store) {
	ctx, early := t.Context(), noon()
	late := early.AddDate(1, 0, 0)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first := row(envelope("me", 0, 400), 1000)
	write(t, s, first, row(envelope("me", 1, 400), 1000))
	key := keyOf(first.Env)
	// future puts the versions of a table's rows where a clock that is ten
	// years ahead would have put them.
	future := func(table string) {
		t.Helper()
		exec(ctx, t, s, "INSERT INTO %[1]s SELECT * REPLACE (version + 10 * 366 * 86400 * toUInt64(1000000) AS version) FROM %[1]s FINAL", table)
	}

	check(s.WriteChoice(ctx, analyze.DuplicateChoice{SessionKey: key, Choice: duplicates.ChoiceDrop}))
	future("duplicate_choices_versions")
	check(s.WriteChoice(ctx, analyze.DuplicateChoice{SessionKey: key, Choice: duplicates.ChoiceKeep}))
	want(t, s, "SELECT any(choice) FROM duplicate_choices_versions FINAL", "keep")

	writeLog(t, s, late, diary.Entry{Athlete: "me", Day: firstLogged, RestingHR: num(50)}, diary.Entry{Athlete: "me", Day: firstLogged + 1, RestingHR: num(70)})
	writeLog(t, s, early, diary.Entry{Athlete: "me", Day: firstLogged, RestingHR: num(51)})
	check(s.RemoveLog(ctx, "me", firstLogged+1, early))
	want(t, s, "SELECT groupArray((day, resting_hr)) FROM daily_log WHERE athlete_id = 'me' AND day >= '2026-01-01'", "[('2026-01-01',51)]")

	check(s.WritePlans(ctx, []diary.Plan{{Athlete: "me", Day: firstLogged, Intent: diary.IntentHard}}, store.FromCommand, late))
	check(s.WritePlans(ctx, []diary.Plan{{Athlete: "me", Day: firstLogged, Intent: diary.IntentEasy}}, store.FromCommand, early))
	want(t, s, "SELECT groupArray(intent) FROM session_plans", "['easy']")

	check(s.SetWeekStart(ctx, "me", time.Sunday, late))
	check(s.SetWeekStart(ctx, "me", time.Saturday, early))
	want(t, s, "SELECT week_starts_on FROM report_settings WHERE athlete_id = 'me'", "6")

	check(s.WriteReturn(ctx, diary.Return{Athlete: "me", From: back, Protocol: "overtraining", Phase: 1, BaselineMinutes: num(300)}, late))
	check(s.WriteReturn(ctx, diary.Return{Athlete: "me", From: back, Protocol: "overtraining", Phase: 2, BaselineMinutes: num(300)}, early))
	want(t, s, "SELECT groupArray(phase) FROM returns_versions FINAL WHERE NOT removed", "[2]")
	check(s.RemoveReturn(ctx, "me", back, early))
	want(t, s, "SELECT count() FROM returns_versions FINAL WHERE NOT removed", "0")

	testMadeWithClockBack(t, s, first, future)
}

// testMadeWithClockBack: what is computed over sessions is made once, and
// anew, under the versions of a clock that was ahead.
func testMadeWithClockBack(t *testing.T, s *store.Store, row analyze.SessionRow, future func(string)) {
	who := []schema.AthleteID{"me"}
	refresh := func(made int) {
		t.Helper()
		n, err := s.RefreshDays(t.Context(), who)
		if err != nil || n != made {
			t.Errorf("days made: %d, %v, want %d", n, err, made)
		}
		if n := refreshSigns(t, s, who...); n != made {
			t.Errorf("signs made: %d, want %d", n, made)
		}
	}
	refresh(1)
	for _, table := range []string{"athlete_spans_versions", "athlete_days_versions", "signal_spans_versions", "signal_days_versions"} {
		future(table)
	}
	refresh(0)
	later := row
	later.Version++
	later.Inputs.LocalDay += 100
	write(t, s, later)
	refresh(1)
	refresh(0)
	want(t, s, "SELECT count() FROM (SELECT * FROM athlete_days_versions FINAL) WHERE is_deleted = 0 AND day = toDate('2024-05-04')", "0")
}
