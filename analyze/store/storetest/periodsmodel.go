package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// answer is a row of a view: numbers as float64, days as text, nil for null.
type answer map[string]any

// model computes from raw outings, day by day and as plainly as can be, what
// the views must answer.
type model struct {
	outings []outing // of one athlete
	plans   map[schema.Day]string
	today   schema.Day
	starts  time.Weekday // of a week
}

func (m *model) first() schema.Day {
	return slices.MinFunc(m.outings, func(a, b outing) int { return int(a.day - b.day) }).day
}

func (m *model) last() schema.Day {
	return slices.MaxFunc(m.outings, func(a, b outing) int { return int(a.day - b.day) }).day
}

// end is the last day with a row.
func (m *model) end() schema.Day { return max(m.last(), min(m.today, m.last()+28)) }

// between returns the outings of days from and to, both included.
func (m *model) between(from, to schema.Day) []outing {
	var list []outing
	for _, o := range m.outings {
		if o.day >= from && o.day <= to {
			list = append(list, o)
		}
	}
	return list
}

func sum[T int64 | float64](list []outing, of func(outing) T) T {
	var total T
	for _, o := range list {
		total += of(o)
	}
	return total
}

func count(list []outing, is func(outing) bool) float64 {
	n := 0.0
	for _, o := range list {
		if is(o) {
			n++
		}
	}
	return n
}

func orNil(v float64, known bool) any {
	if !known {
		return nil
	}
	return v
}

// window is what weekly_intensity and rolling_intensity say of some outings.
func window(list []outing) answer {
	low := float64(sum(list, func(o outing) int64 { return o.low }))
	moderate := float64(sum(list, func(o outing) int64 { return o.moderate }))
	high := float64(sum(list, func(o outing) int64 { return o.high }))
	known := low + moderate + high
	timer := float64(sum(list, func(o outing) int64 { return o.timerMs }))
	class := func(c intensity.Class) float64 { return count(list, func(o outing) bool { return o.class == c }) }
	easy, middling, hard := class(intensity.ClassEasy), class(intensity.ClassModerate), class(intensity.ClassHard)
	index, hasIndex := treff(low/known, moderate/known, high/known)
	metres := sum(list, func(o outing) float64 {
		if o.distance == nil {
			return 0
		}
		return *o.distance
	})
	measured := count(list, func(o outing) bool { return o.distance != nil })
	a := answer{
		"sessions": float64(len(list)), "hours": timer / 3.6e6, "distance_km": orNil(metres/1000, len(list) == 0 || measured > 0),
		"hr_coverage": orNil(known/timer, timer > 0), "low_s": orNil(low/1000, known > 0),
		"moderate_s": orNil(moderate/1000, known > 0), "high_s": orNil(high/1000, known > 0),
		"low_share": orNil(low/known, known > 0), "moderate_share": orNil(moderate/known, known > 0),
		"high_share": orNil(high/known, known > 0), "easy_sessions": easy, "moderate_sessions": middling, "hard_sessions": hard,
		"easy_session_share": orNil(easy/(easy+middling+hard), easy+middling+hard > 0),
		"polarization_index": orNil(index, hasIndex && known > 0), "label": shape(low, moderate, high, index, hasIndex),
	}
	a["reason"] = reasonOf(list, known, timer)
	a["verdict"] = judgement(low, known, a["reason"].(string)) //nolint:forcetypeassert // set above
	byPace(a, list)
	return a
}

func reasonOf(list []outing, known, timer float64) string {
	switch {
	case len(list) == 0:
		return "no_sessions"
	case sum(list, func(o outing) int64 { return o.classifiedMs }) == 0:
		return "no_hr"
	case known == 0:
		return "no_hrmax"
	case known/timer < 0.80-1e-12:
		return "low_coverage"
	case count(list, func(o outing) bool { return o.low+o.moderate+o.high > 0 }) < 3:
		return "few_sessions"
	case known < 90*minuteMs:
		return "little_hr"
	}
	return ""
}

func judgement(low, known float64, reason string) string {
	switch share := low / known; {
	case reason != "":
		return "insufficient_data"
	case share >= 0.80-1e-12:
		return "ok"
	case share >= 0.75-1e-12:
		return "borderline"
	}
	return "too_hard"
}

