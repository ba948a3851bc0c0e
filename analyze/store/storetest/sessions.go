package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

func testRoundTrip(t *testing.T, s *store.Store) {
	env := envelope("me", 0, 20)
	s0 := &env.Session.Samples
	s0.HeartRate[3], s0.HeartRate[4], s0.HeartRate[5] = 0, 255, 29
	for _, col := range s0.Int32Columns() {
		(*col)[0], (*col)[1], (*col)[2] = schema.Missing, math.MaxInt32, math.MinInt32+1
	}
	r := row(env, 1_800_000_000_000)
	write(t, s, r)
	got := load(t, s, keyOf(env))
	if got == nil {
		t.Fatal("the session is not there")
	}
	equal(t, "envelope", got.Env, env)
	equal(t, "decode", got.Decode, r.Decode)
	equal(t, "version", got.Version, r.Version)
	want(t, s, "SELECT count() FROM samples", "20")
}

func testViews(t *testing.T, s *store.Store) {
	env := envelope("me", 0, 2000)
	samples := &env.Session.Samples
	samples.SpeedMMps[1], samples.HeartRate[1] = schema.Missing, 0
	samples.LatE7[1], samples.LonE7[1] = -899_999_999, 1_800_000_000
	samples.HeartRate[2] = 240
	r := row(env, 1_800_000_000_000)
	write(t, s, r)

	one := func(column string) string {
		return "SELECT " + column + " FROM samples ORDER BY t LIMIT 1 OFFSET 1"
	}
	want(t, s, one("t"), "2024-05-04 06:30:01.000")
	want(t, s, one("(hr, hr_flag)"), "(NULL,'missing')")
	want(t, s, one("speed_mps IS NULL"), "1")
	want(t, s, one("(lat, lon)"), "(-89.9999999,180)")
	want(t, s, one("(distance_m, altitude_m, cadence, power_w, temperature_c)"), "(-4.98,-4.97,-4.96,-495,-49.2)")
	want(t, s, "SELECT countIf(hr_flag = 'out_of_range') FROM samples", "1")

	b := r.Measured.Budget
	want(t, s, "SELECT elapsed_s = paused_s + gap_s + no_hr_s + rejected_hr_s + classified_s FROM sessions", "1")
	want(t, s, "SELECT timer_s FROM sessions", fmt.Sprint(float64(b.TimerMs())/1000))
	want(t, s, "SELECT paused_s FROM sessions", fmt.Sprint(float64(b.PausedMs)/1000))
	want(t, s, "SELECT (length(hr_seconds), hr_seconds[120]) FROM sessions",
		fmt.Sprintf("(255,%g)", float64(r.Measured.HRMs[120])/1000))
	want(t, s, "SELECT abs(arraySum(hr_seconds) - classified_s) < 1e-6 FROM sessions", "1")
	want(t, s, "SELECT (started_at, local_day, utc_offset_s) FROM sessions", "('2024-05-04 06:30:00.000','2024-05-04',7200)")
	want(t, s, "SELECT (watch_zone_s[6], watch_zone_bounds[1], watch_hr_avg) FROM sessions", "(0.006,95,141)")
	want(t, s, "SELECT (length(laps), laps[1].distance_m, laps[1].hr_max, laps[2].hr_max) FROM sessions", "(2,12.34,150,NULL)")
	want(t, s, "SELECT flags FROM sessions", flagsText(r))
	want(t, s, "SELECT (rpe, feel, salvaged) FROM sessions", "(6.5,75,true)")
	want(t, s, "SELECT (hr_max, hr_max_source, verdict) FROM intensity", fmt.Sprintf("(190,'file','%s')", r.Result.Verdict))
	want(t, s, "SELECT above60_s FROM intensity", fmt.Sprint(float64(r.Result.Above60Ms)/1000))
	want(t, s, "SELECT arraySum(zone_s) = low_s + moderate_s + high_s FROM intensity", "1")
}

