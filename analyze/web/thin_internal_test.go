package web

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// walk makes a curve of n points, with breaks.
func walk(r *rand.Rand, n int, breaks float64) []point {
	var all []point
	t, v := 0.0, 120.0
	for range n {
		t += r.Float64() * 3
		if r.Float64() < 0.001 {
			t += 500 * r.Float64()
		}
		v += r.NormFloat64()
		p := point{t, v}
		if r.Float64() < breaks {
			p.V = math.NaN()
		}
		all = append(all, p)
	}
	return all
}

// TestThinCurvesKeepTheirShape: of any curve the result has few points, all of
// them the curve's own and in order, with its ends, its highest and its lowest
// value, overall and in each stretch; and it breaks where the curve is broken
// for long.
func TestThinCurvesKeepTheirShape(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		n, stretches := 1+r.IntN(20_000), 1+r.IntN(600)
		curve := walk(r, n, []float64{0, 0.01, 0.5, 1}[i%4])
		got := thin(curve, stretches)
		if len(got) > 5*stretches && len(got) > len(curve) {
			t.Fatalf("%d points of %d in %d stretches", len(got), n, stretches)
		}
		if len(curve) > 5*stretches && len(got) > 5*stretches {
			t.Fatalf("%d points in %d stretches", len(got), stretches)
		}
		own := make(map[point]bool, n)
		for _, p := range curve {
			own[p] = true
		}
		for k, p := range got {
			if !math.IsNaN(p.V) && !own[p] {
				t.Fatalf("%v is no point of the curve", p)
			}
			if k > 0 && p.T < got[k-1].T {
				t.Fatalf("%v comes after %v", p, got[k-1])
			}
		}
		if a, b := extremes(curve), extremes(got); a != b {
			t.Fatalf("lowest, highest, first and last are %v, want %v", b, a)
		}
		sameStretches(t, curve, got, stretches)
	}
}

// extremes are the lowest and highest, first and last value that is one.
func extremes(curve []point) (all [4]point) {
	some := slices.DeleteFunc(slices.Clone(curve), func(p point) bool { return math.IsNaN(p.V) })
	if len(some) == 0 {
		return all
	}
	byValue := func(a, b point) int {
		switch {
		case a.V < b.V:
			return -1
		case a.V > b.V:
			return 1
		}
		return 0
	}
	return [4]point{slices.MinFunc(some, byValue), slices.MaxFunc(some, byValue), some[0], some[len(some)-1]}
}

func sameStretches(t *testing.T, curve, got []point, stretches int) {
	t.Helper()
	if len(curve) == 0 {
		return
	}
	from, width := curve[0].T, (curve[len(curve)-1].T-curve[0].T)/float64(stretches)
	if width <= 0 {
		width = 1
	}
	split := func(c []point) map[int][]point {
		all := make(map[int][]point)
		for _, p := range c {
			k := min(int((p.T-from)/width), stretches-1)
			all[k] = append(all[k], p)
		}
		return all
	}
	a, b := split(curve), split(got)
	for k := range a {
		if x, y := extremes(a[k]), extremes(b[k]); x != y {
			t.Fatalf("stretch %d of %d: %v, want %v", k, stretches, y, x)
		}
	}
	if long, kept := longBreaks(curve, width), longBreaks(got, width); long != kept {
		t.Fatalf("%d breaks of a stretch or more, want %d", kept, long)
	}
}

// longBreaks counts the places where the line is broken for at least as long.
func longBreaks(curve []point, least float64) int {
	n, broken, known, last := 0, false, false, 0.0
	for _, p := range curve {
		if math.IsNaN(p.V) {
			broken = true
			continue
		}
		if broken && known && p.T-last >= least {
			n++
		}
		broken, known, last = false, true, p.T
	}
	return n
}

func FuzzThin(f *testing.F) {
	f.Add(uint64(1), uint16(4000), uint8(100))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, stretches uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		curve := walk(r, int(n)+1, r.Float64())
		got := thin(curve, int(stretches)+1)
		if a, b := extremes(curve), extremes(got); a != b {
			t.Fatalf("lowest, highest, first and last are %v, want %v", b, a)
		}
	})
}
