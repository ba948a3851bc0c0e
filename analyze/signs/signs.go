// Package signs looks for signs of decline in what is known of an athlete day
// by day: resting heart rate and energy from the log, the pace at the same
// effort, efficiency, decoupling and monotony from the sessions. It is pure: no
// clock, no log, no I/O. What it finds are patterns, not diagnoses.
package signs

import "plodwatch/schema"

// Version grows whenever the same inputs would give other days or warnings.
const Version uint32 = 1

// The choices of this package; decisions.md says which of them have a source.
const (
	restBPM         = 5.0 // 7-day mean above the baseline
	restDays        = 3   // of 7, more than one standard deviation above
	weekValues      = 3   // needed in the 7 days
	baseValues      = 14  // needed in the 28 days before
	energyLevels    = 0.5 // 7-day mean below the baseline, of levels 1 to 5
	pacePct         = 5.0 // slower at the same effort
	paceRuns        = 4   // needed in each 28 days
	efficiencyPct   = 5.0 // less metres per beat
	efficiencyRuns  = 4
	decouplingPct   = 5.0 // mean of 28 days
	decouplingRise  = 3.0 // percentage points
	decouplingRuns  = 3
	monotonyHigh    = 2.0 // Foster 1998
	plodsSignals    = 2   // adverse at once
	plodsDays       = 5   // of 7
	week, base, per = 7, 28, 28
)

// Logged is one local day of the daily log. Nil means that nothing is known.
type Logged struct {
	Day       schema.Day
	RestingHR *float64 // bpm
	HRV       *float64 // ms
	SleepH    *float64 // hours
	Energy    *uint8   // 1 to 5
}

// Session is what one session says of its athlete's state. Nil means that it
// does not.
type Session struct {
	Day        schema.Day
	Pace       *float64 // at 65 to 75 % of max HR, s/km
	Efficiency *float64 // (m/min)/bpm
	Decoupling *float64 // percent
}

// Load is the monotony of the seven days up to a day.
type Load struct {
	Day      schema.Day
	Monotony *float64
}

// Inputs is what is known of one athlete, in any order.
type Inputs struct {
	Logged   []Logged // at most one a day
	Sessions []Session
	Loads    []Load // at most one a day
	// Today bounds the days: a watch whose clock is wrong makes none in the
	// future.
	Today schema.Day
}

// Day is one calendar day of an athlete with the signs up to it. Pointers are
// nil when there is no answer.
type Day struct {
	Day schema.Day

	RestingHR         *float64 // of the day, bpm
	RestingHR7d       *float64 // mean of 7 days
	RestingHR7dN      uint8    // of those, days with a value
	RestingHRBase     *float64 // mean of the 28 days before those 7
	RestingHRBaseSD   *float64 // standard deviation (n-1) of those 28 days
	RestingHRBaseN    uint8
	RestingHRDaysOver uint8 // of the 7 days, those more than one SD above the baseline
	RestingHRAdverse  *bool

	HRV       *float64 // of the day, ms
	HRV7d     *float64
	HRVBase   *float64
	HRVBaseSD *float64
	Sleep7dH  *float64
	SleepBase *float64

	Energy        *uint8 // of the day, 1 to 5
	Energy7d      *float64
	Energy7dN     uint8
	EnergyBase    *float64
	EnergyBaseN   uint8
	EnergyAdverse *bool

	Pace          *float64 // at the same effort, median of the runs of 28 days, s/km
	PaceRuns      uint16
	PaceBefore    *float64 // of the 28 days before those
	PaceBeforeN   uint16
	PaceChangePct *float64 // above 0 is slower
	PaceAdverse   *bool

	Efficiency          *float64 // mean of the steady runs of 28 days, (m/min)/bpm
	EfficiencyRuns      uint16
	EfficiencyBefore    *float64
	EfficiencyBeforeN   uint16
	EfficiencyChangePct *float64
	EfficiencyAdverse   *bool

	Decoupling        *float64 // mean of the long steady runs of 28 days, percent
	DecouplingRuns    uint16
	DecouplingBefore  *float64
	DecouplingBeforeN uint16
	DecouplingChange  *float64 // percentage points
	DecouplingAdverse *bool

	Monotony        *float64
	MonotonyAdverse *bool

	Adverse       uint8 // of resting HR, energy, pace and monotony: how many are adverse
	Known         uint8 // and how many could be judged
	AdverseDays7d uint8 // of 7 days, those with two or more adverse
	KnownDays7d   uint8 // of 7 days, those on which two or more could be judged
	Plods         *bool // two or more adverse on 5 or more of 7 days
}

// Days returns every calendar day from the first with a session or an entry to
// the last, in order.
func Days(in Inputs) []Day {
	g := newGrid(in)
	days := make([]Day, g.n)
	for i := range days {
		d := &days[i]
		d.Day = g.first + schema.Day(i) //nolint:gosec // bounded by the grid
		g.restingHR(i, d)
		g.wellbeing(i, d)
		g.energyOf(i, d)
		g.runs(i, d)
		d.Monotony = g.monotony.at(i)
		d.MonotonyAdverse = judge(d.Monotony != nil, func() bool { return *d.Monotony > monotonyHigh })
		for _, adverse := range []*bool{d.RestingHRAdverse, d.EnergyAdverse, d.PaceAdverse, d.MonotonyAdverse} {
			if adverse != nil {
				d.Known++
				if *adverse {
					d.Adverse++
				}
			}
		}
		for _, past := range days[max(0, i-week+1) : i+1] {
			if past.Adverse >= plodsSignals {
				d.AdverseDays7d++
			}
			if past.Known >= plodsSignals {
				d.KnownDays7d++
			}
		}
		d.Plods = judge(d.KnownDays7d >= plodsDays, func() bool { return d.AdverseDays7d >= plodsDays })
	}
	return days
}