func byPace(a answer, list []outing) {
	slow := float64(sum(list, func(o outing) int64 { return o.paceLow }))
	middling := float64(sum(list, func(o outing) int64 { return o.paceModerate }))
	fast := float64(sum(list, func(o outing) int64 { return o.paceHigh }))
	runs := count(list, func(o outing) bool { return o.pace > 0 })
	total := slow + middling + fast
	a["pace_low_s"], a["pace_moderate_s"] = orNil(slow/1000, runs > 0), orNil(middling/1000, runs > 0)
	a["pace_high_s"], a["pace_low_share"] = orNil(fast/1000, runs > 0), orNil(slow/total, total > 0)
	reason := ""
	switch {
	case runs == 0:
		reason = "no_pace"
	case runs < 3:
		reason = "few_sessions"
	case total < 90*minuteMs:
		reason = "little_pace"
	}
	a["pace_reason"], a["pace_verdict"] = reason, judgement(slow, total, reason)
}

// treff is the polarization index of fractions (Treff 2019).
func treff(z1, z2, z3 float64) (float64, bool) {
	switch {
	case z3 > z1:
		return 0, false
	case z3 == 0, z2 == 0 && z3 <= 0.01:
		return 0, true
	case z2 == 0:
		return math.Log10(z1 / 0.01 * (z3 - 0.01) * 100), true
	}
	return math.Log10(z1 / z2 * z3 * 100), true
}

func shape(low, moderate, high, index float64, hasIndex bool) string {
	switch {
	case low+moderate+high < 30*minuteMs:
		return "no_data"
	case high == 0 && low > moderate:
		return "base"
	case low > moderate && moderate > high:
		return "pyramidal"
	case hasIndex && math.Round(100*index) > 200 && low > high && high > moderate:
		return "polarized"
	case moderate > low && moderate > high:
		return "threshold"
	case high > low && high > moderate:
		return "high_intensity"
	}
	return "other"
}

// rolling is what rolling_intensity must say, day by day.
func (m *model) rolling() []answer {
	var rows []answer
	for day := m.first(); day <= m.end(); day++ {
		a := answer{"athlete_id": string(m.outings[0].athlete), "day": day.String()}
		for name, v := range window(m.between(day-27, day)) {
			a[name+"_28d"] = v
		}
		for name, v := range window(m.between(day-6, day)) {
			a[name+"_7d"] = v
		}
		rows = append(rows, a)
	}
	return rows
}

func dateOf(day schema.Day) time.Time { return time.Unix(int64(day)*86_400, 0).UTC() }

// weeks calls f with the first day of each week that has a day with a row.
func (m *model) weeks(f func(start schema.Day)) {
	start := m.first()
	for dateOf(start).Weekday() != m.starts {
		start--
	}
	for ; start <= m.end(); start += 7 {
		f(start)
	}
}

func (m *model) weekNames(start schema.Day) answer {
	year, week := dateOf(start + 3).ISOWeek()
	days := make(map[schema.Day]bool)
	for _, o := range m.between(start, start+6) {
		days[o.day] = true
	}
	return answer{
		"athlete_id": string(m.outings[0].athlete), "week": fmt.Sprintf("%d-W%02d", year, week),
		"week_start": start.String(), "week_end": (start + 6).String(), "training_days": float64(len(days)),
	}
}

// weekly is what weekly_intensity must say.
func (m *model) weekly() []answer {
	var rows []answer
	m.weeks(func(start schema.Day) {
		a := m.weekNames(start)
		for name, v := range window(m.between(start, start+6)) {
			a[name] = v
		}
		rows = append(rows, a)
	})
	return rows
}

