package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"plodwatch/analyze/store"
)

// Look says how bars are drawn. The zero value is plain ASCII without colour.
type Look struct {
	Unicode bool // blocks instead of signs
	Colour  bool // ANSI colours; a reader who cannot see them loses nothing
}

const barWidth = 24

// bar draws the shares of low, moderate and high intensity; the signs differ,
// too, so that it reads without colour.
func (k Look) bar(low, moderate, high float64) string {
	var b strings.Builder
	done, sum := 0, 0.0
	for i, share := range [3]float64{low, moderate, high} {
		sum += share
		n := int(sum*barWidth+0.5) - done
		if i == 2 {
			n = barWidth - done
		}
		done += n
		b.WriteString(k.signs(i, n))
	}
	return b.String()
}

// signs draws n signs of low (0), moderate (1) or high (2) intensity.
func (k Look) signs(i, n int) string {
	signs := [3]string{".", "o", "#"}
	if k.Unicode {
		signs = [3]string{"░", "▒", "█"}
	}
	text := strings.Repeat(signs[i], n)
	if k.Colour && n > 0 {
		colours := [3]string{"34", "33", "35"} // blue, yellow, magenta
		text = "\x1b[" + colours[i] + "m" + text + "\x1b[0m"
	}
	return text
}

func (k Look) weekBar(w *store.Week) string {
	if w.LowShare == nil || w.ModerateShare == nil || w.HighShare == nil {
		return ""
	}
	return k.bar(*w.LowShare, *w.ModerateShare, *w.HighShare)
}

// WriteText writes the report as a page of text.
func (r *Weeks) WriteText(w io.Writer, look Look) error {
	l := &lines{w: w}
	if len(r.Weeks) == 0 {
		l.printf("No sessions of %s yet.\n", r.Athlete)
		return l.err
	}
	l.printf("%s, %s from %s to %s\n", r.Athlete, count(len(r.Weeks), "week"), dayText(r.From), dayText(r.To))
	for _, f := range r.Settings {
		l.printf("  %s: %s\n", f.Since(), f.Words)
	}
	l.printf("\n%s\n%s\n", r.summary(), r.Tally())
	r.weekTable(l, look)
	r.loadTable(l)
	r.violationText(l)
	r.patternText(l)
	r.returnText(l)
	return l.err
}

func (r *Weeks) weekTable(l *lines, look Look) {
	l.printf("\nIntensity by time and by sessions   %s low   %s moderate   %s high\n", look.signs(0, 2), look.signs(1, 2), look.signs(2, 2))
	var rows [][]string
	for i := range r.Weeks {
		w := &r.Weeks[i]
		rows = append(rows, []string{
			w.Week, shortDay(w.Start), hoursText(w.Hours), figureText(w.DistanceKM, 1), look.weekBar(w), sharesText(w),
			fmt.Sprintf("%d/%d/%d of %d", w.EasySessions, w.ModerateSessions, w.HardSessions, w.Sessions),
			violationCount(w), labelOrDash(w.Label), verdictWords(w.Verdict, w.Reason),
		})
	}
	l.table("lrrrlrrrll", []string{
		"week", "from", "hours", "km", "by time", "low/mod/high", "easy/mod/hard", "broken", "shape", "verdict",
	}, rows)
}

// violationCount is how many easy days were not easy, empty for none.
func violationCount(w *store.Week) string {
	if w.Violations == 0 {
		return ""
	}
	return strconv.FormatUint(w.Violations, 10)
}

func labelOrDash(label string) string {
	if label == "no_data" {
		return "-"
	}
	return strings.ReplaceAll(label, "_", " ")
}

func (r *Weeks) loadTable(l *lines) {
	model := r.Weeks[len(r.Weeks)-1].LoadModel
	if model == "none" || model == "" {
		l.printf("\nLoad: %s\n", r.loadNote())
		return
	}
	l.printf("\nLoad by %s: fitness (CTL, 42 days), fatigue (ATL, 7 days), form (TSB), at the end of the week\n", loadModelText(model))
	var rows [][]string
	for i := range r.Weeks {
		w := &r.Weeks[i]
		rows = append(rows, []string{
			w.Week, figureText(w.Load, 0), figureText(w.CTL, 1), figureText(w.ATL, 1), figureText(w.TSB, 1),
			figureText(w.Monotony, 2), figureText(w.Strain, 0),
		})
	}
	l.table("lrrrrrr", []string{"week", "load", "fitness", "fatigue", "form", "monotony", "strain"}, rows)
	if note := r.loadNote(); note != "" {
		l.printf("  %s\n", note)
	}
}

func (r *Weeks) violationText(l *lines) {
	if len(r.Violations) == 0 {
		l.printf("\nEasy days that were not easy: none.\n")
		return
	}
	const most = 15
	l.printf("\nEasy days that were not easy: %d", len(r.Violations))
	from := max(0, len(r.Violations)-most)
	if from > 0 {
		l.printf("; the latest %d, --html and --json show all", most)
	}
	l.printf("\n")
	for i := range r.Violations[from:] {
		v := &r.Violations[from+i]
		l.printf("  %s  %s (%s easy): %s  [%s]\n", v.Day, plain(v.Sport), v.MeantEasy, violationWords(v), v.SessionID.String()[:8])
	}
}

func (r *Weeks) patternText(l *lines) {
	if len(r.Patterns) == 0 {
		l.printf("\nWarnings: none.\n")
		return
	}
	l.printf("\nWarnings: patterns to look at, not diagnoses\n")
	for i := range r.Patterns {
		p := &r.Patterns[i]
		l.printf("  %s: %s\n      %s: %s (a warning when %s)\n", p.When(), signalName(p.Signal), dayText(p.Strongest), p.Words, p.Threshold)
		if len(p.Missing) > 0 {
			l.printf("      not looked at: %s\n", strings.Join(p.Missing, "; "))
		}
	}
}

func (r *Weeks) returnText(l *lines) {
	if len(r.ReturnToRun) == 0 {
		return
	}
	l.printf("\nReturn to run\n")
	for i := range r.ReturnToRun {
		w := &r.ReturnToRun[i]
		l.printf("  %s to %s  phase %d (%s), week %d: %s\n", w.From, w.To, w.Phase, w.PhaseName, w.Week, returnWords(w))
		for _, why := range append(append([]string{}, w.Reasons...), w.NotJudged...) {
			l.printf("      %s\n", why)
		}
	}
	if last := &r.ReturnToRun[len(r.ReturnToRun)-1]; last.NextWeek != "" {
		l.printf("  next week: %s\n", last.NextWeek)
	}
}

func returnWords(w *store.ReturnWeek) string {
	text := w.Outcome
	if !w.Complete {
		text += " so far"
	}
	text += fmt.Sprintf(", %d of %d days", w.Days, w.DaysAllowed)
	if w.VolumePct != nil {
		text += fmt.Sprintf(", volume %.0f %% of before", *w.VolumePct)
	}
	if w.OverCapS != nil {
		text += ", over the cap " + clock(*w.OverCapS)
	}
	return text + ", " + count(int(w.HardSessions), "hard session") //nolint:gosec // few
}
