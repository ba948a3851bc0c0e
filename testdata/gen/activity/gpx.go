package activity

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Fraction is what every time in a written GPX file has beyond whole seconds,
// as real loggers do.
const Fraction = 179 * time.Millisecond

// GPX encodes the activity's sessions as tracks of a GPX 1.1 file, times with
// fractions and in local time.
func (a *Activity) GPX() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="plodwatch testdata" xmlns="http://www.topografix.com/GPX/1/1" xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">
`)
	zone := time.FixedZone("", a.Offset)
	for _, s := range a.Sessions {
		fmt.Fprintf(&b, "<trk><type>%s</type><trkseg>\n", s.Sport)
		for i, v := range s.Samples {
			if slices.Contains(s.Segments, i) {
				b.WriteString("</trkseg><trkseg>\n")
			}
			at := s.Start.Add(v.At + Fraction).In(zone).Format("2006-01-02T15:04:05.000Z07:00")
			fmt.Fprintf(&b, `<trkpt lat="%.7f" lon="%.7f"><ele>%.1f</ele><time>%s</time>`, v.Lat, v.Lon, float64(v.AltitudeCm)/100, at)
			if v.HR != 0 {
				fmt.Fprintf(&b, "<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>%d</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions>", v.HR)
			}
			b.WriteString("</trkpt>\n")
		}
		b.WriteString("</trkseg></trk>\n")
	}
	b.WriteString("</gpx>\n")
	return b.Bytes()
}
