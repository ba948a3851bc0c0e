package analyze_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

var _ analyze.History = (*store.Store)(nil)

// pairs returns the rows of a query with two columns of text.
func pairs(t *testing.T, s *store.Store, sql string) map[string]string {
	t.Helper()
	rows, err := s.Conn().Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err below has it
	all := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			t.Fatal(err)
		}
		all[key] = value
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// stateOf returns the version and the day of every stored session.
func stateOf(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	return pairs(t, s, "SELECT toString(session_id), toString((version, local_day)) FROM sessions_versions FINAL")
}

// judged returns what the view intensity says of every session.
func judged(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	return pairs(t, s, `SELECT toString(session_id), toString((verdict, session_class, label, round(low_s * 1000), round(moderate_s * 1000),
		round(high_s * 1000), hr_max, hr_max_source, settings_id, settings_from, cap_ok,
		threshold_pace_s_per_km, round(pace_low_s * 1000), round(pace_moderate_s * 1000), round(pace_high_s * 1000))) FROM intensity`)
}

// say writes a judgement in the form of judged.
func say(j *analyze.Judgement) string {
	null := func(s string, is bool) string {
		if is {
			return "NULL"
		}
		return s
	}
	times := "NULL,NULL,NULL"
	if j.LowShare != nil {
		times = fmt.Sprintf("%d,%d,%d", j.LowMs, j.ModerateMs, j.HighMs)
	}
	from, hrMax, capOK := "NULL", "NULL", "NULL"
	if j.SettingsFrom != nil {
		from = "'" + j.SettingsFrom.String() + "'"
	}
	if j.HRMax != nil {
		hrMax = fmt.Sprint(*j.HRMax)
	}
	if j.CapOK != nil {
		capOK = strconv.FormatBool(*j.CapOK)
	}
	pace := "NULL,NULL,NULL,NULL"
	if p := j.Pace; p.Threshold > 0 {
		pace = fmt.Sprintf("%g,%d,%d,%d", p.Threshold, p.LowMs, p.ModerateMs, p.HighMs)
	}
	return fmt.Sprintf("('%s',%s,'%s',%s,%s,'%s','%s',%s,%s,%s)", j.Verdict, null("'"+string(j.Class)+"'", j.Class == ""),
		j.Label, times, hrMax, j.HRMaxSource, j.SettingsID, from, capOK, pace)
}

// TestWhatIfIsWhatSetDoes asks first and sets then: the same sessions, and of
// each the same before and after.
func TestWhatIfIsWhatSetDoes(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	random := rand.New(rand.NewPCG(3, 1)) //nolint:gosec // any sessions
	for day := range 60 {
		if random.IntN(3) == 0 {
			continue
		}
		b.take(run("me", day, uint8(130+random.IntN(60))), run("other", day, 180)) //nolint:gosec // small
	}
	b.stop()
	b.stored()
	for i, set := range []schema.Settings{
		{HRMax: 190},                        // from the very beginning
		{ValidFrom: 19847 + 20, HRMax: 150}, // up to now
		{ValidFrom: 19847 + 10, HRMax: 200, ZoneModel: "hrr5", HRRest: 50}, // up to the one before
		{ValidFrom: 19847 + 20, HRMax: 150},                                // the same again
		{ValidFrom: 19847 + 20, VT1: 125, VT2: 140},                        // in its place
		{ValidFrom: 19847 + 30, BirthYear: 1980},                           // no max HR but by age
		{ValidFrom: 19847 + 40, TimeZone: "Pacific/Auckland", HRMax: 180},  // 18:30 there: same day
		{ValidFrom: 19847 + 500, HRMax: 180},                               // nothing yet
		{HRMax: 190, ThresholdPace: 380},                                   // by pace as well
		{ValidFrom: 19847 + 50, TimeZone: "Pacific/Kiritimati", HRMax: 185},
	} {
		set.Athlete = "me"
		before := stateOf(t, s)
		var steps, total int
		changes, err := analyze.WhatIf(t.Context(), s, nil, set, func(done, of int) { steps, total = done, of })
		if err != nil {
			t.Fatal(err)
		}
		if steps != total || total != len(changes) {
			t.Errorf("settings %d: progress ended at %d of %d, %d sessions", i, steps, total, len(changes))
		}
		after := stateOf(t, s)
		for id, v := range before {
			if after[id] != v {
				t.Fatalf("settings %d: what if wrote session %s", i, id)
			}
		}
		asked, stored := map[string]*analyze.Change{}, judged(t, s)
		for k := range changes {
			c := &changes[k]
			asked[c.ID.String()] = c
			if got := stored[c.ID.String()]; got != say(c.Before) {
				t.Errorf("settings %d, before: %s\n   stored: %s", i, say(c.Before), got)
			}
		}
		weeks := weeksOf(t, s, changes)
		var viewBefore map[string]string
		compareWeeks := i%4 == 0 // making the days again takes a while
		if compareWeeks {
			viewBefore = viewOfWeeks(t, s)
		}
		n, err := b.SetSettings(t.Context(), set, nil)
		if err != nil || n != len(changes) {
			t.Errorf("settings %d: %d derived again, %v; what if said %d", i, n, err, len(changes))
		}
		changed := 0
		stored = judged(t, s)
		for id, v := range stateOf(t, s) {
			c := asked[id]
			if (v != before[id]) != (c != nil) {
				t.Errorf("settings %d: session %s: written %t, asked %t", i, id, v != before[id], c != nil)
				continue
			}
			if c == nil {
				continue
			}
			if got := stored[id]; got != say(&c.After) {
				t.Errorf("settings %d, after: %s\n   stored: %s", i, say(&c.After), got)
			}
			if c.Changed() {
				changed++
			}
		}
		if compareWeeks {
			viewAfter := viewOfWeeks(t, s)
			for k := range weeks {
				w := &weeks[k]
				if got := viewBefore[w.Start.String()]; got != sayWeek(&w.Before) {
					t.Errorf("settings %d, week of %s before: %s\n view: %s", i, w.Start, sayWeek(&w.Before), got)
				}
				if got := viewAfter[w.Start.String()]; got != sayWeek(&w.After) {
					t.Errorf("settings %d, week of %s after: %s\n view: %s", i, w.Start, sayWeek(&w.After), got)
				}
			}
			for day, v := range viewAfter { // nothing else has changed
				touched := slices.ContainsFunc(weeks, func(w analyze.WeekChange) bool { return w.Start.String() == day })
				if !touched && viewBefore[day] != v {
					t.Errorf("settings %d: the week of %s is not among those that change", i, day)
				}
			}
		}
		t.Logf("settings %d: %d of %d covered sessions change", i, changed, len(changes))
		if i == 3 && changed != 0 || (i < 3 || set.ThresholdPace > 0) && changed == 0 {
			t.Errorf("settings %d: %d of %d changed", i, changed, len(changes))
		}
	}
}

