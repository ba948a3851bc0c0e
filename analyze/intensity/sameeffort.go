package intensity

import "plodwatch/schema"

// sameEffort fills the pace at the same effort: the median over time of a run's
// pace at 65 to 75 % of max HR. Runs too short for it, and those whose heart
// rate cannot be trusted, keep nil.
func (r *Result) sameEffort(m *Measured, s *schema.Session) {
	if !isRun(s.Sport) || r.HRMax <= 0 || r.Verdict != VerdictOK || m.SpeedMMps == nil || isLocked(m) {
		return
	}
	low, high := r.HRMax*sameEffortLowPercent/100, r.HRMax*sameEffortHighPercent/100
	hr, threshold := s.Samples.HeartRate, movingMMps(s.Sport)
	var atSpeed [footLimitMps*1000 + 1]int64 // ms at each mm/s
	var moving, total int64
	for i, v := range m.SpeedMMps {
		w := m.WeightMs[i]
		if v < threshold || int(v) >= len(atSpeed) || w == 0 {
			continue
		}
		at := moving
		moving += w
		bpm := float64(hr[i])
		if at < sameEffortSettleMs || m.HRFlags[i] != schema.HROK || bpm < low || bpm >= high {
			continue
		}
		atSpeed[v] += w
		total += w
	}
	r.SameEffortMs = total
	if total >= sameEffortMs {
		r.SameEffortPace = ptr(1e6 / float64(medianIndex(atSpeed[:], total)))
	}
}

// medianIndex returns the index below which half of the total lies.
func medianIndex(weights []int64, total int64) int {
	var sum int64
	for i, w := range weights {
		if sum += w; 2*sum >= total {
			return i
		}
	}
	return len(weights) - 1
}

func isLocked(m *Measured) bool {
	for _, f := range m.Flags {
		if f == schema.FlagCadenceLock {
			return true
		}
	}
	return false
}
