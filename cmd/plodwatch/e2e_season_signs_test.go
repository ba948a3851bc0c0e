package main

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"plodwatch/testdata/gen/activity"
)

// logIsTrue compares the daily log with what the athlete wrote, in numbers,
// words, colours and faces.
func (l *life) logIsTrue() {
	type row struct {
		Day       string   `json:"day"`
		RestingHR *float64 `json:"resting_hr"`
		HRV       *float64 `json:"hrv"`
		SleepH    *float64 `json:"sleep_h"`
		Energy    *int     `json:"energy"`
		Written   *string  `json:"energy_as_written"`
	}
	got := map[string]row{}
	for _, r := range rows[row](l.person, `SELECT toString(day) AS day, resting_hr, hrv, sleep_h, energy, energy_as_written
		FROM daily_log WHERE athlete_id = 'me'`) {
		got[r.Day] = r
	}
	if len(got) != len(l.season.Days) {
		l.t.Errorf("%d days in the log, %d were written", len(got), len(l.season.Days))
	}
	equal := func(have *float64, want int) bool { return want == 0 && have == nil || orNaN(have) == float64(want) }
	for i := range l.season.Days {
		want := &l.season.Days[i]
		have := got[isoDay(want.Day)]
		energy := want.Level == 0 && have.Energy == nil || have.Energy != nil && *have.Energy == want.Level
		if !equal(have.RestingHR, want.RestingHR) || !equal(have.HRV, want.HRV) || orNaN(have.SleepH) != want.SleepH || !energy ||
			orEmpty(have.Written) != want.Energy {
			l.t.Errorf("log: %s, written was %+v", asJSON(have), want)
		}
	}
}

// seasonWarning is a row of warnings.
type seasonWarning struct {
	Day       string             `json:"day"`
	Signal    string             `json:"signal"`
	Pattern   string             `json:"pattern"`
	Value     *float64           `json:"value"`
	Baseline  *float64           `json:"baseline"`
	Change    *float64           `json:"change"`
	Threshold string             `json:"threshold"`
	Inputs    map[string]float64 `json:"inputs"`
}

// warningsAreTrue: the overtrained spring is warned of by all four signals and
// the pattern of the plods, base and build know no such pattern, and every
// warning about resting heart rate, energy, pace and monotony follows from what
// was written and booked.
func (l *life) warningsAreTrue() {
	count := map[activity.Phase]map[string]int{}
	got := map[string]map[string]bool{}
	for _, w := range rows[seasonWarning](l.person, `SELECT toString(day) AS day, signal, pattern, value, baseline, change, threshold, inputs
		FROM warnings WHERE athlete_id = 'me'`) {
		phase := l.phaseOn(w.Day)
		if count[phase] == nil {
			count[phase] = map[string]int{}
		}
		count[phase][w.Signal]++
		if got[w.Signal] == nil {
			got[w.Signal] = map[string]bool{}
		}
		got[w.Signal][w.Day] = true
		if !strings.HasPrefix(w.Pattern, "pattern") || strings.Contains(w.Pattern, "diagnos") || w.Threshold == "" || len(w.Inputs) == 0 {
			l.t.Errorf("warning does not explain itself: %s", asJSON(w))
		}
		if w.Signal == "same_effort_pace" && !(orNaN(w.Change) > 5) {
			l.t.Errorf("warning of a slower pace that is not: %s", asJSON(w))
		}
	}
	l.t.Logf("warnings by phase: %v", count)
	spring := count[activity.PhaseOvertrained]
	for _, signal := range []string{"resting_hr", "energy", "same_effort_pace", "monotony", "plods"} {
		if spring[signal] < 5 {
			l.t.Errorf("%d days of %s in the overtrained spring, want some", spring[signal], signal)
		}
	}
	for _, phase := range []activity.Phase{activity.PhaseBase, activity.PhaseBuild} {
		for _, signal := range []string{"plods", "same_effort_pace", "monotony"} {
			if n := count[phase][signal]; n != 0 {
				l.t.Errorf("%d days of %s in %s", n, signal, phase)
			}
		}
	}
	for signal, want := range map[string][]string{
		"resting_hr": l.restingHRUp(), "energy": l.energyDown(), "monotony": l.monotonous(), "same_effort_pace": l.slower(),
	} {
		have := slices.Sorted(maps.Keys(got[signal]))
		if !slices.Equal(have, want) {
			l.t.Errorf("days with %s: %v\nwant %v", signal, have, want)
		}
	}
}

func (l *life) phaseOn(d string) activity.Phase {
	phase := activity.PhaseBase
	for i := range l.season.Weeks {
		if isoDay(l.season.Weeks[i].First) <= d {
			phase = l.season.Weeks[i].Phase
		}
	}
	return phase
}

// written returns what the log has of the days from to to; value says 0 for
// nothing.
func (l *life) written(from, to time.Time, value func(*activity.SeasonDay) int) []float64 {
	var list []float64
	for i := range l.season.Days {
		d := &l.season.Days[i]
		if v := value(d); v != 0 && !d.Day.Before(from) && !d.Day.After(to) {
			list = append(list, float64(v))
		}
	}
	return list
}

// daysWhen returns the days of the season on which the last 7 days, compared
// with the 28 before them, are adverse; 3 and 14 values are needed.
func (l *life) daysWhen(value func(*activity.SeasonDay) int, adverse func(now, before []float64) bool) []string {
	var days []string
	for i := range 7 * len(l.season.Weeks) {
		at := l.season.From.AddDate(0, 0, i)
		now, before := l.written(at.AddDate(0, 0, -6), at, value), l.written(at.AddDate(0, 0, -34), at.AddDate(0, 0, -7), value)
		if len(now) >= 3 && len(before) >= 14 && adverse(now, before) {
			days = append(days, isoDay(at))
		}
	}
	return days
}

