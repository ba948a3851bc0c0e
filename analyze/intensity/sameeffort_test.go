package intensity_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"plodwatch/schema"
)

// TestSameEffortPaceIsTheMedianInTheBand compares with a median by sorting.
func TestSameEffortPaceIsTheMedianInTheBand(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 9))
	for range 20 {
		s := session(stretch{2400, 120})
		for i := range s.Samples.HeartRate {
			s.Samples.HeartRate[i] = uint8(118 + (i/60)%40 + random.IntN(3)) //nolint:gosec // below 160
		}
		s.Samples.SpeedMMps = column(s, func(int) int32 { return int32(2400 + random.IntN(900)) }) //nolint:gosec // small
		s.Samples.SpeedMMps[900] = 300                                                             // stands still
		var speeds []int32
		for i, hr := range s.Samples.HeartRate {
			if i >= 300 && s.Samples.SpeedMMps[i] >= 900 && hr >= 124 && hr <= 142 { // 123.5 and 142.5
				speeds = append(speeds, s.Samples.SpeedMMps[i])
			}
		}
		slices.Sort(speeds)
		r := derive(t, s, schema.Settings{HRMax: 190})
		equal(t, "time in the band", r.SameEffortMs, int64(len(speeds))*1000)
		near(t, "pace", given(t, "pace", r.SameEffortPace), 1e6/float64(speeds[(len(speeds)-1)/2]), 1e-9)
	}
}

func TestSameEffortPaceNeedsARunThatCanBeJudged(t *testing.T) {
	for name, c := range map[string]struct {
		sport   schema.Sport
		hrMax   float64
		bpm     uint8
		seconds int
		want    bool
	}{
		"a run":                   {schema.SportRunning, 190, 130, 1800, true},
		"exactly five minutes":    {schema.SportRunning, 190, 130, 600, true},
		"a second less":           {schema.SportRunning, 190, 130, 599, false},
		"a ride":                  {schema.SportCycling, 190, 130, 1800, false},
		"no max HR":               {schema.SportRunning, 0, 130, 1800, false},
		"below 65 %":              {schema.SportRunning, 200, 129, 1800, false},
		"65 %":                    {schema.SportRunning, 200, 130, 1800, true},
		"75 % is above":           {schema.SportRunning, 200, 150, 1800, false},
		"just below 75 %":         {schema.SportRunning, 200, 149, 1800, true},
		"without max HR but LTHR": {schema.SportRunning, -1, 130, 1800, false},
	} {
		s := session(stretch{c.seconds, c.bpm})
		s.Sport = c.sport
		s.Samples.SpeedMMps = column(s, constant(2500))
		set := schema.Settings{HRMax: max(0, c.hrMax)}
		if c.hrMax < 0 {
			set.LTHR = 170
		}
		r := derive(t, s, set)
		if got := r.SameEffortPace != nil; got != c.want {
			t.Errorf("%s: pace %v", name, r.SameEffortPace)
		} else if got {
			near(t, name, *r.SameEffortPace, 400, 1e-9)
		}
	}
}

func TestSameEffortPaceIgnoresBadHeartRate(t *testing.T) {
	s := session(stretch{900, 130}, stretch{60, 0}, stretch{60, 240}, stretch{900, 130})
	s.Samples.SpeedMMps = column(s, func(i int) int32 {
		if i >= 900 && i < 1020 {
			return 4000
		}
		return 2500
	})
	r := derive(t, s, schema.Settings{HRMax: 190})
	equal(t, "time in the band", r.SameEffortMs, 1500_000)
	near(t, "pace", given(t, "pace", r.SameEffortPace), 400, 1e-9)
}
