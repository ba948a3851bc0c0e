package schema

import (
	"errors"
	"fmt"
	"time"
)

// ErrBadDay is wrapped by ParseDay when the text is not a calendar day.
var ErrBadDay = errors.New("invalid day")

// Sex selects between formulas that differ by sex.
type Sex string

// The values of Sex; SexUnknown takes the men's constants where a formula has
// only two forms, and results say so by their settings.
const (
	SexUnknown Sex = ""
	SexFemale  Sex = "female"
	SexMale    Sex = "male"
)

// ZoneModel names a way of dividing heart rates into zones.
type ZoneModel string

// The zone models. ZoneCustom takes its lower bounds from Settings.CustomBounds.
const (
	ZoneHRMax5 ZoneModel = "hrmax5" // 50/60/70/80/90 % of max HR
	ZoneHRR5   ZoneModel = "hrr5"   // the same fractions of the heart rate reserve
	ZoneFriel7 ZoneModel = "friel7" // fractions of the lactate threshold HR (Friel)
	ZoneCustom ZoneModel = "custom"
)

// Settings are an athlete's facts valid from a day on. Zero values mean not
// set. Thresholds are in bpm and may be fractional.
type Settings struct {
	Athlete      AthleteID
	ValidFrom    Day // first local day they hold for
	HRMax        float64
	HRRest       float64
	LTHR         float64
	VT1, VT2     float64
	BirthYear    int
	Sex          Sex
	ZoneModel    ZoneModel // "" = ZoneHRMax5
	CustomBounds []float64 // ascending lower bounds of zones 1..n
	TimeZone     string    // IANA name, "" = not set
	// ThresholdPace is the running pace at the anaerobic threshold, about what
	// can be held for an hour, in s/km.
	ThresholdPace float64
}

// Day is a calendar day as days since 1970-01-01.
type Day int32

// DayOf returns the local calendar day of the instant ms at offset seconds
// east of UTC.
func DayOf(ms int64, offsetS int32) Day {
	const dayMs = 24 * 60 * 60 * 1000
	local := ms + int64(offsetS)*1000
	day := local / dayMs
	if local%dayMs < 0 {
		day--
	}
	return Day(day) //nolint:gosec // a session's day fits 32 bits for millions of years
}

// ParseDay reads a day in the form 2006-01-02.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("day %q: need the form YYYY-MM-DD: %w", clip(s), ErrBadDay)
	}
	return DayOf(t.UnixMilli(), 0), nil
}

// String returns the day in the form 2006-01-02.
func (d Day) String() string {
	return time.Unix(int64(d)*24*60*60, 0).UTC().Format(time.DateOnly)
}

// Validate returns an error that names every field whose value makes no sense.
func (s *Settings) Validate() error {
	var errs []error
	bad := func(field, need string, value any) {
		errs = append(errs, fmt.Errorf("%s %v: need %s", field, value, need))
	}
	for _, hr := range []struct {
		field    string
		value    float64
		min, max float64
	}{
		{"max HR", s.HRMax, 100, 240},
		{"resting HR", s.HRRest, 20, 120},
		{"LTHR", s.LTHR, 80, 230},
		{"VT1", s.VT1, 60, 230},
		{"VT2", s.VT2, 60, 230},
	} {
		if hr.value != 0 && !(hr.value >= hr.min && hr.value <= hr.max) {
			bad(hr.field, fmt.Sprintf("%g to %g bpm", hr.min, hr.max), hr.value)
		}
	}
	if s.HRMax != 0 && s.HRRest >= s.HRMax {
		bad("resting HR", "less than max HR", s.HRRest)
	}
	if s.VT1 != 0 && s.VT2 != 0 && s.VT1 >= s.VT2 {
		bad("VT1", "less than VT2", s.VT1)
	}
	if (s.VT1 == 0) != (s.VT2 == 0) {
		bad("VT1 and VT2", "both or neither", fmt.Sprint(s.VT1, " ", s.VT2))
	}
	if p := s.ThresholdPace; p != 0 && !(p >= 120 && p <= 900) {
		bad("threshold pace", "120 to 900 s/km (2:00 to 15:00)", p)
	}
	if s.BirthYear != 0 && (s.BirthYear < 1900 || s.BirthYear > 2100) {
		bad("birth year", "1900 to 2100", s.BirthYear)
	}
	switch s.Sex {
	case SexUnknown, SexFemale, SexMale:
	default:
		bad("sex", "female or male", s.Sex)
	}
	switch s.ZoneModel {
	case "", ZoneHRMax5, ZoneHRR5, ZoneFriel7:
	case ZoneCustom:
		if len(s.CustomBounds) == 0 {
			bad("zone bounds", "at least one for the custom model", s.CustomBounds)
		}
	default:
		bad("zone model", "hrmax5, hrr5, friel7 or custom", s.ZoneModel)
	}
	for i, b := range s.CustomBounds {
		if !(b >= 30 && b <= 250) || i > 0 && b <= s.CustomBounds[i-1] {
			bad("zone bounds", "ascending bpm from 30 to 250", s.CustomBounds)
			break
		}
	}
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
			bad("time zone", "an IANA name such as Europe/Oslo", s.TimeZone)
		}
	}
	return errors.Join(errs...)
}