// restingHRUp: 5 bpm up in the mean, or more than a standard deviation up on
// three of the seven days.
func (l *life) restingHRUp() []string {
	return l.daysWhen(func(d *activity.SeasonDay) int { return d.RestingHR }, func(now, before []float64) bool {
		mean, deviation := meanAndDeviation(before)
		over := 0
		for _, v := range now {
			if v > mean+deviation {
				over++
			}
		}
		week, _ := meanAndDeviation(now)
		return week-mean >= 5 || deviation > 0 && over >= 3
	})
}

// energyDown: half a level down in the mean.
func (l *life) energyDown() []string {
	return l.daysWhen(func(d *activity.SeasonDay) int { return d.Level }, func(now, before []float64) bool {
		week, _ := meanAndDeviation(now)
		mean, _ := meanAndDeviation(before)
		return week <= mean-0.5
	})
}

// monotonous are the days on which the loads of seven days have a monotony
// above 2.
func (l *life) monotonous() []string {
	loads := map[string]float64{}
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		loads[isoDay(s.Day)] = banisterLoad(s, l.season.HRMaxOn(s.Day))
	}
	var days []string
	first, last := l.season.Sessions[0].Day, l.season.Sessions[len(l.season.Sessions)-1].Day
	for at := first.AddDate(0, 0, 6); !at.After(last); at = at.AddDate(0, 0, 1) {
		var week []float64
		for i := -6; i <= 0; i++ {
			week = append(week, loads[isoDay(at.AddDate(0, 0, i))])
		}
		if !l.silentWeek(at) && fosterMonotony(week) > 2 {
			days = append(days, isoDay(at))
		}
	}
	return days
}

// slower are the days up to which four weeks of runs were more than 5 % slower
// at 65 to 75 % of max HR than the four before; four runs of each are needed.
func (l *life) slower() []string {
	type paced struct {
		day  time.Time
		pace float64
	}
	var paces []paced
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		if pace := sameEffortPace(s, l.season.HRMaxOn(s.Day)); pace > 0 {
			paces = append(paces, paced{s.Day, pace})
		}
	}
	between := func(from, to time.Time) []float64 {
		var list []float64
		for _, p := range paces {
			if !p.day.Before(from) && !p.day.After(to) {
				list = append(list, p.pace)
			}
		}
		slices.Sort(list)
		return list
	}
	median := func(v []float64) float64 { return (v[len(v)/2] + v[(len(v)-1)/2]) / 2 }
	var days []string
	for i := range 7 * len(l.season.Weeks) {
		at := l.season.From.AddDate(0, 0, i)
		now, before := between(at.AddDate(0, 0, -27), at), between(at.AddDate(0, 0, -55), at.AddDate(0, 0, -28))
		if len(now) >= 4 && len(before) >= 4 && median(now) > 1.05*median(before) {
			days = append(days, isoDay(at))
		}
	}
	return days
}

// sameEffortPace is a run's median pace over the time at 65 to 75 % of max HR, in
// s/km, 0 when there is less than five minutes of it; the first five minutes
// are left out.
func sameEffortPace(s *activity.SeasonSession, hrMax float64) float64 {
	session := &s.Sessions[0]
	if session.Answer.Sport != "running" || s.Verdict() != "ok" {
		return 0
	}
	at := map[uint16]float64{}
	var moving, total float64
	for i := range session.Samples[:len(session.Samples)-1] {
		v := &session.Samples[i]
		seconds := (session.Samples[i+1].At - v.At).Seconds()
		for _, e := range session.Events {
			if e.Stop && e.At > v.At && e.At <= session.Samples[i+1].At {
				seconds = (e.At - v.At).Seconds()
			}
		}
		settled := moving >= 300
		moving += seconds
		if share := float64(v.HR) / hrMax; settled && share >= 0.65 && share < 0.75 {
			at[v.SpeedMMps] += seconds
			total += seconds
		}
	}
	if total < 300 {
		return 0
	}
	sum := 0.0
	for _, speed := range slices.Sorted(maps.Keys(at)) {
		if sum += at[speed]; 2*sum >= total {
			return 1e6 / float64(speed)
		}
	}
	return 0
}

// meanAndDeviation are mean and standard deviation (n-1).
func meanAndDeviation(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)-1))
}

// callsAreTrue: both athletes have long not run, of which nobody makes zeros.
func (l *life) callsAreTrue() {
	type row struct {
		Athlete string   `json:"athlete_id"`
		Needs   bool     `json:"needs_a_call"`
		Reasons []string `json:"reasons"`
		Last    string   `json:"last"`
		Days    int      `json:"days_without_data"`
		Share   *float64 `json:"low_share_28d"`
		Verdict string   `json:"verdict_28d"`
		Reason  string   `json:"reason_28d"`
	}
	last := map[string]time.Time{
		"me": l.season.Sessions[len(l.season.Sessions)-1].Day, "lena": time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC),
	}
	list := rows[row](l.person, `SELECT athlete_id, needs_a_call, reasons, toString(last_session_day) AS last, days_without_data, low_share_28d,
		verdict_28d, reason_28d FROM who_needs_a_call`)
	for _, r := range list {
		days := int(time.Since(last[r.Athlete]).Hours() / 24)
		if !r.Needs || !slices.Contains(r.Reasons, "no_data") || r.Last != isoDay(last[r.Athlete]) || r.Days < days-1 || r.Days > days ||
			r.Share != nil || r.Verdict != "insufficient_data" || r.Reason != "no_sessions" {
			l.t.Errorf("%s, last session on %v", asJSON(r), last[r.Athlete])
		}
	}
	if len(list) != len(last) {
		l.t.Errorf("%d athletes, want %d", len(list), len(last))
	}
}
