package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// signTests are about the daily log, the signs of decline and returns to
// running.
func signTests() map[string]func(*testing.T, *store.Store) {
	return map[string]func(*testing.T, *store.Store){
		"resting heart rate against its baseline":           testRestingHR,
		"what is not written again stays":                   testLogFields,
		"the log comes before the file":                     testFileRestingHR,
		"signs are made again when something has changed":   testRefreshSigns,
		"pace at the same effort":                           testSameEffort,
		"the pattern of the plods":                          testPlods,
		"who is warned of needs a call":                     testCallOfTheWarned,
		"an athlete who only writes the log":                testOnlyTheLog,
		"a max heart rate is proposed, never applied":       testCandidates,
		"plans replace each other":                          testPlans,
		"a return to running passes":                        testReturnPasses,
		"a breach of the cap fails":                         testReturnBreach,
		"weeks of a return by every rule":                   testReturnRules,
		"the volume before a return":                        testBaseline,
		"returns end and begin again":                       testReturnsEnd,
		"returns are made again when something has changed": testReturnsAgain,
		"a return without an end goes on":                   testReturnGoesOn,
		"returns are there after an update":                 testReturnsUpdated,
		"another protocol":                                  testProtocol,
	}
}

// noon is a moment after everything that the tests log.
func noon() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

const firstLogged schema.Day = 20454 // 2026-01-01

func num(v float64) *float64 { return &v }