func flagsText(r analyze.SessionRow) string {
	all := append([]schema.Flag(nil), r.Env.Session.Flags...)
	for _, f := range r.Measured.Flags {
		all = schema.AddFlag(all, f)
	}
	quoted := make([]string, len(all))
	for i, f := range all {
		quoted[i] = "'" + string(f) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func testBareSession(t *testing.T, s *store.Store) {
	env := &schema.Envelope{
		Athlete: "me", ID: schema.SessionIDOf("me", schema.ExportID{}, 0), DecoderVersion: 1,
		Session: schema.Session{StartMs: startMs, EndMs: startMs + 1000, Feel: -1, Sport: schema.SportGeneric},
	}
	r := row(env, startMs)
	r.SettingsID = ""
	write(t, s, r)
	equal(t, "envelope", load(t, s, keyOf(env)).Env, env)
	want(t, s, "SELECT (count(), any(hr_avg) IS NULL, any(distance_m) IS NULL, any(rpe) IS NULL, any(feel) IS NULL) FROM sessions", "(1,1,1,1,1)")
	want(t, s, "SELECT (low_s IS NULL, above60_s IS NULL, over_cap_s IS NULL, session_class IS NULL, settings_from IS NULL) FROM intensity", "(1,1,1,1,1)")
	want(t, s, "SELECT count() FROM samples", "0")
}

func testReplace(t *testing.T, s *store.Store) {
	env := envelope("me", 0, 50)
	first := row(env, 1000)
	write(t, s, first)
	second := row(env, 2000)
	second.Result.HRMax = 201
	second.SamplesStored = true
	write(t, s, second)
	late := row(env, 1500) // finished late, analysed earlier
	late.Result.HRMax = 150
	write(t, s, late)
	want(t, s, "SELECT (count(), max(hr_max)) FROM intensity", "(1,201)")
	want(t, s, "SELECT (count(), max(toUnixTimestamp64Milli(analyzed_at))) FROM sessions", "(1,2000)")
	want(t, s, "SELECT count() FROM samples", "50")
}

func testOlderDecoder(t *testing.T, s *store.Store) {
	newer := envelope("me", 0, 50)
	newer.DecoderVersion = 4
	write(t, s, row(newer, 1000))
	older := envelope("me", 0, 60)
	older.DecoderVersion = 3
	write(t, s, row(older, 9000))
	want(t, s, "SELECT (count(), max(decoder_version), max(samples)) FROM sessions", "(1,4,50)")
	want(t, s, "SELECT count() FROM samples", "50")
	equal(t, "samples read back", load(t, s, keyOf(newer)).Env.Session.Samples, newer.Session.Samples)
}

func testFewerSamples(t *testing.T, s *store.Store) {
	other := envelope("me", 1, 10)
	write(t, s, row(envelope("me", 0, 60), 1000), row(other, 1000))
	fewer := envelope("me", 0, 40)
	write(t, s, row(fewer, 2000))
	want(t, s, "SELECT count() FROM samples", "50")
	equal(t, "samples read back", load(t, s, keyOf(fewer)).Env.Session.Samples, fewer.Session.Samples)
	exec(t.Context(), t, s, "OPTIMIZE TABLE %s FINAL", physical(t, s, "samples_versions"))
	want(t, s, "SELECT count() FROM samples", "50")
}

func testRepeatedDelivery(t *testing.T, s *store.Store) {
	count := "SELECT (count(), sum(hr), uniqExact(session_id)) FROM samples"
	env := envelope("me", 0, 100)
	twice := envelope("me", 0, 100)
	write(t, s, row(env, 1000))
	before := value[string](t, s, "SELECT toString(("+count+"))")
	write(t, s, row(env, 1000))                   // resent as it was
	write(t, s, row(env, 1000), row(twice, 1001)) // twice in one batch
	write(t, s, row(twice, 5000))                 // by another process, later
	want(t, s, count, before)
	want(t, s, "SELECT count() FROM sessions", "1")
	want(t, s, "SELECT count() FROM intensity", "1")
	equal(t, "samples read back", load(t, s, keyOf(env)).Env.Session.Samples, env.Session.Samples)
}

func testCommitMark(t *testing.T, s *store.Store) {
	write(t, s, row(envelope("me", 0, 100), 1000))
	// What a write leaves that was cut off before its last insert.
	exec(t.Context(), t, s, "TRUNCATE TABLE %s", physical(t, s, "sessions_versions"))
	want(t, s, "SELECT count() FROM samples", "0")
	want(t, s, "SELECT count() FROM intensity", "0")
	if load(t, s, keyOf(envelope("me", 0, 1))) != nil {
		t.Error("a session without a row was read back")
	}
	write(t, s, row(envelope("me", 0, 100), 2000))
	want(t, s, "SELECT count() FROM samples", "100")
	want(t, s, "SELECT count() FROM intensity", "1")
}

func testSamplesStored(t *testing.T, s *store.Store) {
	r := row(envelope("me", 0, 100), 1000)
	r.SamplesStored = true
	write(t, s, r)
	want(t, s, "SELECT count() FROM samples_versions", "0")
	want(t, s, "SELECT count() FROM sessions", "1")
}

func testHistory(t *testing.T, s *store.Store) {
	const years = 130
	var rows []analyze.SessionRow
	for i := range years {
		env := envelope("me", i, 3)
		shift := int64(i-54) * 365 * 86_400_000
		env.Session.StartMs += shift
		env.Session.EndMs += shift
		for k := range env.Session.Samples.TimeMs {
			env.Session.Samples.TimeMs[k] += shift
		}
		rows = append(rows, row(env, 1000))
	}
	write(t, s, rows...)
	want(t, s, "SELECT (count(), uniqExact(session_id)) FROM samples", fmt.Sprintf("(%d,%d)", 3*years, years))
	want(t, s, "SELECT uniqExact(toYear(t)) > 120 FROM samples", "1")
	equal(t, "the first", load(t, s, keyOf(rows[0].Env)).Env.Session.Samples, rows[0].Env.Session.Samples)
}

func testMillion(t *testing.T, s *store.Store) {
	if testing.Short() {
		t.Skip("a million samples take seconds")
	}
	// One session larger than an insert, and many that share one.
	rows := []analyze.SessionRow{row(envelope("big", 0, 1<<20+1000), 1000)}
	for i := range 50 {
		env := envelope("small", i, 2000)
		env.Session.Samples.PowerW, env.Session.Samples.LatE7, env.Session.Samples.LonE7 = nil, nil, nil
		rows = append(rows, row(env, 1000))
	}
	write(t, s, rows...)
	for i := range rows {
		rows[i].AnalyzedMs, rows[i].Version = 2000, analyze.VersionOf(3, 2000)
	}
	write(t, s, rows...)
	want(t, s, "SELECT (count(), uniqExact(session_id)) FROM samples", fmt.Sprintf("(%d,51)", 1<<20+1000+50*2000))
	want(t, s, "SELECT (count(), countIf(power_w IS NULL)) FROM samples WHERE athlete_id = 'small'", "(100000,100000)")
	last := rows[len(rows)-1].Env
	equal(t, "the last", load(t, s, keyOf(last)).Env.Session.Samples, last.Session.Samples)
}
