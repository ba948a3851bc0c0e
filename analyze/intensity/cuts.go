package intensity

import (
	"cmp"
	"slices"

	"plodwatch/schema"
)

// cut is a stretch that counts nowhere: a pause, or a gap that the file itself
// declares.
type cut struct {
	schema.Interval
	cause Cause
}

// cutsOf returns the session's pauses and breaks in ascending order without
// overlap; where both hold, it is a pause.
func cutsOf(s *schema.Session, t *track, limitMs int64) []cut {
	if len(s.TimerEvents) == 0 && len(s.Breaks) == 0 {
		return nil
	}
	pauses := merged(pausesOf(s.TimerEvents, t, limitMs), t)
	breaks := merged(slices.Clone(s.Breaks), t)
	cuts := make([]cut, 0, len(pauses)+len(breaks))
	ahead := pauses // those that end after the current break begins
	for _, b := range breaks {
		for len(ahead) > 0 && ahead[0].ToMs <= b.FromMs {
			ahead = ahead[1:]
		}
		for _, p := range ahead {
			if p.FromMs >= b.ToMs {
				break
			}
			if p.FromMs > b.FromMs {
				cuts = append(cuts, cut{schema.Interval{FromMs: b.FromMs, ToMs: p.FromMs}, CauseGap})
			}
			b.FromMs = p.ToMs
		}
		if b.FromMs < b.ToMs {
			cuts = append(cuts, cut{b, CauseGap})
		}
	}
	for _, p := range pauses {
		cuts = append(cuts, cut{p, CausePaused})
	}
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a.FromMs, b.FromMs) })
	return cuts
}

// pausesOf turns timer events into pauses. A stop lasts until the next start or
// the next sample after it, whichever comes first: files exist with one stop
// and hours of samples behind it. Some watches write one sample more after the
// stop; what is empty for longer than limitMs from there to the next event is
// paused too, not a gap, if the timer is started again at all.
func pausesOf(events []schema.TimerEvent, t *track, limitMs int64) []schema.Interval {
	if !slices.IsSortedFunc(events, compareEvents) {
		events = slices.Clone(events)
		slices.SortStableFunc(events, compareEvents)
	}
	var pauses []schema.Interval
	starts := 0 // index of the next start
	for i, e := range events {
		if !e.Stop {
			continue
		}
		starts = max(starts, i+1)
		for starts < len(events) && events[starts].Stop {
			starts++
		}
		startMs, nextMs, started := t.toMs, t.toMs, starts < len(events)
		if started {
			startMs, nextMs = events[starts].AtMs, min(t.toMs, events[i+1].AtMs)
		}
		k, found := slices.BinarySearch(t.timeMs, e.AtMs)
		if found {
			k++ // a sample at the very instant of the stop is not the next one
		}
		pauses = append(pauses, schema.Interval{FromMs: e.AtMs, ToMs: t.sampleOr(k, startMs)})
		for ; started && k < len(t.timeMs) && t.timeMs[k] < nextMs; k++ {
			empty := schema.Interval{FromMs: t.timeMs[k], ToMs: t.sampleOr(k+1, nextMs)}
			if empty.ToMs-empty.FromMs > limitMs {
				pauses = append(pauses, empty)
			}
		}
	}
	return pauses
}

// sampleOr returns the instant of sample k or ms, whichever comes first.
func (t *track) sampleOr(k int, ms int64) int64 {
	if k < len(t.timeMs) {
		return min(ms, t.timeMs[k])
	}
	return ms
}

// merged clamps intervals to the session, drops empty ones, sorts them and
// joins those that touch. It reuses list.
func merged(list []schema.Interval, t *track) []schema.Interval {
	kept := list[:0]
	for _, v := range list {
		v.FromMs, v.ToMs = t.clamp(v.FromMs), t.clamp(v.ToMs)
		if v.FromMs < v.ToMs {
			kept = append(kept, v)
		}
	}
	slices.SortFunc(kept, func(a, b schema.Interval) int { return cmp.Compare(a.FromMs, b.FromMs) })
	out := kept[:0]
	for _, v := range kept {
		if k := len(out) - 1; k >= 0 && v.FromMs <= out[k].ToMs {
			out[k].ToMs = max(out[k].ToMs, v.ToMs)
			continue
		}
		out = append(out, v)
	}
	return out
}

func compareEvents(a, b schema.TimerEvent) int { return cmp.Compare(a.AtMs, b.AtMs) }
