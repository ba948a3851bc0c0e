package intensity

import (
	"math"
	"slices"

	"plodwatch/schema"
)

func isRun(s schema.Sport) bool { return s == schema.SportRunning }

func onFoot(s schema.Sport) bool {
	return isRun(s) || s == schema.SportWalking || s == schema.SportHiking
}

// movingMMps returns the speed from which a session of this sport is moving.
func movingMMps(s schema.Sport) int32 {
	if isRun(s) {
		return movingRunMMps
	}
	return movingOtherMMps
}

// measureMotion fills distance, speeds, moving time and the speed histogram.
// What the device measured wins; positions serve where it says nothing.
func (m *Measured) measureMotion(s *schema.Session, t *track, cuts []cut, gaps []gap) {
	along := t.distance
	if along == nil && t.lat != nil {
		limit := otherLimitMps
		if onFoot(s.Sport) {
			limit = footLimitMps
		}
		var dropped int
		along, dropped = distanceAlong(t, cuts, limit)
		if dropped > 0 {
			m.Flags = schema.AddFlag(m.Flags, schema.FlagPositionSpikes)
		}
	}
	if s.Watch.DistanceCm > 0 {
		m.DistanceM, m.HasDistance = float64(s.Watch.DistanceCm)/100, true
	} else if i := lastKnown(along); i >= 0 {
		m.DistanceM, m.HasDistance = max(0, float64(along[i])/100), true
	}
	if t.speed == nil && along == nil {
		return
	}
	m.SpeedMMps = speeds(t.speed, along, m.WeightMs, gaps)
	m.countMoving(gaps, movingMMps(s.Sport))
}

// lastKnown returns the index of the last value of col, or -1.
func lastKnown(col []int32) int {
	for i, v := range slices.Backward(col) {
		if v != schema.Missing {
			return i
		}
	}
	return -1
}

// speeds returns the speed held from each sample to the next in mm/s: the
// device's own where it is known, else distance over running time between the
// nearest samples with a distance. Across a gap only distance can tell.
func speeds(device, along []int32, weightMs []int64, gaps []gap) []int32 {
	out := make([]int32, len(weightMs))
	complete := device != nil && len(gaps) == 0
	if device == nil {
		for i := range out {
			out[i] = schema.Missing
		}
	} else {
		for i, v := range device {
			if v < 0 {
				v, complete = schema.Missing, false
			}
			out[i] = v
		}
		for _, g := range gaps {
			out[g.index] = schema.Missing
		}
	}
	if complete || along == nil {
		return out
	}
	known := -1           // last sample with a distance
	var runningMs float64 // since then
	for i, d := range along {
		if d != schema.Missing {
			if known >= 0 {
				fillSpeed(out[known:i], float64(d)-float64(along[known]), runningMs)
			}
			known, runningMs = i, 0
		}
		runningMs += float64(weightMs[i])
		if len(gaps) > 0 && gaps[0].index == i {
			runningMs += float64(gaps[0].runningMs)
			gaps = gaps[1:]
		}
	}
	return out
}

// fillSpeed gives the samples without a speed that of cm centimetres in ms.
func fillSpeed(out []int32, cm, ms float64) {
	if cm < 0 || ms <= 0 {
		return
	}
	v := int32(min(cm*10/ms*1000+0.5, math.MaxInt32)) //nolint:gosec // bounded
	for i := range out {
		if out[i] == schema.Missing {
			out[i] = v
		}
	}
}

// countMoving fills the moving time and its histogram over speed. A gap counts
// when the distance across it says so: its metres are in the distance as well.
func (m *Measured) countMoving(gaps []gap, threshold int32) {
	bins := make([]int64, SpeedBins)
	used := 0
	for i, v := range m.SpeedMMps {
		ms := m.WeightMs[i]
		if len(gaps) > 0 && gaps[0].index == i {
			ms = gaps[0].runningMs
			gaps = gaps[1:]
		}
		if v < threshold || ms == 0 {
			continue
		}
		bin := min(int(v/speedBinMMps), SpeedBins-1)
		bins[bin] += ms
		used = max(used, bin+1)
		m.MovingMs += ms
	}
	if used > 0 {
		m.SpeedMs = bins[:used]
	}
}

// ascent returns the metres climbed: the device's own figure, else the sum of
// the altitude column's climbs between turning points; smaller ups and downs
// than ascentStepCm are noise.
func ascent(s *schema.Session, altitude []int32) float64 {
	if s.Watch.AscentM > 0 {
		return float64(s.Watch.AscentM)
	}
	var total, low, high int64
	known, climbing := false, false
	for _, v := range altitude {
		a := int64(v)
		switch {
		case v == schema.Missing:
		case !known:
			low, known = a, true
		case !climbing && a-low >= ascentStepCm:
			high, climbing = a, true
		case !climbing:
			low = min(low, a)
		case high-a >= ascentStepCm: // the top is behind
			total += high - low
			low, climbing = a, false
		default:
			high = max(high, a)
		}
	}
	if climbing {
		total += high - low
	}
	return float64(total) / 100
}
