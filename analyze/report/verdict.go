package report

import (
	"fmt"
	"strings"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Step is one rule on the way to the verdict, in the order in which the rules
// are asked.
type Step struct {
	Rule  string `json:"rule"`
	Holds bool   `json:"holds"` // false: the rule stands against the session
	Text  string `json:"text"`
}

// settingsOf gathers the values that decided.
func settingsOf(x *analyze.Explained) Settings {
	r := &x.Result
	out := Settings{
		SettingsID: x.SettingsID, HRMax: orNull(r.HRMax, 0), HRMaxSource: r.HRMaxSource,
		HRRest: orNull(r.HRRest, 0), HRRestSource: r.HRRestSource,
		VT1: orNull(r.VT1, 0), VT2: orNull(r.VT2, 0), ThresholdSource: r.ThresholdSource,
		ZoneModelAsked: r.Settings.ZoneModel, ZoneModel: r.ZoneModel, ZoneBounds: r.ZoneBounds, CapBPM: orNull(r.CapBPM, 0),
		birthYear: r.Settings.BirthYear,
	}
	if out.ZoneModelAsked == "" {
		out.ZoneModelAsked = schema.ZoneHRMax5
	}
	if out.ZoneBounds == nil {
		out.ZoneBounds = []float64{}
	}
	from := ""
	if x.Inputs.Settings.Version != 0 {
		day := x.Inputs.Settings.ValidFrom.String()
		out.ValidFrom, from = &day, day
	}
	out.HRMaxWords = hrMaxWords(x, from)
	out.ThresholdWords = thresholdWords(r, from)
	return out
}

func hrMaxWords(x *analyze.Explained, from string) string {
	s, r := &x.Env.Session, &x.Result
	switch r.HRMaxSource {
	case intensity.HRMaxSetting:
		return "set for the athlete from " + from + " on"
	case intensity.HRMaxFile:
		where := s.Facts.MaxHRSource
		if where == "" {
			where = "time_in_zone"
		}
		return "from the file (" + where + "): nothing is set for the athlete on that day"
	case intensity.HRMaxObserved:
		return "observed: the highest five seconds of clean heart rate in the athlete's sessions up to this one; nothing is set, and the file says nothing"
	case intensity.HRMaxAge:
		return fmt.Sprintf("by age (Tanaka: 208 - 0.7 x age, born %d): nothing is set, the file says nothing, and nothing higher was observed", r.Settings.BirthYear)
	}
	return "unknown: nothing is set, the file says nothing, nothing at or above 150 bpm was observed, and no birth year is set"
}

func thresholdWords(r *intensity.Result, from string) string {
	l := intensity.LimitsUsed()
	switch r.ThresholdSource {
	case intensity.ThresholdSetting:
		return "VT1 and VT2 as set for the athlete from " + from + " on"
	case intensity.ThresholdLTHR:
		return fmt.Sprintf("%s %% and 100 %% of the lactate threshold heart rate set from %s on", number(l.VT1OfLTHRPercent), from)
	case intensity.ThresholdHRMax:
		return fmt.Sprintf("%s %% and %s %% of max HR (Haugen 2021)", number(l.VT1Percent), number(l.VT2Percent))
	}
	return "unknown: neither VT1 and VT2, nor LTHR, nor max HR"
}

// stepsOf tells the rules one after the other, as far as they were asked: a
// verdict against the session ends the list, but for what it leaves standing.
func stepsOf(m *intensity.Measured, r *intensity.Result, set *Settings) []Step {
	steps := verdictSteps(m, r, set)
	if m.Budget.ClassifiedMs == 0 {
		return steps
	}
	if r.Verdict == intensity.VerdictOK {
		steps = append(steps, share8020(r), classStep(m, r), labelStep(m, r))
	}
	if r.Above60Share != nil {
		steps = append(steps, Step{"above_60", true, fmt.Sprintf("At or above 60 %% of max HR (%s bpm): %s, %s of the time that counts.",
			number(0.6*r.HRMax), clock(seconds(r.Above60Ms)), percent(*r.Above60Share))})
		steps = append(steps, capStep(m, r))
	}
	return steps
}

// verdictSteps are those that decide the verdict.
func verdictSteps(m *intensity.Measured, r *intensity.Result, set *Settings) []Step {
	l, b := intensity.LimitsUsed(), &m.Budget
	timer, counted := clock(seconds(b.TimerMs())), clock(seconds(b.ClassifiedMs))
	if b.ClassifiedMs == 0 {
		return []Step{{"no_hr", false, "No second of the session has a usable heart rate, so nothing is judged."}}
	}
	steps := []Step{{"no_hr", true, fmt.Sprintf("There is usable heart rate: %s.", counted)}}
	if r.ThresholdSource == intensity.ThresholdNone {
		return append(steps, Step{"no_hrmax", false, "Max HR is " + set.HRMaxWords + ". Without it, and without thresholds, low and high cannot be told apart. plodwatch athlete set ... --max-hr BPM sets it."})
	}
	bounds := fmt.Sprintf("Low ends at %s bpm and high begins at %s bpm: %s.", number(r.VT1), number(r.VT2), set.ThresholdWords)
	if r.HRMax > 0 {
		bounds = fmt.Sprintf("Max HR is %s bpm, %s. ", number(r.HRMax), set.HRMaxWords) + bounds
	}
	steps = append(steps, Step{"no_hrmax", true, bounds})
	long := b.TimerMs() >= l.TooShortMs
	steps = append(steps, Step{"too_short", long, fmt.Sprintf("The timer ran %s; a verdict needs at least %s.", timer, clock(seconds(l.TooShortMs)))})
	if !long {
		return steps
	}
	return append(steps, Step{"low_coverage", b.Coverage() >= l.Coverage, fmt.Sprintf("Usable heart rate covers %s of the timer time (%s of %s); a verdict needs at least %s.",
		percent(b.Coverage()), counted, timer, wholePercent(l.Coverage))})
}

func share8020(r *intensity.Result) Step {
	meets := *r.Meets8020
	text := fmt.Sprintf("Low %s (%s), moderate %s (%s), high %s (%s): ", clock(seconds(r.LowMs)), percent(*r.LowShare),
		clock(seconds(r.ModerateMs)), percent(*r.ModerateShare), clock(seconds(r.HighMs)), percent(*r.HighShare))
	if meets {
		text += "by itself this session is 80/20."
	} else {
		text += "by itself this session is not 80/20, which one session need not be."
	}
	return Step{"meets_80_20", meets, text}
}

func classStep(m *intensity.Measured, r *intensity.Result) Step {
	l := intensity.LimitsUsed()
	above := r.ModerateMs + r.HighMs
	share := float64(above) / float64(m.Budget.ClassifiedMs)
	var text string
	switch r.Class {
	case intensity.ClassHard:
		var why []string
		if r.HighMs >= l.HardHighMs {
			why = append(why, fmt.Sprintf("%s is high, and %s is enough", clock(seconds(r.HighMs)), clock(seconds(l.HardHighMs))))
		}
		if r.HighMs*10 >= m.Budget.ClassifiedMs {
			why = append(why, percent(*r.HighShare)+" is high, and 10 % is enough")
		}
		if above*2 >= m.Budget.ClassifiedMs {
			why = append(why, percent(share)+" lies above low, and half is enough")
		}
		text = "The session counts as hard: " + strings.Join(why, "; ") + "."
	case intensity.ClassEasy:
		text = fmt.Sprintf("The session counts as easy: %s lies above low, and up to 10 %% may.", percent(share))
	default:
		text = fmt.Sprintf("The session counts as moderate: %s lies above low, more than the 10 %% of an easy one, and it is not hard (high %s of %s, %s).",
			percent(share), clock(seconds(r.HighMs)), clock(seconds(l.HardHighMs)), percent(*r.HighShare))
	}
	return Step{"session_class", r.Class != intensity.ClassHard, text}
}

func labelStep(m *intensity.Measured, r *intensity.Result) Step {
	l := intensity.LimitsUsed()
	if m.Budget.ClassifiedMs < l.LabelMs {
		return Step{"label", false, fmt.Sprintf("A label needs %s of heart rate; there is %s.", clock(seconds(l.LabelMs)), clock(seconds(m.Budget.ClassifiedMs)))}
	}
	text := fmt.Sprintf("The shape is %s.", strings.ReplaceAll(string(r.Label), "_", " "))
	if r.Polarization != nil {
		text = fmt.Sprintf("The shape is %s; the polarization index is %.2f (polarized above 2.00).", strings.ReplaceAll(string(r.Label), "_", " "), *r.Polarization)
	}
	return Step{"label", true, text}
}

func capStep(m *intensity.Measured, r *intensity.Result) Step {
	l := intensity.LimitsUsed()
	allowed := max(l.CapToleranceMs, m.Budget.ClassifiedMs*int64(l.CapTolerancePercent)/100)
	text := fmt.Sprintf("At or over the return-to-run cap of %s bpm, the first %s left out: %s, longest stretch %s; allowed are %s (the larger of %s and %d %% of the time that counts).",
		number(r.CapBPM), clock(seconds(l.CapSettleMs)), clock(seconds(r.OverCapMs)), clock(seconds(r.LongestOverCapMs)),
		clock(seconds(allowed)), clock(seconds(l.CapToleranceMs)), l.CapTolerancePercent)
	return Step{"cap", r.OverCapMs <= allowed, text}
}
