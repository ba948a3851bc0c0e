package intensity

import (
	"math"
	"slices"

	"plodwatch/schema"
)

// HRMaxBounds returns the lower bounds of five zones in whole bpm: 50, 60, 70,
// 80 and 90 % of max HR, rounded half up (Garmin's default).
func HRMaxBounds(hrMax float64) []float64 { return fractionBounds(hrMax, 0) }

// ReserveBounds returns the lower bounds of five zones in whole bpm at 50 to
// 90 % of the heart rate reserve, rounded half up; nil when hrMax is not above
// hrRest.
func ReserveBounds(hrMax, hrRest float64) []float64 {
	if hrMax <= hrRest {
		return nil
	}
	return fractionBounds(hrMax, hrRest)
}

func fractionBounds(hrMax, hrRest float64) []float64 {
	bounds := make([]float64, 0, 5)
	for percent := 50.0; percent <= 90; percent += 10 {
		bounds = append(bounds, math.Floor(hrRest+(hrMax-hrRest)*percent/100+0.5))
	}
	return bounds
}

// FrielBounds returns the lower bounds of zones 2, 3, 4, 5a, 5b and 5c: 85, 90,
// 95, 100, 103 and 107 % of the lactate threshold heart rate, unrounded (Friel,
// The Triathlete's Training Bible). What lies below the first is zone 1.
func FrielBounds(lthr float64) []float64 {
	percents := [...]float64{85, 90, 95, 100, 103, 107}
	bounds := make([]float64, len(percents))
	for i, p := range percents {
		bounds[i] = lthr * p / 100
	}
	return bounds
}

// Zone returns the number of bounds at or below a heart rate: 0 below the
// first, and a value on a bound belongs to the zone above.
func Zone(bounds []float64, bpm uint8) int {
	z := 0
	for z < len(bounds) && float64(bpm) >= bounds[z] {
		z++
	}
	return z
}

// ZoneTimes sums milliseconds per bpm into the cells of ascending bounds: cell
// 0 below the first, cell n at or above the last.
func ZoneTimes(hrMs *[HRBins]int64, bounds []float64) []int64 {
	cells := make([]int64, len(bounds)+1)
	z := 0
	for bpm, ms := range hrMs {
		for z < len(bounds) && float64(bpm) >= bounds[z] {
			z++
		}
		cells[z] += ms
	}
	return cells
}

// timeFrom sums the milliseconds at or above a heart rate.
func timeFrom(hrMs *[HRBins]int64, threshold float64) int64 {
	var sum int64
	for bpm, ms := range hrMs {
		if float64(bpm) >= threshold {
			sum += ms
		}
	}
	return sum
}

// chooseZones returns the bounds of the model asked for, or of ZoneHRMax5 when
// that one lacks its inputs, and the model they belong to; "" and nil when max
// HR is missing too.
func chooseZones(set *schema.Settings, hrMax, hrRest float64) (schema.ZoneModel, []float64) {
	switch set.ZoneModel {
	case schema.ZoneHRR5:
		if b := ReserveBounds(hrMax, hrRest); hrRest > 0 && b != nil {
			return schema.ZoneHRR5, b
		}
	case schema.ZoneFriel7:
		if isBPM(set.LTHR) {
			return schema.ZoneFriel7, FrielBounds(set.LTHR)
		}
	case schema.ZoneCustom:
		if areBounds(set.CustomBounds) {
			return schema.ZoneCustom, slices.Clone(set.CustomBounds)
		}
	}
	if hrMax <= 0 {
		return "", nil
	}
	return schema.ZoneHRMax5, HRMaxBounds(hrMax)
}

// areBounds reports whether bounds are there, are numbers and ascend.
func areBounds(bounds []float64) bool {
	for i, b := range bounds {
		if !isBPM(b) || i > 0 && b <= bounds[i-1] {
			return false
		}
	}
	return len(bounds) > 0
}

// chooseThresholds returns the bounds between low, moderate and high, best
// source first, unrounded.
func chooseThresholds(set *schema.Settings, hrMax float64) (vt1, vt2 float64, source ThresholdSource) {
	switch {
	case isBPM(set.VT1) && isBPM(set.VT2) && set.VT1 < set.VT2:
		return set.VT1, set.VT2, ThresholdSetting
	case isBPM(set.LTHR):
		return set.LTHR * vt1OfLTHRPercent / 100, set.LTHR, ThresholdLTHR
	case hrMax > 0:
		return hrMax * vt1Percent / 100, hrMax * vt2Percent / 100, ThresholdHRMax
	default:
		return 0, 0, ThresholdNone
	}
}
