package signs_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"plodwatch/analyze/signs"
	"plodwatch/schema"
)

const first schema.Day = 20000

func f(v float64) *float64 { return &v }

// rested returns a log with these resting heart rates on consecutive days; 0
// is a day without.
func rested(values ...float64) signs.Inputs {
	in := signs.Inputs{Today: first + 10000}
	for i, v := range values {
		if v != 0 {
			in.Logged = append(in.Logged, signs.Logged{Day: first + schema.Day(i), RestingHR: f(v)}) //nolint:gosec // small
		}
	}
	return in
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || !(math.Abs(*got-want) <= tolerance) {
		t.Errorf("%s = %v, want %v", what, text(got), want)
	}
}

func text(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

func last(days []signs.Day) *signs.Day { return &days[len(days)-1] }

func is(t *testing.T, what string, got *bool, want any) {
	t.Helper()
	var have any
	if got != nil {
		have = *got
	}
	if have != want {
		t.Errorf("%s is %v, want %v", what, have, want)
	}
}

// baseline is 21 values with mean 51.8571 and SD 1.0142 within 28 days.
func baseline() []float64 {
	b := slices.Repeat([]float64{50, 53, 53, 51, 52, 52, 52}, 3)
	return slices.Insert(b, 7, make([]float64, 7)...)
}

func TestRestingHRAgainstTheBaseline(t *testing.T) {
	days := signs.Days(rested(append(baseline(), 56, 57, 58, 56, 57, 59, 58)...))
	d := last(days)
	if len(days) != 35 || d.RestingHR7dN != 7 || d.RestingHRBaseN != 21 || d.RestingHRDaysOver != 7 {
		t.Errorf("%d days: %+v", len(days), d)
	}
	near(t, "baseline", d.RestingHRBase, 51.8571, 5e-5)
	near(t, "standard deviation", d.RestingHRBaseSD, 1.0142, 5e-5)
	near(t, "change", f(*d.RestingHR7d-*d.RestingHRBase), 5.4286, 5e-5)
	is(t, "flag", d.RestingHRAdverse, true)
	w := d.Warnings()
	if len(w) != 1 || w[0].Signal != signs.RestingHR || w[0].Day != first+34 || !strings.HasPrefix(w[0].Pattern, "pattern: resting heart rate of 7 days is +5.4 bpm") {
		t.Fatalf("warnings %+v", w)
	}
	near(t, "value", w[0].Value, 57.2857, 5e-5)
	near(t, "change", w[0].Change, 5.4286, 5e-5)
	if w[0].Inputs["days_base"] != 21 || w[0].Inputs["base_sd"] == 0 || !slices.Equal(w[0].Missing, []string{"resting HR on 7 of the 28 days before"}) {
		t.Errorf("inputs %v, missing %v", w[0].Inputs, w[0].Missing)
	}
}

func TestRestingHRFlags(t *testing.T) {
	b := baseline()
	for _, c := range []struct {
		name string
		week []float64
		want any
	}{
		{"as before", []float64{52, 51, 52, 53, 52, 52, 51}, false},
		{"three days over one SD", []float64{52, 53, 53, 53, 52, 52, 51}, true}, // 52.87 is the limit
		{"two days over one SD", []float64{52, 53, 53, 52, 52, 52, 51}, false},
		{"two days far over, mean below 5", []float64{52, 66, 66, 52, 52, 52, 51}, false},
		{"mean just 5 over by two days", []float64{52, 70, 70, 52, 52, 52, 51}, true},
		{"three values", []float64{0, 0, 58, 58, 58, 0, 0}, true},
		{"two values", []float64{0, 0, 58, 58, 0, 0, 0}, nil},
	} {
		days := signs.Days(rested(append(slices.Clone(b), c.week...)...))
		for len(days) < 35 { // the last days have no entry
			in := rested(append(slices.Clone(b), c.week...)...)
			in.Sessions = []signs.Session{{Day: first + 34}}
			days = signs.Days(in)
		}
		is(t, c.name, last(days).RestingHRAdverse, c.want)
	}
	short := append(slices.Repeat([]float64{50, 52}, 7), 60, 60, 60, 60, 60, 60, 60) // 14 days before
	is(t, "14 days of baseline", last(signs.Days(rested(short...))).RestingHRAdverse, true)
	is(t, "13 days of baseline", last(signs.Days(rested(short[1:]...))).RestingHRAdverse, nil)
	even := append(slices.Repeat([]float64{50}, 28), 51, 51, 51, 51, 51, 51, 51)
	is(t, "a baseline without spread", last(signs.Days(rested(even...))).RestingHRAdverse, false)
}

func TestEnergyFlags(t *testing.T) {
	for _, c := range []struct {
		week []uint8
		want any
	}{
		{[]uint8{4, 4, 4, 4, 4, 4, 4}, false},
		{[]uint8{4, 3, 4, 3, 4, 3, 4}, false}, // 3.571
		{[]uint8{4, 3, 4, 3, 4, 3, 3}, true},  // 3.429
		{[]uint8{3, 4, 0, 0, 0, 0, 0}, nil},
		{[]uint8{3, 4, 4, 3, 0, 0, 0}, true}, // 3.5: exactly half a level
	} {
		in := signs.Inputs{Today: first + 100, Sessions: []signs.Session{{Day: first + 34}}}
		for i := range 35 {
			v := uint8(4)
			if i >= 28 {
				v = c.week[i-28]
			}
			if v != 0 {
				in.Logged = append(in.Logged, signs.Logged{Day: first + schema.Day(i), Energy: &v}) //nolint:gosec // small
			}
		}
		d := last(signs.Days(in))
		is(t, "energy", d.EnergyAdverse, c.want)
		near(t, "baseline", d.EnergyBase, 4, 0)
	}
}

// paced returns runs with these paces on every second day: so many before and
// so many in the last 28 days.
func paced(before, now []float64) signs.Inputs {
	in := signs.Inputs{Today: first + 100}
	for i, v := range before {
		in.Sessions = append(in.Sessions, signs.Session{Day: first + schema.Day(2*i), Pace: f(v), Efficiency: f(400 / v), Decoupling: f(v / 100)}) //nolint:gosec // small
	}
	for i, v := range now {
		in.Sessions = append(in.Sessions, signs.Session{Day: first + 55 - schema.Day(2*i), Pace: f(v), Efficiency: f(400 / v), Decoupling: f(v / 50)}) //nolint:gosec // small
	}
	in.Sessions = append(in.Sessions, signs.Session{Day: first + 55})
	return in
}

func TestSameEffortPaceOver28Days(t *testing.T) {
	for _, c := range []struct {
		name        string
		before, now []float64
		want        any
	}{
		{"exactly 5 % slower", []float64{400, 400, 380, 420}, []float64{420, 420, 400, 440}, false},
		{"more than 5 % slower", []float64{400, 400, 380, 420}, []float64{421, 421, 400, 440}, true},
		{"faster", []float64{400, 400, 380, 420}, []float64{390, 390, 380, 400}, false},
		{"one slow run", []float64{400, 400, 400, 400}, []float64{400, 900, 400, 400}, false},
		{"three runs before", []float64{400, 400, 400}, []float64{500, 500, 500, 500}, nil},
		{"three runs now", []float64{400, 400, 400, 400}, []float64{500, 500, 500}, nil},
	} {
		d := last(signs.Days(paced(c.before, c.now)))
		is(t, c.name, d.PaceAdverse, c.want)
		if int(d.PaceRuns) != len(c.now) || int(d.PaceBeforeN) != len(c.before) {
			t.Errorf("%s: %d and %d runs", c.name, d.PaceRuns, d.PaceBeforeN)
		}
	}
	d := last(signs.Days(paced([]float64{400, 400, 400, 400}, []float64{500, 500, 500, 500})))
	near(t, "slower", d.PaceChangePct, 25, 1e-9)
	near(t, "efficiency", d.EfficiencyChangePct, -20, 1e-9)
	near(t, "decoupling", d.DecouplingChange, 6, 1e-9)
	is(t, "efficiency", d.EfficiencyAdverse, true)
	is(t, "decoupling", d.DecouplingAdverse, true)
	var signals []string
	for _, w := range d.Warnings() {
		signals = append(signals, w.Signal)
		if !strings.HasPrefix(w.Pattern, "pattern") || w.Threshold == "" || len(w.Inputs) == 0 || w.Unit == "" || strings.Contains(w.Pattern, "unknown") {
			t.Errorf("%+v", w)
		}
	}
	if !slices.Equal(signals, []string{signs.SameEffortPace, signs.Efficiency, signs.Decoupling}) {
		t.Errorf("signals %q", signals)
	}
}

// TestPlodsNeedTwoSignsOnFiveDays: resting heart rate and monotony, each on
// chosen days; energy and pace are never known.
func TestPlodsNeedTwoSignsOnFiveDays(t *testing.T) {
	for _, c := range []struct {
		name     string
		monotony string // of the last 7 days: h high, l low, - unknown
		want     any
	}{
		{"five of seven", "hlhhlhh", true},
		{"four of seven", "hlhhlhl", false},
		{"all", "hhhhhhh", true},
		{"unknown on three", "---hhhh", nil},
		{"unknown on two", "--hhhhh", true},
	} {
		in := rested(slices.Concat(slices.Repeat([]float64{50, 51, 52, 51}, 10), slices.Repeat([]float64{60}, 7))...)
		// The first days of 60 bpm are known but not adverse.
		in.Logged = append(in.Logged, rested(slices.Concat(make([]float64, 47), slices.Repeat([]float64{61}, 7))...).Logged...)
		for i, r := range c.monotony {
			load := signs.Load{Day: first + 47 + schema.Day(i)} //nolint:gosec // small
			switch r {
			case 'h':
				load.Monotony = f(2.01)
			case 'l':
				load.Monotony = f(2)
			}
			in.Loads = append(in.Loads, load)
		}
		d := last(signs.Days(in))
		is(t, c.name, d.Plods, c.want)
		if c.want != true {
			continue
		}
		w := d.Warnings()
		if at := slices.IndexFunc(w, func(w signs.Warning) bool { return w.Signal == signs.Plods }); at < 0 || len(w[at].Missing) != 2 ||
			w[at].Inputs[signs.RestingHR] != 1 || !strings.Contains(w[at].Missing[0], "energy: 0 of 7 days") || !strings.Contains(w[at].Missing[1], "0 and 0 runs") {
			t.Errorf("%s: warnings %+v", c.name, w)
		}
	}
}

func TestDaysCoverEveryCalendarDay(t *testing.T) {
	if days := signs.Days(signs.Inputs{Today: first}); len(days) != 0 {
		t.Errorf("nothing known, %d days", len(days))
	}
	in := rested(50)
	in.Sessions = []signs.Session{{Day: first + 9}, {Day: first - 5}, {Day: first + 20000}} // the last by a wrong clock
	days := signs.Days(in)
	if len(days) != 15 || days[0].Day != first-5 || last(days).Day != first+9 {
		t.Errorf("%d days from %d", len(days), days[0].Day)
	}
	in = rested(50)
	in.Sessions = []signs.Session{{Day: -300000}} // 1148
	if days := signs.Days(in); len(days) != 36601 {
		t.Errorf("%d days", len(days))
	}
}

// TestWindowsAgainstADirectComputation compares means, deviations and medians
// of random figures with sums over all of them.
func TestWindowsAgainstADirectComputation(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	in := signs.Inputs{Today: first + 1000}
	for i := range schema.Day(200) {
		if random.IntN(4) > 0 {
			in.Logged = append(in.Logged, signs.Logged{Day: first + i, RestingHR: f(45 + 10*random.Float64())})
		}
		for range random.IntN(3) {
			in.Sessions = append(in.Sessions, signs.Session{Day: first + i, Pace: f(300 + 100*random.Float64())})
		}
	}
	random.Shuffle(len(in.Logged), func(i, j int) { in.Logged[i], in.Logged[j] = in.Logged[j], in.Logged[i] })
	random.Shuffle(len(in.Sessions), func(i, j int) { in.Sessions[i], in.Sessions[j] = in.Sessions[j], in.Sessions[i] })
	for _, d := range signs.Days(in) {
		var sum, squares, n float64
		for _, l := range in.Logged {
			if l.Day <= d.Day-7 && l.Day > d.Day-35 {
				sum, squares, n = sum+*l.RestingHR, squares+*l.RestingHR**l.RestingHR, n+1
			}
		}
		if n > 1 {
			near(t, "mean", d.RestingHRBase, sum/n, 1e-9)
			near(t, "deviation", d.RestingHRBaseSD, math.Sqrt((squares-sum*sum/n)/(n-1)), 1e-6)
		}
		slower, faster, runs := 0, 0, 0
		for _, s := range in.Sessions {
			if s.Day <= d.Day && s.Day > d.Day-28 {
				runs++
				if *s.Pace > *d.Pace {
					slower++
				} else if *s.Pace < *d.Pace {
					faster++
				}
			}
		}
		if slower != faster || runs != int(d.PaceRuns) {
			t.Errorf("day %d: %d runs slower than the median, %d faster, of %d", d.Day, slower, faster, runs)
		}
	}
}

// TestCandidates by hand: four peaks of 194, 190, 191 and 192 bpm, and one
// session without.
func TestCandidates(t *testing.T) {
	used := 190.0
	peaks := []signs.Peak{{Observed: 194, Used: &used}, {Observed: 190, Used: &used}, {Used: &used}, {Observed: 191, Rises: true}, {Observed: 192}}
	got := signs.Candidates(peaks)
	want := []signs.Candidate{{Index: 0, SupportedBy: 2}, {Index: 4, SupportedBy: 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
