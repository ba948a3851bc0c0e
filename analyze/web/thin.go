package web

import "math"

// point is a value of a curve; NaN breaks the line.
type point struct {
	T float64 // seconds since the start
	V float64
}

// thin returns a curve that looks the same with fewer points: those of it that
// come first, last, lowest and highest in each of so many equal stretches of
// time (M4: Jugel et al. 2014), which keeps every peak. A break is kept when it
// lasts as long as a stretch; shorter ones could not be seen. A curve that has
// no more points than the result might have comes back as it is. Points are in
// the order of their time.
func thin(curve []point, stretches int) []point {
	const perStretch = 5 // four points and a break
	if len(curve) <= perStretch*stretches {
		return curve
	}
	from, to := curve[0].T, curve[len(curve)-1].T
	width := (to - from) / float64(stretches)
	if width <= 0 {
		width = 1
	}
	t := thinner{out: make([]point, 0, perStretch*stretches), width: width}
	at := 0
	for _, p := range curve {
		if k := min(int((p.T-from)/width), stretches-1); k != at {
			t.flush()
			at = k
		}
		t.add(p)
	}
	t.flush()
	return t.out
}

// thinner gathers the points of a stretch.
type thinner struct {
	out   []point
	width float64

	first, low, high, last point
	some                   bool
	broken                 bool    // the line is broken since the last value
	known                  bool    // there was a value
	lastT                  float64 // of it
}

func (t *thinner) add(p point) {
	if math.IsNaN(p.V) {
		t.broken = true
		return
	}
	if t.broken && t.known && p.T-t.lastT >= t.width {
		t.flush()
		t.out = append(t.out, point{(t.lastT + p.T) / 2, math.NaN()})
	}
	t.broken, t.known, t.lastT = false, true, p.T
	if !t.some {
		t.first, t.low, t.high, t.last, t.some = p, p, p, p, true
		return
	}
	if p.V < t.low.V {
		t.low = p
	}
	if p.V > t.high.V {
		t.high = p
	}
	t.last = p
}

// flush writes the stretch in the order of time, each point once.
func (t *thinner) flush() {
	if !t.some {
		return
	}
	t.some = false
	a, b := t.low, t.high
	if b.T < a.T {
		a, b = b, a
	}
	t.out = append(t.out, t.first)
	for _, p := range [3]point{a, b, t.last} {
		if p != t.out[len(t.out)-1] {
			t.out = append(t.out, p)
		}
	}
}
