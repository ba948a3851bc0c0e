package intensity

import (
	"math"

	"plodwatch/schema"
)

// Efficiency returns metres per minute per beat, from m/s and bpm.
func Efficiency(speedMps, bpm float64) float64 { return speedMps * 60 / bpm }

// Decoupling returns by how many percent the efficiency fell from the first
// half of a session to the second.
func Decoupling(first, second float64) float64 { return 100 * (first - second) / first }

// steadyFigures fills efficiency and decoupling of a run whose speed hardly
// varies; other sessions keep nil, for there both say nothing.
func (r *Result) steadyFigures(m *Measured, s *schema.Session) {
	if !isRun(s.Sport) || m.MovingMs < steadyMovingMs || r.Verdict != VerdictOK {
		return
	}
	threshold := movingMMps(s.Sport)
	if !isSteady(m, threshold) {
		return
	}
	hr := s.Samples.HeartRate
	whole := paceAndHR(m, hr, threshold, 0, math.MaxInt64)
	if whole.ms == 0 {
		return
	}
	r.Efficiency = ptr(whole.efficiency())
	if m.MovingMs < decoupleMovingMs || *r.LowShare < decoupleLowShare {
		return
	}
	moving := movingTime(m, threshold)
	middle := decoupleSettleMs + (moving-decoupleSettleMs)/2
	first := paceAndHR(m, hr, threshold, decoupleSettleMs, middle)
	last := paceAndHR(m, hr, threshold, middle, math.MaxInt64)
	if first.ms > 0 && last.ms > 0 {
		r.Decoupling = ptr(Decoupling(first.efficiency(), last.efficiency()))
	}
}

// isSteady reports whether the speed's means over 30 s of moving time vary by
// no more than steadyCV of their own mean.
func isSteady(m *Measured, threshold int32) bool {
	var n, mean, squares float64 // Welford
	var blockMs int64
	var blockMM float64
	for i, v := range m.SpeedMMps {
		w := m.WeightMs[i]
		if v < threshold || w == 0 {
			continue
		}
		blockMs += w
		blockMM += float64(v) * float64(w)
		if blockMs < steadyBlockMs {
			continue
		}
		x := blockMM / float64(blockMs)
		blockMs, blockMM = 0, 0
		n++
		d := x - mean
		mean += d / n
		squares += d * (x - mean)
	}
	return n >= 2 && math.Sqrt(squares/(n-1)) <= steadyCV*mean
}

// effort is speed and heart rate summed over the same moving time.
type effort struct {
	ms            int64
	distance, hrs float64 // mm/s * ms, bpm * ms
}

func (e effort) efficiency() float64 {
	return Efficiency(e.distance/float64(e.ms)/1000, e.hrs/float64(e.ms))
}

// paceAndHR sums the moving samples with good heart rate that begin within
// [from, to) of moving time.
func paceAndHR(m *Measured, hr []uint8, threshold int32, from, to int64) effort {
	var e effort
	var moving int64
	for i, v := range m.SpeedMMps {
		w := m.WeightMs[i]
		if v < threshold || w == 0 {
			continue
		}
		at := moving
		moving += w
		if at < from || at >= to || m.HRFlags[i] != schema.HROK {
			continue
		}
		e.ms += w
		e.distance += float64(v) * float64(w)
		e.hrs += float64(hr[i]) * float64(w)
	}
	return e
}

// movingTime is the moving time that samples stand for; Measured.MovingMs holds
// that of gaps as well.
func movingTime(m *Measured, threshold int32) int64 {
	var sum int64
	for i, v := range m.SpeedMMps {
		if v >= threshold {
			sum += m.WeightMs[i]
		}
	}
	return sum
}
