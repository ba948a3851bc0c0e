package tcxfile

import (
	"plodwatch/ingest/xmltrack"
)

// point is the open track point.
type point struct {
	seen     [fPointEnd]bool // the first one that is not empty counts
	has      [fPointEnd]bool
	values   [fPointEnd]float64
	clock    xmltrack.Clock
	lat, lon []byte
	dropped  int
}

func (p *point) reset() {
	*p = point{lat: p.lat[:0], lon: p.lon[:0]}
}

// take notes the text of a field.
func (p *point) take(f field, text []byte) {
	if p.seen[f] {
		return
	}
	p.seen[f] = true
	if len(text) > xmltrack.MaxValueText {
		p.dropped++
		return
	}
	switch f {
	case fLatitude:
		p.lat = append(p.lat, text...)
	case fLongitude:
		p.lon = append(p.lon, text...)
	case fTime:
		p.clock, p.has[f] = xmltrack.ParseClock(text)
		if !p.has[f] || !p.clock.Usable() {
			p.has[f] = false
			p.dropped++
		}
	default:
		v, what := xmltrack.CheckNumber(f.channel(), text)
		p.values[f], p.has[f] = v, what == xmltrack.Keep
		if what == xmltrack.Drop {
			p.dropped++
		}
	}
}

// addTo puts the point's values into the last sample of cols.
func (p *point) addTo(cols *xmltrack.Columns, positioned bool) {
	if positioned {
		cols.Set(&cols.LatE7, xmltrack.Scaled(p.values[fLatitude], 1e7))
		cols.Set(&cols.LonE7, xmltrack.Scaled(p.values[fLongitude], 1e7))
	}
	if p.has[fHeartRate] && xmltrack.BPM(p.values[fHeartRate]) > 0 {
		cols.SetHR(xmltrack.BPM(p.values[fHeartRate]))
	}
	cadence := fCadence
	if p.has[fRunCadence] { // a foot pod's, where Cadence is that of a bike
		cadence = fRunCadence
	}
	for _, to := range [...]struct {
		from  field
		col   *[]int32
		scale float64
	}{
		{fAltitude, &cols.AltitudeCm, 100},
		{fDistance, &cols.DistanceCm, 100},
		{fSpeed, &cols.SpeedMMps, 1000},
		{cadence, &cols.Cadence100, 100},
		{fPower, &cols.PowerW, 1},
		{fTemperature, &cols.TempDeciC, 10},
	} {
		if p.has[to.from] {
			cols.Set(to.col, xmltrack.Scaled(p.values[to.from], to.scale))
		}
	}
}

// position checks latitude and longitude together and reports whether they
// are one.
func (p *point) position() bool {
	switch xmltrack.CheckPosition(p.lat, p.lon) {
	case xmltrack.Drop:
		p.dropped++
	case xmltrack.Keep:
		p.values[fLatitude], _ = xmltrack.ParseFloat(p.lat)
		p.values[fLongitude], _ = xmltrack.ParseFloat(p.lon)
		return true
	}
	return false
}

func (s *scanner) beginPoint(depth int) {
	if s.pointAt > 0 { // the end of the point before is missing
		s.corrupt = true
	}
	if s.activityAt == 0 {
		s.pointAt = 0
		return
	}
	if s.trackAt == 0 { // no track around it: until its parent ends
		s.beginTrack(depth - 1)
	}
	s.pointAt, s.valueAt = depth, 0
	s.point.reset()
}

// endPoint takes a complete point.
func (s *scanner) endPoint() {
	if s.raw.Records >= s.lim.points {
		s.full()
		return
	}
	s.raw.Records++
	s.current.points++
	p := &s.point
	positioned := p.position()
	s.dropped += p.dropped
	if p.has[fHeartRate] {
		s.raw.HRRecords++
		s.raw.HRSum += int64(xmltrack.BPM(p.values[fHeartRate]))
	}
	if !p.has[fTime] {
		s.unassigned++
		return
	}
	sec := p.clock.Second()
	if s.raw.FirstUnix == 0 || sec < s.raw.FirstUnix {
		s.raw.FirstUnix = sec
	}
	s.raw.LastUnix = max(s.raw.LastUnix, sec)
	s.current.begin(p.clock)
	p.addTo(&s.current.cols, positioned)
}
