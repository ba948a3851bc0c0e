package intensity_test

import (
	"math"
	"slices"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// walkNorth gives the session positions that move north by mps.
func walkNorth(s *schema.Session, mps float64) {
	const metresPerE7 = 111195.0802 / 1e7
	s.Samples.LatE7 = column(s, func(i int) int32 {
		seconds := float64(s.Samples.TimeMs[i]-s.StartMs) / 1000
		return 470_000_000 + int32(math.Round(mps*seconds/metresPerE7))
	})
	s.Samples.LonE7 = column(s, constant(80_000_000))
}

func TestDistanceFromPositions(t *testing.T) {
	s := session(stretch{601, 130})
	walkNorth(s, 3)
	m := intensity.Measure(s)
	equal(t, "known", m.HasDistance, true)
	near(t, "distance", m.DistanceM, 1800, 0.5)
	equal(t, "moving", m.MovingMs, 600_000) // nothing tells the last second's speed
	equal(t, "flags", len(m.Flags), 0)
}

func TestTheDevicesDistanceWins(t *testing.T) {
	s := session(stretch{601, 130})
	walkNorth(s, 3)
	s.Samples.DistanceCm = column(s, func(i int) int32 { return int32(i) * 250 })
	near(t, "over positions", intensity.Measure(s).DistanceM, 1500, 1e-9)
	s.Watch.DistanceCm = 151_234
	near(t, "the summary over the column", intensity.Measure(s).DistanceM, 1512.34, 1e-9)
}

func TestNoDistance(t *testing.T) {
	m := intensity.Measure(session(stretch{600, 130}))
	if m.HasDistance || m.DistanceM != 0 || m.SpeedMs != nil || m.SpeedMMps != nil {
		t.Errorf("distance %v, speeds %v", m.DistanceM, m.SpeedMs)
	}
}

func TestPositionsThatImplyAnImpossibleSpeedAreDropped(t *testing.T) {
	for _, c := range []struct {
		name  string
		sport schema.Sport
		mps   float64
		off   []int // samples moved away
		byE7  int32 // how far east
		want  float64
		flag  bool
	}{
		{"one stray position", schema.SportRunning, 3, []int{100}, 20_000, 1800, true},
		{"a stray position at the start", schema.SportRunning, 3, []int{0}, 20_000, 1800 - 3*3, true},
		{"a slow one on foot", schema.SportRunning, 12, nil, 0, 7200, false},
		{"a car, said to be running", schema.SportRunning, 20, nil, 0, 0, true},
		{"the same by bicycle", schema.SportCycling, 20, nil, 0, 12000, false},
		{"two strays", schema.SportCycling, 8, []int{50, 51}, 60_000, 4800, true},
	} {
		s := session(stretch{601, 130})
		s.Sport = c.sport
		walkNorth(s, c.mps)
		for _, i := range c.off {
			s.Samples.LonE7[i] += c.byE7
		}
		m := intensity.Measure(s)
		if c.want > 0 {
			near(t, c.name, m.DistanceM, c.want, 1)
		} else if m.DistanceM > 7500 {
			t.Errorf("%s: %v m", c.name, m.DistanceM)
		}
		equal(t, c.name+": flag", slices.Contains(m.Flags, schema.FlagPositionSpikes), c.flag)
	}
}

func TestPositionsWithoutAFixAreIgnored(t *testing.T) {
	s := session(stretch{601, 130})
	walkNorth(s, 3)
	for i, v := range []int32{schema.Missing, 0, 1_900_000_000} {
		s.Samples.LonE7[100+i] = v
		if v == 0 {
			s.Samples.LatE7[100+i] = 0
		}
	}
	m := intensity.Measure(s)
	near(t, "distance", m.DistanceM, 1800, 0.5)
	equal(t, "moving", m.MovingMs, 600_000)
	equal(t, "flags", len(m.Flags), 0)
}

func TestAPauseIsNotWalked(t *testing.T) {
	s := at(1200, 130, append(every(1, 0, 599), every(1, 900, 1199)...)...)
	s.TimerEvents = []schema.TimerEvent{stop(600), resume(900)}
	walkNorth(s, 3)
	near(t, "distance", intensity.Measure(s).DistanceM, 3*(599+299), 1)
}

func TestMovingTime(t *testing.T) {
	for _, c := range []struct {
		sport  schema.Sport
		mmps   int32
		moving bool
	}{
		{schema.SportRunning, 899, false},
		{schema.SportRunning, 900, true},
		{schema.SportWalking, 280, true},
		{schema.SportCycling, 279, false},
		{schema.SportCycling, 280, true},
		{schema.SportGeneric, schema.Missing, false},
		{schema.SportGeneric, -5, false},
	} {
		s := session(stretch{100, 120})
		s.Sport = c.sport
		s.Samples.SpeedMMps = column(s, constant(c.mmps))
		m := intensity.Measure(s)
		if (m.MovingMs == 100_000) != c.moving || !c.moving && m.MovingMs != 0 {
			t.Errorf("%s at %d mm/s: moving %d ms", c.sport, c.mmps, m.MovingMs)
		}
	}
}

func TestSpeedHistogram(t *testing.T) {
	s := session(stretch{30, 120})
	s.Samples.SpeedMMps = column(s, func(i int) int32 { return []int32{0, 3049, 3050, 3150, 99_000}[i/6] })
	m := intensity.Measure(s)
	equal(t, "bins", len(m.SpeedMs), intensity.SpeedBins)
	equal(t, "3.0 m/s", m.SpeedMs[30], 12_000)
	equal(t, "3.1 m/s", m.SpeedMs[31], 6_000)
	equal(t, "open bin", m.SpeedMs[intensity.SpeedBins-1], 6_000)
	equal(t, "moving", m.MovingMs, 24_000)
}

func TestDistanceAcrossAGapCountsAsMoving(t *testing.T) {
	s := at(1000, 130, append(every(1, 0, 599), every(1, 900, 999)...)...)
	s.Samples.DistanceCm = column(s, func(i int) int32 { return int32((s.Samples.TimeMs[i] - start) / 1000 * 300) })
	m := intensity.Measure(s)
	equal(t, "gap", m.Budget.GapMs, 301_000)
	equal(t, "moving", m.MovingMs, 999_000)
	s.Samples.DistanceCm = nil
	s.Samples.SpeedMMps = column(s, constant(3000))
	equal(t, "moving when only speed is known", intensity.Measure(s).MovingMs, 699_000)
}

func TestAscent(t *testing.T) {
	s := session(stretch{400, 120})
	s.Samples.AltitudeCm = column(s, func(i int) int32 { // 20 m up, 10 m down, noise of 1 m on top
		base := min(i, 200)*10 - max(0, i-200)*5
		return int32(base) + int32(i%2)*100
	})
	near(t, "ascent", intensity.Measure(s).AscentM, 20, 1)
	s.Watch.AscentM = 17
	near(t, "the device's own", intensity.Measure(s).AscentM, 17, 0)
}

func TestStuckHeartRate(t *testing.T) {
	speed := func(i int) int32 { return 2000 + int32(i/30%2)*1500 }
	for _, c := range []struct {
		name  string
		s     *schema.Session
		speed func(int) int32
		want  bool
	}{
		{"61 s while speed changes", session(stretch{30, 120}, stretch{61, 131}, stretch{30, 120}), speed, true},
		{"60 s while speed changes", session(stretch{30, 120}, stretch{60, 131}, stretch{30, 120}), speed, false},
		{"at an even speed", session(stretch{30, 120}, stretch{300, 131}), constant(3000), false},
		{"without heart rate", session(stretch{300, 0}), speed, false},
	} {
		c.s.Samples.SpeedMMps = column(c.s, c.speed)
		m := intensity.Measure(c.s)
		equal(t, c.name, slices.Contains(m.Flags, schema.FlagStuckHR), c.want)
		equal(t, c.name+": rejected time", m.Budget.RejectedHRMs, 0)
	}
}

func TestCadenceLock(t *testing.T) {
	wave := func(i int) int { return 165 + int(math.Round(8*math.Sin(float64(i)/15))) }
	for _, c := range []struct {
		name    string
		sport   schema.Sport
		seconds int
		strides func(i int) int32
		want    bool
	}{
		{"ten minutes locked", schema.SportRunning, 600, func(i int) int32 { return int32(wave(i)) * 50 }, true},
		{"four minutes locked", schema.SportRunning, 240, func(i int) int32 { return int32(wave(i)) * 50 }, false},
		{"the same by bicycle", schema.SportCycling, 600, func(i int) int32 { return int32(wave(i)) * 50 }, false},
		{"six beats apart", schema.SportRunning, 600, func(i int) int32 { return int32(wave(i)+6) * 50 }, false},
		{"close but unrelated", schema.SportRunning, 600, func(i int) int32 { return int32(165+i*7%5) * 50 }, false},
		{"half the step rate", schema.SportRunning, 600, func(i int) int32 { return int32(wave(i)) * 25 }, false},
		{"no cadence", schema.SportRunning, 600, constant(schema.Missing), false},
	} {
		s := session(stretch{c.seconds, 100})
		s.Sport = c.sport
		for i := range s.Samples.HeartRate {
			s.Samples.HeartRate[i] = uint8(wave(i))
		}
		s.Samples.Cadence100 = column(s, c.strides)
		m := intensity.Measure(s)
		equal(t, c.name, slices.Contains(m.Flags, schema.FlagCadenceLock), c.want)
		equal(t, c.name+": classified", m.Budget.ClassifiedMs, int64(c.seconds)*1000)
		if c.want && m.ObservedHRMax != 0 {
			t.Errorf("%s: observed maximum %v from the step rate", c.name, m.ObservedHRMax)
		}
	}
}
