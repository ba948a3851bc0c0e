package intensity_test

import (
	"math"
	"testing"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// hour is a run of an hour at 1 Hz with the channels a watch writes.
func hour() *schema.Session {
	s := session(stretch{3600, 140})
	wave := func(i int, amplitude float64) int32 { return int32(amplitude * math.Sin(float64(i)/97)) }
	for i := range s.Samples.HeartRate {
		s.Samples.HeartRate[i] = uint8(145 + wave(i, 25) + wave(i*13, 2))
	}
	s.TimerEvents = []schema.TimerEvent{resume(0), stop(3600)}
	s.Samples.SpeedMMps = column(s, func(i int) int32 { return 3000 + wave(i*3, 300) })
	s.Samples.DistanceCm = column(s, func(i int) int32 { return int32(i) * 300 })
	s.Samples.AltitudeCm = column(s, func(i int) int32 { return 40_000 + wave(i, 2000) })
	s.Samples.Cadence100 = column(s, func(i int) int32 { return 8600 + wave(i*7, 200) })
	walkNorth(s, 3)
	return s
}

// sumHeartRates is what nothing can be faster than: one pass over the column.
func sumHeartRates(s *schema.Session) (sum uint64) {
	for _, h := range s.Samples.HeartRate {
		sum += uint64(h)
	}
	return sum
}

// besideLimit reports the throughput of a benchmark, that of one pass over the
// heart rate column, measured in the same run, and how many times as long the
// benchmark took.
func besideLimit(b *testing.B, s *schema.Session) {
	b.Helper()
	took := b.Elapsed()
	begin := time.Now()
	var sum uint64
	for range b.N {
		sum += sumHeartRates(s)
	}
	limit := time.Since(begin)
	if sum == 0 {
		b.Fatal("no heart rate")
	}
	work := float64(s.Samples.Len()) * float64(b.N) / 1e6
	b.ReportMetric(work/took.Seconds(), "Msamples/s")
	b.ReportMetric(work/limit.Seconds(), "limit-Msamples/s")
	b.ReportMetric(took.Seconds()/limit.Seconds(), "x-of-limit")
}

func BenchmarkMeasure(b *testing.B) {
	s := hour()
	b.ReportAllocs()
	for b.Loop() {
		intensity.Measure(s)
	}
	besideLimit(b, s)
}

func BenchmarkDerive(b *testing.B) {
	s := hour()
	m := intensity.Measure(s)
	in := intensity.Inputs{Settings: schema.Settings{HRMax: 190, HRRest: 50}}
	b.ReportAllocs()
	for b.Loop() {
		intensity.Derive(m, s, in)
	}
	besideLimit(b, s)
}

func BenchmarkMeasureAndDerive(b *testing.B) {
	s := hour()
	in := intensity.Inputs{Settings: schema.Settings{HRMax: 190, HRRest: 50}}
	b.ReportAllocs()
	for b.Loop() {
		intensity.Derive(intensity.Measure(s), s, in)
	}
	besideLimit(b, s)
}

// BenchmarkMeasurePositions has to follow the positions, for want of speed and
// distance.
func BenchmarkMeasurePositions(b *testing.B) {
	s := hour()
	s.Samples.SpeedMMps, s.Samples.DistanceCm = nil, nil
	b.ReportAllocs()
	for b.Loop() {
		intensity.Measure(s)
	}
	besideLimit(b, s)
}
