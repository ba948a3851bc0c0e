package main

import (
	"os"

	"golang.org/x/term"
)

// colour is how a word stands out on a terminal, as an ANSI code. The word says
// the same without it. Blue, yellow and magenta are told apart by those who
// cannot tell red from green; the report's bars use the same three.
type colour string

const (
	plainColour   colour = ""
	goodColour    colour = "34" // blue
	doubtColour   colour = "33" // yellow
	badColour     colour = "35" // magenta
	missingColour colour = "2"  // faint: no answer
)

// paint returns text in the colour, or as it is without one.
func (c colour) paint(text string) string {
	if c == plainColour || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// colours reports whether output is coloured: on a terminal that can, unless
// --no-color or NO_COLOR (https://no-color.org) says no.
func (a *app) colours() bool {
	f, ok := a.stdout.(*os.File)
	if t, wrapped := a.stdout.(*touched); wrapped {
		f, ok = t.w.(*os.File)
	}
	return ok && !a.NoColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" &&
		term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits
}

// verdictColour is the colour of a session's or a week's verdict.
func verdictColour(verdict string) colour {
	switch verdict {
	case "ok":
		return goodColour
	case "borderline":
		return doubtColour
	case "too_hard":
		return badColour
	}
	return missingColour
}

// paint is the colour of a finding's verdict.
func (v verdict) colour() colour {
	return map[verdict]colour{soundVerdict: goodColour, doubtVerdict: doubtColour, brokenVerdict: badColour}[v]
}
