package tcxfile

import (
	"math"
	"slices"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// sessionsOf makes the sessions of a file's activities.
func sessionsOf(activities []*activity) []schema.Session {
	var sessions []schema.Session
	covered, multi := int32(0), 0 // the last distance of the part before, and whose it was
	for i, a := range activities {
		activities[i] = nil // the columns may be large
		if a.multi == 0 || a.multi != multi {
			covered, multi = 0, a.multi
		}
		if a.cols.Len() == 0 {
			sessions = append(sessions, a.withoutSamples())
			continue
		}
		covered = sinceStart(a.cols.DistanceCm, covered)
		sessions = append(sessions, a.sessions()...)
	}
	return sessions
}

// base is what all sessions of an activity have in common.
func (a *activity) base() schema.Session {
	s := schema.Session{Feel: -1, Device: a.device, Flags: a.flags}
	if s.Sport, s.SubSport = xmltrack.SportOf(a.sport); a.sport == string(schema.SportTransition) {
		s.Sport = schema.SportTransition
	}
	if a.hasOffset {
		s.UTCOffsetS, s.OffsetSource = a.offsetS, schema.OffsetFile
	}
	return s
}

// withoutSamples makes the session of an activity of which only the laps'
// summaries are there.
func (a *activity) withoutSamples() schema.Session {
	start := a.lapStart()
	a.noteZone(start)
	s := a.base()
	s.StartMs, s.EndMs = start.Ms, start.Ms+a.timerMs()
	s.Watch = a.summary()
	s.Laps = a.lapsOf()
	return s
}

// sessions makes the session of an activity, cut where the clock jumps.
func (a *activity) sessions() []schema.Session {
	if a.cols.SortTimes() {
		a.flag(schema.FlagBackwardTimes)
	}
	if a.cols.MergeEqualTimes() {
		a.flag(schema.FlagDuplicateTimes)
	}
	metresPerSecond(&a.cols)
	events := a.timerEvents()
	parts := xmltrack.CutAtJumps(a.cols.TimeMs)
	if len(parts) > 1 {
		a.flag(schema.FlagClockJump)
	}
	laps := a.lapsOf()
	out := make([]schema.Session, 0, len(parts))
	for i, from := range parts {
		to := a.cols.Len()
		if i+1 < len(parts) {
			to = parts[i+1]
		}
		s := a.base()
		s.Flags = slices.Clone(a.flags)
		s.Samples = a.cols.Slice(from, to)
		s.Samples.DropEmpty()
		if i > 0 {
			s.Samples.DistanceCm = xmltrack.Rebased(s.Samples.DistanceCm)
		}
		s.StartMs, s.EndMs = a.cols.TimeMs[from], a.cols.TimeMs[to-1]
		s.TimerEvents = eventsInside(events, s.StartMs, s.EndMs)
		if len(parts) == 1 {
			s.Laps, s.Watch = laps, a.summary()
		} else {
			s.Laps = lapsInside(laps, s.StartMs, s.EndMs)
		}
		out = append(out, s)
	}
	return out
}

// sinceStart makes the distances of a multisport session's part count from
// its own start, where they count on from the part before. It returns the last
// distance as it stood.
func sinceStart(col []int32, covered int32) int32 {
	first := slices.IndexFunc(col, func(v int32) bool { return v != schema.Missing })
	if first < 0 {
		return covered
	}
	last := first
	for i, v := range col {
		if v != schema.Missing {
			last = i
		}
	}
	end := col[last]
	if covered == 0 || col[first] < covered {
		return end
	}
	for i, v := range col {
		if v != schema.Missing {
			col[i] = v - covered
		}
	}
	return end
}

// metresPerSecond mends speeds that are in kilometres per hour, as COROS
// writes them: 3.6 times what the distances say.
func metresPerSecond(c *xmltrack.Columns) {
	const (
		leastM = 100    // of distance to judge by
		longMs = 15_000 // no speed says anything about a longer interval
	)
	if c.SpeedMMps == nil || c.DistanceCm == nil {
		return
	}
	var covered, spoken float64 // metres
	for i := 1; i < c.Len(); i++ {
		ms := c.TimeMs[i] - c.TimeMs[i-1]
		cm := int64(c.DistanceCm[i]) - int64(c.DistanceCm[i-1])
		if ms > longMs || cm < 0 || c.SpeedMMps[i] == schema.Missing ||
			c.DistanceCm[i] == schema.Missing || c.DistanceCm[i-1] == schema.Missing {
			continue
		}
		covered += float64(cm) / 100
		spoken += float64(c.SpeedMMps[i]) / 1000 * float64(ms) / 1000
	}
	if covered < leastM || spoken < 3.2*covered || spoken > 4*covered {
		return
	}
	for i, v := range c.SpeedMMps {
		if v != schema.Missing {
			c.SpeedMMps[i] = int32(math.Round(float64(v) / 3.6))
		}
	}
}
