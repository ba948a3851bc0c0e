package intensity_test

import (
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// thresholds set VT1 to 150 and VT2 to 165.
func thresholds() schema.Settings { return schema.Settings{HRMax: 190, VT1: 150, VT2: 165} }

func TestEffortsAreRisesThatLast(t *testing.T) {
	for name, c := range map[string]struct {
		stretches []stretch
		efforts   int
		longest   int64 // seconds
	}{
		"easy":                         {[]stretch{{1800, 149}}, 0, 0},
		"VT1 itself is over":           {[]stretch{{600, 140}, {60, 150}, {600, 140}}, 1, 60},
		"a second less is no effort":   {[]stretch{{600, 139}, {59, 150}, {600, 139}}, 0, 59},
		"hovering is one effort":       {[]stretch{{600, 140}, {50, 151}, {50, 149}, {90, 152}, {50, 141}, {300, 151}}, 1, 300},
		"a dip to VT1 - 10 is none":    {[]stretch{{100, 155}, {100, 140}, {100, 155}}, 1, 100},
		"intervals":                    {[]stretch{{600, 120}, {120, 155}, {90, 139}, {120, 160}, {90, 130}, {120, 170}, {300, 120}}, 3, 120},
		"minutes that add up":          {[]stretch{{30, 155}, {30, 145}, {30, 155}}, 1, 30},
		"the hard part counts as over": {[]stretch{{600, 170}}, 1, 600},
	} {
		r := derive(t, session(c.stretches...), thresholds())
		equal(t, name+": efforts", r.Efforts, c.efforts)
		equal(t, name+": longest", r.LongestOverVT1Ms, c.longest*1000)
	}
	equal(t, "without thresholds", derive(t, session(stretch{600, 180}), schema.Settings{}).LongestOverVT1Ms, 0)
}

func TestAPauseEndsAStretchOverVT1(t *testing.T) {
	s := session(stretch{600, 160})
	s.TimerEvents = []schema.TimerEvent{{AtMs: start}, {AtMs: start + 200_000, Stop: true}, {AtMs: start + 260_000}}
	s.Samples.TimeMs = append(s.Samples.TimeMs[:200:200], s.Samples.TimeMs[260:]...)
	s.Samples.HeartRate = s.Samples.HeartRate[:540]
	r := derive(t, s, thresholds())
	equal(t, "longest", r.LongestOverVT1Ms, 340_000)
	equal(t, "efforts", r.Efforts, 1)
}

func TestPaceNearVT1IsTimeAndDistanceOfRuns(t *testing.T) {
	s := session(stretch{300, 147}, stretch{100, 144}, stretch{100, 145}, stretch{100, 149}, stretch{200, 150})
	s.Samples.SpeedMMps = column(s, func(i int) int32 { return int32(2500 + i) }) //nolint:gosec // small
	s.Samples.SpeedMMps[450] = 100                                                // stands still
	r := derive(t, s, thresholds())
	near := 0.0
	for i := 400; i < 600; i++ { // the first five minutes left out
		if i != 450 {
			near += float64(2500+i) / 1000
		}
	}
	over := 0.0
	for i := 600; i < 800; i++ {
		over += float64(2500+i) / 1000
	}
	equal(t, "near", r.NearVT1Ms, 199_000)
	equal(t, "over", r.OverVT1MovingMs, 200_000)
	nearTo(t, "metres near", r.NearVT1M, near)
	nearTo(t, "metres over", r.OverVT1M, over)

	s.Sport = schema.SportCycling
	equal(t, "a ride", derive(t, s, thresholds()).NearVT1Ms, 0)
}

func nearTo(t *testing.T, what string, got, want float64) {
	t.Helper()
	near(t, what, got, want, 1e-6)
}

func TestPaceTimesSplitWhereTheBoundsLie(t *testing.T) {
	bins := func(at map[int]int64) []int64 {
		list := make([]int64, 60)
		for k, ms := range at {
			list[k] = ms
		}
		return list
	}
	// 4:10 per km is 4 m/s, 114 % of it 3.50877 m/s.
	for name, c := range map[string]struct {
		bins                []int64
		low, moderate, high int64
	}{
		"nothing":                 {nil, 0, 0, 0},
		"slower":                  {bins(map[int]int64{20: 1000, 34: 500}), 1500, 0, 0},
		"between":                 {bins(map[int]int64{36: 1000, 39: 500}), 0, 1500, 0},
		"threshold pace is fast":  {bins(map[int]int64{40: 1000, 59: 1}), 0, 0, 1001},
		"a bin that 114 % splits": {bins(map[int]int64{35: 10_000}), 877, 9123, 0},
	} {
		low, moderate, high := intensity.PaceTimes(c.bins, 250)
		if low != c.low || moderate != c.moderate || high != c.high {
			t.Errorf("%s: %d %d %d, want %d %d %d", name, low, moderate, high, c.low, c.moderate, c.high)
		}
	}
	low, moderate, high := intensity.PaceTimes(bins(map[int]int64{37: 10_001}), 270) // 3.7037 m/s
	if low != 0 || moderate != 370 || high != 9631 {
		t.Errorf("4:30 per km: %d %d %d", low, moderate, high)
	}
}

func TestPaceZonesAreForRunsWithAThresholdPace(t *testing.T) {
	s := session(stretch{600, 0}) // heart rate is not needed
	s.Samples.SpeedMMps = column(s, func(i int) int32 {
		if i < 400 {
			return 2550
		}
		return 4550
	})
	r := derive(t, s, schema.Settings{ThresholdPace: 250})
	equal(t, "low", r.PaceLowMs, 400_000)
	equal(t, "high", r.PaceHighMs, 200_000)
	near(t, "pace used", r.ThresholdPace, 250, 0)
	equal(t, "not set", derive(t, s, schema.Settings{}).PaceLowMs, 0)
	s.Sport = schema.SportCycling
	near(t, "a ride", derive(t, s, schema.Settings{ThresholdPace: 250}).ThresholdPace, 0, 0)
}
