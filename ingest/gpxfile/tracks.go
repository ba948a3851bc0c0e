package gpxfile

import (
	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// span is the time from the first to the last sample of a segment.
type span struct{ fromMs, toMs int64 }

// track collects one trk of the file.
type track struct {
	typ       string
	cols      xmltrack.Columns
	spans     []span
	offsetS   int32
	hasOffset bool
	flags     []schema.Flag
}

// trackList collects the tracks that hold samples, in file order.
type trackList struct {
	lim        limits
	tracks     []*track
	fresh      bool // a track has begun that holds no sample yet
	typ        string
	segment    bool
	unassigned int
	over       bool
}

func (l *trackList) beginTrack() {
	l.fresh, l.typ, l.segment = true, "", true
}

func (l *trackList) beginSegment() { l.segment = true }

// typeIs notes the type of the open track; it may come after its points.
func (l *trackList) typeIs(typ string) {
	if typ == "" {
		return
	}
	l.typ = typ
	if !l.fresh {
		l.tracks[len(l.tracks)-1].typ = typ
	}
}

// timed appends an empty sample at c to the open track and returns the track,
// or nil when there are too many tracks.
func (l *trackList) timed(c xmltrack.Clock) *track {
	if l.fresh {
		if len(l.tracks) >= l.lim.tracks {
			l.over = true
			return nil
		}
		l.tracks = append(l.tracks, &track{typ: l.typ})
		l.fresh = false
	}
	t := l.tracks[len(l.tracks)-1]
	if l.segment {
		t.spans = append(t.spans, span{c.Ms, c.Ms})
		l.segment = false
	}
	s := &t.spans[len(t.spans)-1]
	s.fromMs, s.toMs = min(s.fromMs, c.Ms), max(s.toMs, c.Ms)
	switch c.Zone {
	case xmltrack.ZoneNone:
		t.flag(schema.FlagNoZone)
	case xmltrack.ZoneRefused:
		t.flag(schema.FlagZoneRefused)
	case xmltrack.ZoneOffset:
		if !t.hasOffset {
			t.offsetS, t.hasOffset = c.OffsetS, true
		}
	}
	t.cols.Begin(c.Ms)
	return t
}

func (t *track) flag(f schema.Flag) { t.flags = schema.AddFlag(t.flags, f) }

// bounds returns the first and the last instant of the track.
func (t *track) bounds() span {
	b := t.spans[0]
	for _, s := range t.spans[1:] {
		b.fromMs, b.toMs = min(b.fromMs, s.fromMs), max(b.toMs, s.toMs)
	}
	return b
}