// coach is what athlete_weeks must say.
func (m *model) coach() []answer {
	var rows []answer
	loads := m.loads()
	m.weeks(func(start schema.Day) {
		a := m.weekNames(start)
		w := window(m.between(start, start+6))
		for _, name := range []string{
			"sessions", "hours", "distance_km", "hr_coverage", "low_share", "easy_sessions", "hard_sessions",
			"easy_session_share", "label", "polarization_index", "verdict", "reason",
		} {
			a[name] = w[name]
		}
		last := min(start+6, m.end())
		a["verdict_28d"] = window(m.between(last-27, last))["verdict"]
		a["violations"] = float64(len(m.violationsBetween(start, start+6)))
		day := loads[last-m.first()]
		a["load_model"] = day["load_model"]
		for _, name := range []string{"monotony", "strain", "ctl", "atl", "tsb"} {
			a[name] = day[name]
		}
		sum, known := 0.0, false
		for d := max(start, m.first()); d <= last; d++ {
			if v := loads[d-m.first()]["load"]; v != nil {
				sum, known = sum+number(v), true
			}
		}
		a["load"] = orNil(sum, known)
		rows = append(rows, a)
	})
	return rows
}

// violationsBetween is what easy_day_violations must say of some days.
func (m *model) violationsBetween(from, to schema.Day) []answer {
	var rows []answer
	for _, o := range m.between(from, to) {
		intent, planned := m.plans[o.day]
		over := o.class == intensity.ClassModerate || o.class == intensity.ClassHard
		drifted := o.class == intensity.ClassModerate && 2*o.low >= o.low+o.moderate+o.high && o.efforts <= 2
		if o.verdict != intensity.VerdictOK || planned && (intent != "easy" || !over) || !planned && !drifted {
			continue
		}
		a := answer{
			"athlete_id": string(o.athlete), "day": o.day.String(), "session_id": o.id.String(), "sport": string(o.sport),
			"started_at": time.UnixMilli(o.startMs).UTC().Format(time.RFC3339Nano), "meant_easy": "presumed",
			"session_class": string(o.class), "over_vt1_s": float64(o.moderate+o.high) / 1000,
			"over_vt1_share":     float64(o.moderate+o.high) / float64(o.low+o.moderate+o.high),
			"longest_over_vt1_s": float64(o.longest) / 1000, "vt1": o.vt1,
		}
		if planned {
			a["meant_easy"] = "planned"
		}
		m.slower(a, o)
		rows = append(rows, a)
	}
	return rows
}

func (m *model) slower(a answer, o outing) {
	before := m.between(o.day-90, o.day-1)
	ms, metres := float64(sum(before, func(o outing) int64 { return o.nearMs })), sum(before, func(o outing) float64 { return o.nearM })
	run := o.sport == schema.SportRunning
	hasOver, hasNear := o.overM > 0, run && ms >= 20*minuteMs && metres > 0
	a["over_vt1_pace_s_per_km"] = orNil(float64(o.overMs)/o.overM, hasOver)
	a["vt1_pace_s_per_km"] = orNil(ms/metres, hasNear)
	a["slower_by_s_per_km"] = orNil(max(0, ms/metres-float64(o.overMs)/o.overM), hasOver && hasNear)
	switch {
	case !run:
		a["pace_reason"] = "no_run"
	case !hasOver:
		a["pace_reason"] = "no_pace"
	case !hasNear:
		a["pace_reason"] = "little_data"
	default:
		a["pace_reason"] = ""
	}
}

// now is what athlete_now must say.
func (m *model) now() answer {
	latest := slices.MaxFunc(m.outings, func(a, b outing) int { return int(a.startMs/1000 - b.startMs/1000) })
	asOf := max(m.today, m.last())
	month := window(m.between(asOf-27, asOf))
	a := answer{
		"athlete_id": string(latest.athlete), "last_session_day": m.last().String(), "last_session_id": latest.id.String(),
		"days_without_data": float64(max(0, m.today-m.last())), "violations_28d": float64(len(m.violationsBetween(m.today-27, asOf))),
		"ctl": nil, "atl": nil, "tsb": nil, "monotony": nil,
	}
	for _, name := range []string{"sessions", "hours", "low_share", "easy_session_share", "hard_sessions", "verdict", "reason"} {
		a[name+"_28d"] = month[name]
	}
	if asOf <= m.last()+28 {
		day := m.loads()[asOf-m.first()]
		for _, name := range []string{"ctl", "atl", "tsb", "monotony"} {
			a[name] = day[name]
		}
	}
	return a
}
