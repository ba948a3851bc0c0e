package intensity

import (
	"math"

	"plodwatch/schema"
)

// BanisterTRIMP returns the training impulse of milliseconds per bpm: minutes
// times x times 0.64 e^(1.92 x) for men, 0.86 e^(1.67 x) for women, where x is
// the heart rate as a fraction of the reserve, held between 0 and 1 (Banister
// 1991). An unknown sex takes the men's constants. It returns false when hrMax
// is not above hrRest or hrRest is unknown.
func BanisterTRIMP(hrMs *[HRBins]int64, hrMax, hrRest float64, sex schema.Sex) (float64, bool) {
	if hrMax <= hrRest || hrRest <= 0 {
		return 0, false
	}
	factor, exponent := 0.64, 1.92
	if sex == schema.SexFemale {
		factor, exponent = 0.86, 1.67
	}
	sum := 0.0
	for bpm, ms := range hrMs {
		if ms == 0 {
			continue
		}
		x := min(max((float64(bpm)-hrRest)/(hrMax-hrRest), 0), 1)
		sum += minutes(ms) * x * factor * math.Exp(exponent*x)
	}
	return sum, true
}

// Edwards returns minutes times 1 to 5 in the five zones of max HR, nothing
// below 50 % (Edwards 1993).
func Edwards(hrMs *[HRBins]int64, hrMax float64) float64 {
	sum := 0.0
	for zone, ms := range ZoneTimes(hrMs, HRMaxBounds(hrMax)) {
		sum += float64(zone) * minutes(ms)
	}
	return sum
}

// Lucia returns minutes times 1, 2 and 3 at low, moderate and high intensity
// (Lucia 2003); vt1 and vt2 are the lower bounds of moderate and high in bpm.
func Lucia(hrMs *[HRBins]int64, vt1, vt2 float64) float64 {
	sum := 0.0
	for zone, ms := range ZoneTimes(hrMs, []float64{vt1, vt2}) {
		sum += float64(zone+1) * minutes(ms)
	}
	return sum
}

// Minetti returns the energy cost of running on a gradient (rise over run, held
// within 0.45 either way) in J per kg and metre (Minetti 2002).
func Minetti(gradient float64) float64 {
	i := min(max(gradient, -0.45), 0.45)
	return ((((155.4*i-30.4)*i-43.3)*i+46.3)*i+19.5)*i + 3.6
}

func minutes(ms int64) float64 { return float64(ms) / float64(minute) }
