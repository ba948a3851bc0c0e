package activity

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Season is the training of one athlete over 110 weeks: base, build, a spring
// of overtraining, twelve weeks of rest, and the return to running with one
// breach of its cap. Same seed and first day, same season.
//
// The athlete's max HR is 188 bpm, from the third phase of the return on it is
// set to 186, the resting heart rate is 48 bpm; thresholds are 82 and 87 % of
// the max HR that is set on the day.
type Season struct {
	From     time.Time // first day, a Monday, midnight UTC
	Weeks    []SeasonWeek
	Sessions []SeasonSession // ascending in time, at most one a day
	Days     []SeasonDay     // the athlete's log, ascending; some days are missing
}

// Phase is a part of the season.
type Phase string

// The phases, in their order.
const (
	PhaseBase        Phase = "base"        // 80/20 met, pyramidal
	PhaseBuild       Phase = "build"       // polarized
	PhaseOvertrained Phase = "overtrained" // easy days too hard, then slower and more tired
	PhaseRest        Phase = "rest"        // phase 1 of the return
	PhaseReturn2     Phase = "return_2"    // phase 2, under the cap
	PhaseReturn3     Phase = "return_3"    // phase 3, with hard sessions
	PhaseAfter       Phase = "after"       // running again
)

// Weeks of the phases: first week of each, counted from 0.
const (
	weekBuild       = 28
	weekOvertrained = 56
	weekRest        = 72
	weekReturn2     = 84
	weekReturn3     = 92
	weekAfter       = 106
	seasonWeeks     = 110

	weekBreach = weekReturn2 + 4 // holds the run that breaks the cap
)

// The athlete of every season, in bpm.
const (
	SeasonHRMax      = 188.0
	SeasonHRMaxLater = 186.0 // as set from the first day of PhaseReturn3 on
	SeasonHRRest     = 48.0
)

// SeasonWeek is one week from Monday to Sunday, local time, with what its
// sessions sum to.
type SeasonWeek struct {
	First  time.Time // Monday, midnight UTC
	Phase  Phase
	Total  Thirds
	Timer  time.Duration
	Count  int // sessions
	WithHR int // sessions with any heart rate
}

// SeasonSession is one session of the season with its answer.
type SeasonSession struct {
	Activity

	Day         time.Time // local day, midnight UTC
	Week        int       // index into Weeks
	Phase       Phase
	Intent      string // what it was meant to be: easy, long, steady, intervals, tempo, walk, breach
	PlannedEasy bool   // stands in the plan as an easy day
	RPE         float64
	Thirds      Thirds // time below, between and above the thresholds
}

// FirstOf returns the first day of a phase.
func (s *Season) FirstOf(p Phase) time.Time {
	for i := range s.Weeks {
		if s.Weeks[i].Phase == p {
			return s.Weeks[i].First
		}
	}
	return s.From.AddDate(0, 0, 7*len(s.Weeks))
}

// HRMaxOn is the max HR that is set on a day, in bpm.
func (s *Season) HRMaxOn(day time.Time) float64 {
	if day.Before(s.FirstOf(PhaseReturn3)) {
		return SeasonHRMax
	}
	return SeasonHRMaxLater
}

func phaseOf(week int) Phase {
	switch {
	case week < weekBuild:
		return PhaseBase
	case week < weekOvertrained:
		return PhaseBuild
	case week < weekRest:
		return PhaseOvertrained
	case week < weekReturn2:
		return PhaseRest
	case week < weekReturn3:
		return PhaseReturn2
	case week < weekAfter:
		return PhaseReturn3
	default:
		return PhaseAfter
	}
}

// NewSeason invents a season from a Monday on.
func NewSeason(from time.Time, seed uint64) (*Season, error) {
	from = from.UTC()
	if from.Weekday() != time.Monday || !from.Equal(from.Truncate(24*time.Hour)) {
		return nil, fmt.Errorf("make season from %s: need midnight of a Monday", from.Format(time.RFC3339))
	}
	if from.Year() < 1990 || from.Year() > 2100 {
		return nil, errors.New("make season: need a year from 1990 to 2100")
	}
	s := &Season{From: from, Weeks: make([]SeasonWeek, seasonWeeks)}
	for w := range s.Weeks {
		s.Weeks[w] = SeasonWeek{First: from.AddDate(0, 0, 7*w), Phase: phaseOf(w)}
	}
	volume := 0.0 // minutes a week before the rest
	for w := range s.Weeks {
		if w == weekRest {
			for _, before := range s.Weeks[w-12 : w] {
				volume += before.Timer.Minutes() / 12
			}
		}
		for _, o := range outings(w, volume) {
			s.add(w, &o, rand.New(rand.NewPCG(seed, uint64(7*w+o.weekday))))
		}
	}
	s.Days = logOf(s, seed)
	return s, nil
}

// add lets the athlete do an outing and books it.
func (s *Season) add(week int, o *outing, random *rand.Rand) {
	w := &s.Weeks[week]
	day := w.First.AddDate(0, 0, o.weekday)
	offset := centralEuropeanOffset(day)
	start := day.Add(o.clock - time.Duration(offset)*time.Second)
	done := SeasonSession{
		Activity:    Activity{Name: day.Format(time.DateOnly), Offset: offset},
		Day:         day,
		Week:        week,
		Phase:       w.Phase,
		Intent:      o.intent,
		PlannedEasy: o.plannedEasy,
		RPE:         o.rpe,
	}
	done.Sessions = []Session{o.do(start, offset, fitness(float64(week)+float64(o.weekday)/7), random)}
	done.Thirds = done.ThirdsAt(s.HRMaxOn(day))
	w.Add(&done)
	s.Sessions = append(s.Sessions, done)
}

// centralEuropeanOffset is the offset from UTC in seconds at noon of a day:
// summer time from the last Sunday of March to that of October.
func centralEuropeanOffset(day time.Time) int {
	const hour = 60 * 60
	lastSunday := func(month time.Month) time.Time {
		last := time.Date(day.Year(), month+1, 0, 0, 0, 0, 0, time.UTC)
		return last.AddDate(0, 0, -int(last.Weekday()))
	}
	if day.Before(lastSunday(time.March)) || !day.Before(lastSunday(time.October)) {
		return hour
	}
	return 2 * hour
}
