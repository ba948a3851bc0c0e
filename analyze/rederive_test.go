package analyze_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// intensities shows the state that must not depend on the order of arrival.
const intensities = `SELECT groupArray((local_day, hr_max, source, settings_id, low_s, high_s)) FROM (
	SELECT s.local_day AS local_day, i.hr_max AS hr_max, hr_max_source AS source, settings_id, low_s, high_s
	FROM sessions AS s JOIN intensity AS i USING (athlete_id, session_id) ORDER BY s.athlete_id, s.started_at)`

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	peaks := []uint8{0, 170, 160, 185, 150, 185, 200, 180}
	var first string
	for round := range 4 {
		s := openStore(t)
		order := rand.New(rand.NewPCG(uint64(round), 1)).Perm(len(peaks)) //nolint:gosec // any order
		if round == 0 {
			order = []int{0, 1, 2, 3, 4, 5, 6, 7}
		}
		cfg := quick()
		if round == 1 {
			cfg.SweepIdle = time.Hour // only at the end
		}
		b := newBench(t, cfg, s, nil).start()
		for _, day := range order {
			b.take(run("me", day, peaks[day]))
			if round == 2 {
				b.stored() // one batch each
			}
		}
		b.stop()
		b.stored()
		state := query(t, s, intensities)
		if round == 0 {
			first = state
			want(t, s, "SELECT groupArray(m) FROM (SELECT i.hr_max AS m FROM sessions AS s JOIN intensity AS i "+
				"USING (athlete_id, session_id) ORDER BY s.started_at)", "[170,170,185,185,185,200,200]")
		} else if state != first {
			t.Errorf("order %v:\n got %s\nwant %s", order, state, first)
		}
		want(t, s, "SELECT (count(), uniqExact(session_id)) FROM samples", "(4800,8)")
	}
}

func TestWhatAKilledProcessLeftIsMended(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 3, 170))
	b.stop()
	b.stored()
	// Another process stored an earlier session with a higher maximum, and was
	// killed before it could look at the later one: the same without Run's end.
	cfg := quick()
	cfg.SweepIdle, cfg.SweepBusy = time.Hour, time.Hour
	killed := newBench(t, cfg, s, nil).start()
	killed.take(run("me", 1, 190))
	killed.stored()
	want(t, s, "SELECT groupArray(m) FROM (SELECT i.hr_max AS m FROM sessions AS s JOIN intensity AS i "+
		"USING (athlete_id, session_id) ORDER BY s.started_at)", "[190,170]")
	next := newBench(t, quick(), s, nil).start()
	next.stop()
	want(t, s, "SELECT groupArray(m) FROM (SELECT i.hr_max AS m FROM sessions AS s JOIN intensity AS i "+
		"USING (athlete_id, session_id) ORDER BY s.started_at)", "[190,190]")
}

