package intensity

import "math"

// ClassOf returns a session's class from its time at low, moderate and high
// intensity: hard from 5 min or 10 % high, or from half the time above low;
// easy up to 10 % above low; else moderate. Without any time there is none.
func ClassOf(lowMs, moderateMs, highMs int64) Class {
	total, above := lowMs+moderateMs+highMs, moderateMs+highMs
	switch {
	case total <= 0:
		return ClassNone
	case highMs >= hardHighMs, highMs*10 >= total, above*2 >= total:
		return ClassHard
	case above*10 <= total:
		return ClassEasy
	default:
		return ClassModerate
	}
}

// PolarizationIndex returns log10(z1/z2 * z3 * 100) for the fractions of time
// in three zones (Treff 2019), and false when there is none because z3 exceeds
// z1. It is 0 without any z3; without any z2 a hundredth is moved there from
// z3, and when z3 has no more than that the index is 0 as well.
func PolarizationIndex(z1, z2, z3 float64) (float64, bool) {
	const hundredth = 0.01
	switch {
	case z3 > z1 || math.IsNaN(z1+z2+z3):
		return 0, false
	case z3 <= 0:
		return 0, true
	case z2 > 0:
		return math.Log10(z1 / z2 * z3 * 100), true
	case z3 <= hundredth:
		return 0, true
	default:
		return math.Log10(z1 / hundredth * (z3 - hundredth) * 100), true
	}
}

// LabelOf names the shape of a distribution given as fractions of time (or
// times) in three zones; the first that fits counts. Polarized needs a
// polarization index above 2.00 after rounding to two decimals, and z1 > z3 >
// z2 (Treff 2019).
func LabelOf(z1, z2, z3 float64) Label {
	total := z1 + z2 + z3
	if total <= 0 || math.IsNaN(total) {
		return LabelNoData
	}
	index, ok := PolarizationIndex(z1/total, z2/total, z3/total)
	switch {
	case z3 == 0 && z1 > z2:
		return LabelBase
	case z1 > z2 && z2 > z3:
		return LabelPyramidal
	case ok && math.Round(index*100)/100 > polarizedAbove && z1 > z3 && z3 > z2:
		return LabelPolarized
	case z2 > z1 && z2 > z3:
		return LabelThreshold
	case z3 > z1 && z3 > z2:
		return LabelHighIntensity
	default:
		return LabelOther
	}
}
