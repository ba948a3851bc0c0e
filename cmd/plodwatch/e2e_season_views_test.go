package main

import (
	"math"
	"time"

	"plodwatch/testdata/gen/activity"
)

// seasonTotals is a stretch of days as weekly_intensity and rolling_intensity show it.
type seasonTotals struct {
	Day       string   `json:"day"`
	Sessions  int      `json:"sessions"`
	Hours     float64  `json:"hours"`
	LowS      *float64 `json:"low_s"`
	ModerateS *float64 `json:"moderate_s"`
	HighS     *float64 `json:"high_s"`
	LowShare  *float64 `json:"low_share"`
	Easy      int      `json:"easy_sessions"`
	Hard      int      `json:"hard_sessions"`
	Label     string   `json:"label"`
	Verdict   string   `json:"verdict"`
	Reason    string   `json:"reason"`
}

// weeksAreTrue compares every week with the sums of what was booked. The
// overtrained spring is too hard in all of its weeks, base and build in none.
func (l *life) weeksAreTrue() {
	got := map[string]seasonTotals{}
	for _, w := range rows[seasonTotals](l.person, `SELECT toString(week_start) AS day, sessions, hours, low_s, moderate_s, high_s, low_share,
		easy_sessions, hard_sessions, label, verdict, reason FROM weekly_intensity WHERE athlete_id = 'me'`) {
		got[w.Day] = w
	}
	const after = 4 // weeks without a session, to 28 days after the last
	if len(got) != len(l.season.Weeks)+after {
		l.t.Errorf("%d weeks, the season has %d and %d are empty", len(got), len(l.season.Weeks), after)
	}
	for i := range after {
		first := l.season.From.AddDate(0, 0, 7*(len(l.season.Weeks)+i))
		empty := got[isoDay(first)]
		empty.compare(l, first, first.AddDate(0, 0, 6))
	}
	verdicts := map[activity.Phase]map[string]int{}
	for i := range l.season.Weeks {
		w := &l.season.Weeks[i]
		have := got[isoDay(w.First)]
		have.compare(l, w.First, w.First.AddDate(0, 0, 6))
		if verdicts[w.Phase] == nil {
			verdicts[w.Phase] = map[string]int{}
		}
		verdicts[w.Phase][have.Verdict]++
		if wanted := map[activity.Phase]string{activity.PhaseBuild: "polarized"}[w.Phase]; wanted != "" && have.Label != wanted {
			l.t.Errorf("week of %s in %s: label %s, want %s", have.Day, w.Phase, have.Label, wanted)
		}
	}
	for phase, wanted := range map[activity.Phase]string{
		activity.PhaseBase: "ok", activity.PhaseBuild: "ok", activity.PhaseOvertrained: "too_hard", activity.PhaseReturn2: "ok", activity.PhaseReturn3: "ok",
	} {
		others := len(verdicts[phase]) - 1
		if phase == activity.PhaseBase {
			others -= verdicts[phase]["insufficient_data"] // one, with a long run without heart rate
		}
		if verdicts[phase][wanted] == 0 || others != 0 {
			l.t.Errorf("verdicts of the weeks in %s: %v, want %s", phase, verdicts[phase], wanted)
		}
	}
}

// windowsAreTrue compares the 28 days up to every day of the season.
func (l *life) windowsAreTrue() {
	got := map[string]seasonTotals{}
	for _, w := range rows[seasonTotals](l.person, `SELECT toString(day) AS day, sessions_28d AS sessions, hours_28d AS hours, low_s_28d AS low_s,
		moderate_s_28d AS moderate_s, high_s_28d AS high_s, low_share_28d AS low_share, easy_sessions_28d AS easy_sessions,
		hard_sessions_28d AS hard_sessions, label_28d AS label, verdict_28d AS verdict, reason_28d AS reason
		FROM rolling_intensity WHERE athlete_id = 'me'`) {
		got[w.Day] = w
	}
	last := l.season.Sessions[len(l.season.Sessions)-1].Day
	for at := l.season.Sessions[0].Day; !at.After(last.AddDate(0, 0, 28)); at = at.AddDate(0, 0, 1) {
		have, ok := got[isoDay(at)]
		if !ok {
			l.t.Fatalf("no row for %s", isoDay(at))
		}
		have.compare(l, at.AddDate(0, 0, -27), at)
		delete(got, isoDay(at))
	}
	if len(got) != 0 {
		l.t.Errorf("%d days beyond the season and the four weeks after it", len(got))
	}
}

