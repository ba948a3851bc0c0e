package gpxfile

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// touchMs is how close tracks that follow one another may be one session.
const touchMs = 5 * 60 * 1000

// finish turns what was collected into the recording's sessions and outcome.
func finish(rec *schema.Recording, scan *scanner, l *trackList) (*schema.Recording, error) {
	fileFlags(rec, scan)
	for from := 0; from < len(l.tracks); {
		to := from + 1
		for to < len(l.tracks) && touch(l.tracks[to-1], l.tracks[to]) {
			to++
		}
		parts := sessionsOf(l.tracks[from:to])
		clear(l.tracks[from:to]) // the xmltrack.Columns may be large
		from = to
		for i := range parts {
			if len(rec.Sessions) >= l.lim.sessions {
				rec.Unassigned += parts[i].Samples.Len()
				rec.Flags = schema.AddFlag(rec.Flags, schema.FlagBudget)
				continue
			}
			parts[i].Ordinal = len(rec.Sessions)
			parts[i].Device = xmltrack.DeviceName(scan.creator)
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
	base.Sport, base.SubSport = xmltrack.SportOf(first.typ)
	samples, spans := &first.cols, first.spans
	distanceSinceStart(samples)
	for _, t := range tracks {
		base.Flags = addFlags(base.Flags, t.flags)
		if t.hasOffset && base.OffsetSource == schema.OffsetNone {
			base.UTCOffsetS, base.OffsetSource = t.offsetS, schema.OffsetFile
		}
		if t != first {
			distanceSinceStart(&t.cols)
			samples.Join(&t.cols)
			spans = append(spans, t.spans...)
		}
	}
	if samples.SortTimes() {
		base.Flags = schema.AddFlag(base.Flags, schema.FlagBackwardTimes)
	}
	if samples.MergeEqualTimes() {
		base.Flags = schema.AddFlag(base.Flags, schema.FlagDuplicateTimes)
	}
	parts := xmltrack.CutAtJumps(samples.TimeMs)
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
			s.Samples.DistanceCm = xmltrack.Rebased(s.Samples.DistanceCm)
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
