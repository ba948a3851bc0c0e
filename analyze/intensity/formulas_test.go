package intensity_test

import (
	"math"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

func TestHaversineOfOneDegree(t *testing.T) {
	near(t, "along a meridian", intensity.Haversine(0, 0, 1, 0), 111195.0802, 0.0001)
	near(t, "along the equator", intensity.Haversine(0, 10, 0, 11), 111195.0802, 0.0001)
	near(t, "no way", intensity.Haversine(47, 8, 47, 8), 0, 0)
	near(t, "to the antipode", intensity.Haversine(0, 0, 0, 180), math.Pi*intensity.EarthRadiusM, 1e-6)
}

func TestExpectedHRMaxAtForty(t *testing.T) {
	near(t, "Tanaka", intensity.Tanaka(40), 180.0, 1e-9)
	near(t, "Fox", intensity.Fox(40), 180, 1e-9)
	near(t, "Gulati", intensity.Gulati(40), 170.8, 1e-9)
	near(t, "Nes", intensity.Nes(40), 185.4, 1e-9)
}

func TestKarvonen(t *testing.T) {
	hr, ok := intensity.Karvonen(190, 50, 60)
	equal(t, "ok", ok, true)
	near(t, "60 % of 190/50", hr, 134.0, 1e-9)
	share, ok := intensity.ReservePercent(150, 190, 50)
	equal(t, "ok", ok, true)
	near(t, "150 in 190/50", share, 71.4286, 0.00005)
	for _, c := range [][2]float64{{50, 50}, {50, 190}} {
		if _, ok := intensity.Karvonen(c[0], c[1], 60); ok {
			t.Errorf("Karvonen(%v) has a value", c)
		}
		if _, ok := intensity.ReservePercent(100, c[0], c[1]); ok {
			t.Errorf("ReservePercent of %v has a value", c)
		}
	}
}

func TestPolarizationIndex(t *testing.T) {
	for _, c := range []struct{ z1, z2, z3, want, tolerance float64 }{
		{80, 0, 20, 3.18, 0.005},
		{72, 0, 28, 3.29, 0.005},
		{68, 6, 26, 2.47, 0.005},
		{67.3, 30.2, 2.5, 0.75, 0.005},
		{80.4, 17.9, 1.8, 0.91, 0.005},
		{74, 11, 15, 2.00, 0.005},
		{80, 5, 15, 2.3802, 0.00005},
		{77, 3, 20, 2.7104, 0.00005},
		{80, 15, 5, 1.4260, 0.00005},
		{83, 16, 1, 0.7150, 0.00005},
		{46, 54, 0, 0, 0},
		{99.5, 0, 0.5, 0, 0},
	} {
		got, ok := intensity.PolarizationIndex(c.z1/100, c.z2/100, c.z3/100)
		if !ok || math.Abs(got-c.want) > c.tolerance {
			t.Errorf("PolarizationIndex(%v, %v, %v) = %v, %v, want %v", c.z1, c.z2, c.z3, got, ok, c.want)
		}
	}
	if got, ok := intensity.PolarizationIndex(0.43, 0, 0.57); ok {
		t.Errorf("PolarizationIndex(43, 0, 57) = %v, want none", got)
	}
}

func TestLabel(t *testing.T) {
	for _, c := range []struct {
		z1, z2, z3 float64
		want       intensity.Label
	}{
		{68, 6, 26, intensity.LabelPolarized},
		{83, 16, 1, intensity.LabelPyramidal},
		{46, 54, 0, intensity.LabelThreshold},
		{43, 0, 57, intensity.LabelHighIntensity},
		{77, 3, 20, intensity.LabelPolarized},
		{46, 35, 19, intensity.LabelPyramidal},
		{100, 0, 0, intensity.LabelBase},
		{74, 11, 15, intensity.LabelOther}, // PI 2.00 is not above 2.00
		{0, 0, 0, intensity.LabelNoData},
	} {
		if got := intensity.LabelOf(c.z1, c.z2, c.z3); got != c.want {
			t.Errorf("LabelOf(%v, %v, %v) = %s, want %s", c.z1, c.z2, c.z3, got, c.want)
		}
	}
}

func TestClass(t *testing.T) {
	const minute = 60_000
	for _, c := range []struct {
		name                string
		low, moderate, high int64
		want                intensity.Class
	}{
		{"nothing", 0, 0, 0, intensity.ClassNone},
		{"all low", 60 * minute, 0, 0, intensity.ClassEasy},
		{"a tenth above low", 54 * minute, 6 * minute, 0, intensity.ClassEasy},
		{"more than a tenth above low", 53 * minute, 7 * minute, 0, intensity.ClassModerate},
		{"half above low", 30 * minute, 30 * minute, 0, intensity.ClassHard},
		{"just under half above low", 31 * minute, 29 * minute, 0, intensity.ClassModerate},
		{"five minutes high of two hours", 115 * minute, 0, 5 * minute, intensity.ClassHard},
		{"a tenth high", 18 * minute, 0, 2 * minute, intensity.ClassHard},
		{"a little high", 116 * minute, 0, 4 * minute, intensity.ClassEasy},
	} {
		if got := intensity.ClassOf(c.low, c.moderate, c.high); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFrielBoundsAt160(t *testing.T) {
	want := []float64{136, 144, 152, 160, 164.8, 171.2}
	for i, b := range intensity.FrielBounds(160) {
		near(t, "bound", b, want[i], 1e-9)
	}
}

func TestBoundsRoundedHalfUpAsWatchesDo(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []float64
		want []float64
	}{
		{"181", intensity.HRMaxBounds(181), []float64{91, 109, 127, 145, 163}},
		{"190", intensity.HRMaxBounds(190), []float64{95, 114, 133, 152, 171}},
		{"200 over 50", intensity.ReserveBounds(200, 50), []float64{125, 140, 155, 170, 185}},
		{"186 over 37", intensity.ReserveBounds(186, 37), []float64{112, 126, 141, 156, 171}},
	} {
		for i := range c.want {
			if c.got[i] != c.want[i] {
				t.Errorf("%s: bounds %v, want %v", c.name, c.got, c.want)
				break
			}
		}
	}
	if b := intensity.ReserveBounds(60, 60); b != nil {
		t.Errorf("bounds without a reserve: %v", b)
	}
}

func TestEveryHeartRateIsInExactlyOneZone(t *testing.T) {
	models := map[string][]float64{
		"hrmax5 200": intensity.HRMaxBounds(200),
		"hrmax5 183": intensity.HRMaxBounds(183),
		"hrr5 200":   intensity.ReserveBounds(200, 50),
		"hrr5 183":   intensity.ReserveBounds(183, 47),
		"friel7 200": intensity.FrielBounds(180),
		"friel7 183": intensity.FrielBounds(165),
		"three 200":  {164, 174},
		"three 183":  {150.06, 159.21},
		"custom":     {100, 120, 121, 180},
	}
	for name, bounds := range models {
		for bpm := 30; bpm <= 230; bpm++ {
			zone := intensity.Zone(bounds, uint8(bpm))
			lower, upper := math.Inf(-1), math.Inf(1)
			if zone > 0 {
				lower = bounds[zone-1]
			}
			if zone < len(bounds) {
				upper = bounds[zone]
			}
			if hr := float64(bpm); hr < lower || hr >= upper {
				t.Errorf("%s: %d bpm in zone %d [%v, %v)", name, bpm, zone, lower, upper)
			}
			var hist [intensity.HRBins]int64
			hist[bpm] = 1000
			cells := intensity.ZoneTimes(&hist, bounds)
			for k, ms := range cells {
				if want := map[bool]int64{true: 1000}[k == zone]; ms != want {
					t.Errorf("%s: %d bpm counts %d ms in zone %d, want %d", name, bpm, ms, k, want)
				}
			}
		}
	}
}

func TestBoundaryTable(t *testing.T) {
	for _, c := range []struct {
		hrMax float64
		bpm   uint8
		zone  int
	}{
		{200, 99, 0},
		{200, 100, 1},
		{200, 119, 1},
		{200, 120, 2},
		{200, 121, 2},
		{200, 139, 2},
		{200, 140, 3},
		{200, 141, 3},
		{200, 160, 4},
		{200, 161, 4},
		{200, 180, 5},
		{200, 181, 5},
		{183, 91, 0},
		{183, 92, 1},
		{183, 109, 1},
		{183, 110, 2},
		{183, 127, 2},
		{183, 128, 3},
		{183, 129, 3},
		{183, 145, 3},
		{183, 146, 4},
		{183, 164, 4},
		{183, 165, 5},
	} {
		if got := intensity.Zone(intensity.HRMaxBounds(c.hrMax), c.bpm); got != c.zone {
			t.Errorf("HRmax %v: %d bpm in zone %d, want %d", c.hrMax, c.bpm, got, c.zone)
		}
	}
}

func histogram(stretches ...stretch) *[intensity.HRBins]int64 {
	var hist [intensity.HRBins]int64
	for _, p := range stretches {
		hist[p.bpm] += int64(p.seconds) * 1000
	}
	return &hist
}

func TestBanisterOfAnHour(t *testing.T) {
	hist := histogram(stretch{3600, 150})
	for sex, want := range map[schema.Sex]float64{
		schema.SexMale: 108.0954, schema.SexFemale: 121.4991, schema.SexUnknown: 108.0954,
	} {
		got, ok := intensity.BanisterTRIMP(hist, 190, 50, sex)
		if !ok || math.Abs(got-want) > 0.00005 {
			t.Errorf("sex %q: %v, %v, want %v", sex, got, ok, want)
		}
	}
	if _, ok := intensity.BanisterTRIMP(hist, 190, 0, schema.SexMale); ok {
		t.Error("a value without resting heart rate")
	}
	if _, ok := intensity.BanisterTRIMP(hist, 50, 50, schema.SexMale); ok {
		t.Error("a value without a reserve")
	}
}

func TestLoadsOfTheTestSession(t *testing.T) {
	hist := histogram(stretch{180, 110}, stretch{180, 140}, stretch{360, 180}, stretch{360, 150}, stretch{120, 120})
	near(t, "Edwards", intensity.Edwards(hist, 205), 53, 1e-9)
	near(t, "Lucia", intensity.Lucia(hist, 160, 178), 32, 1e-9)
	men, _ := intensity.BanisterTRIMP(hist, 205, 55, schema.SexMale)
	near(t, "Banister, men", men, 29.9819, 0.00005)
	women, _ := intensity.BanisterTRIMP(hist, 205, 55, schema.SexFemale)
	near(t, "Banister, women", women, 33.7518, 0.00005)
}

func TestBanisterHoldsTheReserveBetweenZeroAndOne(t *testing.T) {
	below, _ := intensity.BanisterTRIMP(histogram(stretch{3600, 45}), 190, 50, schema.SexMale)
	near(t, "below rest", below, 0, 0)
	above, _ := intensity.BanisterTRIMP(histogram(stretch{60, 210}), 190, 50, schema.SexMale)
	near(t, "above max", above, 0.64*math.Exp(1.92), 1e-9)
}

func TestEfficiencyAndDecoupling(t *testing.T) {
	near(t, "3.0 m/s at 140", intensity.Efficiency(3.0, 140), 1.28571, 0.000005)
	got := intensity.Decoupling(intensity.Efficiency(3.00, 140), intensity.Efficiency(2.95, 147))
	near(t, "decoupling", got, 6.3492, 0.00005)
}

func TestMinettiAgainstFlat(t *testing.T) {
	flat := intensity.Minetti(0)
	near(t, "+10 %", intensity.Minetti(0.10)/flat, 1.6578, 0.00005)
	near(t, "-10 %", intensity.Minetti(-0.10)/flat, 0.5977, 0.00005)
	near(t, "steeper than measured", intensity.Minetti(0.9), intensity.Minetti(0.45), 0)
}

func TestCap(t *testing.T) {
	for hrMax, want := range map[float64]float64{190: 114, 200: 120, 210: 120, 180: 108, 0: 0} {
		near(t, "cap", intensity.Cap(hrMax), want, 0)
	}
}
