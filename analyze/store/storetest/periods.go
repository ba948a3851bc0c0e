package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// SCIENCE 5: 60 min low, 60 min low, 45 min (25/5/15) is ok by time with 0.8788
// low and 2 of 3 sessions easy, PI 2.4210, polarized.
func testWeekOfThreeSessions(t *testing.T, s *store.Store) {
	const monday = 19849 // 2024-05-06
	put(t, s, []outing{easyRun("me", monday, 60), easyRun("me", monday+2, 60), split("me", monday+4, 25, 5, 15)})
	for _, q := range []struct{ view, suffix, where string }{
		{"weekly_intensity", "", "week = '2024-W19'"},
		{"rolling_intensity", "_7d", "day = '2024-05-12'"},
		{"rolling_intensity", "_28d", "day = '2024-05-12'"},
	} {
		c := func(name string) string { return name + q.suffix }
		want(t, s, fmt.Sprintf("SELECT (round(%s, 4), %s, %s, %s, round(%s, 4), round(%s, 4), %s, %s) FROM %s WHERE %s",
			c("low_share"), c("verdict"), c("reason"), c("easy_sessions"), c("easy_session_share"), c("polarization_index"), c("label"),
			c("hard_sessions"), q.view, q.where), "(0.8788,'ok','',2,0.6667,2.421,'polarized',1)")
	}
}

// SCIENCE 5: 240 min low and 60 moderate are 0.80, ok; a minute less is
// borderline, and below 0.75 too hard.
func testVerdictsAtTheirBounds(t *testing.T, s *store.Store) {
	const monday = 19849
	for athlete, low := range map[schema.AthleteID]int64{"ok": 240, "borderline": 239, "just": 225, "hard": 224} {
		total := int64(300)
		put(t, s, []outing{
			easyRun(athlete, monday, low-100), easyRun(athlete, monday+1, 100), split(athlete, monday+2, 0, total-low, 0),
		})
	}
	want(t, s, "SELECT groupArray((athlete_id, verdict)) FROM (SELECT * FROM weekly_intensity WHERE sessions > 0 ORDER BY athlete_id)",
		"[('borderline','borderline'),('hard','too_hard'),('just','borderline'),('ok','ok')]")
	want(t, s, "SELECT low_share FROM weekly_intensity WHERE athlete_id = 'ok' AND sessions > 0", "0.8")
}

// What a period without an answer says instead: never 0 %.
func testReasons(t *testing.T, s *store.Store) {
	const monday = 19849
	noHR := easyRun("no_hr", monday, 120)
	noHR.classifiedMs, noHR.low, noHR.vt1, noHR.verdict, noHR.class = 0, 0, 0, intensity.VerdictNoHR, ""
	noMax := easyRun("no_hrmax", monday, 120)
	noMax.low, noMax.vt1, noMax.verdict, noMax.class = 0, 0, intensity.VerdictNoHRMax, ""
	sparse := easyRun("low_coverage", monday, 120)
	sparse.low, sparse.classifiedMs, sparse.verdict, sparse.class = 48*minuteMs, 48*minuteMs, intensity.VerdictLowCoverage, ""
	put(t, s, []outing{
		noHR, noMax, sparse, easyRun("few_sessions", monday, 120), easyRun("few_sessions", monday, 4),
		easyRun("little_hr", monday, 29), easyRun("little_hr", monday+1, 30), easyRun("little_hr", monday+2, 30),
	})
	want(t, s, "SELECT countIf(verdict != 'insufficient_data' OR reason != athlete_id) FROM weekly_intensity WHERE sessions > 0", "0")
	want(t, s, "SELECT countIf(verdict_28d != 'insufficient_data' OR reason_28d != athlete_id) FROM rolling_intensity WHERE day = '2024-05-08'", "0")
	want(t, s, "SELECT groupUniqArray((reason, low_share, easy_session_share)) FROM weekly_intensity WHERE sessions = 0", "[('no_sessions',NULL,NULL)]")
	want(t, s, "SELECT groupArray((low_share IS NULL, low_s IS NULL, label)) FROM weekly_intensity WHERE athlete_id IN ('no_hr', 'no_hrmax') AND sessions > 0",
		"[(1,1,'no_data'),(1,1,'no_data')]")
}

