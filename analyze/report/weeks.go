package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// Weeks is an athlete's report over some weeks. Its JSON keys are stable; null
// means there is no answer, and the verdict or reason beside it says why.
type Weeks struct {
	Athlete     schema.AthleteID   `json:"athlete_id"`
	From        string             `json:"from"` // first local day
	To          string             `json:"to"`   // last local day
	Settings    []Facts            `json:"settings"`
	Last28      *store.Last28      `json:"last_28_days"`
	Weeks       []store.Week       `json:"weeks"` // oldest first
	Violations  []store.Violation  `json:"easy_day_violations"`
	Warnings    []store.Warning    `json:"warnings"` // one a day and signal
	Patterns    []Pattern          `json:"patterns"` // the same, days that belong together as one
	Load        []store.Load       `json:"load"`     // one a day
	ReturnToRun []store.ReturnWeek `json:"return_to_run"`
}

// Facts is what was known of the athlete from a day on, in words.
type Facts struct {
	From  string `json:"from"`
	Words string `json:"words"`
}

// Pattern is a warning that stayed for days, with what it said on the day on
// which it was strongest: with the greatest change from its baseline.
type Pattern struct {
	Signal    string   `json:"signal"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Days      int      `json:"days"`      // with the warning, of those from From to To
	Strongest string   `json:"strongest"` // the day that the rest is about
	Words     string   `json:"words"`
	Threshold string   `json:"threshold"`
	Missing   []string `json:"missing"` // what could not be looked at

	strength float64
}

// ForWeeks makes the report of what the views say. The facts are those that the
// caller has found to hold in these weeks.
func ForWeeks(athlete schema.AthleteID, o *store.Overview, facts []Facts) *Weeks {
	r := &Weeks{
		Athlete: athlete, Settings: notNil(facts), Last28: o.Last28, Weeks: notNil(o.Weeks), Violations: notNil(o.Violations),
		Warnings: notNil(o.Warnings), Patterns: patternsOf(o.Warnings), Load: notNil(o.Load), ReturnToRun: notNil(o.Returns),
	}
	if n := len(o.Weeks); n > 0 {
		r.From, r.To = o.Weeks[0].Start, o.Weeks[n-1].End
	}
	return r
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// patternsOf joins the warnings of a signal whose days are at most
// patternGapDays apart.
func patternsOf(warnings []store.Warning) []Pattern {
	const patternGapDays = 3
	all := []Pattern{}
	open := map[string]int{} // index of the last pattern of a signal
	for i := range warnings {
		w := &warnings[i]
		k, known := open[w.Signal]
		if !known || daysBetween(all[k].To, w.Day) > patternGapDays {
			k = len(all)
			open[w.Signal] = k
			all = append(all, Pattern{Signal: w.Signal, From: w.Day, strength: -1})
		}
		p := &all[k]
		p.To = w.Day
		p.Days++
		if s := strengthOf(w); s >= p.strength {
			p.Strongest, p.strength = w.Day, s
			p.Words, p.Threshold, p.Missing = patternWords(w.Pattern), w.Threshold, notNil(w.Missing)
		}
	}
	slices.SortStableFunc(all, func(a, b Pattern) int {
		return strings.Compare(a.From+a.Signal, b.From+b.Signal)
	})
	return all
}

func strengthOf(w *store.Warning) float64 {
	switch {
	case w.Change != nil:
		return math.Abs(*w.Change)
	case w.Value != nil:
		return math.Abs(*w.Value)
	}
	return 0
}

// When says on which days the pattern was there.
func (p *Pattern) When() string {
	if p.From == p.To {
		return dayText(p.From)
	}
	return fmt.Sprintf("%s to %s (%s)", dayText(p.From), dayText(p.To), count(p.Days, "day"))
}

func patternWords(s string) string { return strings.TrimPrefix(s, "pattern: ") }

func daysBetween(from, to string) int {
	a, errA := schema.ParseDay(from)
	b, errB := schema.ParseDay(to)
	if errA != nil || errB != nil {
		return 0
	}
	return int(b - a)
}

// signalName is a signal for people.
func signalName(s string) string {
	switch s {
	case "resting_hr":
		return "resting heart rate"
	case "same_effort_pace":
		return "pace at the same effort"
	case "plods":
		return "the plods: several signs at once"
	}
	return strings.ReplaceAll(s, "_", " ")
}

// verdictWords is a verdict for people, with the reason when there is none.
func verdictWords(verdict, reason string) string {
	switch verdict {
	case "too_hard":
		return "too hard"
	case "insufficient_data":
		return "not judged: " + reasonWords(reason)
	}
	return verdict
}

// paceVerdictWords says a verdict by pace.
func paceVerdictWords(verdict, reason string) string {
	switch reason {
	case "no_pace":
		return "not judged: no run, or no threshold pace"
	case "few_sessions":
		return "not judged: fewer than 3 runs"
	case "little_pace":
		return "not judged: less than 90 min of running"
	}
	return verdictWords(verdict, reason)
}

func reasonWords(reason string) string {
	switch reason {
	case "no_sessions":
		return "no sessions"
	case "no_hr":
		return "no heart rate"
	case "no_hrmax":
		return "max HR is unknown"
	case "low_coverage":
		return "heart rate covers less than 80 %"
	case "few_sessions":
		return "fewer than 3 sessions with heart rate"
	case "little_hr":
		return "less than 90 min of heart rate"
	}
	return strings.ReplaceAll(reason, "_", " ")
}

// summary says the 28 days in a sentence.
func (r *Weeks) summary() string {
	d := r.Last28
	if d == nil {
		return "There is nothing to judge yet."
	}
	head := fmt.Sprintf("28 days to %s: %s", dayText(d.Day), verdictWords(d.Verdict, d.Reason))
	if d.LowShare == nil {
		return head + "."
	}
	text := head + fmt.Sprintf(". %s of the time with heart rate was low, 80 %% is the aim", wholePercent(*d.LowShare))
	if judged := d.EasySessions + d.ModerateSessions + d.HardSessions; judged > 0 {
		text += fmt.Sprintf("; %d of %d sessions were easy, %d moderate, %d hard", d.EasySessions, judged, d.ModerateSessions, d.HardSessions)
	}
	return text + fmt.Sprintf(". The shape is %s.", labelWords(d.Label))
}

// Tally counts the weeks' verdicts in a sentence.
func (r *Weeks) Tally() string {
	n := map[string]int{}
	for i := range r.Weeks {
		n[r.Weeks[i].Verdict]++
	}
	return fmt.Sprintf("Of %s, %d ok, %d borderline, %d too hard, %d not judged.", count(len(r.Weeks), "week"),
		n["ok"], n["borderline"], n["too_hard"], n["insufficient_data"])
}

func labelWords(label string) string {
	if label == "no_data" {
		return "not known: less than 30 min of heart rate"
	}
	return strings.ReplaceAll(label, "_", " ")
}

// Since says since when facts hold.
func (f Facts) Since() string {
	if f.From <= "1970-01-01" {
		return "always"
	}
	return "from " + dayText(f.From)
}

// dayText writes a day for people: 3 Mar 2026.
func dayText(day string) string { return reform(day, "2 Jan 2006") }

func shortDay(day string) string { return reform(day, "2 Jan") }

func reform(day, layout string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format(layout)
}

// loadNote says what is to be known of the load's figures, "" when nothing.
func (r *Weeks) loadNote() string {
	if len(r.Load) == 0 {
		return ""
	}
	switch last := &r.Load[len(r.Load)-1]; last.Verdict {
	case "no_load":
		return "No session has a load: that needs heart rate and a max HR."
	case "warm_up":
		return "Fitness takes 42 days from the first session to settle; until then it is too low."
	case "incomplete":
		return "Sessions of the last 42 days lack the load, so fitness and fatigue are too low."
	}
	return ""
}

func loadModelText(model string) string {
	switch model {
	case "trimp":
		return "TRIMP (Banister)"
	case "edwards":
		return "Edwards"
	case "lucia":
		return "Lucia"
	}
	return model
}

// violationWords says what happened and what would have kept it easy.
func violationWords(v *store.Violation) string {
	text := clock(v.OverVT1S) + " over VT1"
	if v.VT1 != nil {
		text += fmt.Sprintf(" (%s bpm)", number(*v.VT1))
	}
	text += fmt.Sprintf(", %s of the time, longest stretch %s", wholePercent(v.OverVT1Share), clock(v.LongestS))
	if v.SlowerSPerKM != nil && *v.SlowerSPerKM > 0 {
		text += fmt.Sprintf("; %.0f s/km slower would have kept it easy", *v.SlowerSPerKM)
		if v.VT1PaceSPerKM != nil {
			text += " (" + paceText(*v.VT1PaceSPerKM) + ")"
		}
	}
	return text
}

func paceText(secondsPerKM float64) string {
	s := int(secondsPerKM + 0.5)
	return fmt.Sprintf("%d:%02d/km", s/60, s%60)
}

func figureText(v *float64, decimals int) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.*f", decimals, *v)
}

// sharesText writes low/moderate/high in percent.
func sharesText(w *store.Week) string {
	if w.LowShare == nil || w.ModerateShare == nil || w.HighShare == nil {
		return "-"
	}
	low := strings.TrimSuffix(wholePercent(*w.LowShare), " %")
	return fmt.Sprintf("%s/%.0f/%.0f %%", low, 100**w.ModerateShare, 100**w.HighShare)
}

func hoursText(h float64) string {
	minutes := int(h*60 + 0.5)
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
}
