package main

import (
	"math"
	"slices"
	"strings"

	"plodwatch/testdata/gen/activity"
)

// seasonReturnWeek is a row of return_to_run.
type seasonReturnWeek struct {
	Phase     int      `json:"phase"`
	Week      int      `json:"week"`
	From      string   `json:"week_from"`
	Sessions  int      `json:"sessions"`
	Days      int      `json:"days"`
	Minutes   float64  `json:"minutes"`
	Baseline  *float64 `json:"baseline_minutes"`
	Source    string   `json:"baseline_source"`
	Unit      string   `json:"volume_unit"`
	VolumePct *float64 `json:"volume_pct"`
	HardS     *float64 `json:"hard_s"`
	Hard      int      `json:"hard_sessions"`
	OverCapS  *float64 `json:"over_cap_s"`
	Outcome   string   `json:"outcome"`
	Reasons   []string `json:"reasons"`
	Next      string   `json:"next_week"`
}

// returnIsTrue: the weeks of the return pass, but for the one with the breach,
// which says so.
func (l *life) returnIsTrue() {
	list := rows[seasonReturnWeek](l.person, `SELECT phase, week, toString(week_from) AS week_from, sessions, days, minutes, baseline_minutes,
		baseline_source, volume_unit, volume_pct, hard_s, hard_sessions, over_cap_s, outcome, reasons, next_week
		FROM return_to_run WHERE athlete_id = 'me' ORDER BY week_from`)
	rest := slices.IndexFunc(l.season.Weeks, func(w activity.SeasonWeek) bool { return w.Phase == activity.PhaseRest })
	var baseline float64
	for _, w := range l.season.Weeks[rest-12 : rest] {
		baseline += w.Timer.Minutes() / 12
	}
	breach := l.breach()
	i := 0
	for k := range l.season.Weeks {
		w := &l.season.Weeks[k]
		phase := map[activity.Phase]int{activity.PhaseRest: 1, activity.PhaseReturn2: 2, activity.PhaseReturn3: 3}[w.Phase]
		if phase == 0 {
			continue
		}
		if i >= len(list) {
			l.t.Fatalf("%d weeks of the return, want more", len(list))
		}
		got := list[i]
		i++
		hard := w.Total.Moderate + w.Total.High
		if got.Phase != phase || got.From != isoDay(w.First) || got.Sessions != w.Count || got.Days != w.Count ||
			math.Abs(got.Minutes-w.Timer.Minutes()) > 1e-6 || !sameSeconds(orNaN(got.HardS), hard.Seconds()) ||
			!(math.Abs(orNaN(got.Baseline)-baseline) < 1e-6) || got.Source != "computed" || got.Unit != "minutes" ||
			!(math.Abs(orNaN(got.VolumePct)-100*w.Timer.Minutes()/baseline) < 1e-6) || got.Next == "" {
			l.t.Errorf("week of %s: %s, booked were %d sessions, %v, %v hard, volume before %v min", isoDay(w.First), asJSON(got), w.Count, w.Timer, hard, baseline)
		}
		l.judgedRightly(w, &got, breach)
	}
	if i != len(list) {
		l.t.Errorf("%d weeks of the return, want %d", len(list), i)
	}
	l.sessionsOfTheReturn(breach)
}

// breach is the run that breaks the cap.
func (l *life) breach() *activity.SeasonSession {
	i := slices.IndexFunc(l.season.Sessions, func(s activity.SeasonSession) bool { return s.Intent == "breach" })
	return &l.season.Sessions[i]
}

func (l *life) judgedRightly(w *activity.SeasonWeek, got *seasonReturnWeek, breach *activity.SeasonSession) {
	l.t.Helper()
	if l.season.Weeks[breach.Week].First != w.First {
		if got.Outcome != "pass" || len(got.Reasons) != 0 {
			l.t.Errorf("week of %s does not pass: %s", got.From, asJSON(got))
		}
		return
	}
	why := strings.Join(got.Reasons, "; ")
	if got.Outcome != "fail" || !strings.Contains(why, isoDay(breach.Day)) || !strings.Contains(why, "over the cap") ||
		!strings.Contains(why, "hard session") || !strings.HasPrefix(got.Next, "repeat the week") {
		l.t.Errorf("the week with the breach of %s: %s", isoDay(breach.Day), asJSON(got))
	}
}

// sessionsOfTheReturn: one of them fails, for as long over the cap as it was.
func (l *life) sessionsOfTheReturn(breach *activity.SeasonSession) {
	type row struct {
		Day      string   `json:"day"`
		Cap      *float64 `json:"cap_bpm"`
		OverCapS *float64 `json:"over_cap_s"`
		LongestS *float64 `json:"longest_over_cap_s"`
		CapOK    *bool    `json:"cap_ok"`
		Outcome  string   `json:"outcome"`
		Reason   string   `json:"reason"`
	}
	list := rows[row](l.person, `SELECT toString(day) AS day, cap_bpm, over_cap_s, longest_over_cap_s, cap_ok, outcome, reason
		FROM return_to_run_sessions WHERE athlete_id = 'me' ORDER BY day`)
	i := 0
	for k := range l.season.Sessions {
		s := &l.season.Sessions[k]
		if !slices.Contains([]activity.Phase{activity.PhaseRest, activity.PhaseReturn2, activity.PhaseReturn3}, s.Phase) {
			continue
		}
		if i >= len(list) {
			l.t.Fatalf("%d sessions of the return, want more", len(list))
		}
		got := list[i]
		i++
		limit := min(120, 0.6*l.season.HRMaxOn(s.Day))
		over, longest := overCapIn(&s.Sessions[0], limit)
		if got.Day != isoDay(s.Day) || !(math.Abs(orNaN(got.Cap)-limit) < 1e-9) || !sameSeconds(orNaN(got.OverCapS), over) || !sameSeconds(orNaN(got.LongestS), longest) {
			l.t.Errorf("%s: %s, booked were %v s over a cap of %v, longest %v s", s.Name, asJSON(got), over, limit, longest)
		}
		if s.Name == breach.Name {
			if got.Outcome != "fail" || got.CapOK == nil || *got.CapOK || !strings.Contains(got.Reason, "over the cap of 112.8 bpm") {
				l.t.Errorf("the breach: %s", asJSON(got))
			}
		} else if got.Outcome != "pass" || got.Reason != "" {
			l.t.Errorf("%s (%s) does not pass: %s", s.Name, s.Intent, asJSON(got))
		}
	}
	if i != len(list) {
		l.t.Errorf("%d sessions of the return, want %d", len(list), i)
	}
}

// overCapIn sums the seconds from a heart rate on, from the third minute of timer
// time, and the longest stretch of them.
func overCapIn(s *activity.Session, limit float64) (over, longest float64) {
	stretch, timer := 0.0, 0.0
	for i := range s.Samples {
		v := &s.Samples[i]
		until := s.Elapsed
		if i+1 < len(s.Samples) {
			until = s.Samples[i+1].At
		}
		seconds, stopped := (until - v.At).Seconds(), false
		for _, e := range s.Events {
			if e.Stop && e.At > v.At && e.At <= until {
				seconds, stopped = (e.At - v.At).Seconds(), true
			}
		}
		settled := max(0, min(seconds, timer+seconds-120))
		timer += seconds
		if v.HR == 0 || float64(v.HR) < limit {
			stretch = 0
			continue
		}
		over += settled
		stretch += settled
		longest = max(longest, stretch)
		if stopped {
			stretch = 0
		}
	}
	return over, longest
}
