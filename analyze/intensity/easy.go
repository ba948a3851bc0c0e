package intensity

import "plodwatch/schema"

// overVT1 fills the longest stretch at or over VT1 and the number of efforts. A
// sample below, one without good heart rate, a pause and a gap end a stretch.
// An effort goes on until the heart rate has fallen well below VT1, so that one
// that hovers around VT1 is one effort and an interval session has many.
func (r *Result) overVT1(m *Measured, samples *schema.Samples) {
	if r.ThresholdSource == ThresholdNone {
		return
	}
	var stretch, effort int64
	for i, w := range m.WeightMs {
		if m.HRFlags[i] != schema.HROK || w == 0 {
			stretch = 0
			continue
		}
		switch bpm := float64(samples.HeartRate[i]); {
		case bpm >= r.VT1:
			stretch += w
			if effort < effortMs && effort+w >= effortMs {
				r.Efforts++
			}
			effort += w
		case bpm < r.VT1-effortRecoveryBPM:
			stretch, effort = 0, 0
		default:
			stretch = 0
		}
		r.LongestOverVT1Ms = max(r.LongestOverVT1Ms, stretch)
		if i+1 < len(m.WeightMs) && w < samples.TimeMs[i+1]-samples.TimeMs[i] {
			stretch = 0 // the timer was stopped in between
		}
	}
}

// aroundVT1 fills a run's moving time and distance just below VT1, from which
// the pace at VT1 follows, and at or over it.
func (r *Result) aroundVT1(m *Measured, s *schema.Session) {
	if !isRun(s.Sport) || r.ThresholdSource == ThresholdNone || m.SpeedMMps == nil || isLocked(m) {
		return
	}
	hr, threshold := s.Samples.HeartRate, movingMMps(s.Sport)
	var moving int64
	for i, v := range m.SpeedMMps {
		w := m.WeightMs[i]
		if v < threshold || w == 0 {
			continue
		}
		at := moving
		moving += w
		if m.HRFlags[i] != schema.HROK {
			continue
		}
		metres := float64(v) * float64(w) / 1e6
		switch bpm := float64(hr[i]); {
		case bpm >= r.VT1:
			r.OverVT1MovingMs += w
			r.OverVT1M += metres
		case bpm >= r.VT1-nearVT1BPM && at >= sameEffortSettleMs:
			r.NearVT1Ms += w
			r.NearVT1M += metres
		}
	}
}

// paceZones fills a run's moving time by pace when the threshold pace is set.
func (r *Result) paceZones(m *Measured, s *schema.Session) {
	if pace := r.Settings.ThresholdPace; isRun(s.Sport) && pace > 0 && len(m.SpeedMs) > 0 {
		r.ThresholdPace = pace
		r.PaceLowMs, r.PaceModerateMs, r.PaceHighMs = PaceTimes(m.SpeedMs, pace)
	}
}

// PaceTimes splits milliseconds per bin of 0.1 m/s by threshold pace in s/km:
// low is slower than 114 % of it, high is the threshold pace and faster
// (Friel's zones 1 and 2, 3 and 4, 5). Time within a bin that a bound divides
// is taken as spread evenly, and split in whole milliseconds.
func PaceTimes(speedMs []int64, thresholdPace float64) (low, moderate, high int64) {
	fast := 1000 / thresholdPace // m/s
	slow := fast * 100 / paceModeratePercent
	for k, ms := range speedMs {
		belowSlow := int64(float64(ms)*shareBelow(k, slow) + 0.5)
		belowFast := int64(float64(ms)*shareBelow(k, fast) + 0.5)
		low += belowSlow
		moderate += belowFast - belowSlow
		high += ms - belowFast
	}
	return low, moderate, high
}

// shareBelow returns which share of speed bin k lies below a speed in m/s.
func shareBelow(k int, mps float64) float64 {
	return min(max(mps*1000/speedBinMMps-float64(k), 0), 1)
}