// compare compares with the sessions from a day to a day.
func (w *seasonTotals) compare(l *life, from, to time.Time) {
	var want activity.SeasonWeek
	easy, hard := 0, 0
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		if s.Day.Before(from) || s.Day.After(to) {
			continue
		}
		want.Add(s)
		switch s.Class() {
		case "easy":
			easy++
		case "hard":
			hard++
		}
	}
	if w.Sessions != want.Count || math.Abs(w.Hours-want.Timer.Hours()) > 1e-6 || w.Easy != easy || w.Hard != hard ||
		w.Verdict != want.Verdict() || w.Reason != want.Reason() {
		l.t.Errorf("%s to %s: %s, want %d sessions, %v, %d easy, %d hard, %s %s", isoDay(from), isoDay(to), asJSON(w),
			want.Count, want.Timer, easy, hard, want.Verdict(), want.Reason())
	}
	share, known := want.Total.LowShare()
	if !known {
		if w.LowS != nil || w.ModerateS != nil || w.HighS != nil || w.LowShare != nil {
			l.t.Errorf("%s to %s: nothing is known, and yet %s", isoDay(from), isoDay(to), asJSON(w))
		}
		return
	}
	if !sameSeconds(orNaN(w.LowS), want.Total.Low.Seconds()) || !sameSeconds(orNaN(w.ModerateS), want.Total.Moderate.Seconds()) ||
		!sameSeconds(orNaN(w.HighS), want.Total.High.Seconds()) || !(math.Abs(orNaN(w.LowShare)-share) < 1e-9) {
		l.t.Errorf("%s to %s: %s, booked were %+v", isoDay(from), isoDay(to), asJSON(w), want.Total)
	}
}

// violationsAreTrue: every session planned easy that was not shows up, and no
// other; in the overtrained spring they are many, before it none.
func (l *life) violationsAreTrue() {
	type row struct {
		Day      string   `json:"day"`
		Meant    string   `json:"meant_easy"`
		Class    string   `json:"session_class"`
		OverS    float64  `json:"over_vt1_s"`
		LongestS float64  `json:"longest_over_vt1_s"`
		Slower   *float64 `json:"slower_by_s_per_km"`
		Why      string   `json:"pace_reason"`
	}
	got := map[string]row{}
	for _, r := range rows[row](l.person, `SELECT toString(day) AS day, meant_easy, session_class, over_vt1_s, longest_over_vt1_s,
		slower_by_s_per_km, pace_reason FROM easy_day_violations WHERE athlete_id = 'me'`) {
		got[r.Day] = r
	}
	count := map[activity.Phase]int{}
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		have, found := got[isoDay(s.Day)]
		if want := s.PlannedEasy && (s.Class() == "moderate" || s.Class() == "hard"); want != found {
			l.t.Errorf("%s (%s in %s, %s): a violation: %t, want %t", s.Name, s.Intent, s.Phase, s.Class(), found, want)
		}
		if !found {
			continue
		}
		count[s.Phase]++
		over := (s.Thirds.Moderate + s.Thirds.High).Seconds()
		if have.Meant != "planned" || have.Class != s.Class() || !sameSeconds(have.OverS, over) || have.LongestS <= 0 || have.LongestS > over {
			l.t.Errorf("%s: %s, booked were %+v", s.Name, asJSON(have), s.Thirds)
		}
		if (have.Slower == nil) == (have.Why == "") {
			l.t.Errorf("%s: no pace and no reason, or both: %s", s.Name, asJSON(have))
		}
	}
	if n := count[activity.PhaseOvertrained]; len(count) != 1 || n < 40 {
		l.t.Errorf("violations by phase: %v, want 40 or more in %s and none else", count, activity.PhaseOvertrained)
	}
}

