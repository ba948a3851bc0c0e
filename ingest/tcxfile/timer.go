package tcxfile

import (
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

// timerEvents returns the pauses as stops and starts of the timer. A gap is a
// pause when a new track begins after it in the same lap, which is how the
// format marks it, or when the lap's timer says so: it is shorter than the lap
// by just what the lap's gaps come to. Programs exist that do not mark pauses;
// a new lap says nothing, for every lap begins a track.
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

// askLaps marks the gaps of a lap as paused when the lap's timer is shorter
// than its time by what they come to, give or take a second each.
func (a *activity) askLaps(gaps []gap, hold int64) {
	for i := range a.laps {
		l := &a.laps[i]
		start, end := l.startMs(), a.lapEndMs(i)
		if !l.has[fLapTimer] || start == 0 || end <= start {
			continue
		}
		paused, open, n := end-start-ms(l.values[fLapTimer]), int64(0), int64(0)
		inside := gapsFrom(gaps, start, end)
		for _, g := range inside {
			if d := g.toMs - g.fromMs - hold; g.paused {
				paused -= d
			} else {
				open += d
				n++
			}
		}
		if n == 0 || paused < leastPauseMs || paused-open > (n+1)*holdMs || open-paused > (n+1)*holdMs {
			continue
		}
		for k := range inside {
			inside[k].paused = true
		}
	}
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
