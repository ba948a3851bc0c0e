package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// The team that BenchmarkViews trains: two years up to today.
const (
	teamAthletes = 1000
	teamSessions = 300 // of each
	teamReturns  = 100
	teamInserts  = 40 // the engine in this process has little memory for them
)

// BenchmarkViews asks each view about one athlete of 1,000 with 300 sessions and
// two years of daily log each, and those meant for it about all of them. Its limit,
// in the same run, is the cheapest question there is: SELECT 1.
func BenchmarkViews(b *testing.B) {
	engine := openEngine(b)
	s, err := store.Open(b.Context(), store.Config{RoundTripper: engine.RoundTripper(), Database: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	train(b, s)
	athletes, err := s.Athletes(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	made, err := s.RefreshDays(b.Context(), athletes)
	if err != nil || made != teamAthletes {
		b.Fatalf("the days of %d athletes were made: %v", made, err)
	}
	writeBooks(b, s)
	if made, err := s.RefreshSigns(b.Context(), athletes, time.Now()); err != nil || made != teamAthletes {
		b.Fatalf("the signs of %d athletes were made: %v", made, err)
	}
	if made, err := s.RefreshReturns(b.Context(), athletes, time.Now()); err != nil || made != teamReturns {
		b.Fatalf("the returns of %d athletes were made: %v", made, err)
	}
	limit := leastTime(b, s)
	asking := func(name, sql string) {
		b.Run(name, func(b *testing.B) {
			askFor(b, limit, func() error { return s.Conn().Exec(b.Context(), sql+" FORMAT Null") })
		})
	}
	for _, view := range []string{
		"sessions", "intensity", "athlete_settings", "session_plans", "athlete_days", "load_daily", "rolling_intensity", "weekly_intensity",
		"athlete_weeks", "easy_day_violations", "athlete_now", "who_needs_a_call", "log_days", "signal_days", "warnings", "daily_log",
		"hr_max_candidates", "returns", "return_to_run_sessions", "return_to_run",
		"duplicates",
	} {
		asking(view+"/one", "SELECT * FROM "+view+" WHERE athlete_id = 'athlete0042'")
	}
	asking("samples/one", `SELECT * FROM samples WHERE athlete_id = 'athlete0042'
		AND session_id = (SELECT max(session_id) FROM sessions_versions WHERE athlete_id = 'athlete0042')`)
	for view, which := range whatCoachesAsk() {
		asking(view+"/all", "SELECT * FROM "+view+which)
	}
	b.Run("refresh_whole/all", func(b *testing.B) {
		askFor(b, limit, func() error { _, err := s.RefreshDays(b.Context(), athletes); return err })
	})
	b.Run("refresh_returns/one", func(b *testing.B) {
		n := 0
		askFor(b, limit, func() error {
			n++
			at := time.Now().Add(time.Duration(n) * time.Second)
			return s.WriteReturn(b.Context(), diary.Return{Athlete: "athlete0042", From: schema.DayOf(at.UnixMilli(), 0) - 42, Protocol: "overtraining", Phase: 3}, at)
		})
	})
	b.Run("refresh_changed/one", func(b *testing.B) {
		askFor(b, limit, func() error {
			return errors.Join(s.Conn().Exec(b.Context(), `INSERT INTO intensity_versions
				SELECT * REPLACE (low_ms + 1 AS low_ms, version + 1 AS version) FROM intensity_versions FINAL
				WHERE athlete_id = 'athlete0042' ORDER BY session_id LIMIT 1`), refreshOne(b, s))
		})
	})
}

// whatCoachesAsk is what a coach asks of all athletes at once.
func whatCoachesAsk() map[string]string {
	return map[string]string{
		"who_needs_a_call":  "",
		"hr_max_candidates": "",
		"returns":           "",
		"return_to_run":     " WHERE week_from <= today() AND week_to >= today()",
		"warnings":          " WHERE day > today() - 7",
	}
}

func refreshOne(b *testing.B, s *store.Store) error {
	b.Helper()
	n, err := s.RefreshDays(b.Context(), []schema.AthleteID{"athlete0042"})
	if err == nil && n != 1 {
		err = fmt.Errorf("the days of %d athletes were made, want 1", n)
	}
	return err
}

// leastTime is how long the cheapest question takes.
func leastTime(b *testing.B, s *store.Store) time.Duration {
	b.Helper()
	const times = 50
	began := time.Now()
	for range times {
		if err := s.Conn().Exec(b.Context(), "SELECT 1 FORMAT Null"); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began) / times
}

func askFor(b *testing.B, limit time.Duration, ask func() error) {
	b.Helper()
	began, cpu := time.Now(), cpuTime(b)
	for b.Loop() {
		if err := ask(); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began) / time.Duration(b.N)
	b.ReportMetric(float64(took.Microseconds())/1000, "ms")
	b.ReportMetric(float64(limit.Microseconds())/1000, "limit-ms")
	b.ReportMetric(took.Seconds()/limit.Seconds(), "x-of-limit")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms")
}

// train writes the team's sessions straight into the tables.
func train(b *testing.B, s *store.Store) {
	b.Helper()
	const session = `cityHash64(number) AS h, 1800000 + h %% 5400000 AS t, intDiv(h, 1048576) %% 100 AS kind,
		concat('athlete', leftPad(toString(intDiv(number, %[1]d)), 4, '0')) AS athlete,
		reinterpretAsUUID(concat(reinterpretAsString(cityHash64(number, 1)), reinterpretAsString(cityHash64(number, 2)))) AS id,
		toDate32(today()) - toInt32(round((%[1]d - number %% %[1]d) * 2.43)) AS day`
	const from = "FROM numbers(%[2]d) WHERE cityHash64(number, 7) %% %[3]d = %[4]d SETTINGS max_threads = 1, max_block_size = 4096"
	sessions := `INSERT INTO sessions_versions (athlete_id, session_id, export_id, format, decode, samples, sport, started_at, ended_at,
			utc_offset_source, local_day, elapsed_ms, classified_ms, moving_ms, hr_ms, speed_ms, distance_m, hr_avg, hr_max,
			observed_hr_max, rpe, device, rules_version, version)
		WITH ` + session + `,
			arrayMap(i -> toInt64(if(i BETWEEN 110 AND 120 + kind %% 50, intDiv(t, 11 + kind %% 50), 0)), range(1, 256)) AS hr,
			arrayMap(i -> toInt64(if(i BETWEEN 20 AND 40, intDiv(t, 21), 0)), range(1, 46)) AS speed
		SELECT athlete, id, hex(SHA256(toString(number))), 'fit', h, 3600, if(kind %% 5 = 0, 'cycling', 'running'),
			toDateTime64(day, 3, 'UTC') + 28800, toDateTime64(day, 3, 'UTC') + 28800 + t / 1000, 'file', day, t, arraySum(hr), t, hr, speed,
			t / 1000 * 3, 140, 170, if(kind %% 33 = 7, 195, 180), if(kind %% 3 = 0, 5, NULL), 'watch', 2, 17592186044416 + number ` + from
	intensity := `INSERT INTO intensity_versions (athlete_id, session_id, settings_id, hr_max, hr_max_source, zone_model, vt1, vt2,
			threshold_source, low_ms, moderate_ms, high_ms, session_class, trimp, edwards, lucia, verdict, rules_version,
			longest_over_vt1_ms, efforts, near_vt1_ms, near_vt1_m, over_vt1_moving_ms, over_vt1_m, threshold_pace, pace_low_ms,
			pace_moderate_ms, pace_high_ms, cap_bpm, over_cap_ms, longest_over_cap_ms, cap_ok, version)
		WITH ` + session + `
		SELECT athlete, id, '0123456789abcdef', 190, 'setting', 'hrmax5', 155.8, 165.3, 'hrmax_percent',
			intDiv(t * (100 - kind %% 40), 100), intDiv(t * (kind %% 20), 100), t - intDiv(t * (100 - kind %% 40), 100) - intDiv(t * (kind %% 20), 100),
			multiIf(kind %% 4 = 0, 'hard', kind %% 4 = 1, 'moderate', 'easy'), t / 40000, t / 30000, t / 50000, 'ok', 2,
			300000, kind %% 5, 600000, 1700, 300000, 900, 270, intDiv(t * 80, 100), intDiv(t * 15, 100), intDiv(t * 5, 100),
			114, if(kind %% 8 = 0, 300000, 0), if(kind %% 8 = 0, 200000, 0), kind %% 8 != 0, 17592186044416 + number ` + from
	for _, statement := range []string{sessions, intensity} {
		for part := range teamInserts {
			sql := fmt.Sprintf(statement, teamSessions, teamAthletes*teamSessions, teamInserts, part)
			if err := s.Conn().Exec(b.Context(), sql); err != nil {
				b.Fatal(err)
			}
			waitForMerges(b, s)
		}
	}
}

// waitForMerges waits until the engine merges nothing: merges beside inserts
// need more memory than the one in this process has.
func waitForMerges(b *testing.B, s *store.Store) {
	b.Helper()
	for merges := uint64(1); merges > 0; {
		if err := s.Conn().QueryRow(b.Context(), "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			b.Fatal(err)
		}
	}
}

// writeBooks writes two years of everybody's daily log, settings and plans,
// and lets every tenth return to running: ten weeks ago, and six weeks ago
// into the next phase.
func writeBooks(b *testing.B, s *store.Store) {
	b.Helper()
	const athlete = "concat('athlete', leftPad(toString(%s), 4, '0'))"
	name := func(number string) string { return fmt.Sprintf(athlete, number) }
	statements := []string{
		`INSERT INTO athlete_settings_versions (athlete_id, valid_from, hr_max, hr_rest, version)
			SELECT ` + name("number") + `, today() - 800, 190, 48, 1 FROM numbers(%[1]d)`,
		`INSERT INTO session_plans_versions (athlete_id, day, intent, source, version)
			SELECT ` + name("number % %[1]d") + `, today() - 9 * intDiv(number, %[1]d), if(number % 3 = 0, 'hard', 'easy'), 'csv', 1 FROM numbers(80 * %[1]d)`,
		`INSERT INTO returns_versions (athlete_id, from_day, protocol, phase, version)
			SELECT ` + name("2 + 10 * (number % 100)") + `, today() - if(number < 100, 70, 42), 'overtraining', if(number < 100, 2, 3), 1 FROM numbers(200)`,
	}
	statements = append(statements, `INSERT INTO samples_versions (athlete_id, session_id, decode, t, hr, speed_mmps)
		SELECT athlete_id, session_id, decode, started_at + second, 120 + second % 40, 3000
		FROM sessions_versions ARRAY JOIN range(3600) AS second WHERE athlete_id = 'athlete0042' SETTINGS max_threads = 1, max_block_size = 64`)
	for part := range teamInserts {
		statements = append(statements, fmt.Sprintf(`INSERT INTO daily_log_versions (athlete_id, day, entry, source, resting_hr, hrv, sleep_h, energy, energy_as_written, version)
			SELECT `+name("number")+`, today() - d, cityHash64(number, d), 'csv', 46 + cityHash64(number, d) %% 6, 60 + cityHash64(number, d) %% 20,
				6 + cityHash64(number, d) %% 3, 2 + cityHash64(number, d) %% 3, 'good', 1
			FROM numbers(%d) ARRAY JOIN range(730) AS d WHERE number %% %d = %d SETTINGS max_threads = 1, max_block_size = 64`, teamAthletes, teamInserts, part))
	}
	for _, sql := range statements {
		if err := s.Conn().Exec(b.Context(), strings.ReplaceAll(sql, "%[1]d", strconv.Itoa(teamAthletes))); err != nil {
			b.Fatal(err)
		}
		waitForMerges(b, s)
	}
}
