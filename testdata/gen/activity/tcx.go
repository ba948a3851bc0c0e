package activity

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"
)

// lapLength is how long a lap of a written TCX file lasts.
const lapLength = 5 * time.Minute

// TCX encodes the activity's sessions as activities of a TCX version 2 file as
// Garmin Connect writes them, but for times in local time. A stop of the timer
// ends the track inside its lap, and at a lap's end only the lap's timer tells.
// What is a segment's end in GPX is a new lap, whose timer ran on.
func (a *Activity) TCX() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2">
<Activities>
`)
	zone := time.FixedZone("", a.Offset)
	for _, s := range a.Sessions {
		clock := func(at time.Duration) string {
			return s.Start.Add(at).In(zone).Format("2006-01-02T15:04:05.000Z07:00")
		}
		fmt.Fprintf(&b, "<Activity Sport=\"%s\"><Id>%s</Id>\n", map[string]string{"running": "Running", "cycling": "Biking"}[s.Sport], clock(0))
		for from := 0; from < len(s.Samples); {
			to := s.lapEnd(from)
			s.writeLap(&b, clock, from, to)
			from = to
		}
		b.WriteString(`<Creator xsi:type="Device_t"><Name>plodwatch testdata</Name><UnitId>1</UnitId><ProductID>1</ProductID></Creator></Activity>` + "\n")
	}
	b.WriteString("</Activities>\n</TrainingCenterDatabase>\n")
	return b.Bytes()
}

// lapEnd returns the index of the first sample after the lap that begins at
// from.
func (s *Session) lapEnd(from int) int {
	to := from + 1
	for to < len(s.Samples) && !slices.Contains(s.Segments, to) && s.Samples[to].At < s.Samples[from].At+lapLength {
		to++
	}
	return to
}

// held returns for how long of running timer sample i stands, and whether the
// timer stops before the next one.
func (s *Session) held(i int) (d time.Duration, stops bool) {
	next := s.Elapsed
	if i+1 < len(s.Samples) {
		next = s.Samples[i+1].At
	}
	for _, e := range s.Events {
		if e.Stop && e.At > s.Samples[i].At && e.At < next {
			return e.At - s.Samples[i].At, true
		}
	}
	return next - s.Samples[i].At, false
}

func (s *Session) writeLap(b *bytes.Buffer, clock func(time.Duration) string, from, to int) {
	var timer time.Duration
	var sum, n, highest int
	for i := from; i < to; i++ {
		d, _ := s.held(i)
		timer += d
		if hr := int(s.Samples[i].HR); hr > 0 {
			sum, n, highest = sum+hr, n+1, max(highest, hr)
		}
	}
	end := s.Samples[to-1]
	if to < len(s.Samples) && !slices.Contains(s.Segments, to) {
		end = s.Samples[to]
	}
	fmt.Fprintf(b, "<Lap StartTime=\"%s\"><TotalTimeSeconds>%.3f</TotalTimeSeconds><DistanceMeters>%.2f</DistanceMeters><Calories>%d</Calories>",
		clock(s.Samples[from].At), timer.Seconds(), float64(end.DistanceCm-s.Samples[from].DistanceCm)/100, int(timer.Minutes()*11))
	if n > 0 {
		fmt.Fprintf(b, "<AverageHeartRateBpm><Value>%.0f</Value></AverageHeartRateBpm><MaximumHeartRateBpm><Value>%d</Value></MaximumHeartRateBpm>",
			math.Round(float64(sum)/float64(n)), highest)
	}
	b.WriteString("<Intensity>Active</Intensity><TriggerMethod>Manual</TriggerMethod><Track>\n")
	for i := from; i < to; i++ {
		v := s.Samples[i]
		fmt.Fprintf(b, "<Trackpoint><Time>%s</Time><Position><LatitudeDegrees>%.7f</LatitudeDegrees><LongitudeDegrees>%.7f</LongitudeDegrees></Position><AltitudeMeters>%.1f</AltitudeMeters><DistanceMeters>%.2f</DistanceMeters>",
			clock(v.At), v.Lat, v.Lon, float64(v.AltitudeCm)/100, float64(v.DistanceCm)/100)
		if v.HR != 0 {
			fmt.Fprintf(b, "<HeartRateBpm><Value>%d</Value></HeartRateBpm>", v.HR)
		}
		fmt.Fprintf(b, "<Extensions><ns3:TPX><ns3:Speed>%.3f</ns3:Speed><ns3:RunCadence>%d</ns3:RunCadence></ns3:TPX></Extensions></Trackpoint>\n",
			float64(v.SpeedMMps)/1000, v.Cadence)
		if _, stops := s.held(i); stops && i+1 < to {
			b.WriteString("</Track><Track>\n")
		}
	}
	b.WriteString("</Track></Lap>\n")
}
