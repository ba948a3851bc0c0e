package tcxfile

import (
	"cmp"
	"slices"

	"plodwatch/schema"
)

const (
	// holdMs is how long a sample stands before the timer stops. In 311 pauses
	// of 22 real FIT sessions the stop came in the same second as the last
	// record (48 %) or in the next (51 %).
	holdMs = 1000
	// briefMs is what no pause is shorter than; times with fractions jitter.
	briefMs = 1500
	// leastPauseMs is the least difference between a lap's time and its timer
	// that means something; both are rounded in places.
	leastPauseMs = 2000
)

// gap is a step between samples that is longer than the recording's own.
type gap struct {
	fromMs, toMs int64
	paused       bool
}

func (g *gap) length() int64 { return g.toMs - g.fromMs }

// timerEvents returns the pauses as stops and starts of the timer. A gap is a
// pause when a new track begins after it in the same lap, which is how the
// format marks it, or when the lap's timer says so. Programs exist that do not
// mark pauses; a new lap says nothing, for every lap begins a track.
func (a *activity) timerEvents() []schema.TimerEvent {
	normal := interval(a.cols.TimeMs)
	gaps := gapsOver(a.cols.TimeMs, max(briefMs, normal+normal/2))
	if len(gaps) == 0 {
		return nil
	}
	hold := min(normal, holdMs)
	marks := a.tracksInsideLaps()
	for i := range gaps {
		_, gaps[i].paused = slices.BinarySearch(marks, gaps[i].toMs)
	}
	a.askLaps(gaps, hold)
	var events []schema.TimerEvent
	for _, g := range gaps {
		if g.paused {
			events = append(events, schema.TimerEvent{AtMs: g.fromMs + hold, Stop: true}, schema.TimerEvent{AtMs: g.toMs})
		}
	}
	return events
}

// tracksInsideLaps returns, sorted, when tracks begin that are not the first of
// their lap.
func (a *activity) tracksInsideLaps() []int64 {
	var marks []int64
	for i := 1; i < len(a.spans); i++ {
		if a.spans[i].lap == a.spans[i-1].lap {
			marks = append(marks, a.spans[i].fromMs)
		}
	}
	slices.Sort(marks)
	return marks
}

// askLaps marks gaps as paused in every lap whose timer is shorter than its
// time: the longest ones that together come to the difference, give or take a
// second each. Should one of them have been a hole in the recording and a
// shorter one the pause, neither counts as recorded anyway.
func (a *activity) askLaps(gaps []gap, hold int64) {
	for i := range a.laps {
		l := &a.laps[i]
		start, end := l.startMs(), a.lapEndMs(i)
		if !l.has[fLapTimer] || start == 0 || end <= start {
			continue
		}
		paused := end - start - ms(l.values[fLapTimer])
		var open []*gap
		inside := gapsFrom(gaps, start, end)
		for k := range inside {
			if g := &inside[k]; g.paused {
				paused -= g.length() - hold
			} else {
				open = append(open, g)
			}
		}
		if paused < leastPauseMs {
			continue
		}
		slices.SortStableFunc(open, func(x, y *gap) int { return cmp.Compare(y.length(), x.length()) })
		for _, g := range open[:longestOf(open, paused, hold)] {
			g.paused = true
		}
	}
}

// longestOf returns how many of the longest gaps come closest to paused, 0
// when they do not come close. All of them may come to a little less: some
// watches go on writing while the timer is stopped.
func longestOf(open []*gap, paused, hold int64) int {
	n, sum, best := 0, int64(0), paused
	for k, g := range open {
		sum += g.length() - hold
		if off := max(sum-paused, paused-sum); off < best && off <= int64(k+2)*holdMs {
			n, best = k+1, off
		}
	}
	if sum < paused && sum >= paused/10*8 {
		return len(open)
	}
	return n
}

// gapsFrom returns the gaps that begin in [startMs, endMs).
func gapsFrom(gaps []gap, startMs, endMs int64) []gap {
	byStart := func(g gap, ms int64) int { return int(min(max(g.fromMs-ms, -1), 1)) }
	from, _ := slices.BinarySearchFunc(gaps, startMs, byStart)
	to, _ := slices.BinarySearchFunc(gaps, endMs, byStart)
	return gaps[from:max(from, to)]
}

func gapsOver(timeMs []int64, limitMs int64) []gap {
	var gaps []gap
	for i := 1; i < len(timeMs); i++ {
		if timeMs[i]-timeMs[i-1] > limitMs {
			gaps = append(gaps, gap{fromMs: timeMs[i-1], toMs: timeMs[i]})
		}
	}
	return gaps
}

// interval returns the median step of sorted times, a second when there is
// none.
func interval(timeMs []int64) int64 {
	if len(timeMs) < 2 {
		return holdMs
	}
	steps := make([]int64, len(timeMs)-1)
	for i := range steps {
		steps[i] = timeMs[i+1] - timeMs[i]
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// eventsInside returns the pauses that lie inside a session.
func eventsInside(events []schema.TimerEvent, startMs, endMs int64) []schema.TimerEvent {
	var in []schema.TimerEvent
	for i := 0; i+1 < len(events); i += 2 {
		if events[i].AtMs >= startMs && events[i+1].AtMs <= endMs {
			in = append(in, events[i], events[i+1])
		}
	}
	return in
}
