package intensity

import "plodwatch/schema"

// flagHeartRate marks every sample: missing, out of range, spike or good. hr is
// nil when the recording has no heart rate.
func flagHeartRate(timeMs []int64, hr []uint8) []schema.HRFlag {
	flags := make([]schema.HRFlag, len(timeMs))
	if hr == nil {
		for i := range flags {
			flags[i] = schema.HRMissing
		}
		return flags
	}
	for i, h := range hr {
		switch {
		case h >= hrLowest && h <= hrHighest:
		case h == 0 || h == 255:
			flags[i] = schema.HRMissing
		default:
			flags[i] = schema.HROutOfRange
		}
	}
	flagSpikes(timeMs, hr, flags)
	return flags
}

// flagSpikes marks short excursions: a change faster than spikeBPMPerS that
// comes back to the level before within spikeReturnMs. A change that stays is
// believed.
func flagSpikes(timeMs []int64, hr []uint8, flags []schema.HRFlag) {
	base := -1 // last good sample
	for i := 0; i < len(hr); i++ {
		if flags[i] != schema.HROK {
			continue
		}
		if base >= 0 && jumps(timeMs[i]-timeMs[base], hr[base], hr[i]) {
			if back := returns(timeMs, hr, flags, base, i); back > i {
				for k := i; k < back; k++ {
					if flags[k] == schema.HROK {
						flags[k] = schema.HRSpike
					}
				}
				i = back
			}
		}
		base = i
	}
}

// jumps reports whether a change from a to b within dt is faster than a heart.
// Intervals under a second count as one, or noise of a beat would be a jump.
func jumps(dtMs int64, a, b uint8) bool {
	d := int64(a) - int64(b)
	d = max(d, -d)
	return d > spikeBPMPerS && d*second > spikeBPMPerS*max(dtMs, second)
}

// returns finds the first good sample after i, within spikeReturnMs of it, that
// is back at the level of base; -1 when there is none.
func returns(timeMs []int64, hr []uint8, flags []schema.HRFlag, base, i int) int {
	for k := i + 1; k < len(hr) && timeMs[k]-timeMs[i] <= spikeReturnMs; k++ {
		d := int(hr[k]) - int(hr[base])
		if flags[k] == schema.HROK && max(d, -d) <= spikeReturnBPM {
			return k
		}
	}
	return -1
}

// averageHeartRate fills the time-weighted average and the highest good value.
func averageHeartRate(m *Measured, hr []uint8) {
	var beats, total int64
	for bpm, ms := range m.HRMs {
		beats += int64(bpm) * ms
		total += ms
	}
	if total > 0 {
		m.HRAvg = float64(beats) / float64(total)
	}
	for i, h := range hr {
		if m.HRFlags[i] == schema.HROK && h > m.HRMax {
			m.HRMax = h
		}
	}
}

// observedMax returns the highest mean over observedWindowMs within stretches
// of good heart rate of at least observedContiguousMs, or 0 when none lies
// between observedLowest and observedHighest.
func observedMax(timeMs []int64, hr []uint8, flags []schema.HRFlag) float64 {
	best := 0.0
	for i := 0; i < len(hr); {
		if flags[i] != schema.HROK {
			i++
			continue
		}
		j := i + 1
		for j < len(hr) && flags[j] == schema.HROK && contiguous(timeMs[j]-timeMs[j-1]) {
			j++
		}
		if timeMs[j-1]-timeMs[i] >= observedContiguousMs {
			best = max(best, highestMean(timeMs[i:j], hr[i:j]))
		}
		i = j
	}
	return best
}

func contiguous(dtMs int64) bool { return dtMs > 0 && dtMs <= observedIntervalMs }

// highestMean slides a window that ends at each sample over one contiguous
// stretch, holding every value until the next sample.
func highestMean(timeMs []int64, hr []uint8) float64 {
	const lowest, highest = int64(observedLowest) * observedWindowMs, int64(observedHighest) * observedWindowMs
	best := lowest - 1
	var area int64 // bpm*ms from sample a to sample k
	a := 0
	for k := 1; k < len(hr); k++ {
		area += int64(hr[k-1]) * (timeMs[k] - timeMs[k-1])
		from := timeMs[k] - observedWindowMs
		if from < timeMs[0] {
			continue
		}
		for timeMs[a+1] <= from {
			area -= int64(hr[a]) * (timeMs[a+1] - timeMs[a])
			a++
		}
		if in := area - int64(hr[a])*(from-timeMs[a]); in > best && in <= highest {
			best = in
		}
	}
	if best < lowest {
		return 0
	}
	return float64(best) / float64(observedWindowMs)
}
