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
func cutsOf(s *schema.Session, t *track) []cut {
	if len(s.TimerEvents) == 0 && len(s.Breaks) == 0 {
		return nil
	}
	pauses := merged(pausesOf(s.TimerEvents, t), t)
	breaks := merged(slices.Clone(s.Breaks), t)
	cuts := make([]cut, 0, len(pauses)+len(breaks))
	for _, b := range breaks {
		for _, p := range pauses {
			if p.ToMs <= b.FromMs || p.FromMs >= b.ToMs {
				continue
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
// and hours of samples behind it.
func pausesOf(events []schema.TimerEvent, t *track) []schema.Interval {
	sorted := slices.IsSortedFunc(events, compareEvents)
	if !sorted {
		events = slices.Clone(events)
		slices.SortStableFunc(events, compareEvents)
	}
	var pauses []schema.Interval
	for i, e := range events {
		if !e.Stop {
			continue
		}
		end := t.toMs
		for _, later := range events[i+1:] {
			if !later.Stop {
				end = min(end, later.AtMs)
				break
			}
		}
		k, found := slices.BinarySearch(t.timeMs, e.AtMs)
		if found {
			k++ // a sample at the very instant of the stop is not the next one
		}
		if k < len(t.timeMs) {
			end = min(end, t.timeMs[k])
		}
		pauses = append(pauses, schema.Interval{FromMs: e.AtMs, ToMs: end})
	}
	return pauses
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
