package signs

import (
	"fmt"

	"plodwatch/schema"
)

// The signals a warning may be about. Plods is Grete Waitz's word for what
// several of them together point to.
const (
	RestingHR      = "resting_hr"
	Energy         = "energy"
	SameEffortPace = "same_effort_pace"
	Efficiency     = "efficiency"
	Decoupling     = "decoupling"
	Monotony       = "monotony"
	Plods          = "plods"
)

// Warning says that a signal is adverse on a day, from what, and what was
// missing. It describes a pattern and diagnoses nothing.
type Warning struct {
	Day       schema.Day
	Signal    string
	Pattern   string   // in words
	Value     *float64 // what is looked at now
	Baseline  *float64 // what it is compared with
	Change    *float64 // from the baseline
	Unit      string   // of value, baseline and change, unless the pattern says otherwise
	Threshold string   // when the signal is adverse
	Inputs    map[string]float64
	Missing   []string // what could not be looked at
}

// Warnings returns the warnings of a day, in a fixed order.
func (d *Day) Warnings() []Warning {
	var all []Warning
	for _, signal := range []struct {
		adverse *bool
		warning func() Warning
	}{
		{d.RestingHRAdverse, d.restingHRWarning},
		{d.EnergyAdverse, d.energyWarning},
		{d.PaceAdverse, d.paceWarning},
		{d.EfficiencyAdverse, d.efficiencyWarning},
		{d.DecouplingAdverse, d.decouplingWarning},
		{d.MonotonyAdverse, d.monotonyWarning},
		{d.Plods, d.plodsWarning},
	} {
		if signal.adverse != nil && *signal.adverse {
			w := signal.warning()
			w.Day = d.Day
			all = append(all, w)
		}
	}
	return all
}

func (d *Day) restingHRWarning() Warning {
	return Warning{
		Signal: RestingHR, Value: d.RestingHR7d, Baseline: d.RestingHRBase, Change: difference(d.RestingHR7d, d.RestingHRBase), Unit: "bpm",
		Pattern: fmt.Sprintf("pattern: resting heart rate of 7 days is %s bpm above the 28 days before, %d days more than one SD above",
			figure(difference(d.RestingHR7d, d.RestingHRBase), "%+.1f"), d.RestingHRDaysOver),
		Threshold: fmt.Sprintf("%+g bpm or more, or more than 1 SD above on %d of 7 days", restBPM, restDays),
		Inputs: inputs(map[string]float64{
			"days_7d": float64(d.RestingHR7dN), "days_base": float64(d.RestingHRBaseN), "days_over_sd": float64(d.RestingHRDaysOver),
		}, "base_sd", d.RestingHRBaseSD),
		Missing: gaps("resting HR", d.RestingHR7dN, d.RestingHRBaseN),
	}
}

func (d *Day) energyWarning() Warning {
	return Warning{
		Signal: Energy, Value: d.Energy7d, Baseline: d.EnergyBase, Change: difference(d.Energy7d, d.EnergyBase), Unit: "level of 5",
		Pattern: fmt.Sprintf("pattern: energy of 7 days is %s levels from that of the 28 days before",
			figure(difference(d.Energy7d, d.EnergyBase), "%+.1f")),
		Threshold: fmt.Sprintf("%+g levels or less", -energyLevels),
		Inputs:    map[string]float64{"days_7d": float64(d.Energy7dN), "days_base": float64(d.EnergyBaseN)},
		Missing:   gaps("energy", d.Energy7dN, d.EnergyBaseN),
	}
}

func (d *Day) paceWarning() Warning {
	return Warning{
		Signal: SameEffortPace, Value: d.Pace, Baseline: d.PaceBefore, Change: d.PaceChangePct, Unit: "s/km, change in percent",
		Pattern: fmt.Sprintf("pattern: at the same effort (65 to 75 %% of max HR) the pace of 28 days is %s %% slower than of the 28 before",
			figure(d.PaceChangePct, "%.1f")),
		Threshold: fmt.Sprintf("more than %g %% slower, %d runs or more on each side", pacePct, paceRuns),
		Inputs:    map[string]float64{"runs_28d": float64(d.PaceRuns), "runs_before": float64(d.PaceBeforeN)},
	}
}