func refreshSigns(t *testing.T, s *store.Store, athletes ...schema.AthleteID) int {
	t.Helper()
	n, err := s.RefreshSigns(t.Context(), athletes, noon())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writeLog(t *testing.T, s *store.Store, at time.Time, entries ...diary.Entry) {
	t.Helper()
	if err := s.WriteLog(t.Context(), entries, store.FromCSV, at); err != nil {
		t.Fatal(err)
	}
}

// logRested logs resting heart rates on consecutive days; 0 is a day without.
func logRested(t *testing.T, s *store.Store, athlete schema.AthleteID, from schema.Day, values ...float64) {
	t.Helper()
	var entries []diary.Entry
	for i, v := range values {
		if v > 0 {
			entries = append(entries, diary.Entry{Athlete: athlete, Day: from + schema.Day(i), RestingHR: num(v)}) //nolint:gosec // small
		}
	}
	writeLog(t, s, noon(), entries...)
}

func near(t *testing.T, s *store.Store, query string, want, tolerance float64) {
	t.Helper()
	if got := value[*float64](t, s, query); got == nil || !(math.Abs(*got-want) <= tolerance) {
		t.Errorf("%s\n got %v\nwant %g", query, got, want)
	}
}

// baseline is 21 resting heart rates within 28 days, mean 51.8571, SD 1.0142.
func baseline() []float64 {
	return []float64{50, 53, 53, 51, 52, 52, 52, 0, 0, 0, 0, 0, 0, 0, 50, 53, 53, 51, 52, 52, 52, 50, 53, 53, 51, 52, 52, 52}
}

func testRestingHR(t *testing.T, s *store.Store) {
	logRested(t, s, "me", firstLogged, append(baseline(), 56, 57, 58, 56, 57, 59, 58)...)
	logRested(t, s, "calm", firstLogged, append(baseline(), 52, 51, 53, 52, 52, 52, 51)...)
	if n := refreshSigns(t, s, "me", "calm"); n != 2 {
		t.Errorf("made signs of %d athletes", n)
	}
	const last = " FROM daily_log WHERE athlete_id = 'me' AND day = '2026-02-04'"
	near(t, s, "SELECT resting_hr_base"+last, 51.8571, 5e-5)
	near(t, s, "SELECT resting_hr_base_sd"+last, 1.0142, 5e-5)
	near(t, s, "SELECT resting_hr_change"+last, 5.4286, 5e-5)
	want(t, s, "SELECT (resting_hr, resting_hr_source, resting_hr_flag, energy_flag IS NULL)"+last, "(58,'log',true,1)")
	want(t, s, "SELECT verdict"+last, "insufficient_data: energy on 0 of 7 and 0 of the 28 days before")
	want(t, s, "SELECT count() FROM daily_log WHERE athlete_id = 'me'", "28")
	want(t, s, "SELECT count() FROM signal_days WHERE athlete_id = 'me'", "35")
	want(t, s, "SELECT (signal, unit, inputs['days_base'], missing) FROM warnings WHERE athlete_id = 'me' AND day = '2026-02-04'",
		"('resting_hr','bpm',21,['resting HR on 7 of the 28 days before'])")
	near(t, s, "SELECT change FROM warnings WHERE athlete_id = 'me' AND day = '2026-02-04'", 5.4286, 5e-5)
	want(t, s, "SELECT countIf(NOT startsWith(pattern, 'pattern') OR threshold = '') FROM warnings", "0")
	want(t, s, "SELECT count() FROM warnings WHERE athlete_id = 'calm'", "0")
}

func testLogFields(t *testing.T, s *store.Store) {
	at := noon()
	energy, err := diary.ParseEnergy("🙁")
	if err != nil {
		t.Fatal(err)
	}
	first := diary.Entry{Athlete: "me", Day: firstLogged, RestingHR: num(50), Energy: &energy, Note: "it's \t'quoted' \\ ü"}
	writeLog(t, s, at, first, diary.Entry{Athlete: "me", Day: firstLogged, HRV: num(61.5)}, diary.Entry{Athlete: "other", Day: firstLogged, SleepH: num(8)})
	writeLog(t, s, at.Add(time.Second), diary.Entry{Athlete: "me", Day: firstLogged, RestingHR: num(51)})
	const mine = "SELECT (resting_hr, hrv, sleep_h, energy, energy_as_written, note) FROM daily_log WHERE athlete_id = 'me'"
	want(t, s, mine, `(51,61.5,NULL,2,'🙁','it\'s \t\'quoted\' \\ ü')`)
	writeLog(t, s, at.Add(2*time.Second), first) // the same again, later
	want(t, s, mine, `(50,61.5,NULL,2,'🙁','it\'s \t\'quoted\' \\ ü')`)
	want(t, s, "SELECT uniqExact(entry) FROM daily_log_versions", "4")
	if err := s.RemoveLog(t.Context(), "me", firstLogged, at.Add(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT groupArray(athlete_id) FROM daily_log", "['other']")
	writeLog(t, s, at.Add(4*time.Second), diary.Entry{Athlete: "me", Day: firstLogged, RestingHR: num(49)})
	want(t, s, mine, "(49,NULL,NULL,NULL,'','')")
	got, err := s.DailyLog(t.Context(), store.ListFilter{Athlete: "me"})
	if err != nil || len(got) != 1 || *got[0].RestingHR != 49 || got[0].Energy != nil {
		t.Errorf("listed %+v, %v", got, err)
	}
}

// ran returns a run at one heart rate, a sample every 10 s, judged under a max
// HR of 190.
func ran(athlete schema.AthleteID, day schema.Day, minutes int, bpm uint8, change func(*schema.Session)) analyze.SessionRow {
	start := int64(day)*86_400_000 + 6*3_600_000
	payload := schema.ExportIDOf(fmt.Appendf(nil, "%s %d %d %d", athlete, day, minutes, bpm))
	env := &schema.Envelope{
		Athlete: athlete, Export: payload, ID: schema.SessionIDOf(athlete, payload, 0), Format: schema.FormatFIT, DecoderVersion: 1,
		Session: schema.Session{Sport: schema.SportRunning, StartMs: start, EndMs: start + int64(minutes)*60_000, Feel: -1},
	}
	for at := start; at < env.Session.EndMs; at += 10_000 {
		env.Session.Samples.TimeMs = append(env.Session.Samples.TimeMs, at)
		env.Session.Samples.HeartRate = append(env.Session.Samples.HeartRate, bpm)
		env.Session.Samples.SpeedMMps = append(env.Session.Samples.SpeedMMps, 2500)
	}
	if change != nil {
		change(&env.Session)
	}
	r := row(env, int64(noon().UnixMilli()))
	r.Result = intensity.Derive(r.Measured, &env.Session, intensity.Inputs{Settings: schema.Settings{HRMax: 190, HRRest: 50}})
	return r
}

func testFileRestingHR(t *testing.T, s *store.Store) {
	rested := func(bpm uint8) func(*schema.Session) { return func(v *schema.Session) { v.Facts.RestHR = bpm } }
	write(t, s, ran("me", firstLogged, 10, 120, rested(47)), ran("me", firstLogged+1, 10, 120, rested(48)), ran("me", firstLogged+2, 10, 120, nil))
	logRested(t, s, "me", firstLogged+1, 51)
	refreshSigns(t, s, "me")
	want(t, s, "SELECT groupArray((day, resting_hr, resting_hr_source)) FROM (SELECT * FROM daily_log ORDER BY day)",
		"[('2026-01-01',47,'file'),('2026-01-02',51,'log')]")
	near(t, s, "SELECT resting_hr_7d FROM signal_days WHERE day = '2026-01-03'", 49, 0)
}

func testRefreshSigns(t *testing.T, s *store.Store) {
	refreshed := func(want int) {
		t.Helper()
		if n := refreshSigns(t, s, "me", "nobody"); n != want {
			t.Errorf("made the signs of %d athletes, want %d", n, want)
		}
		if n := refreshSigns(t, s, "me"); n != 0 {
			t.Errorf("made them again without a reason")
		}
	}
	refreshed(0)
	up := append(baseline(), 60, 60, 60, 60)
	logRested(t, s, "me", firstLogged, up...)
	refreshed(1)
	want(t, s, "SELECT (count(), max(day)) FROM warnings", "(4,'2026-02-01')")
	rows := value[uint64](t, s, "SELECT count() FROM signal_days_versions")
	write(t, s, ran("me", firstLogged+40, 30, 130, nil))
	refreshed(1)
	want(t, s, "SELECT (count(), max(day)) FROM signal_days", "(41,'2026-02-10')")
	if n := value[uint64](t, s, "SELECT count() FROM signal_days_versions"); n != rows+9 {
		t.Errorf("%d rows for 9 new days", n-rows)
	}
	for i := range schema.Day(4) { // the sick days were somebody else's
		if err := s.RemoveLog(t.Context(), "me", firstLogged+28+i, noon().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	refreshed(1)
	want(t, s, "SELECT count() FROM warnings", "0")
	want(t, s, "SELECT count() FROM signal_days", "41")
}

// paced returns a run whose pace at the same effort is known.
func paced(athlete schema.AthleteID, day schema.Day, pace float64) analyze.SessionRow {
	r := ran(athlete, day, 10, 100, nil)
	r.Result.SameEffortPace, r.Result.Efficiency = &pace, num(400/pace)
	return r
}

func testSameEffort(t *testing.T, s *store.Store) {
	var rows []analyze.SessionRow
	for i, pace := range []float64{400, 410, 390, 400, 430, 440, 420, 425} {
		rows = append(rows, paced("me", firstLogged+schema.Day(7*i), pace)) //nolint:gosec // small
	}
	rows = append(rows, paced("few", firstLogged, 400), paced("few", firstLogged+49, 500))
	write(t, s, rows...)
	refreshSigns(t, s, "me", "few")
	// Days 28 to 55 hold 430, 440, 420, 425: median 427.5; days 0 to 27 400.
	const last = " FROM signal_days WHERE athlete_id = 'me' AND day = '2026-02-19'"
	want(t, s, "SELECT (pace_28d, pace_28d_n, pace_before, pace_before_n, pace_adverse)"+last, "(427.5,4,400,4,true)")
	near(t, s, "SELECT pace_change_pct"+last, 6.875, 1e-9)
	want(t, s, "SELECT arraySort(groupArray(signal)) FROM warnings WHERE day = '2026-02-19'", "['efficiency','same_effort_pace']")
	want(t, s, "SELECT (max(pace_28d_n), countIf(pace_adverse IS NOT NULL)) FROM signal_days WHERE athlete_id = 'few'", "(1,0)")
}

func testPlods(t *testing.T, s *store.Store) {
	logRested(t, s, "me", firstLogged, append(baseline(), 60, 60, 60, 60, 60, 60, 60, 60, 60)...)
	// Resting heart rate is up from the first of these days on; monotony on
	// the second to the eighth.
	exec(t.Context(), t, s, `INSERT INTO athlete_days_versions (athlete_id, day, monotony, version)
		SELECT 'me', toDate32('2026-01-01') + number, if(number BETWEEN 29 AND 35, 2.5, 1.5), 1 FROM numbers(37)`)
	refreshSigns(t, s, "me")
	days := "SELECT groupArray(adverse) FROM (SELECT adverse FROM signal_days ORDER BY day DESC LIMIT 9)"
	want(t, s, days, "[1,2,2,2,2,2,2,2,1]")
	want(t, s, "SELECT groupArray(day) FROM (SELECT day FROM warnings WHERE signal = 'plods' ORDER BY day)",
		"['2026-02-03','2026-02-04','2026-02-05','2026-02-06']")
	want(t, s, "SELECT (value, inputs['resting_hr'], inputs['monotony'], length(missing)) FROM warnings WHERE signal = 'plods' AND day = '2026-02-05'", "(7,1,1,2)")
	want(t, s, "SELECT countIf(signal = 'monotony') FROM warnings", "7")
}

func testCallOfTheWarned(t *testing.T, s *store.Store) {
	today := schema.DayOf(time.Now().UnixMilli(), 0)
	logRested(t, s, "me", today-33, append(baseline(), 60, 60, 60, 60, 60, 60)...)
	exec(t.Context(), t, s, `INSERT INTO athlete_days_versions (athlete_id, day, monotony, version)
		SELECT 'me', today() - number, 2.5, 1 FROM numbers(40)`)
	for _, athlete := range []string{"me", "calm"} {
		exec(t.Context(), t, s, `INSERT INTO athlete_spans_versions (athlete_id, first_day, last_day, sessions, version)
			VALUES ('%s', today() - 40, today(), 1, 1)`, athlete)
	}
	if _, err := s.RefreshSigns(t.Context(), []schema.AthleteID{"me"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT (has(reasons, 'plods'), signals_7d, warnings_7d > 12, startsWith(last_warning, 'pattern of the plods')) FROM who_needs_a_call WHERE athlete_id = 'me'",
		"(1,['monotony','plods','resting_hr'],1,1)")
	want(t, s, "SELECT (signals_7d, warnings_7d, last_warning) FROM who_needs_a_call WHERE athlete_id = 'calm'", "([],0,NULL)")
}

// testOnlyTheLog: no session and no settings, or settings alone, and the words
// of one whose last session is long ago.
func testOnlyTheLog(t *testing.T, s *store.Store) {
	today := schema.DayOf(time.Now().UnixMilli(), 0)
	writeLog(t, s, time.Now(), diary.Entry{Athlete: "writer", Day: today, RestingHR: num(52)})
	exec(t.Context(), t, s, "INSERT INTO athlete_settings_versions (athlete_id, valid_from, hr_max, version) VALUES ('planned', today(), 190, 1)")
	write(t, s, ran("gone", today-12, 30, 110, nil))
	remakeDays(t, s, map[schema.AthleteID]bool{"gone": true})
	if n := refreshSigns(t, s, "writer"); n != 1 {
		t.Errorf("signs of %d athletes were made", n)
	}
	want(t, s, `SELECT groupArray((athlete_id, needs_a_call, reasons, why, last_session_day, last_session_id IS NULL, days_without_data, sessions_28d, low_share_28d, reason_28d))
		FROM (SELECT * FROM who_needs_a_call WHERE athlete_id != 'gone' ORDER BY athlete_id)`,
		"[('planned',true,['no_data'],'no session yet',NULL,1,NULL,0,NULL,'no_sessions'),"+
			"('writer',true,['no_data'],'no session yet, only entries in the daily log',NULL,1,NULL,0,NULL,'no_sessions')]")
	want(t, s, "SELECT (reasons, why, days_without_data) FROM who_needs_a_call WHERE athlete_id = 'gone'", "(['no_data'],'no session for 12 days',12)")
}

func testCandidates(t *testing.T, s *store.Store) {
	judged := func(day schema.Day, observed, used float64, source intensity.HRMaxSource) analyze.SessionRow {
		r := ran("me", firstLogged+day, 10, 120, nil)
		m := *r.Measured
		m.ObservedHRMax = observed
		r.Measured, r.Result.HRMax, r.Result.HRMaxSource = &m, used, source
		return r
	}
	above, none := judged(0, 194, 190, intensity.HRMaxSetting), judged(4, 192, 0, intensity.HRMaxNone)
	write(t, s, above, judged(1, 190, 190, intensity.HRMaxSetting), judged(2, 0, 190, intensity.HRMaxFile), judged(3, 191, 191, intensity.HRMaxObserved), none)
	remakeDays(t, s, map[schema.AthleteID]bool{"me": true})
	want(t, s, "SELECT groupArray((day, observed_hr_max, hr_max_used, above, doubtful, supported_by)) FROM (SELECT * FROM hr_max_candidates ORDER BY day)",
		"[('2026-01-01',194,190,4,false,2),('2026-01-05',192,NULL,NULL,false,3)]")
}

func testPlans(t *testing.T, s *store.Store) {
	plan := func(at time.Time, plans ...diary.Plan) {
		t.Helper()
		if err := s.WritePlans(t.Context(), plans, store.FromCommand, at); err != nil {
			t.Fatal(err)
		}
	}
	plan(noon(), diary.Plan{Athlete: "me", Day: firstLogged, Intent: diary.IntentHard}, diary.Plan{Athlete: "me", Day: firstLogged, Intent: diary.IntentEasy},
		diary.Plan{Athlete: "me", Day: firstLogged + 1, Intent: diary.IntentRest}, diary.Plan{Athlete: "other", Day: firstLogged, Intent: diary.IntentHard})
	plan(noon().Add(time.Second), diary.Plan{Athlete: "me", Day: firstLogged + 1})
	want(t, s, "SELECT groupArray((athlete_id, day, intent, source)) FROM (SELECT * FROM session_plans ORDER BY athlete_id, day)",
		"[('me','2026-01-01','easy','command'),('other','2026-01-01','hard','command')]")
	got, err := s.Plans(t.Context(), store.ListFilter{Athlete: "me"})
	if err != nil || len(got) != 1 || got[0].Intent != "easy" {
		t.Errorf("listed %+v, %v", got, err)
	}
}
