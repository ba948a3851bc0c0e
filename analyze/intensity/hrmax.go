package intensity

import (
	"math"
	"time"

	"plodwatch/schema"
)

// Tanaka returns the expected max HR in bpm at an age in years: 208 - 0.7 age
// (Tanaka, Monahan, Seals 2001).
func Tanaka(age float64) float64 { return 208 - 7*age/10 }

// Fox returns the expected max HR in bpm at an age in years: 220 - age (Fox,
// Naughton, Haskell 1971).
func Fox(age float64) float64 { return 220 - age }

// Gulati returns the expected max HR of a woman in bpm at an age in years:
// 206 - 0.88 age (Gulati 2010).
func Gulati(age float64) float64 { return 206 - 88*age/100 }

// Nes returns the expected max HR in bpm at an age in years: 211 - 0.64 age
// (Nes 2013).
func Nes(age float64) float64 { return 211 - 64*age/100 }

// Karvonen returns the heart rate in bpm at percent of the heart rate reserve
// (Karvonen 1957), and false when hrMax is not above hrRest.
func Karvonen(hrMax, hrRest, percent float64) (float64, bool) {
	if hrMax <= hrRest {
		return 0, false
	}
	return hrRest + (hrMax-hrRest)*percent/100, true
}

// ReservePercent returns a heart rate as percent of the heart rate reserve, and
// false when hrMax is not above hrRest.
func ReservePercent(hr, hrMax, hrRest float64) (float64, bool) {
	if hrMax <= hrRest {
		return 0, false
	}
	return (hr - hrRest) / (hrMax - hrRest) * 100, true
}

// chooseHRMax applies the precedence: the athlete's setting, the file's
// profile, what was observed unless the athlete's age promises more, the age.
func chooseHRMax(s *schema.Session, in *Inputs) (float64, HRMaxSource) {
	if set := in.Settings.HRMax; isBPM(set) {
		return set, HRMaxSetting
	}
	for _, v := range []uint8{s.Facts.MaxHR, s.WatchZones.MaxHR} {
		if v >= fileHRMaxLowest && v <= hrHighest {
			return float64(v), HRMaxFile
		}
	}
	byAge := expectedHRMax(s, in)
	seen := in.ObservedHRMax
	if seen >= observedLowest && seen <= observedHighest && seen > byAge {
		return seen, HRMaxObserved
	}
	if byAge > 0 {
		return byAge, HRMaxAge
	}
	return 0, HRMaxNone
}

// expectedHRMax is Tanaka's for the athlete's age in the session's year, or 0
// when the birth year is not set or impossible.
func expectedHRMax(s *schema.Session, in *Inputs) float64 {
	if in.Settings.BirthYear <= 0 {
		return 0
	}
	year := in.Year
	if year == 0 {
		year = time.UnixMilli(s.StartMs).UTC().Year()
	}
	age := year - in.Settings.BirthYear
	if age < 1 || age > 120 {
		return 0
	}
	return Tanaka(float64(age))
}

// chooseHRRest returns the resting heart rate and where it comes from: setting,
// file or none.
func chooseHRRest(s *schema.Session, in *Inputs) (float64, string) {
	if set := in.Settings.HRRest; isBPM(set) {
		return set, "setting"
	}
	for _, v := range []uint8{s.Facts.RestHR, s.WatchZones.RestHR} {
		if v > 0 && v < fileHRMaxLowest {
			return float64(v), "file"
		}
	}
	return 0, "none"
}

// isBPM reports whether a setting is there and a number.
func isBPM(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
