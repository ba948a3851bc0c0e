// Package diary is what athletes and coaches write down themselves: the daily
// log, what a day was planned to be, a return to running, and the protocols
// that lead through one. It reads these from text and tables and says what is
// wrong with them; it stores nothing.
package diary

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"plodwatch/schema"
)

// ErrBadEntry is wrapped by every error about what somebody has written.
var ErrBadEntry = errors.New("invalid entry")

// maxNote bounds a note, in bytes.
const maxNote = 4000

// Entry is what an athlete logged for one local day. What is nil or "" was not
// written and leaves what is stored for that day as it is.
type Entry struct {
	Athlete   schema.AthleteID
	Day       schema.Day
	RestingHR *float64 // bpm
	HRV       *float64 // heart rate variability as the device gives it, usually rMSSD in ms
	SleepH    *float64 // hours
	Energy    *Energy
	Note      string
}

// Validate returns all faults of the entry at once, each of which wraps
// ErrBadEntry, or nil.
func (e *Entry) Validate() error {
	var faults []error
	if _, err := schema.ParseAthleteID(string(e.Athlete)); err != nil {
		faults = append(faults, err)
	}
	for _, v := range []struct {
		name      string
		value     *float64
		low, high float64
		unit      string
	}{
		{"resting HR", e.RestingHR, 20, 120, "bpm"},
		{"HRV", e.HRV, 1, 400, "ms"},
		{"sleep", e.SleepH, 0, 24, "hours"},
	} {
		if v.value != nil && !(*v.value >= v.low && *v.value <= v.high) {
			faults = append(faults, fmt.Errorf("%s %g: need %g to %g %s", v.name, *v.value, v.low, v.high, v.unit))
		}
	}
	if len(e.Note) > maxNote || !utf8.ValidString(e.Note) {
		faults = append(faults, fmt.Errorf("note: need valid text of at most %d bytes", maxNote))
	}
	if e.RestingHR == nil && e.HRV == nil && e.SleepH == nil && e.Energy == nil && e.Note == "" {
		faults = append(faults, errors.New("nothing is written: need a resting HR, HRV, sleep, energy or a note"))
	}
	return wrap(faults)
}

// Intent is what a day was planned to be.
type Intent string

// The intents.
const (
	IntentEasy     Intent = "easy"
	IntentModerate Intent = "moderate"
	IntentHard     Intent = "hard"
	IntentRace     Intent = "race"
	IntentRest     Intent = "rest"
)

// Intents returns all intents, the easiest last.
func Intents() []Intent {
	return []Intent{IntentRace, IntentHard, IntentModerate, IntentEasy, IntentRest}
}

// ParseIntent reads an intent, whatever its case.
func ParseIntent(s string) (Intent, error) {
	in := Intent(strings.ToLower(strings.TrimSpace(s)))
	if !slices.Contains(Intents(), in) {
		return "", fmt.Errorf("plan %q: need easy, moderate, hard, race or rest: %w", clip(s), ErrBadEntry)
	}
	return in, nil
}

// Plan is what one local day of an athlete was planned to be. An empty Intent
// takes the plan back.
type Plan struct {
	Athlete schema.AthleteID
	Day     schema.Day
	Intent  Intent
}

// Return is a phase of a return to running that begins on a day, or its end.
type Return struct {
	Athlete  schema.AthleteID
	From     schema.Day
	Protocol string // name of the protocol; "" when Phase is 0
	Phase    int    // from 1; 0 = the return ends on this day

	// What the athlete did in a week before, to which volumes refer; nil when
	// it is to be taken from an earlier phase of the same return or computed.
	BaselineKm      *float64 // km of running a week
	BaselineMinutes *float64 // minutes of training a week
}

// Validate returns all faults at once, each of which wraps ErrBadEntry, or nil.
func (r *Return) Validate() error {
	var faults []error
	if _, err := schema.ParseAthleteID(string(r.Athlete)); err != nil {
		faults = append(faults, err)
	}
	if r.Phase < 0 || r.Phase > 99 {
		faults = append(faults, fmt.Errorf("phase %d: need 1 to 99", r.Phase))
	}
	if r.Phase > 0 && !isName(r.Protocol) {
		faults = append(faults, fmt.Errorf("protocol %q: need 1 to 64 letters, digits, '_' and '-'", clip(r.Protocol)))
	}
	for _, v := range []struct {
		name  string
		value *float64
		most  float64
	}{{"km", r.BaselineKm, 1000}, {"minutes", r.BaselineMinutes, 7 * 24 * 60}} {
		if v.value != nil && !(*v.value > 0 && *v.value <= v.most) {
			faults = append(faults, fmt.Errorf("baseline of %g %s a week: need more than 0 and at most %g", *v.value, v.name, v.most))
		}
	}
	if r.BaselineKm != nil && r.BaselineMinutes != nil {
		faults = append(faults, errors.New("baseline: give km or minutes a week, not both"))
	}
	return wrap(faults)
}

func isName(s string) bool {
	_, err := schema.ParseAthleteID(s) // the same alphabet
	return err == nil
}

// wrap joins faults on one line, as an error that wraps ErrBadEntry.
func wrap(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Error()
	}
	return fmt.Errorf("%s: %w", strings.Join(texts, "; "), ErrBadEntry)
}

// clip shortens foreign text for an error message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
