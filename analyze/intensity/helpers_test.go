package intensity_test

import (
	"math"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// start is a Monday morning in 2024, Unix ms.
const start int64 = 1_711_350_000_000

// stretch is a number of seconds at one heart rate.
type stretch struct {
	seconds int
	bpm     uint8
}

// session builds a 1 Hz run from stretches; it ends a second after its last
// sample, so every sample stands for a second.
func session(stretches ...stretch) *schema.Session {
	s := &schema.Session{Sport: schema.SportRunning, StartMs: start, EndMs: start}
	for _, p := range stretches {
		for range p.seconds {
			s.Samples.TimeMs = append(s.Samples.TimeMs, s.EndMs)
			s.Samples.HeartRate = append(s.Samples.HeartRate, p.bpm)
			s.EndMs += 1000
		}
	}
	return s
}

// column fills an int32 column as long as the samples.
func column(s *schema.Session, value func(i int) int32) []int32 {
	col := make([]int32, s.Samples.Len())
	for i := range col {
		col[i] = value(i)
	}
	return col
}

func constant(v int32) func(int) int32 { return func(int) int32 { return v } }

// at builds a session of samples at given seconds, all at the same heart rate.
func at(endS int64, bpm uint8, seconds ...int64) *schema.Session {
	s := &schema.Session{Sport: schema.SportRunning, StartMs: start, EndMs: start + endS*1000}
	for _, v := range seconds {
		s.Samples.TimeMs = append(s.Samples.TimeMs, start+v*1000)
		s.Samples.HeartRate = append(s.Samples.HeartRate, bpm)
	}
	return s
}

// every lists from, from+step, ... up to and including to.
func every(step, from, to int64) []int64 {
	var list []int64
	for v := from; v <= to; v += step {
		list = append(list, v)
	}
	return list
}

func derive(t *testing.T, s *schema.Session, set schema.Settings) intensity.Result {
	t.Helper()
	return intensity.Derive(intensity.Measure(s), s, intensity.Inputs{Settings: set})
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func given(t *testing.T, what string, p *float64) float64 {
	t.Helper()
	if p == nil {
		t.Fatalf("%s is nil", what)
	}
	return *p
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