// loadIsTrue computes the load of every day from the beats that were booked.
func (l *life) loadIsTrue() {
	type row struct {
		Day      string   `json:"day"`
		Trimp    *float64 `json:"trimp"`
		Foster   *float64 `json:"foster"`
		CTL      *float64 `json:"ctl"`
		ATL      *float64 `json:"atl"`
		TSB      *float64 `json:"tsb"`
		Monotony *float64 `json:"monotony"`
		WarmUp   bool     `json:"warm_up"`
		Verdict  string   `json:"verdict"`
	}
	got := map[string]row{}
	for _, r := range rows[row](l.person, `SELECT toString(day) AS day, trimp, foster, ctl, atl, tsb, monotony, warm_up, verdict
		FROM load_daily WHERE athlete_id = 'me'`) {
		got[r.Day] = r
	}
	sessions := map[string]*activity.SeasonSession{}
	for i := range l.season.Sessions {
		sessions[isoDay(l.season.Sessions[i].Day)] = &l.season.Sessions[i]
	}
	var ctl, atl float64
	var week []float64
	first, last := l.season.Sessions[0].Day, l.season.Sessions[len(l.season.Sessions)-1].Day
	for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
		have, load, silent := got[isoDay(at)], 0.0, false
		if s := sessions[isoDay(at)]; s != nil {
			load, silent = banisterLoad(s, l.season.HRMaxOn(at)), s.Verdict() == "no_hr"
			if foster := s.RPE * s.Timer().Minutes(); (have.Foster != nil) != (s.RPE >= 0) || s.RPE >= 0 && math.Abs(*have.Foster-foster) > 1e-3 {
				l.t.Errorf("%s: perceived load %v, want %v", isoDay(at), orNaN(have.Foster), foster)
			}
		}
		tsb := ctl - atl
		ctl, atl = ctl+(load-ctl)/42, atl+(load-atl)/7
		week = append(week, load)
		if (have.Trimp == nil) != silent || !silent && !(math.Abs(*have.Trimp-load) < 1e-6) ||
			!(math.Abs(orNaN(have.CTL)-ctl) < 1e-6) || !(math.Abs(orNaN(have.ATL)-atl) < 1e-6) || !(math.Abs(orNaN(have.TSB)-tsb) < 1e-6) {
			l.t.Errorf("%s: %s, want trimp %v, ctl %v, atl %v, tsb %v", isoDay(at), asJSON(have), load, ctl, atl, tsb)
		}
		if have.Monotony != nil && !(math.Abs(*have.Monotony-fosterMonotony(week[len(week)-7:])) < 1e-6) {
			l.t.Errorf("%s: monotony %v, want %v", isoDay(at), *have.Monotony, fosterMonotony(week[len(week)-7:]))
		}
		if early := at.Before(first.AddDate(0, 0, 42)); have.WarmUp != early || (have.Monotony == nil) != (len(week) < 7 || l.silentWeek(at)) {
			l.t.Errorf("%s, day %d: %s", isoDay(at), len(week), asJSON(have))
		}
	}
}

// silentWeek reports whether one of the seven days up to at had a session
// without any heart rate.
func (l *life) silentWeek(at time.Time) bool {
	for i := range l.season.Sessions {
		s := &l.season.Sessions[i]
		if s.Verdict() == "no_hr" && !s.Day.After(at) && s.Day.After(at.AddDate(0, 0, -7)) {
			return true
		}
	}
	return false
}

// banisterLoad is the TRIMP of a session for men (Banister 1991), from the time at
// each heart rate.
func banisterLoad(s *activity.SeasonSession, hrMax float64) float64 {
	sum := 0.0
	for bpm, ms := range s.Sessions[0].Answer.HRMs {
		x := min(max((float64(bpm)-activity.SeasonHRRest)/(hrMax-activity.SeasonHRRest), 0), 1)
		sum += float64(ms) / 60_000 * x * 0.64 * math.Exp(1.92*x)
	}
	return sum
}

// fosterMonotony is the mean of loads over their standard deviation (Foster 1998).
func fosterMonotony(loads []float64) float64 {
	mean, squares := 0.0, 0.0
	for _, v := range loads {
		mean += v / float64(len(loads))
	}
	for _, v := range loads {
		squares += (v - mean) * (v - mean)
	}
	return mean / math.Sqrt(squares/float64(len(loads)-1))
}