// SCIENCE 7: a constant load of 100 gives CTL 63.6544 after 42 days and ATL
// 66.0083 after 7; loads 60, 0, 90, 45, 0, 120, 30 a monotony of 1.1011 and a
// strain of 379.87; a standard deviation of 0 no monotony.
func testLoadOfScience(t *testing.T, s *store.Store) {
	const monday = 19849
	var list []outing
	for i := range schema.Day(42) {
		o := easyRun("constant", monday+i, 60)
		o.trimp = pointer(100.0)
		list = append(list, o)
	}
	for i, load := range []float64{60, 0, 90, 45, 0, 120, 30} {
		if load > 0 {
			o := easyRun("foster", monday+schema.Day(i), 60) //nolint:gosec // small
			o.trimp = pointer(load)
			list = append(list, o)
		}
	}
	put(t, s, list)
	want(t, s, "SELECT (round(ctl, 4), warm_up, verdict) FROM load_daily WHERE athlete_id = 'constant' AND day = '2024-06-16'", "(63.6544,true,'warm_up')")
	want(t, s, "SELECT (round(atl, 4), monotony) FROM load_daily WHERE athlete_id = 'constant' AND day = '2024-05-12'", "(66.0083,NULL)")
	want(t, s, "SELECT (round(monotony, 4), round(strain, 2)) FROM load_daily WHERE athlete_id = 'foster' AND day = '2024-05-12'", "(1.1011,379.87)")
	want(t, s, "SELECT count() FROM load_daily WHERE athlete_id = 'constant' AND monotony IS NOT NULL AND day < '2024-06-17'", "0")
	want(t, s, "SELECT (verdict, warm_up) FROM load_daily WHERE athlete_id = 'constant' AND day = '2024-06-17'", "('ok',false)")
}

// testPeriods compares every column of every view with the model, for random
// athletes: with and without heart rate, thresholds and plans, trained up to
// today and long ago, across years and their ISO week 53.
func testPeriods(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(7, 53))
	today := schema.Day(value[int32](t, s, "SELECT toInt32(toDate32(now('UTC')))")) //nolint:gosec // a day
	const newYear = 18622                                                           // 2020-12-27, in 2020-W52
	models := make(map[schema.AthleteID]*model)
	var all []outing
	for _, k := range []kind{
		{name: "all", first: newYear - 60, sessions: 60, hr: true, thresholds: true, rest: true, maxHR: true, pace: 270},
		{name: "edwards", first: newYear, sessions: 20, hr: true, thresholds: true, maxHR: true},
		{name: "lucia", first: newYear - 7, sessions: 20, hr: true, thresholds: true},
		{name: "unjudged", first: newYear, sessions: 10, hr: true},
		{name: "deaf", first: newYear, sessions: 10, pace: 300},
		{name: "one", first: newYear, sessions: 1, hr: true, thresholds: true, rest: true, maxHR: true},
		{name: "lately", first: today - 90, sessions: 40, hr: true, thresholds: true, rest: true, maxHR: true, pace: 240},
		{name: "sunday", first: newYear, sessions: 20, hr: true, thresholds: true, rest: true},
		{name: "gone", first: today - 40, sessions: 3, hr: true, thresholds: true, rest: true},
	} {
		list := k.random(r)
		for i := range list { // nobody has trained in the future
			if list[i].day > today {
				list = list[:i]
				break
			}
		}
		all = append(all, list...)
		models[k.name] = &model{plans: map[schema.Day]string{}, today: today, starts: time.Monday}
	}
	put(t, s, all)
	for _, o := range all {
		models[o.athlete].outings = append(models[o.athlete].outings, o)
	}
	plan(t, s, r, models)
	for athlete, first := range map[schema.AthleteID]time.Weekday{"": time.Saturday, "sunday": time.Sunday} {
		if err := s.SetWeekStart(t.Context(), athlete, first, time.UnixMilli(1000)); err != nil {
			t.Fatal(err)
		}
	}
	for name, m := range models {
		m.starts = time.Saturday
		if name == "sunday" {
			m.starts = time.Sunday
		}
		m.check(t, s, name)
	}
	if n, err := s.Refresh(t.Context(), []schema.AthleteID{"all", "lately", "nobody"}); n != 0 || err != nil {
		t.Errorf("the days of %d athletes were made again without need: %v", n, err)
	}
}

// plan plans every third day with a session and some without.
func plan(t *testing.T, s *store.Store, r *rand.Rand, models map[schema.AthleteID]*model) {
	t.Helper()
	var rows []string
	for name, m := range models {
		for _, o := range m.outings {
			if r.IntN(3) == 0 {
				m.plans[o.day+schema.Day(r.IntN(2))] = []string{"easy", "easy", "hard"}[r.IntN(3)] //nolint:gosec // small
			}
		}
		for day, intent := range m.plans {
			rows = append(rows, fmt.Sprintf("('%s', '%s', '%s', 'command', 1)", name, day, intent))
		}
	}
	exec(t.Context(), t, s, "INSERT INTO session_plans_versions VALUES %s", strings.Join(rows, ", "))
}