func TestSettingsCoverTheirDaysOnly(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	for day := range 6 {
		b.take(run("me", day, 180), run("other", day, 180))
	}
	b.stored()
	rows := query(t, s, "SELECT count() FROM samples_versions")
	set := func(day int, hrMax float64, covered int) {
		t.Helper()
		var steps []string
		n, err := b.SetSettings(t.Context(), schema.Settings{Athlete: "me", ValidFrom: schema.Day(19847 + day), HRMax: hrMax},
			func(done, total int) { steps = append(steps, fmt.Sprint(done, "/", total)) })
		if err != nil || n != covered {
			t.Errorf("from day %d: %d derived again, %v; want %d", day, n, err, covered)
		}
		if covered > 0 && (len(steps) != 1 || steps[0] != fmt.Sprint(covered, "/", covered)) {
			t.Errorf("from day %d: progress was %v", day, steps)
		}
	}
	set(4, 200, 2)
	set(1, 190, 3)
	set(4, 205, 2) // in place of the first
	set(9, 150, 0)
	const maxima = "SELECT groupArray(m) FROM (SELECT i.hr_max AS m FROM sessions AS s JOIN intensity AS i " +
		"USING (athlete_id, session_id) WHERE s.athlete_id = '%s' ORDER BY s.started_at)"
	want(t, s, fmt.Sprintf(maxima, "me"), "[180,190,190,190,205,205]")
	want(t, s, fmt.Sprintf(maxima, "other"), "[180,180,180,180,180,180]")
	want(t, s, "SELECT uniqExact(settings_id) FROM intensity", "3")
	want(t, s, "SELECT count() FROM samples_versions", rows) // no sample was written again
	b.take(run("me", 7, 180))                                // comes in later
	b.stored()
	want(t, s, "SELECT hr_max FROM intensity WHERE settings_from = '2024-05-08' ORDER BY hr_max LIMIT 1", "205")
	b.stop()
	if n := b.counter("rederived_total", "inputs"); n != 7 {
		t.Errorf("%g counted as derived again, want 7", n)
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	b := newBench(t, quick(), openStore(t), nil)
	for name, s := range map[string]schema.Settings{
		"athlete":   {Athlete: "a b", HRMax: 180},
		"max HR":    {Athlete: "me", HRMax: 18},
		"time zone": {Athlete: "me", TimeZone: "Mars/Olympus"},
		"day":       {Athlete: "me", ValidFrom: 1 << 30},
	} {
		if _, err := b.SetSettings(t.Context(), s, nil); !errors.Is(err, analyze.ErrPermanent) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTimeZoneOfTheAthleteMakesTheDay(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	late := run("me", 0, 180)
	shift := int64(16 * 3600 * 1000) // 22:30 UTC, half past midnight in Vienna
	late.Session.StartMs += shift
	late.Session.EndMs += shift
	for i := range late.Session.Samples.TimeMs {
		late.Session.Samples.TimeMs[i] += shift
	}
	byFile := run("me", 1, 180)
	for i := range byFile.Session.Samples.HeartRate {
		byFile.Session.Samples.HeartRate[i] -= 20 // another run, no copy with a wrong clock
	}
	byFile.Session.OffsetSource, byFile.Session.UTCOffsetS = schema.OffsetFile, -8*3600
	b.take(late, byFile)
	b.stored()
	const days = "SELECT groupArray((local_day, utc_offset_s, utc_offset_source)) FROM (SELECT * FROM sessions ORDER BY started_at)"
	want(t, s, days, "[('2024-05-04',0,''),('2024-05-04',-28800,'file')]")
	n, err := b.SetSettings(t.Context(), schema.Settings{Athlete: "me", ValidFrom: 19000, TimeZone: "Europe/Vienna"}, nil)
	if err != nil || n != 2 {
		t.Errorf("%d derived again, %v", n, err)
	}
	want(t, s, days, "[('2024-05-05',7200,'athlete'),('2024-05-04',-28800,'file')]")
	// Settings from the local day on cover the session that began the UTC day
	// before.
	if _, err = b.SetSettings(t.Context(), schema.Settings{Athlete: "me", ValidFrom: 19848, HRMax: 199, TimeZone: "Europe/Vienna"}, nil); err != nil {
		t.Error(err)
	}
	want(t, s, "SELECT groupArray(m) FROM (SELECT i.hr_max AS m FROM sessions AS s JOIN intensity AS i "+
		"USING (athlete_id, session_id) ORDER BY s.started_at)", "[199,180]")
}

func TestAgeGivesWayToWhatWasObserved(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	if _, err := b.SetSettings(t.Context(), schema.Settings{Athlete: "me", ValidFrom: 0, BirthYear: 1984}, nil); err != nil {
		t.Fatal(err)
	}
	b.take(run("me", 2, 150))
	b.stored()
	const hrMax = "SELECT (i.hr_max, hr_max_source) FROM sessions AS s JOIN intensity AS i USING (athlete_id, session_id) ORDER BY s.started_at DESC LIMIT 1"
	want(t, s, hrMax, "(180,'age_tanaka')")
	b.take(run("me", 0, 190)) // earlier, and higher
	b.stop()
	b.stored()
	want(t, s, hrMax, "(190,'observed')")
}

func TestReanalyseGoesOverWhatIsStored(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	for day := range 4 {
		b.take(run("me", day, 180), run("other", day, 180))
	}
	b.stop()
	b.stored()
	before := query(t, s, intensities)
	from, to := schema.Day(19848), schema.Day(19849)
	for _, c := range []struct {
		filter analyze.Filter
		want   int
	}{
		{analyze.Filter{}, 8},
		{analyze.Filter{Athletes: []schema.AthleteID{"me"}}, 4},
		{analyze.Filter{From: &from, To: &to}, 4},
		{analyze.Filter{RulesBelow: 1}, 0},
		{analyze.Filter{RulesBelow: 1000}, 8},
		{analyze.Filter{Athletes: []schema.AthleteID{"nobody"}}, 0},
	} {
		if n, err := b.Reanalyse(t.Context(), c.filter, nil); err != nil || n != c.want {
			t.Errorf("%+v: %d, %v; want %d", c.filter, n, err, c.want)
		}
	}
	want(t, s, intensities, before)
	want(t, s, "SELECT count() FROM samples_versions", "4800")
	if n := b.counter("rederived_total", "request"); n != 24 {
		t.Errorf("%g counted, want 24", n)
	}
}

func TestAClockThatGoesBackHidesNothing(t *testing.T) {
	s := openStore(t)
	at := func(ms int64) *analyze.Analyzer {
		a, err := analyze.New(quick(), analyze.Deps{
			Store: s, Metrics: analyze.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.UnixMilli(ms) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 0, 180))
	b.stop()
	b.stored()
	for i, ms := range []int64{5000, 4000, 3000} {
		set := schema.Settings{Athlete: "me", HRMax: 190 + float64(i)}
		if n, err := at(ms).SetSettings(t.Context(), set, nil); err != nil || n != 1 {
			t.Errorf("at %d ms: %d, %v", ms, n, err)
		}
	}
	want(t, s, "SELECT hr_max FROM intensity", "192")
}

// days shows the summaries that must follow from the sessions.
const days = `SELECT groupArray((athlete_id, day, sessions, low_ms, sessions_28d)) FROM
	(SELECT * FROM athlete_days WHERE sessions > 0 ORDER BY athlete_id, day)`

func TestDaysFollowTheSessions(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 0, 185), run("me", 3, 185), run("other", 3, 185))
	b.stop()
	b.stored()
	state := query(t, s, days)
	want(t, s, "SELECT groupArray((athlete_id, d)) FROM (SELECT athlete_id, count() AS d FROM athlete_days GROUP BY athlete_id ORDER BY athlete_id)",
		"[('me',32),('other',29)]")
	if b.counter("refreshed_total", "") < 2 {
		t.Error("nobody's days were counted as made")
	}

	// A process that was killed before it made the days of what it wrote.
	if err := s.Conn().Exec(t.Context(), "TRUNCATE TABLE athlete_spans_versions"); err != nil {
		t.Fatal(err)
	}
	if err := s.Conn().Exec(t.Context(), "TRUNCATE TABLE athlete_days_versions"); err != nil {
		t.Fatal(err)
	}
	b = newBench(t, quick(), s, nil).start()
	b.stop()
	if got := query(t, s, days); got != state {
		t.Errorf("after a restart\n got %s\nwant %s", got, state)
	}

	// A time zone moves the second run, at 06:30 UTC, to the day before.
	if _, err := b.SetSettings(t.Context(), schema.Settings{Athlete: "me", TimeZone: "Pacific/Honolulu"}, nil); err != nil {
		t.Fatal(err)
	}
	want(t, s, "SELECT groupArray(toString(day)) FROM (SELECT day FROM athlete_days WHERE athlete_id = 'me' AND sessions > 0 ORDER BY day)",
		"['2024-05-03','2024-05-06']")
	want(t, s, "SELECT (count(), max(day)) FROM athlete_days WHERE athlete_id = 'me'", "(32,'2024-06-03')")
}

func TestOlderRulesAreReplacedInTheBackground(t *testing.T) {
	s := openStore(t)
	b := newBench(t, quick(), s, nil).start()
	b.take(run("me", 0, 185), run("me", 1, 185))
	b.stop()
	b.stored()
	current := query(t, s, "SELECT groupUniqArray(rules_version) FROM intensity")
	// What an older program left behind.
	for _, sql := range []string{
		"CREATE TABLE older AS intensity_versions",
		"INSERT INTO older SELECT * REPLACE (toUInt32(0) AS rules_version, version + 1 AS version) FROM intensity_versions FINAL LIMIT 1",
		"INSERT INTO intensity_versions SELECT * REPLACE (toUInt32(1) AS rules_version) FROM older",
		"DROP TABLE older",
	} {
		if err := s.Conn().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	want(t, s, "SELECT countIf(rules_version = 1) FROM intensity", "1")
	b = newBench(t, quick(), s, nil).start()
	b.stop()
	want(t, s, "SELECT groupUniqArray(rules_version) FROM intensity", current)
	if got := b.counter("rederived_total", "inputs"); got != 1 {
		t.Errorf("%g sessions were derived again, want the one of the older rules", got)
	}
}

var _ analyze.Store = (*store.Store)(nil)
