package main

import (
	"fmt"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// settingsFlags are the flags that describe an athlete, shared by check and
// athlete set. Zero means not given.
type settingsFlags struct {
	MaxHR      float64   `name:"max-hr" help:"Maximum heart rate, bpm." placeholder:"BPM"`
	RestHR     float64   `name:"rest-hr" help:"Resting heart rate, bpm." placeholder:"BPM"`
	LTHR       float64   `name:"lthr" help:"Lactate threshold heart rate, bpm." placeholder:"BPM"`
	VT1        float64   `name:"vt1" help:"First ventilatory threshold, bpm." placeholder:"BPM"`
	VT2        float64   `name:"vt2" help:"Second ventilatory threshold, bpm." placeholder:"BPM"`
	BirthYear  int       `name:"birth-year" help:"Year of birth, for the age formula of last resort." placeholder:"YEAR"`
	Sex        string    `name:"sex" help:"female or male, for formulas that differ." placeholder:"SEX"`
	ZoneModel  string    `name:"zone-model" help:"hrmax5, hrr5, friel7 or custom." placeholder:"MODEL"`
	Pace       pace      `name:"threshold-pace" help:"Running pace at the anaerobic threshold, min:s per km, to judge runs by pace too." placeholder:"M:SS"`
	ZoneBounds []float64 `name:"zone-bounds" help:"Lower bounds of the zones in bpm, for --zone-model custom." placeholder:"BPM,..."`
}

// apply lays the given flags over s.
func (f *settingsFlags) apply(s *schema.Settings) {
	for _, v := range []struct {
		from float64
		to   *float64
	}{{f.MaxHR, &s.HRMax}, {f.RestHR, &s.HRRest}, {f.LTHR, &s.LTHR}, {f.VT1, &s.VT1}, {f.VT2, &s.VT2}} {
		if v.from != 0 {
			*v.to = v.from
		}
	}
	if f.BirthYear != 0 {
		s.BirthYear = f.BirthYear
	}
	if f.Sex != "" {
		s.Sex = schema.Sex(f.Sex)
	}
	if f.Pace != 0 {
		s.ThresholdPace = float64(f.Pace)
	}
	if f.ZoneModel != "" {
		s.ZoneModel = schema.ZoneModel(f.ZoneModel)
	}
	if len(f.ZoneBounds) > 0 {
		s.CustomBounds = f.ZoneBounds
	}
}

// pace is a running pace in s/km, written as minutes and seconds: 4:30.
type pace float64

// UnmarshalText reads M:SS.
func (p *pace) UnmarshalText(text []byte) error {
	m, s, ok := strings.Cut(string(text), ":")
	minutes, err1 := strconv.ParseUint(m, 10, 8)
	seconds, err2 := strconv.ParseFloat(s, 64)
	if !ok || err1 != nil || err2 != nil || !(seconds >= 0 && seconds < 60) {
		return fmt.Errorf("pace %q: need minutes and seconds per km, for example 4:30", text)
	}
	*p = pace(float64(minutes)*60 + seconds)
	return nil
}

// String writes M:SS per km.
func (p pace) String() string {
	s := int(float64(p) + 0.5)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// settings returns the flags alone as settings, checked.
func (f *settingsFlags) settings(athlete schema.AthleteID) (schema.Settings, error) {
	s := schema.Settings{Athlete: athlete}
	f.apply(&s)
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