// restingHR compares the mean of 7 days with the 28 before: 5 bpm or more up,
// or more than one standard deviation up on 3 or more of the 7 days.
func (g *grid) restingHR(i int, d *Day) {
	now, before := g.rest.window(i-week+1, i), g.rest.window(i-week-base+1, i-week)
	d.RestingHR, d.RestingHR7d, d.RestingHR7dN = g.rest.at(i), mean(now), uint8(len(now))
	d.RestingHRBase, d.RestingHRBaseSD, d.RestingHRBaseN = mean(before), deviation(before), uint8(len(before))
	if d.RestingHRBaseSD != nil {
		for _, v := range now {
			if v > *d.RestingHRBase+*d.RestingHRBaseSD {
				d.RestingHRDaysOver++
			}
		}
	}
	d.RestingHRAdverse = judge(len(now) >= weekValues && len(before) >= baseValues, func() bool {
		varies := *d.RestingHRBaseSD > 0
		return *d.RestingHR7d-*d.RestingHRBase >= restBPM || varies && d.RestingHRDaysOver >= restDays
	})
}

// wellbeing fills what is shown and not judged.
func (g *grid) wellbeing(i int, d *Day) {
	before := g.hrv.window(i-week-base+1, i-week)
	d.HRV, d.HRV7d = g.hrv.at(i), mean(g.hrv.window(i-week+1, i))
	d.HRVBase, d.HRVBaseSD = mean(before), deviation(before)
	d.Sleep7dH, d.SleepBase = mean(g.sleep.window(i-week+1, i)), mean(g.sleep.window(i-week-base+1, i-week))
}

func (g *grid) energyOf(i int, d *Day) {
	now, before := g.energy.window(i-week+1, i), g.energy.window(i-week-base+1, i-week)
	if v := g.energy.at(i); v != nil {
		level := uint8(*v)
		d.Energy = &level
	}
	d.Energy7d, d.Energy7dN = mean(now), uint8(len(now))
	d.EnergyBase, d.EnergyBaseN = mean(before), uint8(len(before))
	d.EnergyAdverse = judge(len(now) >= weekValues && len(before) >= baseValues, func() bool {
		return *d.Energy7d <= *d.EnergyBase-energyLevels
	})
}

// runs compares the runs of 28 days with those of the 28 before.
func (g *grid) runs(i int, d *Day) {
	now, before := g.pace.window(i-per+1, i), g.pace.window(i-2*per+1, i-per)
	d.Pace, d.PaceRuns = median(now), uint16(len(now))                //nolint:gosec // sessions of four weeks
	d.PaceBefore, d.PaceBeforeN = median(before), uint16(len(before)) //nolint:gosec // sessions of four weeks
	if len(now) >= paceRuns && len(before) >= paceRuns {
		d.PaceChangePct = percent(*d.Pace, *d.PaceBefore)
	}
	d.PaceAdverse = judge(d.PaceChangePct != nil, func() bool { return *d.PaceChangePct > pacePct })

	now, before = g.efficiency.window(i-per+1, i), g.efficiency.window(i-2*per+1, i-per)
	d.Efficiency, d.EfficiencyRuns = mean(now), uint16(len(now))                //nolint:gosec // sessions of four weeks
	d.EfficiencyBefore, d.EfficiencyBeforeN = mean(before), uint16(len(before)) //nolint:gosec // sessions of four weeks
	if len(now) >= efficiencyRuns && len(before) >= efficiencyRuns {
		d.EfficiencyChangePct = percent(*d.Efficiency, *d.EfficiencyBefore)
	}
	d.EfficiencyAdverse = judge(d.EfficiencyChangePct != nil, func() bool { return *d.EfficiencyChangePct < -efficiencyPct })

	now, before = g.decoupling.window(i-per+1, i), g.decoupling.window(i-2*per+1, i-per)
	d.Decoupling, d.DecouplingRuns = mean(now), uint16(len(now))                //nolint:gosec // sessions of four weeks
	d.DecouplingBefore, d.DecouplingBeforeN = mean(before), uint16(len(before)) //nolint:gosec // sessions of four weeks
	if len(now) >= decouplingRuns && len(before) >= decouplingRuns {
		rise := *d.Decoupling - *d.DecouplingBefore
		d.DecouplingChange = &rise
	}
	d.DecouplingAdverse = judge(d.DecouplingChange != nil, func() bool {
		return *d.Decoupling > decouplingPct && *d.DecouplingChange >= decouplingRise
	})
}

// judge returns the judgement, nil when there is too little to make it from.
func judge(known bool, adverse func() bool) *bool {
	if !known {
		return nil
	}
	v := adverse()
	return &v
}