func TestWhatIfRefusesWhatSetRefuses(t *testing.T) {
	s := openStore(t)
	for _, set := range []schema.Settings{{Athlete: "a b"}, {Athlete: "me", HRMax: 18}, {Athlete: "me", ValidFrom: 1 << 30}} {
		if changes, err := analyze.WhatIf(t.Context(), s, nil, set, nil); err == nil {
			t.Errorf("%+v: %d changes and no error", set, len(changes))
		}
	}
	if changes, err := analyze.WhatIf(t.Context(), s, nil, schema.Settings{Athlete: "nobody", HRMax: 180}, nil); err != nil || len(changes) != 0 {
		t.Errorf("an athlete without sessions: %d, %v", len(changes), err)
	}
}

func TestExplainNamesEveryStretchThatDoesNotCount(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	env := run("me", 0, 150)
	start := env.Session.StartMs
	at := func(second int64) int64 { return start + second*1000 }
	samples := &env.Session.Samples
	for i := range 5 {
		samples.HeartRate[50+i] = 0    // 50 to 55: missing
		samples.HeartRate[100+i] = 240 // 100 to 105: out of range
	}
	samples.HeartRate[150] = 170 // 150 to 151: a spike
	// 200 to 300 the timer stands, and nothing is recorded; 400 to 450 neither,
	// though it runs.
	keep := func(i int) bool { return (i < 200 || i >= 300) && (i < 401 || i >= 450) }
	n := 0
	for i := range samples.TimeMs {
		if keep(i) {
			samples.TimeMs[n], samples.HeartRate[n], samples.SpeedMMps[n] = samples.TimeMs[i], samples.HeartRate[i], samples.SpeedMMps[i]
			n++
		}
	}
	env.Session.Samples = samples.Slice(0, n)
	env.Session.TimerEvents = []schema.TimerEvent{{AtMs: start}, {AtMs: at(200), Stop: true}, {AtMs: at(300)}}
	b.take(env)
	b.stop()
	b.stored()

	x, err := analyze.Explain(t.Context(), s, nil, analyze.SessionKey{Athlete: "me", ID: env.ID})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range x.Measured.Excluded {
		got = append(got, fmt.Sprintf("%s %d-%d", e.Cause, (e.FromMs-start)/1000, (e.ToMs-start)/1000))
	}
	want := "[no_hr 50-55 out_of_range 100-105 spike 150-151 paused 200-300 gap 400-450]"
	if fmt.Sprint(got) != want {
		t.Errorf("excluded %v, want %s", got, want)
	}
	if d := x.Differences(); len(d) != 0 {
		t.Errorf("differs from what is stored in %v", d)
	}
	if view := judged(t, s)[env.ID.String()]; say(x.Stored) != view {
		t.Errorf("stored %s, view %s", say(x.Stored), view)
	}
	if g := query(t, s, "SELECT (paused_s, gap_s, no_hr_s, rejected_hr_s) FROM sessions"); g != "(100,50,5,6)" {
		t.Errorf("stored budget %s", g)
	}
}

func TestExplainSaysWhereItDiffers(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	env := run("me", 0, 180)
	b.take(env)
	b.stop()
	b.stored()
	key := analyze.SessionKey{Athlete: "me", ID: env.ID}
	// Settings written by somebody else, before the session is derived again.
	if err := s.WriteSettings(t.Context(), analyze.Dated{Settings: schema.Settings{Athlete: "me", HRMax: 200}, Version: 1}); err != nil {
		t.Fatal(err)
	}
	x, err := analyze.Explain(t.Context(), s, nil, key)
	if err != nil {
		t.Fatal(err)
	}
	if d := fmt.Sprint(x.Differences()); d != "[settings]" || x.Result.HRMax != 200 || *x.Stored.HRMax != 180 {
		t.Errorf("differs in %s; max HR %g now, %g stored", d, x.Result.HRMax, *x.Stored.HRMax)
	}
	key.Athlete = "other"
	if _, err := analyze.Explain(t.Context(), s, nil, key); !errors.Is(err, analyze.ErrNoSession) {
		t.Errorf("somebody else's session: %v", err)
	}
}
