package analyze

import (
	"slices"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// What a week needs to be judged.
const (
	leastSessions = 3
	leastMs       = 90 * 60 * 1000
)

// Tally is what a session adds to its week. Times are milliseconds.
type Tally struct {
	SessionKey
	Day                   schema.Day
	TimerMs, ClassifiedMs int64
	LowMs, ModerateMs     int64
	HighMs                int64
	Class                 intensity.Class
	Pace                  ByPace
}

// ByPace is a run by its threshold pace: moving time, milliseconds. Zero when
// it is no run, or no threshold pace is set.
type ByPace struct {
	Threshold                 float64 // threshold pace used, s/km
	LowMs, ModerateMs, HighMs int64
}

// TotalMs is the time whose pace is known.
func (p *ByPace) TotalMs() int64 { return p.LowMs + p.ModerateMs + p.HighMs }

// same reports whether two say the same, by whatever threshold.
func (p *ByPace) same(other *ByPace) bool {
	return (p.Threshold > 0) == (other.Threshold > 0) && p.LowMs == other.LowMs && p.ModerateMs == other.ModerateMs && p.HighMs == other.HighMs
}

// WeekSum adds up the sessions of a week, as the view weekly_intensity does.
type WeekSum struct {
	Sessions, HRSessions  int // the second: with a known intensity
	Easy, Moderate, Hard  int // sessions by class
	TimerMs, ClassifiedMs int64
	LowMs, ModerateMs     int64
	HighMs                int64
	PaceSessions          int // runs judged by the threshold pace
	PaceLowMs             int64
	PaceModerateMs        int64
	PaceHighMs            int64
}

func (w *WeekSum) add(t *Tally) {
	w.Sessions++
	w.TimerMs += t.TimerMs
	w.ClassifiedMs += t.ClassifiedMs
	w.LowMs += t.LowMs
	w.ModerateMs += t.ModerateMs
	w.HighMs += t.HighMs
	if t.LowMs+t.ModerateMs+t.HighMs > 0 {
		w.HRSessions++
	}
	if t.Pace.Threshold > 0 {
		w.PaceSessions++
	}
	w.PaceLowMs += t.Pace.LowMs
	w.PaceModerateMs += t.Pace.ModerateMs
	w.PaceHighMs += t.Pace.HighMs
	switch t.Class {
	case intensity.ClassEasy:
		w.Easy++
	case intensity.ClassModerate:
		w.Moderate++
	case intensity.ClassHard:
		w.Hard++
	}
}

// KnownMs is the time whose intensity is known.
func (w *WeekSum) KnownMs() int64 { return w.LowMs + w.ModerateMs + w.HighMs }

// Verdict judges the week by time: ok from a low share of 0.80, borderline from
// 0.75, too_hard, or insufficient_data with the reason.
func (w *WeekSum) Verdict() (verdict, reason string) {
	known := w.KnownMs()
	switch {
	case w.Sessions == 0:
		reason = "no_sessions"
	case w.ClassifiedMs == 0:
		reason = "no_hr"
	case known == 0:
		reason = "no_hrmax"
	case known*5 < w.TimerMs*4:
		reason = "low_coverage"
	case w.HRSessions < leastSessions:
		reason = "few_sessions"
	case known < leastMs:
		reason = "little_hr"
	default:
		return byShare(w.LowMs, known), ""
	}
	return "insufficient_data", reason
}

// PaceKnownMs is the time of the runs judged by the threshold pace.
func (w *WeekSum) PaceKnownMs() int64 { return w.PaceLowMs + w.PaceModerateMs + w.PaceHighMs }

// PaceVerdict judges the runs of the week by their pace, as Verdict does.
func (w *WeekSum) PaceVerdict() (verdict, reason string) {
	switch {
	case w.PaceSessions == 0:
		reason = "no_pace"
	case w.PaceSessions < leastSessions:
		reason = "few_sessions"
	case w.PaceKnownMs() < leastMs:
		reason = "little_pace"
	default:
		return byShare(w.PaceLowMs, w.PaceKnownMs()), ""
	}
	return "insufficient_data", reason
}

func byShare(low, known int64) string {
	switch {
	case low*5 >= known*4:
		return "ok"
	case low*4 >= known*3:
		return "borderline"
	}
	return "too_hard"
}

// WeekChange is a week that changed settings touch.
type WeekChange struct {
	Start         schema.Day
	Before, After WeekSum
}

// WeekChanges returns the weeks that hold a session of changes, before or
// after, in order. The tallies are those of all sessions of the athlete that
// count, as stored; startsOn is the first day of a week, 1 = Monday to
// 7 = Sunday.
func WeekChanges(tallies []Tally, startsOn int, changes []Change) []WeekChange {
	changed := make(map[SessionKey]*Change, len(changes))
	for i := range changes {
		changed[changes[i].SessionKey] = &changes[i]
	}
	weeks, touched := make(map[schema.Day]*WeekChange), make(map[schema.Day]bool)
	week := func(day schema.Day) *WeekChange {
		start := weekStart(day, startsOn)
		if weeks[start] == nil {
			weeks[start] = &WeekChange{Start: start}
		}
		return weeks[start]
	}
	for i := range tallies {
		before := &tallies[i]
		after := *before
		if c := changed[before.SessionKey]; c != nil {
			after = c.tally()
			touched[weekStart(before.Day, startsOn)], touched[weekStart(after.Day, startsOn)] = true, true
		}
		week(before.Day).Before.add(before)
		week(after.Day).After.add(&after)
	}
	var all []WeekChange
	for start := range touched {
		all = append(all, *weeks[start])
	}
	slices.SortFunc(all, func(a, b WeekChange) int { return int(a.Start) - int(b.Start) })
	return all
}

func (c *Change) tally() Tally {
	return Tally{
		SessionKey: c.SessionKey, Day: c.DayAfter, TimerMs: c.TimerMs, ClassifiedMs: c.ClassifiedMs,
		LowMs: c.After.LowMs, ModerateMs: c.After.ModerateMs, HighMs: c.After.HighMs, Class: c.After.Class, Pace: c.After.Pace,
	}
}

// weekStart returns the first day of the week of a day. Day 0 was a Thursday.
func weekStart(day schema.Day, startsOn int) schema.Day {
	weekday := (int(day)+3)%7 + 1 // 1 = Monday
	if weekday < 1 {
		weekday += 7
	}
	return day - schema.Day((weekday-startsOn+7)%7) //nolint:gosec // less than a week
}
