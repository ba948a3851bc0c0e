// Package periods is the arithmetic over many sessions of an athlete: sums of
// every calendar day and of the 7 and 28 days that end with it, their
// distribution over the intensities, and training load. It is pure: no clock,
// no log, no I/O. What the choices are stands in schema/tables/decisions.md.
package periods

import (
	"slices"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Version grows whenever the same sessions would give other days than before, or
// more is kept beside them.
const Version uint32 = 3

// TailDays is for how many days after the last session there are days.
const TailDays = 28

// Session is what a session says to the days; times are milliseconds. Pointers
// are nil for what is not known.
type Session struct {
	Day                             schema.Day // local
	TimerMs, MovingMs, ClassifiedMs int64
	DistanceM                       *float64
	RPE                             *float64 // 0 to 10
	LowMs, ModerateMs, HighMs       int64    // 0 when the thresholds are unknown
	Class                           intensity.Class
	Efforts                         int
	Paced                           bool // a run that was judged by the threshold pace
	PaceLowMs, PaceModerateMs       int64
	PaceHighMs                      int64
	NearVT1Ms                       int64
	NearVT1M                        float64
	Trimp, Edwards, Lucia           *float64
}

// Sums is what sessions add up to; times are milliseconds.
type Sums struct {
	Sessions                              uint32
	HRSessions                            uint32 // whose intensity is known
	EasySessions, ModerateSessions        uint32
	HardSessions                          uint32
	DistanceSessions                      uint32 // with a distance
	PaceSessions                          uint32 // judged by the threshold pace
	TimerMs, ClassifiedMs                 int64
	LowMs, ModerateMs, HighMs             int64
	PaceLowMs, PaceModerateMs, PaceHighMs int64
	DistanceM                             float64
}

// Window is what the sessions of the days of a window add up to, and how that
// is judged.
type Window struct {
	Sums
	Judgement
}

// Day is a calendar day of an athlete. Pointers are nil for what has no answer.
type Day struct {
	Day    schema.Day
	Tail   bool   // after the last session
	Number uint32 // 1 is the day of the first session
	Sums
	OverEasySessions uint32 // class moderate or hard: violations where the day was planned easy
	DriftedSessions  uint32 // violations where nothing was planned, see isDrifted
	MovingMs         int64
	RatedSessions    uint32 // with a perceived exertion

	// The loads of the sessions that have one: nil when none has, 0 on rest days.
	Trimp, Edwards, Lucia *float64
	Foster                *float64 // perceived exertion times timer minutes (Foster 1998)

	Week, Month Window // the 7 and 28 days that end with this one
	Load        Load

	NearVT1Ms90 int64   // runs of the 90 days before: time just below VT1
	NearVT1M90  float64 // and the distance in it, m
}

// driftedEfforts is from how many efforts on a session counts as intervals.
const driftedEfforts = 3

// isDrifted reports whether a session was presumably meant easy and was not:
// moderate, at least half of it low, and without intervals.
func (s *Session) isDrifted() bool {
	return s.Class == intensity.ClassModerate && s.LowMs*2 >= s.LowMs+s.ModerateMs+s.HighMs && s.Efforts < driftedEfforts
}

// Make returns the days of an athlete from the first session to TailDays after
// the last, none without sessions. The sessions may come in any order.
func Make(sessions []Session) []Day {
	if len(sessions) == 0 {
		return nil
	}
	sessions = slices.Clone(sessions)
	slices.SortStableFunc(sessions, func(a, b Session) int { return int(a.Day) - int(b.Day) })
	first, last := sessions[0].Day, sessions[len(sessions)-1].Day
	days := make([]Day, last-first+TailDays+1)
	model := modelOf(sessions)
	near := make([]nearVT1, len(days))
	for i := range days {
		d := &days[i]
		d.Day = first + schema.Day(i)                //nolint:gosec // days of a span
		d.Tail, d.Number = d.Day > last, uint32(i+1) //nolint:gosec // days of a span
		n := 0
		for n < len(sessions) && sessions[n].Day == d.Day {
			near[i].add(sessions[n].NearVT1Ms, sessions[n].NearVT1M)
			n++
		}
		d.addUp(sessions[:n], model)
		sessions = sessions[n:]
	}
	for i := range days {
		days[i].Week = windowOf(days[max(0, i-6) : i+1])
		days[i].Month = windowOf(days[max(0, i-27) : i+1])
		for _, v := range near[max(0, i-90):i] {
			days[i].NearVT1Ms90 += v.ms
			days[i].NearVT1M90 += v.m
		}
	}
	addLoads(days, model)
	return days
}

type nearVT1 struct {
	ms int64
	m  float64
}

func (v *nearVT1) add(ms int64, m float64) {
	v.ms += ms
	v.m += m
}

// addUp fills what the sessions of the day itself add up to.
func (d *Day) addUp(sessions []Session, model Model) {
	for i := range sessions {
		s := &sessions[i]
		d.addSession(s)
		d.MovingMs += s.MovingMs
		if s.Class == intensity.ClassModerate || s.Class == intensity.ClassHard {
			d.OverEasySessions++
		}
		if s.isDrifted() {
			d.DriftedSessions++
		}
		if s.RPE != nil {
			d.RatedSessions++
		}
	}
	d.Trimp = total(sessions, func(s *Session) *float64 { return s.Trimp })
	d.Edwards = total(sessions, func(s *Session) *float64 { return s.Edwards })
	d.Lucia = total(sessions, func(s *Session) *float64 { return s.Lucia })
	d.Foster = total(sessions, func(s *Session) *float64 {
		if s.RPE == nil {
			return nil
		}
		v := *s.RPE * float64(s.TimerMs) / 60_000
		return &v
	})
	d.Load.Model = model
	d.Load.Load = model.of(d)
	for i := range sessions {
		if model.ofSession(&sessions[i]) == nil {
			d.Load.Unknown++
		}
	}
}

// total adds up what is known: nil when there are sessions and none knows.
func total(sessions []Session, of func(*Session) *float64) *float64 {
	sum, known := 0.0, len(sessions) == 0
	for i := range sessions {
		if v := of(&sessions[i]); v != nil {
			sum += *v
			known = true
		}
	}
	if !known {
		return nil
	}
	return &sum
}

func (s *Sums) addSession(x *Session) {
	s.Sessions++
	if x.LowMs+x.ModerateMs+x.HighMs > 0 {
		s.HRSessions++
	}
	switch x.Class {
	case intensity.ClassEasy:
		s.EasySessions++
	case intensity.ClassModerate:
		s.ModerateSessions++
	case intensity.ClassHard:
		s.HardSessions++
	case intensity.ClassNone:
	}
	if x.DistanceM != nil {
		s.DistanceSessions++
		s.DistanceM += *x.DistanceM
	}
	if x.Paced {
		s.PaceSessions++
	}
	s.TimerMs += x.TimerMs
	s.ClassifiedMs += x.ClassifiedMs
	s.LowMs += x.LowMs
	s.ModerateMs += x.ModerateMs
	s.HighMs += x.HighMs
	s.PaceLowMs += x.PaceLowMs
	s.PaceModerateMs += x.PaceModerateMs
	s.PaceHighMs += x.PaceHighMs
}

func (s *Sums) add(x *Sums) {
	s.Sessions += x.Sessions
	s.HRSessions += x.HRSessions
	s.EasySessions += x.EasySessions
	s.ModerateSessions += x.ModerateSessions
	s.HardSessions += x.HardSessions
	s.DistanceSessions += x.DistanceSessions
	s.PaceSessions += x.PaceSessions
	s.TimerMs += x.TimerMs
	s.ClassifiedMs += x.ClassifiedMs
	s.LowMs += x.LowMs
	s.ModerateMs += x.ModerateMs
	s.HighMs += x.HighMs
	s.PaceLowMs += x.PaceLowMs
	s.PaceModerateMs += x.PaceModerateMs
	s.PaceHighMs += x.PaceHighMs
	s.DistanceM += x.DistanceM
}

func windowOf(days []Day) Window {
	var w Window
	for i := range days {
		w.add(&days[i].Sums)
	}
	w.Judgement = w.Judge()
	return w
}
