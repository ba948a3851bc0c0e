package intensity

import (
	"math"

	"plodwatch/schema"
)

// isStuck reports whether the heart rate stands still for longer than stuckMs
// while the speed changes.
func isStuck(m *Measured, t *track) bool {
	if m.SpeedMMps == nil {
		return false
	}
	for i := 0; i < len(t.hr); {
		h := t.hr[i]
		j := i + 1
		for j < len(t.hr) && t.hr[j] == h {
			j++
		}
		if m.HRFlags[i] == schema.HROK && heldWhileSpeedChanges(m.WeightMs[i:j], m.SpeedMMps[i:j]) {
			return true
		}
		i = j
	}
	return false
}

// heldWhileSpeedChanges judges samples of one heart rate; a gap or pause among
// them begins a new stretch.
func heldWhileSpeedChanges(weightMs []int64, speeds []int32) bool {
	from := 0
	var heldMs int64
	for i, w := range weightMs {
		heldMs += w
		if w != 0 && i+1 < len(weightMs) {
			continue
		}
		if heldMs > stuckMs && speedChanges(speeds[from:i+1]) {
			return true
		}
		from, heldMs = i+1, 0
	}
	return false
}

func speedChanges(speeds []int32) bool {
	lowest, highest := int64(math.MaxInt64), int64(math.MinInt64)
	var sum, n int64
	for _, v := range speeds {
		if v == schema.Missing {
			continue
		}
		lowest, highest = min(lowest, int64(v)), max(highest, int64(v))
		sum += int64(v)
		n++
	}
	if n < 2 {
		return false
	}
	d := highest - lowest
	return d >= stuckSpeedMMps && d*100*n >= stuckSpeedPercent*sum
}

// isCadenceLocked reports whether an optical sensor took the step rate for the
// heart rate: windows in which both rise and fall together at nearly the same
// value, lockTotalMs in all.
func isCadenceLocked(m *Measured, t *track) bool {
	if t.hr == nil || !comesClose(t.hr, t.cadence) {
		return false
	}
	var w lockWindow
	begins, ends := t.fromMs, t.fromMs // of the current block
	sums := &w.sums[0]
	for i, strides := range t.cadence {
		if m.HRFlags[i] != schema.HROK || strides <= 0 || strides > lockHighestCadence {
			continue
		}
		at := t.timeMs[i]
		if at < begins {
			continue // outside the session
		}
		if at >= ends {
			block := (at - t.fromMs) / lockBlockMs
			if block < w.block {
				continue // beyond what 64 bits can subtract
			}
			w.moveTo(block)
			sums = &w.sums[block%lockWindowBlocks]
			begins = t.fromMs + block*lockBlockMs
			ends = begins + lockBlockMs
		}
		sums.add(float64(t.hr[i]), float64(strides)/50)
	}
	w.close()
	return w.lockedMs >= lockTotalMs
}

// comesClose reports whether heart rate and step rate are near each other often
// enough for any window: for most runs they never are, which saves the sums.
func comesClose(hr []uint8, cadence []int32) bool {
	n := 0
	for i, strides := range cadence {
		if d := int64(hr[i])*100 - 2*int64(strides); d <= lockDifference100 && d >= -lockDifference100 {
			n++
		}
	}
	return n*2 > lockMinSamples
}

// lockWindow moves over a session block by block.
type lockWindow struct {
	block    int64 // the one being filled
	sums     [lockWindowBlocks]lockSums
	counted  int64 // blocks before this one are in lockedMs already
	lockedMs int64
}

func (w *lockWindow) moveTo(block int64) {
	if block == w.block {
		return
	}
	w.close()
	for b := max(w.block+1, block-lockWindowBlocks+1); b <= block; b++ {
		w.sums[b%lockWindowBlocks] = lockSums{}
	}
	w.block = block
}

// close judges the window that ends with the current block.
func (w *lockWindow) close() {
	var all lockSums
	for _, s := range w.sums {
		all.n += s.n
		all.close += s.close
		all.x += s.x
		all.y += s.y
		all.xx += s.xx
		all.yy += s.yy
		all.xy += s.xy
	}
	if !all.locked() {
		return
	}
	from := max(w.counted, w.block-lockWindowBlocks+1, 0)
	w.lockedMs += (w.block + 1 - from) * lockBlockMs
	w.counted = w.block + 1
}

// lockSums holds the sums over heart rate x and steps per minute y.
type lockSums struct {
	n, close         float64
	x, y, xx, yy, xy float64
}

func (s *lockSums) add(bpm, steps float64) {
	s.n++
	s.x += bpm
	s.y += steps
	s.xx += bpm * bpm
	s.yy += steps * steps
	s.xy += bpm * steps
	if math.Abs(bpm-steps)*100 <= lockDifference100 {
		s.close++
	}
}

// locked reports whether most values are close (their median is) and Pearson's
// correlation is high.
func (s *lockSums) locked() bool {
	if s.n < lockMinSamples || s.close*2 <= s.n {
		return false
	}
	vx, vy := s.n*s.xx-s.x*s.x, s.n*s.yy-s.y*s.y
	if vx <= 0 || vy <= 0 {
		return false
	}
	return (s.n*s.xy-s.x*s.y)/math.Sqrt(vx*vy) >= lockPearson
}
