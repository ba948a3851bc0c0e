package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// back is the Monday on which returns of these tests begin, 2026-03-02.
const back = firstLogged + 60

func startReturn(t *testing.T, s *store.Store, r diary.Return) {
	t.Helper()
	if r.Athlete == "" {
		r.Athlete = "me"
	}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteReturn(t.Context(), r, noon()); err != nil {
		t.Fatal(err)
	}
}

// phase begins a phase of the protocol for overtraining against 300 minutes a
// week, and ends it after so many weeks.
func phase(t *testing.T, s *store.Store, number, weeks int) {
	t.Helper()
	startReturn(t, s, diary.Return{From: back, Protocol: "overtraining", Phase: number, BaselineMinutes: num(300)})
	startReturn(t, s, diary.Return{From: back + schema.Day(7*weeks)}) //nolint:gosec // small
}

// refreshReturns makes the returns of everybody with a session.
func refreshReturns(t *testing.T, s *store.Store) int {
	t.Helper()
	athletes, err := s.Athletes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.RefreshReturns(t.Context(), athletes, noon())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outcomes reads return_to_run as "week outcome".
const outcomes = "SELECT groupArray((week, outcome)) FROM (SELECT * FROM return_to_run WHERE athlete_id = 'me' ORDER BY week_from)"

func reasonsOf(t *testing.T, s *store.Store, athlete schema.AthleteID, week int) string {
	t.Helper()
	weeks, err := s.ReturnWeeks(t.Context(), athlete)
	if err != nil {
		t.Fatal(err)
	}
	for i := range weeks {
		if int(weeks[i].Week) == week {
			return strings.Join(weeks[i].Reasons, "; ")
		}
	}
	t.Fatalf("there is no week %d", week)
	return ""
}

func testReturnPasses(t *testing.T, s *store.Store) {
	phase(t, s, 2, 3)
	write(t, s, ran("me", back-1, 90, 160, nil), // before it began
		ran("me", back, 60, 112, nil), ran("me", back+6, 60, 113, nil), // the cap is 114
		ran("me", back+7, 80, 110, nil), ran("me", back+8, 80, 110, nil), ran("me", back+13, 80, 110, nil),
		ran("me", back+21, 90, 160, nil), ran("other", back, 60, 180, nil))
	refreshReturns(t, s)
	want(t, s, outcomes, "[(1,'pass'),(2,'pass'),(3,'pass')]")
	const first = " FROM return_to_run WHERE athlete_id = 'me' AND week = 1"
	want(t, s, "SELECT (sessions, days, days_allowed, minutes, volume_pct, volume_to_pct, over_cap_s, cap_bpm)"+first, "(2,2,4,120,40,80,0,114)")
	want(t, s, "SELECT (baseline_minutes, baseline_source, volume_unit, complete, phase_name, week_from, week_to)"+first,
		"(300,'set','minutes',true,'cardio reintroduction','2026-03-02','2026-03-08')")
	want(t, s, "SELECT (reasons, not_judged, hard_sessions, hard_share, under_cap_share)"+first, "([],[],0,0,1)")
	want(t, s, "SELECT next_week"+first, "up to 4 days, up to 240 min (80 %), heart rate under 114 bpm, exertion 4 to below 7, no hard sessions")
	want(t, s, "SELECT (sessions, volume_pct, outcome) FROM return_to_run WHERE week = 2", "(3,80,'pass')")
	want(t, s, "SELECT (sessions, volume_pct, over_cap_s IS NULL, hard_share IS NULL, outcome) FROM return_to_run WHERE week = 3", "(0,0,1,1,'pass')")
	want(t, s, "SELECT count() FROM return_to_run_sessions", "5")
}

// testReturnBreach plants a run of 20 minutes, 8 of them at 130 bpm, which is
// over the cap of 114 and under the first threshold.
func testReturnBreach(t *testing.T, s *store.Store) {
	phase(t, s, 2, 2)
	breach := ran("me", back+3, 20, 110, func(v *schema.Session) {
		for i := range v.Samples.HeartRate {
			if at := i * 10; at >= 300 && at < 480 || at >= 600 && at < 900 {
				v.Samples.HeartRate[i] = 130
			}
		}
	})
	write(t, s, ran("me", back, 60, 110, nil), breach, ran("me", back+7, 60, 110, nil))
	refreshReturns(t, s)
	want(t, s, outcomes, "[(1,'fail'),(2,'pass')]")
	want(t, s, "SELECT (over_cap_s, longest_over_cap_s, sessions_over_cap, sessions_unknown) FROM return_to_run WHERE week = 1", "(480,300,1,0)")
	const reason = "heart rate at or over the cap of 114 bpm for 8 min, longest 5 min"
	if got := reasonsOf(t, s, "me", 1); got != "2026-03-05: "+reason {
		t.Errorf("reasons %q", got)
	}
	want(t, s, "SELECT groupArray((day, outcome, reason, cap_ok)) FROM (SELECT * FROM return_to_run_sessions ORDER BY day)",
		"[('2026-03-02','pass','',true),('2026-03-05','fail','"+reason+"',false),('2026-03-09','pass','',true)]")
	want(t, s, "SELECT next_week FROM return_to_run WHERE week = 1",
		"repeat the week, without what failed: up to 4 days, up to 80 min (27 %), heart rate under 114 bpm, exertion 4 to below 7, no hard sessions")
}

// hardRun is so many minutes at 110 bpm and so many at 170 bpm, above the
// second threshold of 165.3.
func hardRun(day schema.Day, easy, hard int) analyze.SessionRow {
	return ran("me", day, easy+hard, 110, func(v *schema.Session) {
		for i := range v.Samples.HeartRate {
			if i*10 >= easy*60 {
				v.Samples.HeartRate[i] = 170
			}
		}
	})
}

func rated(row analyze.SessionRow, rpe float32) analyze.SessionRow {
	row.Env.Session.RPE, row.Env.Session.HasRPE = rpe, true
	return row
}

func testReturnRules(t *testing.T, s *store.Store) {
	easy := func(days ...schema.Day) []analyze.SessionRow {
		var rows []analyze.SessionRow
		for _, d := range days {
			rows = append(rows, ran("me", back+d, 30, 110, nil))
		}
		return rows
	}
	cycled := func(v *schema.Session) { v.Sport = schema.SportCycling }
	walked := func(v *schema.Session) { v.Sport = schema.SportWalking }
	without := func(v *schema.Session) { v.Samples.HeartRate = nil }
	cases := map[string]struct {
		phase, week int
		rows        []analyze.SessionRow
		outcome     string
		reason      string
	}{
		"rest: walking, cycling":           {1, 1, []analyze.SessionRow{ran("me", back, 30, 90, walked), ran("me", back+2, 30, 95, cycled)}, "pass", ""},
		"rest: running":                    {1, 1, []analyze.SessionRow{ran("me", back, 30, 90, nil)}, "fail", "running is not among the sports of the phase"},
		"rest: a fourth day":               {1, 1, []analyze.SessionRow{ran("me", back, 9, 90, walked), ran("me", back+1, 9, 90, walked), ran("me", back+2, 9, 90, walked), ran("me", back+3, 9, 90, walked)}, "amber", "4 days, the phase allows 3"},
		"rest: exertion 3":                 {1, 1, []analyze.SessionRow{rated(ran("me", back, 30, 90, walked), 3)}, "amber", "exertion 3, the phase wants less than 3"},
		"four days":                        {2, 1, easy(0, 1, 2, 3), "pass", ""},
		"five sessions on four days":       {2, 1, append(easy(0, 1, 2, 3), ran("me", back, 20, 105, nil)), "pass", ""},
		"five days":                        {2, 1, easy(0, 1, 2, 3, 4), "amber", "5 days, the phase allows 4"},
		"six days":                         {2, 1, easy(0, 1, 2, 3, 4, 5), "fail", "6 days, the phase allows 4"},
		"volume over 80 %":                 {2, 1, []analyze.SessionRow{ran("me", back, 120, 110, nil), ran("me", back+1, 126, 110, nil)}, "amber", "volume at 82 %, the phase allows 80 %"},
		"volume over 90 %":                 {2, 1, []analyze.SessionRow{ran("me", back, 160, 110, nil), ran("me", back+1, 120, 110, nil)}, "fail", "volume at 93 %, the phase allows 80 %"},
		"no heart rate":                    {2, 1, []analyze.SessionRow{ran("me", back, 30, 110, without)}, "amber", "under the cap is not known: no_hr"},
		"exertion 6":                       {2, 1, []analyze.SessionRow{rated(ran("me", back, 30, 110, nil), 6)}, "pass", ""},
		"exertion 7":                       {2, 1, []analyze.SessionRow{rated(ran("me", back, 30, 110, nil), 7)}, "fail", "1 hard session, the week allows 0"},
		"just under a minute over the cap": {2, 1, []analyze.SessionRow{hardSeconds(back, 50)}, "pass", ""},
		"one hard session":                 {3, 1, append(easy(0, 1, 2, 3), hardRun(back+4, 20, 10)), "pass", ""},
		"two hard sessions at first":       {3, 4, []analyze.SessionRow{ran("me", back+21, 150, 110, nil), hardRun(back+22, 50, 6), hardRun(back+23, 50, 6)}, "fail", "2 hard sessions, the week allows 1"},
		"two hard sessions later":          {3, 5, []analyze.SessionRow{ran("me", back+28, 150, 110, nil), hardRun(back+29, 50, 6), hardRun(back+30, 50, 6)}, "pass", ""},
		"hard time of 13 %":                {3, 1, []analyze.SessionRow{ran("me", back, 57, 110, nil), hardRun(back+1, 30, 13)}, "amber", "hard time is 13 %, the phase allows 10 %"},
		"hard time of 20 %":                {3, 1, []analyze.SessionRow{ran("me", back, 50, 110, nil), hardRun(back+1, 30, 20)}, "fail", "hard time is 20 %, the phase allows 10 %"},
		"exertion 8 of a hard session":     {3, 1, append(easy(0, 1, 2, 3), rated(hardRun(back+4, 20, 10), 8)), "pass", ""},
		"exertion 9 of a hard session":     {3, 1, append(easy(0, 1, 2, 3), rated(hardRun(back+4, 20, 10), 9)), "amber", "exertion 9, the phase wants less than 9"},
		"half of the time over the cap":    {3, 1, []analyze.SessionRow{ran("me", back, 60, 110, nil), ran("me", back+1, 60, 120, nil)}, "amber", "only 52 % of the time under the cap"},
		"most of the time over the cap":    {3, 1, []analyze.SessionRow{ran("me", back, 60, 110, nil), ran("me", back+1, 80, 120, nil)}, "fail", "only 44 % of the time under the cap"},
	}
	// Each case is an athlete of its own, so that the view is asked once.
	athletes := make(map[string]schema.AthleteID)
	var all []analyze.SessionRow
	for name, c := range cases {
		athlete := schema.AthleteID(fmt.Sprintf("case%d", len(athletes)))
		athletes[name] = athlete
		startReturn(t, s, diary.Return{Athlete: athlete, From: back, Protocol: "overtraining", Phase: c.phase, BaselineMinutes: num(300)})
		startReturn(t, s, diary.Return{Athlete: athlete, From: back + 42})
		for i := range c.rows {
			c.rows[i].Env.Athlete = athlete
		}
		all = append(all, c.rows...)
	}
	write(t, s, all...)
	refreshReturns(t, s)
	weeks, err := s.ReturnWeeks(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		i := slices.IndexFunc(weeks, func(w store.ReturnToRunWeek) bool {
			return w.Athlete == string(athletes[name]) && int(w.Week) == c.week
		})
		if i < 0 {
			t.Errorf("%s: there is no week %d", name, c.week)
			continue
		}
		got := strings.Join(weeks[i].Reasons, "; ")
		if weeks[i].Outcome != c.outcome || c.reason == "" && got != "" || !strings.Contains(got, c.reason) {
			t.Errorf("%s: %s, %q, want %s, %q", name, weeks[i].Outcome, got, c.outcome, c.reason)
		}
	}
}

// hardSeconds is half an hour under the cap but for so many seconds.
func hardSeconds(day schema.Day, seconds int) analyze.SessionRow {
	return ran("me", day, 30, 110, func(v *schema.Session) {
		for i := range seconds / 10 {
			v.Samples.HeartRate[60+i] = 120
		}
	})
}

func testBaseline(t *testing.T, s *store.Store) {
	startReturn(t, s, diary.Return{From: back, Protocol: "overtraining", Phase: 1})
	startReturn(t, s, diary.Return{From: back + 84, Protocol: "overtraining", Phase: 2})
	startReturn(t, s, diary.Return{Athlete: "km", From: back, Protocol: "overtraining", Phase: 2, BaselineKm: num(30)})
	startReturn(t, s, diary.Return{Athlete: "km", From: back + 7, Protocol: "overtraining", Phase: 3})
	startReturn(t, s, diary.Return{Athlete: "new", From: back, Protocol: "mild", Phase: 1})
	far := func(v *schema.Session) { v.Watch.DistanceCm = 600_000 }
	var rows []analyze.SessionRow
	for i := range schema.Day(12) { // one run of an hour and one ride of half an hour a week
		rows = append(rows, ran("me", back-84+7*i, 60, 140, func(v *schema.Session) { v.Watch.DistanceCm = 1_000_000 }),
			ran("me", back-84+7*i+2, 30, 120, func(v *schema.Session) { v.Sport = schema.SportCycling }))
	}
	rows = append(rows, ran("me", back-85, 200, 140, nil), ran("me", back+84, 27, 110, nil), ran("km", back+1, 60, 110, far), ran("new", back, 20, 110, nil))
	write(t, s, rows...)
	refreshReturns(t, s)
	want(t, s, "SELECT groupArray((baseline_km, baseline_minutes, baseline_source, volume_unit, return_from)) FROM (SELECT * FROM returns WHERE athlete_id = 'me' ORDER BY from_day)",
		"[(10,90,'computed','minutes','2026-03-02'),(10,90,'computed','minutes','2026-03-02')]")
	want(t, s, "SELECT (phase, volume_pct) FROM return_to_run WHERE athlete_id = 'me' AND week_from = '2026-05-25'", "(2,30)")
	want(t, s, "SELECT groupArray((baseline_km, baseline_minutes, baseline_source, volume_unit)) FROM (SELECT * FROM returns WHERE athlete_id = 'km' ORDER BY from_day)",
		"[(30,NULL,'set','km'),(30,NULL,'set','km')]")
	want(t, s, "SELECT (km, volume_pct) FROM return_to_run WHERE athlete_id = 'km' AND week_from = '2026-03-02'", "(6,20)")
	want(t, s, "SELECT (baseline_source, volume_pct, outcome, not_judged) FROM return_to_run WHERE athlete_id = 'new' AND week_from = '2026-03-02'",
		"('none',NULL,'pass',['volume: no session in the 12 weeks before, and no baseline set'])")
}

func testReturnsEnd(t *testing.T, s *store.Store) {
	startReturn(t, s, diary.Return{From: back, Protocol: "overtraining", Phase: 1, BaselineMinutes: num(200)})
	startReturn(t, s, diary.Return{From: back + 10, Protocol: "overtraining", Phase: 2})
	startReturn(t, s, diary.Return{From: back + 20})
	startReturn(t, s, diary.Return{From: back + 40, Protocol: "mild", Phase: 1})
	startReturn(t, s, diary.Return{From: back + 45, Protocol: "overtraining", Phase: 3})
	if err := s.RemoveReturn(t.Context(), "me", back+45, noon().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT groupArray((from_day, to_day, protocol, phase, baseline_minutes)) FROM (SELECT * FROM returns ORDER BY from_day)",
		"[('2026-03-02','2026-03-11','overtraining',1,200),('2026-03-12','2026-03-21','overtraining',2,200),('2026-04-11',NULL,'mild',1,NULL)]")
	want(t, s, "SELECT groupArray((phase, week, week_from, week_to)) FROM (SELECT * FROM return_to_run WHERE week_from < '2026-04-11' ORDER BY week_from)",
		"[(1,1,'2026-03-02','2026-03-08'),(1,2,'2026-03-09','2026-03-11'),(2,1,'2026-03-12','2026-03-18'),(2,2,'2026-03-19','2026-03-21')]")
	list, err := s.Returns(t.Context(), "me")
	if err != nil || len(list) != 3 || list[2].ToDay != nil || list[0].ToDay == nil {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func testProtocol(t *testing.T, s *store.Store) {
	table, err := diary.ReadProtocol(strings.NewReader(`protocol,phase,name,weeks,days_per_week,volume_to_pct,cap_rule,hard_sessions
ours,1,back,1,2,50,none,1
overtraining,2,cardio reintroduction,,3,75,session,0
`))
	if err != nil || len(table.Faults) > 0 {
		t.Fatal(err, table.Faults)
	}
	if err := s.WritePhases(t.Context(), table.Rows, noon()); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT (count(), uniqExact(protocol)) FROM return_phases", "(5,3)")
	want(t, s, "SELECT (days_per_week, volume_to_pct) FROM return_phases WHERE protocol = 'overtraining' AND phase = 2", "(3,75)")
	startReturn(t, s, diary.Return{From: back, Protocol: "ours", Phase: 1, BaselineMinutes: num(100)})
	startReturn(t, s, diary.Return{From: back + 14})
	write(t, s, hardRun(back, 30, 20), ran("me", back+1, 30, 120, nil), ran("me", back+7, 30, 120, nil), ran("me", back+8, 30, 120, nil))
	refreshReturns(t, s)
	want(t, s, outcomes, "[(1,'fail'),(2,'amber')]")
	if got := reasonsOf(t, s, "me", 2); got != "volume at 60 %, the phase allows 50 %" {
		t.Errorf("reasons %q", got)
	}
	want(t, s, "SELECT next_week FROM return_to_run WHERE week = 2", "the phase is over and the next may begin; until then: up to 2 days, up to 50 min (50 %), 1 hard session")
	phases, err := s.Protocols(t.Context())
	if err != nil || len(phases) != 5 || phases[1].Protocol != "ours" {
		t.Errorf("listed %+v, %v", phases, err)
	}
}

// testReturnsAgain: returns are made again with everything they come from, at
// once by what is said about them, and only then.
func testReturnsAgain(t *testing.T, s *store.Store) {
	const volumes = "SELECT groupArray((week, sessions, volume_pct)) FROM (SELECT * FROM return_to_run WHERE athlete_id = 'me' ORDER BY week_from)"
	copied := ran("me", back+8, 60, 110, nil)
	write(t, s, ran("me", back, 60, 110, nil), copied, ran("other", back, 60, 110, nil))
	if n := refreshReturns(t, s); n != 0 {
		t.Errorf("the returns of %d athletes were made, nobody is in one", n)
	}
	phase(t, s, 2, 2)
	want(t, s, volumes, "[(1,1,20),(2,1,20)]") // nobody refreshed
	if n := refreshReturns(t, s); n != 0 {
		t.Errorf("the returns of %d athletes were made again, nothing had changed", n)
	}
	write(t, s, ran("me", back+1, 30, 110, nil))
	if n := refreshReturns(t, s); n != 1 {
		t.Errorf("after a session the returns of %d athletes were made again, want 1", n)
	}
	want(t, s, volumes, "[(1,2,30),(2,1,20)]")
	exec(t.Context(), t, s, `INSERT INTO sessions_versions SELECT * REPLACE (toUUID('00000000-0000-0000-0000-000000000000') AS duplicate_of, version + 1 AS version)
		FROM sessions_versions FINAL WHERE athlete_id = 'me' AND session_id = '%s'`, copied.Env.ID)
	refreshReturns(t, s)
	want(t, s, volumes, "[(1,2,30),(2,0,0)]")
	want(t, s, "SELECT count() FROM return_to_run_sessions", "2")
	again := diary.Return{Athlete: "me", From: back, Protocol: "overtraining", Phase: 2, BaselineMinutes: num(900)}
	if err := s.WriteReturn(t.Context(), again, noon().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	want(t, s, volumes, "[(1,2,10),(2,0,0)]")
	if err := s.RemoveReturn(t.Context(), "me", back, noon().Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT (SELECT count() FROM returns), (SELECT count() FROM return_to_run), (SELECT count() FROM return_to_run_sessions)", "(0,0,0)")
}

// testReturnGoesOn: the weeks of a phase without an end come by themselves.
func testReturnGoesOn(t *testing.T, s *store.Store) {
	today := schema.DayOf(time.Now().UnixMilli(), 0)
	startReturn(t, s, diary.Return{From: today - 15, Protocol: "overtraining", Phase: 2})
	want(t, s, "SELECT groupArray((week, complete)) FROM (SELECT * FROM return_to_run ORDER BY week_from)", "[(1,true),(2,true),(3,false)]")
	want(t, s, "SELECT (length(weeks) >= 27, weeks[27].week, dateDiff('day', weeks[1].week_from, weeks[27].week_from)) FROM return_spans_versions FINAL", "(1,27,182)")
	startReturn(t, s, diary.Return{Athlete: "soon", From: today + 3, Protocol: "overtraining", Phase: 2})
	want(t, s, "SELECT (SELECT count() FROM returns WHERE athlete_id = 'soon'), (SELECT count() FROM return_to_run WHERE athlete_id = 'soon')", "(1,0)")
}

// testReturnsUpdated: a database of a program that did not store returns has
// them as soon as it is migrated.
func testReturnsUpdated(t *testing.T, s *store.Store) {
	phase(t, s, 2, 2)
	for _, table := range []string{"return_spans_versions", "schema_versions"} {
		exec(t.Context(), t, s, "TRUNCATE TABLE %s", physical(t, s, table))
	}
	want(t, s, "SELECT count() FROM returns", "0")
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT (SELECT count() FROM returns), (SELECT count() FROM return_to_run)", "(1,2)")
}
