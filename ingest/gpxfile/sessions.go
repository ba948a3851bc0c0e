package gpxfile

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"plodwatch/schema"
)

const (
	touchMs = 5 * 60 * 1000       // tracks that follow one another closer than this may be one session
	jumpMs  = 24 * 60 * 60 * 1000 // a longer step of the clock cuts a session
)

// finish turns what was collected into the recording's sessions and outcome.
func finish(rec *schema.Recording, scan *scanner, l *trackList) (*schema.Recording, error) {
	fileFlags(rec, scan)
	for from := 0; from < len(l.tracks); {
		to := from + 1
		for to < len(l.tracks) && touch(l.tracks[to-1], l.tracks[to]) {
			to++
		}
		parts := sessionsOf(l.tracks[from:to])
		clear(l.tracks[from:to]) // the columns may be large
		from = to
		for i := range parts {
			if len(rec.Sessions) >= l.lim.sessions {
				rec.Unassigned += parts[i].Samples.Len()
				rec.Flags = schema.AddFlag(rec.Flags, schema.FlagBudget)
				continue
			}
			parts[i].Ordinal = len(rec.Sessions)
			parts[i].Device = device(scan.creator)
			rec.Sessions = append(rec.Sessions, parts[i])
		}
	}
	if l.unassigned > 0 {
		rec.Flags = schema.AddFlag(rec.Flags, schema.FlagNoTimes)
	}
	if len(rec.Sessions) == 0 {
		return rec, refusal(scan)
	}
	rec.Outcome = schema.OutcomeSalvaged
	switch {
	case scan.truncated:
		rec.Reason = schema.ReasonTruncated
	case scan.isCorrupt():
		rec.Reason = schema.ReasonCorrupt
	case slices.Contains(rec.Flags, schema.FlagBudget):
		rec.Reason = schema.ReasonOverBudget
	default:
		rec.Outcome = schema.OutcomeDecoded
	}
	return rec, nil
}

func fileFlags(rec *schema.Recording, scan *scanner) {
	for f, set := range map[schema.Flag]bool{
		schema.FlagTruncated:     scan.truncated,
		schema.FlagCorrupt:       scan.isCorrupt(),
		schema.FlagBudget:        scan.over,
		schema.FlagDroppedValues: scan.dropped > 0,
	} {
		if set {
			rec.Flags = schema.AddFlag(rec.Flags, f)
		}
	}
}

// refusal says why a file gave no session.
func refusal(scan *scanner) error {
	switch {
	case scan.fatal != nil:
		return scan.fatal
	case !scan.rooted:
		return scan.malformed("no gpx element")
	case scan.raw.Records > 0:
		return schema.Skip(schema.ReasonRoute, "no track point has a usable time")
	case scan.truncated:
		return scan.malformed("file ends before its first complete track point")
	case scan.isCorrupt():
		return scan.malformed("no readable track point")
	case scan.routes > 0:
		return schema.Skip(schema.ReasonRoute, "only routes, no track")
	case scan.waypoints > 0:
		return schema.Skip(schema.ReasonNoSamples, "only waypoints, no track")
	}
	return schema.Skip(schema.ReasonNoSamples, "no track point")
}

// touch reports whether b carries on the activity of a.
func touch(a, b *track) bool {
	gap := b.bounds().fromMs - a.bounds().toMs
	return gap >= 0 && gap < touchMs && strings.EqualFold(a.typ, b.typ)
}

// sessionsOf makes the session of tracks that touch, cut where the clock jumps.
func sessionsOf(tracks []*track) []schema.Session {
	first := tracks[0]
	base := schema.Session{Feel: -1}
	base.Sport, base.SubSport = sportOf(first.typ)
	samples, spans := &first.cols, first.spans
	distanceSinceStart(samples)
	for _, t := range tracks {
		base.Flags = addFlags(base.Flags, t.flags)
		if t.hasOffset && base.OffsetSource == schema.OffsetNone {
			base.UTCOffsetS, base.OffsetSource = t.offsetS, schema.OffsetFile
		}
		if t != first {
			distanceSinceStart(&t.cols)
			samples.join(&t.cols)
			spans = append(spans, t.spans...)
		}
	}
	if samples.sortTimes() {
		base.Flags = schema.AddFlag(base.Flags, schema.FlagBackwardTimes)
	}
	if samples.mergeEqualTimes() {
		base.Flags = schema.AddFlag(base.Flags, schema.FlagDuplicateTimes)
	}
	parts := cut(samples.TimeMs)
	if len(parts) > 1 {
		base.Flags = schema.AddFlag(base.Flags, schema.FlagClockJump)
	}
	breaks := gapsBetween(spans)
	out := make([]schema.Session, 0, len(parts))
	for i, from := range parts {
		to := samples.Len()
		if i+1 < len(parts) {
			to = parts[i+1]
		}
		s := base
		s.Flags = slices.Clone(base.Flags)
		s.Samples = samples.Slice(from, to)
		s.Samples.DropEmpty()
		if i > 0 {
			s.Samples.DistanceCm = rebased(s.Samples.DistanceCm)
		}
		s.StartMs, s.EndMs = samples.TimeMs[from], samples.TimeMs[to-1]
		s.Breaks = inside(breaks, s.StartMs, s.EndMs)
		out = append(out, s)
	}
	return out
}

func addFlags(flags, more []schema.Flag) []schema.Flag {
	for _, f := range more {
		flags = schema.AddFlag(flags, f)
	}
	return flags
}

// cut returns the indexes at which sessions begin: 0, and after every step of
// the clock of more than 24 hours.
func cut(timeMs []int64) []int {
	parts := []int{0}
	for i := 1; i < len(timeMs); i++ {
		if timeMs[i]-timeMs[i-1] > jumpMs {
			parts = append(parts, i)
		}
	}
	return parts
}

// gapsBetween returns the stretches that no span covers, in order.
func gapsBetween(spans []span) []schema.Interval {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.fromMs, b.fromMs) })
	var gaps []schema.Interval
	end := spans[0].toMs
	for _, s := range spans[1:] {
		if s.fromMs > end {
			gaps = append(gaps, schema.Interval{FromMs: end, ToMs: s.fromMs})
		}
		end = max(end, s.toMs)
	}
	return gaps
}

// inside returns the gaps that lie inside a session. Those at which it was
// cut do not.
func inside(gaps []schema.Interval, startMs, endMs int64) []schema.Interval {
	from := sort.Search(len(gaps), func(i int) bool { return gaps[i].FromMs >= startMs })
	to := sort.Search(len(gaps), func(i int) bool { return gaps[i].ToMs > endMs })
	if from >= to {
		return nil
	}
	return slices.Clone(gaps[from:to])
}

// device returns the file's creator as the device, shortened.
func device(creator string) string {
	const most = 100
	creator = strings.TrimSpace(creator)
	if len(creator) <= most {
		return creator
	}
	for i := most; i > 0; i-- {
		if utf8.RuneStart(creator[i]) {
			return creator[:i]
		}
	}
	return ""
}