func (d *Day) efficiencyWarning() Warning {
	var less *float64
	if d.EfficiencyChangePct != nil {
		v := -*d.EfficiencyChangePct
		less = &v
	}
	return Warning{
		Signal: Efficiency, Value: d.Efficiency, Baseline: d.EfficiencyBefore, Change: d.EfficiencyChangePct, Unit: "(m/min)/bpm, change in percent",
		Pattern:   fmt.Sprintf("pattern: steady runs of 28 days go %s %% less far per heart beat than those of the 28 before", figure(less, "%.1f")),
		Threshold: fmt.Sprintf("more than %g %% less, %d runs or more on each side", efficiencyPct, efficiencyRuns),
		Inputs:    map[string]float64{"runs_28d": float64(d.EfficiencyRuns), "runs_before": float64(d.EfficiencyBeforeN)},
	}
}

func (d *Day) decouplingWarning() Warning {
	return Warning{
		Signal: Decoupling, Value: d.Decoupling, Baseline: d.DecouplingBefore, Change: d.DecouplingChange, Unit: "percent, change in points",
		Pattern: fmt.Sprintf("pattern: in long steady runs heart rate drifts away from pace, %s points more than in the 28 days before",
			figure(d.DecouplingChange, "%.1f")),
		Threshold: fmt.Sprintf("above %g %% and up by %g points or more, %d runs or more on each side", decouplingPct, decouplingRise, decouplingRuns),
		Inputs:    map[string]float64{"runs_28d": float64(d.DecouplingRuns), "runs_before": float64(d.DecouplingBeforeN)},
	}
}

func (d *Day) monotonyWarning() Warning {
	return Warning{
		Signal: Monotony, Value: d.Monotony, Unit: "mean/SD",
		Pattern:   fmt.Sprintf("pattern: the loads of the last 7 days hardly differ (monotony %s)", figure(d.Monotony, "%.2f")),
		Threshold: fmt.Sprintf("above %g", monotonyHigh),
		Inputs:    map[string]float64{"days": week},
	}
}

// plodsWarning names the signals that are adverse on the day itself, and what
// could not be judged.
func (d *Day) plodsWarning() Warning {
	days := float64(d.AdverseDays7d)
	w := Warning{
		Signal: Plods, Value: &days, Unit: "days of 7",
		Pattern:   fmt.Sprintf("pattern of the plods: on %d of 7 days two or more signs of decline at once", d.AdverseDays7d),
		Threshold: fmt.Sprintf("%d or more of resting HR, energy, pace at the same effort and monotony, on %d of 7 days", plodsSignals, plodsDays),
		Inputs: map[string]float64{
			"adverse_today": float64(d.Adverse), "known_today": float64(d.Known), "known_days_7d": float64(d.KnownDays7d),
		},
	}
	for _, s := range []struct {
		name    string
		adverse *bool
		missing string
	}{
		{RestingHR, d.RestingHRAdverse, fmt.Sprintf("resting HR: %d of 7 days and %d of the 28 before, need %d and %d", d.RestingHR7dN, d.RestingHRBaseN, weekValues, baseValues)},
		{Energy, d.EnergyAdverse, fmt.Sprintf("energy: %d of 7 days and %d of the 28 before, need %d and %d", d.Energy7dN, d.EnergyBaseN, weekValues, baseValues)},
		{SameEffortPace, d.PaceAdverse, fmt.Sprintf("pace at the same effort: %d and %d runs, need %d and %d", d.PaceRuns, d.PaceBeforeN, paceRuns, paceRuns)},
		{Monotony, d.MonotonyAdverse, "monotony: the loads of the last 7 days are not known, or do not differ"},
	} {
		switch {
		case s.adverse == nil:
			w.Missing = append(w.Missing, s.missing)
		case *s.adverse:
			w.Inputs[s.name] = 1
		default:
			w.Inputs[s.name] = 0
		}
	}
	return w
}

// gaps says on how many days there was no value.
func gaps(what string, inWeek, inBase uint8) []string {
	var all []string
	if inWeek < week {
		all = append(all, fmt.Sprintf("%s on %d of 7 days", what, week-inWeek))
	}
	if inBase < base {
		all = append(all, fmt.Sprintf("%s on %d of the 28 days before", what, base-inBase))
	}
	return all
}

func inputs(m map[string]float64, name string, v *float64) map[string]float64 {
	if v != nil {
		m[name] = *v
	}
	return m
}

func difference(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	d := *a - *b
	return &d
}

func figure(v *float64, format string) string {
	if v == nil {
		return "unknown"
	}
	return fmt.Sprintf(format, *v)
}
