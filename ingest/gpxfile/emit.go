package gpxfile

import (
	"encoding/xml"
	"time"
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
	for c := chHR; c < chCount; c++ {
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
	if _, ok := s.takeNumber(chEle); ok {
		s.emitText(s.words.ele, s.values[chEle], s.words.eleEnd)
	}
	if b.hasTime {
		at := time.Unix(floorSecond(b.clock.ms), 0).UTC()
		from := len(s.arena)
		s.arena = at.AppendFormat(s.arena, gpxgoTime)
		s.emitText(s.words.time, s.arena[from:len(s.arena):len(s.arena)], s.words.timeEnd)
	}
	s.queue = append(s.queue, s.words.pointEnd)
}

// takeNumber returns the point's value of channel c when it is usable, and
// counts.
func (s *scanner) takeNumber(c channel) (float64, bool) {
	if s.values[c] == nil {
		return 0, false
	}
	v, what := checkNumber(c, s.values[c])
	if what == drop {
		s.dropped++
	}
	if c == chHR && what == keep {
		s.raw.HRRecords++
		s.raw.HRSum += int64(bpmOf(v))
	}
	return v, what == keep
}

func (s *scanner) takePosition() bool {
	what := position(s.lat, s.lon)
	if what == drop {
		s.dropped++
	}
	return what == keep
}

// takeTime parses the time of the point. A time at or before 1970 comes from a
// device that did not know it.
func (s *scanner) takeTime() (clock, bool) {
	if s.values[chTime] == nil {
		return clock{}, false
	}
	c, ok := parseClock(s.values[chTime])
	if !ok || floorSecond(c.ms) <= 0 || c.ms >= maxTimeMs {
		s.dropped++
		return clock{}, false
	}
	sec := floorSecond(c.ms)
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
	s.emitText(s.words.typ, []byte(clean(s.typ)), s.words.typEnd)
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
