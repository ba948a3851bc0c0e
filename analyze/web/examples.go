package web

import "strings"

// example is a query to begin with.
type example struct{ ID, Name, SQL string }

// examplesFor returns examples about an athlete, whose id is letters, digits,
// '-' and '_'.
func examplesFor(athlete string) []example {
	all := []example{
		{"weeks", "Weeks against 80/20", `-- Low share by week, and what is said of it
SELECT week, sessions, round(hours, 1) AS hours, round(low_share, 2) AS low,
       easy_sessions, hard_sessions, violations, verdict
FROM athlete_weeks
WHERE athlete_id = 'ATHLETE'
ORDER BY week_start DESC
LIMIT 26`},
		{"easy", "Easy days that were not easy", `-- Meant easy, but above the cap or not easy by class
SELECT *
FROM easy_day_violations
WHERE athlete_id = 'ATHLETE'
ORDER BY day DESC
LIMIT 50`},
		{"above", "Minutes above 60 % by month", `-- Minutes above 60 % of max HR, by month
SELECT toStartOfMonth(s.local_day) AS month, count() AS sessions,
       round(sum(i.above60_s) / 60) AS minutes_above_60
FROM sessions AS s
INNER JOIN intensity AS i ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id
WHERE s.athlete_id = 'ATHLETE'
GROUP BY month
ORDER BY month DESC`},
		{"drift", "Pace at low heart rate", `-- Runs of half an hour or more: pace and heart rate, to see them move
SELECT s.local_day AS day, round(s.distance_m / 1000, 1) AS km, round(s.hr_avg) AS hr_avg,
       formatDateTime(toDateTime(round(s.pace_s_per_km), 'UTC'), '%i:%S') AS min_per_km
FROM sessions AS s
WHERE s.athlete_id = 'ATHLETE' AND s.sport = 'running' AND s.timer_s > 1800 AND s.pace_s_per_km IS NOT NULL
ORDER BY day DESC
LIMIT 100`},
		{"beats", "One session by heart rate", `-- The latest session: samples at each heart rate, most watches take one a second
SELECT hr, count() AS samples, round(avg(speed_mps) * 3.6, 1) AS km_per_h
FROM samples
WHERE athlete_id = 'ATHLETE'
  AND session_id = (SELECT session_id FROM sessions WHERE athlete_id = 'ATHLETE' ORDER BY started_at DESC LIMIT 1)
  AND hr IS NOT NULL
GROUP BY hr
ORDER BY hr`},
		{"files", "Files that brought nothing", `-- Files without a session, and why
SELECT received_at, format, outcome, reason, detail
FROM exports
WHERE athlete_id = 'ATHLETE' AND sessions = 0
ORDER BY received_at DESC
LIMIT 100`},
		{"call", "Who needs a call", `-- All athletes, those with reasons first
SELECT athlete_id, needs_a_call, why, last_session_day, verdict_28d
FROM who_needs_a_call
ORDER BY needs_a_call DESC, athlete_id`},
	}
	for i := range all {
		all[i].SQL = strings.ReplaceAll(all[i].SQL, "ATHLETE", athlete)
	}
	return all
}
