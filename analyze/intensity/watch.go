package intensity

import (
	"math"

	"plodwatch/schema"
)

// watchBounds returns the bounds of the watch's own cells. A file with cells
// but without bounds had the watch's default: six bounds from 50 to 100 % of
// max HR, which needs a max HR that somebody stated.
func watchBounds(w *schema.WatchZones, hrMax float64, source HRMaxSource) (bounds []float64, inferred bool) {
	if len(w.BoundsBPM) > 0 {
		bounds = make([]float64, len(w.BoundsBPM))
		for i, b := range w.BoundsBPM {
			bounds[i] = float64(b)
		}
		return bounds, false
	}
	stated := source == HRMaxSetting || source == HRMaxFile
	if len(w.TimeMs) != len(HRMaxBounds(hrMax))+2 || !stated {
		return nil, false
	}
	return append(HRMaxBounds(hrMax), math.Floor(hrMax+0.5)), true
}

// WatchAgreement compares our times with the watch's, cell by cell: ours less
// the watch's in milliseconds, and the sum of the absolute differences as a
// share of the watch's total. Cell 0 lies below the first bound, the last cell
// at or above the last bound; when the watch has one cell less than that, our
// two highest count together. It returns nil when the cells cannot be compared
// or hold nothing.
func WatchAgreement(hrMs *[HRBins]int64, watchMs []int64, bounds []float64) ([]int64, float64) {
	n := len(watchMs)
	if n < minimumWatchCells || !areBounds(bounds) || n != len(bounds) && n != len(bounds)+1 {
		return nil, 0
	}
	ours := ZoneTimes(hrMs, bounds)
	if n == len(bounds) {
		ours[n-1] += ours[n]
		ours = ours[:n]
	}
	var total, off int64
	for i, w := range watchMs {
		ours[i] -= w
		total += w
		off += max(ours[i], -ours[i])
	}
	if total <= 0 {
		return nil, 0
	}
	return ours, float64(off) / float64(total)
}
