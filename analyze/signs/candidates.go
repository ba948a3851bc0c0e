package signs

import "slices"

// Peak is the highest heart rate of a session beside the maximum it was judged
// by.
type Peak struct {
	Observed float64  // highest 5 s mean of clean heart rate, bpm, 0 when there is none
	Used     *float64 // max heart rate used, bpm, nil when there was none
	Rises    bool     // the maximum was itself observed, or is not known yet: nothing to propose
}

// Candidate is a session in which the heart rate rose above the maximum it was
// judged by: proposed as a new maximum, never applied.
type Candidate struct {
	Index       int // of the peak
	SupportedBy int // other sessions within 3 bpm of it or above
}

// Candidates returns the candidates among an athlete's peaks, in their order.
func Candidates(peaks []Peak) []Candidate {
	const supports = 3 // bpm
	var seen []float64
	for i := range peaks {
		if peaks[i].Observed > 0 {
			seen = append(seen, peaks[i].Observed)
		}
	}
	slices.Sort(seen)
	var all []Candidate
	for i := range peaks {
		p := &peaks[i]
		if p.Observed <= 0 || p.Rises || p.Used != nil && p.Observed <= *p.Used {
			continue
		}
		below, _ := slices.BinarySearch(seen, p.Observed-supports)
		all = append(all, Candidate{Index: i, SupportedBy: len(seen) - below - 1}) // not itself
	}
	return all
}
