package tcxfile

import (
	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// span is the time from the first to the last sample of a track, and the lap
// it belongs to.
type span struct {
	fromMs, toMs int64
	lap          int
}

// lap is what a lap says about itself, and the time of its samples.
type lap struct {
	start        xmltrack.Clock // zero when not given
	has          [fLapMaxHR + 1]bool
	values       [fLapMaxHR + 1]float64
	fromMs, toMs int64 // of its samples; both 0 without any
	whole        bool
}

// activity collects one activity, or one transition of a multisport session.
type activity struct {
	sport  string
	id     xmltrack.Clock
	device string
	multi  int // which multisport session it belongs to, 0 = none
	cols   xmltrack.Columns
	spans  []span
	laps   []lap
	points int

	freshTrack bool // a track has begun that holds no sample yet
	offsetS    int32
	hasOffset  bool
	flags      []schema.Flag
	whole      bool
}

func (s *scanner) beginActivity(sport string, depth int) {
	if s.activityAt > 0 { // the end of the one before is missing
		s.corrupt = true
		s.endActivity(false)
	}
	if len(s.activities) >= s.lim.activities {
		s.full()
		return
	}
	s.raw.Sessions++
	s.activityAt = depth
	s.current = &activity{sport: sport}
	if s.multiAt > 0 {
		s.current.multi = s.multi
	}
}

// endActivity keeps the open activity when there is anything in it.
func (s *scanner) endActivity(whole bool) {
	if s.activityAt == 0 {
		return
	}
	a := s.current
	a.whole = whole
	s.activityAt, s.lapAt, s.trackAt, s.pointAt, s.creatorAt, s.valueAt = 0, 0, 0, 0, 0, 0
	if a.cols.Len() > 0 || whole && a.points == 0 && a.timerMs() > 0 && a.lapStart().Usable() {
		s.activities = append(s.activities, a)
	}
}

func (s *scanner) beginLap(t *xmltrack.Token, depth int) {
	if s.activityAt == 0 {
		return
	}
	if s.lapAt > 0 {
		s.corrupt = true
	}
	if s.laps >= s.lim.laps {
		s.full()
		return
	}
	s.laps++
	s.lapAt, s.trackAt, s.pointAt, s.valueAt = depth, 0, 0, 0
	l := lap{}
	if text := t.Attr("StartTime"); len(text) <= xmltrack.MaxValueText {
		if c, ok := xmltrack.ParseClock(text); ok && c.Usable() {
			l.start = c
		}
	}
	s.current.laps = append(s.current.laps, l)
	s.current.freshTrack = true
}

// takeLapValue notes the text of a field of the open lap; the first one counts.
func (s *scanner) takeLapValue(text []byte) {
	l := &s.current.laps[len(s.current.laps)-1]
	v, ok := xmltrack.ParseFloat(text)
	what := xmltrack.Keep
	if c := s.field.channel(); c != xmltrack.NoChannel {
		v, what = xmltrack.CheckNumber(c, text)
	} else if !ok || v < 0 || v > maxLapValue {
		what = xmltrack.Drop
	}
	if what == xmltrack.Drop {
		s.dropped++
	}
	if what == xmltrack.Keep && !l.has[s.field] {
		l.values[s.field], l.has[s.field] = v, true
	}
}

// maxLapValue is more seconds or kilocalories than any lap has.
const maxLapValue = 10_000_000

func (s *scanner) beginTrack(depth int) {
	if s.activityAt == 0 {
		return
	}
	s.trackAt = depth
	s.current.freshTrack = true
}

// begin appends an empty sample at c.
func (a *activity) begin(c xmltrack.Clock) {
	if a.freshTrack || len(a.spans) == 0 {
		a.spans = append(a.spans, span{c.Ms, c.Ms, len(a.laps)})
		a.freshTrack = false
	}
	t := &a.spans[len(a.spans)-1]
	t.fromMs, t.toMs = min(t.fromMs, c.Ms), max(t.toMs, c.Ms)
	if n := len(a.laps); n > 0 {
		l := &a.laps[n-1]
		if l.fromMs == 0 {
			l.fromMs = c.Ms
		}
		l.fromMs, l.toMs = min(l.fromMs, c.Ms), max(l.toMs, c.Ms)
	}
	a.noteZone(c)
	a.cols.Begin(c.Ms)
}

// noteZone keeps the local offset of the first time that has one.
func (a *activity) noteZone(c xmltrack.Clock) {
	switch c.Zone {
	case xmltrack.ZoneNone:
		a.flag(schema.FlagNoZone)
	case xmltrack.ZoneRefused:
		a.flag(schema.FlagZoneRefused)
	case xmltrack.ZoneOffset:
		if !a.hasOffset {
			a.offsetS, a.hasOffset = c.OffsetS, true
		}
	}
}

func (a *activity) flag(f schema.Flag) { a.flags = schema.AddFlag(a.flags, f) }

func (a *activity) endLap(whole bool) { a.laps[len(a.laps)-1].whole = whole }

// lapStart returns when the first lap began, else the activity's Id, which is
// the time of its start.
func (a *activity) lapStart() xmltrack.Clock {
	if len(a.laps) > 0 && a.laps[0].start.Usable() {
		return a.laps[0].start
	}
	return a.id
}
