package intensity_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

func sum(b intensity.Budget) int64 {
	return b.PausedMs + b.GapMs + b.NoHRMs + b.RejectedHRMs + b.ClassifiedMs
}

// check verifies what must hold for every session whatsoever.
func check(t *testing.T, s *schema.Session, m *intensity.Measured) {
	t.Helper()
	b := m.Budget
	if sum(b) != b.ElapsedMs {
		t.Errorf("budget %+v sums to %d", b, sum(b))
	}
	for _, v := range []int64{b.ElapsedMs, b.PausedMs, b.GapMs, b.NoHRMs, b.RejectedHRMs, b.ClassifiedMs, m.MovingMs} {
		if v < 0 {
			t.Errorf("negative time in %+v, moving %d", b, m.MovingMs)
		}
	}
	var hist, weights, excluded int64
	for _, v := range m.HRMs {
		hist += v
	}
	for _, v := range m.WeightMs {
		weights += v
	}
	if hist != b.ClassifiedMs {
		t.Errorf("seconds per heart rate sum to %d of %d ms", hist, b.ClassifiedMs)
	}
	if want := b.ClassifiedMs + b.NoHRMs + b.RejectedHRMs; weights != want {
		t.Errorf("weights sum to %d, want %d", weights, want)
	}
	for i, e := range m.Excluded {
		excluded += e.ToMs - e.FromMs
		if e.FromMs >= e.ToMs || i > 0 && m.Excluded[i-1].ToMs > e.FromMs {
			t.Errorf("excluded stretches out of order: %v", m.Excluded)
		}
	}
	if excluded != b.ElapsedMs-b.ClassifiedMs {
		t.Errorf("excluded stretches sum to %d, want %d", excluded, b.ElapsedMs-b.ClassifiedMs)
	}
	if n := s.Samples.Len(); len(m.HRFlags) != n || len(m.WeightMs) != n {
		t.Errorf("%d flags and %d weights for %d samples", len(m.HRFlags), len(m.WeightMs), n)
	}
	var speedMs int64
	for _, v := range m.SpeedMs {
		speedMs += v
	}
	if speedMs != m.MovingMs || len(m.SpeedMs) > intensity.SpeedBins {
		t.Errorf("speed histogram sums to %d in %d bins, moving %d", speedMs, len(m.SpeedMs), m.MovingMs)
	}
	if math.IsNaN(m.HRAvg) || math.IsNaN(m.DistanceM) || math.IsNaN(m.AscentM) || m.DistanceM < 0 {
		t.Errorf("not numbers: %v %v %v", m.HRAvg, m.DistanceM, m.AscentM)
	}
}

// random builds a session of whole seconds with pauses, breaks, holes and bad
// heart rates.
func random(r *rand.Rand) *schema.Session {
	s := &schema.Session{Sport: schema.SportRunning, StartMs: start}
	now := int64(r.IntN(3))
	hr := 100 + r.IntN(60)
	sparse := r.IntN(2) == 0
	for range r.IntN(200) {
		hr = min(max(hr+r.IntN(7)-3, 28), 235)
		v := uint8(hr)
		switch r.IntN(30) {
		case 0:
			v = 0
		case 1:
			v = uint8(r.IntN(256))
		}
		s.Samples.TimeMs = append(s.Samples.TimeMs, start+now*1000)
		s.Samples.HeartRate = append(s.Samples.HeartRate, v)
		step := int64(1)
		if sparse {
			step += int64(r.IntN(7))
		}
		if r.IntN(20) == 0 {
			step += int64(r.IntN(80))
		}
		now += step
	}
	end := now + int64(r.IntN(40))
	s.EndMs = start + end*1000
	for range r.IntN(6) {
		s.TimerEvents = append(s.TimerEvents, schema.TimerEvent{
			AtMs: start + (r.Int64N(end+20)-10)*1000, Stop: r.IntN(3) > 0,
		})
	}
	slices.SortStableFunc(s.TimerEvents, func(a, b schema.TimerEvent) int { return int(a.AtMs - b.AtMs) })
	for range r.IntN(3) {
		from := r.Int64N(end+20) - 10
		s.Breaks = append(s.Breaks, schema.Interval{FromMs: start + from*1000, ToMs: start + (from+r.Int64N(40))*1000})
	}
	return s
}

func TestBudgetClosesOnRandomSessions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		s := random(r)
		check(t, s, intensity.Measure(s))
		if t.Failed() {
			t.Fatalf("session %+v", s)
		}
	}
}

// TestBudgetEqualsAPlainWalkOverTheSeconds asks the rules anew for every single
// second of random sessions.
func TestBudgetEqualsAPlainWalkOverTheSeconds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		s := random(r)
		m := intensity.Measure(s)
		want, hist := plainBudget(s, m.HRFlags)
		if m.Budget != want || m.HRMs != hist {
			t.Fatalf("got %+v\nwant %+v\nsession %+v", m.Budget, want, s)
		}
	}
}

