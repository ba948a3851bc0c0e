package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// clock writes a duration in seconds as h:mm:ss.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// signedClock writes a difference of seconds as +0:00:12.
func signedClock(seconds float64) string {
	switch {
	case seconds <= -0.5:
		return "-" + clock(-seconds)
	case seconds >= 0.5:
		return "+" + clock(seconds)
	}
	return clock(0)
}

// percent writes a share with one decimal.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// wholePercent writes a share without decimals, never rounded over a threshold
// of whole percents: 79.9 % reads 79.9 %.
func wholePercent(share float64) string {
	whole := strconv.FormatFloat(100*share, 'f', 0, 64)
	if rounded, _ := strconv.ParseFloat(whole, 64); (rounded >= 80) != (100*share >= 80) || (rounded >= 75) != (100*share >= 75) {
		return percent(share)
	}
	return whole + " %"
}

// Percent writes a share from 0 to 1 without decimals, unless that would round
// it over 75 % or 80 %.
func Percent(share float64) string { return wholePercent(share) }

// Clock writes a duration in seconds as h:mm:ss.
func Clock(seconds float64) string { return clock(seconds) }

// Day writes a day of the form 2006-01-02 for people.
func Day(day string) string { return dayText(day) }

// ReasonWords says why there is no verdict of a period.
func ReasonWords(reason string) string { return reasonWords(reason) }

// number writes a figure without needless zeros.
func number(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func orNull[T comparable](v, none T) *T {
	if v == none {
		return nil
	}
	return &v
}

// sportName joins sport and sub sport.
func sportName(sport schema.Sport, sub string) string {
	if sub == "" || sub == "generic" {
		return plain(string(sport))
	}
	return plain(string(sport) + "/" + sub)
}

// plain shows text from a file on a terminal: what could steer it is a '?'.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// offsetText writes an offset to UTC as UTC+2 or UTC+5:45.
func offsetText(s int32) string {
	sign := '+'
	if s < 0 {
		sign, s = '-', -s
	}
	if s == 0 {
		return "UTC"
	}
	if s%3600 == 0 {
		return fmt.Sprintf("UTC%c%d", sign, s/3600)
	}
	return fmt.Sprintf("UTC%c%d:%02d", sign, s/3600, s/60%60)
}

func offsetSourceText(source schema.OffsetSource) string {
	switch source {
	case schema.OffsetFile:
		return "the file says so"
	case "position":
		return "by the time zone at its first position"
	case "athlete":
		return "by the athlete's time zone"
	}
	return "nothing tells the local time: UTC is taken"
}

func causeText(c intensity.Cause) string {
	switch c {
	case intensity.CausePaused:
		return "pause: the timer was stopped"
	case intensity.CauseGap:
		return "gap: nothing was recorded"
	case intensity.CauseNoHR:
		return "missing: samples without heart rate"
	case intensity.CauseSpike:
		return "spike: faster than a heart can change, and back at once"
	case intensity.CauseOutOfRange:
		l := intensity.LimitsUsed()
		return fmt.Sprintf("out of range: not from %d to %d bpm", l.LowestBPM, l.HighestBPM)
	}
	return string(c)
}

// lines writes text and keeps the first error.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) printf(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format, args...)
	}
}

// table aligns columns: to the left where align has an l, else to the right.
func (l *lines) table(align string, header []string, rows [][]string) {
	widths := make([]int, len(header))
	all := append([][]string{header}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-width(cell))
			if align[i] == 'l' {
				cell += pad
			} else {
				cell = pad + cell
			}
			b.WriteString("  " + cell)
		}
		l.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// width counts the signs of a cell without its colours.
func width(cell string) int {
	n, inside := 0, false
	for _, r := range cell {
		switch {
		case r == '\x1b':
			inside = true
		case !inside:
			n++
		case r == 'm':
			inside = false
		}
	}
	return n
}
