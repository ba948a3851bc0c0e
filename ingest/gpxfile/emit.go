package gpxfile

import (
	"encoding/xml"
	"time"

	"plodwatch/ingest/xmltrack"
)

// endPoint emits a complete point.
func (s *scanner) endPoint() {
	if s.raw.Records >= s.lim.points {
		s.over = true
		s.stop(nil)
		return
	}
	s.raw.Records++
	var b beside
	b.hasPos = s.takePosition()
	b.clock, b.hasTime = s.takeTime()
	for c := xmltrack.HeartRate; c < xmltrack.ChannelCount; c++ {
		b.values[c], b.has[c] = s.takeNumber(c)
	}
	s.extras = append(s.extras, b)
	s.openSegment()

	lat, lon := "0", "0"
	if b.hasPos {
		lat, lon = string(s.lat), string(s.lon)
	}
	s.attrs = [2]xml.Attr{{Name: s.words.lat, Value: lat}, {Name: s.words.lon, Value: lon}}
	s.queue = append(s.queue, xml.StartElement{Name: s.words.point, Attr: s.attrs[:]})
	if _, ok := s.takeNumber(xmltrack.Altitude); ok {
		s.emitText(s.words.ele, s.values[xmltrack.Altitude], s.words.eleEnd)
	}
	if b.hasTime {
		at := time.Unix(b.clock.Second(), 0).UTC()
		from := len(s.arena)
		s.arena = at.AppendFormat(s.arena, gpxgoTime)
		s.emitText(s.words.time, s.arena[from:len(s.arena):len(s.arena)], s.words.timeEnd)
	}
	s.queue = append(s.queue, s.words.pointEnd)
}

// takeNumber returns the point's value of channel c when it is usable, and
// counts.
func (s *scanner) takeNumber(c xmltrack.Channel) (float64, bool) {
	if s.values[c] == nil {
		return 0, false
	}
	v, what := xmltrack.CheckNumber(c, s.values[c])
	if what == xmltrack.Drop {
		s.dropped++
	}
	if c == xmltrack.HeartRate && what == xmltrack.Keep {
		s.raw.HRRecords++
		s.raw.HRSum += int64(xmltrack.BPM(v))
	}
	return v, what == xmltrack.Keep
}

func (s *scanner) takePosition() bool {
	what := xmltrack.CheckPosition(s.lat, s.lon)
	if what == xmltrack.Drop {
		s.dropped++
	}
	return what == xmltrack.Keep
}

// takeTime parses the time of the point. A time at or before 1970 comes from a
// device that did not know it.
func (s *scanner) takeTime() (xmltrack.Clock, bool) {
	if s.values[xmltrack.Time] == nil {
		return xmltrack.Clock{}, false
	}
	c, ok := xmltrack.ParseClock(s.values[xmltrack.Time])
	if !ok || !c.Usable() {
		s.dropped++
		return xmltrack.Clock{}, false
	}
	sec := c.Second()
	if s.raw.FirstUnix == 0 || sec < s.raw.FirstUnix {
		s.raw.FirstUnix = sec
	}
	s.raw.LastUnix = max(s.raw.LastUnix, sec)
	return c, true
}

func (s *scanner) closeTrack() {
	if !s.trkOut {
		return
	}
	s.closeSegment()
	s.queue = append(s.queue, s.words.trkEnd)
	s.trkOut = false
}

// openSegment emits the elements around the point that comes next.
func (s *scanner) openSegment() {
	if !s.trkOut {
		s.queue = append(s.queue, s.words.trk)
		s.newTrk = append(s.newTrk, s.freshT)
		s.trkOut, s.freshT = true, false
		if len(s.typ) > 0 {
			s.emitType()
		}
	}
	if !s.segOut {
		s.queue = append(s.queue, s.words.seg)
		s.newSeg = append(s.newSeg, s.freshS)
		s.segOut, s.freshS = true, false
	}
}

func (s *scanner) emitType() {
	s.emitText(s.words.typ, []byte(xmltrack.Clean(s.typ)), s.words.typEnd)
}

func (s *scanner) closeSegment() {
	if !s.segOut {
		return
	}
	s.queue = append(s.queue, s.words.segEnd)
	s.segOut = false
}

func (s *scanner) emitText(start xml.Token, text []byte, end xml.Token) {
	s.queue = append(s.queue, start, xml.CharData(text), end)
}