// check asks every view for one athlete.
func (m *model) check(t *testing.T, s *store.Store, name schema.AthleteID) {
	t.Helper()
	where := fmt.Sprintf(" WHERE athlete_id = '%s' ", name)
	compare(t, "load_daily", answers(t, s, "SELECT * FROM load_daily"+where+"ORDER BY day"), m.loads())
	compare(t, "rolling_intensity", answers(t, s, "SELECT * FROM rolling_intensity"+where+"ORDER BY day"), m.rolling())
	compare(t, "weekly_intensity", answers(t, s, "SELECT * FROM weekly_intensity"+where+"ORDER BY week_start"), m.weekly())
	compare(t, "athlete_weeks", answers(t, s, "SELECT * FROM athlete_weeks"+where+"ORDER BY week_start"), m.coach())
	compare(t, "athlete_now", answers(t, s, "SELECT * FROM athlete_now"+where), []answer{m.now()})
	violations := m.violationsBetween(m.first(), m.last())
	slices.SortFunc(violations, func(a, b answer) int { return cmp.Compare(a["session_id"].(string), b["session_id"].(string)) }) //nolint:forcetypeassert // the model's own
	compare(t, "easy_day_violations", answers(t, s, "SELECT * FROM easy_day_violations"+where+"ORDER BY toString(session_id)"), violations)
	now := m.now()
	var reasons []string
	if number(now["days_without_data"]) >= 10 {
		reasons = append(reasons, "no_data")
	}
	if now["verdict_28d"] == "too_hard" {
		reasons = append(reasons, "too_hard")
	}
	if number(now["violations_28d"]) >= 3 {
		reasons = append(reasons, "easy_days_too_hard")
	}
	got := value[[]string](t, s, "SELECT reasons FROM who_needs_a_call"+where)
	got = slices.DeleteFunc(got, func(r string) bool { return r == "plods" || r == "signs_of_decline" }) // from warnings
	if !slices.Equal(got, reasons) {
		t.Errorf("who_needs_a_call, %s: reasons %q, want %q", name, got, reasons)
	}
}

// compare holds the rows of a view against those of the model, in order, every
// column of both.
func compare(t *testing.T, view string, got, want []answer) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", view, len(got), len(want))
		return
	}
	faults := 0
	for i := range got {
		for name := range want[i] {
			if _, ok := got[i][name]; !ok {
				t.Fatalf("%s has no column %s", view, name)
			}
		}
		for name, g := range got[i] {
			w, ok := want[i][name]
			if !ok {
				t.Fatalf("%s: nothing to compare column %s with", view, name)
			}
			if same(g, w) {
				continue
			}
			t.Errorf("%s, row %d (%v %v): %s is %v, want %v", view, i, got[i]["athlete_id"], cmp.Or(got[i]["day"], got[i]["week"]), name, g, w)
			if faults++; faults > 5 {
				return
			}
		}
	}
}

func same(a, b any) bool {
	x, ok1 := a.(float64)
	y, ok2 := b.(float64)
	if ok1 && ok2 {
		return math.Abs(x-y) <= 1e-9*max(1, math.Abs(x), math.Abs(y))
	}
	return a == b
}

// answers runs a query and brings its values into the form of the model's.
func answers(t *testing.T, s *store.Store, query string) []answer {
	t.Helper()
	rows, err := s.Conn().Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	types := rows.ColumnTypes()
	var all []answer
	for rows.Next() {
		values := make([]any, len(types))
		for i := range values {
			values[i] = reflect.New(types[i].ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		a := make(answer, len(types))
		for i, c := range rows.Columns() {
			a[c] = plain(reflect.ValueOf(values[i]).Elem(), types[i].DatabaseTypeName())
		}
		all = append(all, a)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// plain turns a value of ClickHouse into one of an answer.
func plain(v reflect.Value, kind string) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		if slices.Contains([]string{"Date32", "Nullable(Date32)"}, kind) {
			return x.Format(time.DateOnly)
		}
		return x.UTC().Format(time.RFC3339Nano)
	case uuid.UUID:
		return x.String()
	}
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.String:
		return v.String()
	}
	return v.Interface()
}