func plainBudget(s *schema.Session, flags []schema.HRFlag) (intensity.Budget, [intensity.HRBins]int64) {
	times := s.Samples.TimeMs
	limit := int64(30_000)
	short := 0
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] <= 1000 {
			short++
		}
	}
	if len(s.TimerEvents) == 0 && len(times) > 1 && float64(short) >= 0.9*float64(len(times)-1) {
		limit = 10_000
	}
	var b intensity.Budget
	var hist [intensity.HRBins]int64
	b.ElapsedMs = s.EndMs - s.StartMs
	for sec := s.StartMs; sec < s.EndMs; sec += 1000 {
		last := -1
		for i, v := range times {
			if v <= sec {
				last = i
			}
		}
		switch {
		case plainPaused(s, sec, limit):
			b.PausedMs += 1000
		case last < 0 || plainBroken(s, sec) || plainRunning(s, last, limit) > limit:
			b.GapMs += 1000
		case flags[last] == schema.HRMissing:
			b.NoHRMs += 1000
		case flags[last] != schema.HROK:
			b.RejectedHRMs += 1000
		default:
			b.ClassifiedMs += 1000
			hist[s.Samples.HeartRate[last]] += 1000
		}
	}
	return b, hist
}

// plainRunning is the length of the interval after sample i less what is paused
// or broken.
func plainRunning(s *schema.Session, i int, limit int64) int64 {
	end := s.EndMs
	if i+1 < len(s.Samples.TimeMs) {
		end = s.Samples.TimeMs[i+1]
	}
	var running int64
	for sec := s.Samples.TimeMs[i]; sec < end; sec += 1000 {
		if !plainPaused(s, sec, limit) && !plainBroken(s, sec) {
			running += 1000
		}
	}
	return running
}

func plainBroken(s *schema.Session, ms int64) bool {
	return slices.ContainsFunc(s.Breaks, func(b schema.Interval) bool { return b.FromMs <= ms && ms < b.ToMs })
}

func plainPaused(s *schema.Session, ms, limit int64) bool {
	times := s.Samples.TimeMs
	for i, e := range s.TimerEvents {
		if !e.Stop || e.AtMs > ms {
			continue
		}
		restart, started := s.EndMs, false
		for _, later := range s.TimerEvents[i+1:] {
			if !later.Stop {
				restart, started = later.AtMs, true
				break
			}
		}
		if ms >= restart {
			continue
		}
		var seen []int64 // samples after the stop up to now
		next := s.EndMs
		for _, v := range times {
			if v > e.AtMs && v <= ms {
				seen = append(seen, v)
			}
			if v > ms {
				next = v
				break
			}
		}
		if len(seen) == 0 {
			return true
		}
		if !started {
			continue
		}
		following := s.TimerEvents[i+1].AtMs
		from := seen[len(seen)-1]
		if from < following && ms < following && min(next, following)-from > limit {
			return true
		}
	}
	return false
}

func TestMeasureTakesAnything(t *testing.T) {
	for name, s := range map[string]*schema.Session{
		"nothing":          {},
		"no samples":       {StartMs: start, EndMs: start + 60_000},
		"end before start": {StartMs: start, EndMs: start - 1, Samples: schema.Samples{TimeMs: []int64{start}}},
		"cadence outside": {Sport: schema.SportRunning, StartMs: math.MinInt64, EndMs: math.MaxInt64, Samples: schema.Samples{
			TimeMs: []int64{math.MinInt64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, math.MaxInt64}, HeartRate: slices.Repeat([]uint8{170}, 14), Cadence100: slices.Repeat([]int32{8500}, 14),
		}},
		"all of time":        {StartMs: math.MinInt64, EndMs: math.MaxInt64, Samples: schema.Samples{TimeMs: []int64{math.MinInt64, 0, math.MaxInt64}}},
		"columns too short":  {StartMs: start, EndMs: start + 3000, Samples: schema.Samples{TimeMs: []int64{start, start + 1000}, HeartRate: []uint8{90}, SpeedMMps: []int32{1}, LatE7: []int32{5, 6}}},
		"time runs backward": {StartMs: start, EndMs: start + 9000, Samples: schema.Samples{TimeMs: []int64{start + 5000, start, start + 2000, start + 7000}, HeartRate: []uint8{90, 180, 91, 92}}},
		"samples outside":    {StartMs: start, EndMs: start + 9000, Samples: schema.Samples{TimeMs: []int64{start - 5000, start + 1000, start + 20_000}, HeartRate: []uint8{90, 91, 92}}},
	} {
		m := intensity.Measure(s)
		check(t, s, m)
		intensity.Derive(m, s, intensity.Inputs{})
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
