package gpxfile_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/tkrajina/gpxgo/gpx"

	"plodwatch/ingest/gpxfile"
)

// activity is a well-formed GPX file of n points, one a second.
func activity(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Watch" xmlns="http://www.topografix.com/GPX/1/1" xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">
 <trk><name>run</name><type>running</type><trkseg>
`)
	at := time.Date(2025, 5, 1, 6, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, `   <trkpt lat="%.7f" lon="%.7f">
    <ele>%.1f</ele>
    <time>%s</time>
    <extensions>
     <gpxtpx:TrackPointExtension>
      <gpxtpx:atemp>21</gpxtpx:atemp>
      <gpxtpx:hr>%d</gpxtpx:hr>
      <gpxtpx:cad>%d</gpxtpx:cad>
     </gpxtpx:TrackPointExtension>
    </extensions>
   </trkpt>
`, 59.9+float64(i)*3e-5, 10.7+float64(i%100)*1e-6, 100+float64(i%50)/10,
			at.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000Z"), 120+i%40, 80+i%10)
	}
	b.WriteString(" </trkseg></trk>\n</gpx>\n")
	return b.Bytes()
}

// tokenLoop is the limit: encoding/xml's tokens and nothing done with them.
func tokenLoop(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.RawToken(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// BenchmarkDecode decodes one hour at 1 Hz. x-of-limit is its time divided by
// that of a plain token loop over the same bytes, x-of-gpxgo by that of
// gpx.Parse.
func BenchmarkDecode(b *testing.B) {
	data := activity(3600)
	took := func(work func() error) time.Duration {
		start := time.Now()
		if err := work(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var ours, limit, theirs time.Duration
	b.ReportAllocs()
	for b.Loop() {
		ours += took(func() error {
			_, err := gpxfile.Decode(b.Context(), bytes.NewReader(data))
			return err
		})
		b.StopTimer()
		limit += took(func() error { return tokenLoop(data) })
		theirs += took(func() error {
			_, err := gpx.Parse(bytes.NewReader(data))
			return err
		})
		b.StartTimer()
	}
	besideLimit(b, "MB/s", float64(len(data))*float64(b.N)/1e6, ours, limit)
	b.ReportMetric(float64(ours)/float64(theirs), "x-of-gpxgo")
}

// besideLimit reports the throughput of so much work, that of the limit measured
// in the same run, and how many times as long the benchmark took.
func besideLimit(b *testing.B, unit string, work float64, ours, limit time.Duration) {
	b.Helper()
	b.ReportMetric(work/ours.Seconds(), unit)
	b.ReportMetric(work/limit.Seconds(), "limit-"+unit)
	b.ReportMetric(ours.Seconds()/limit.Seconds(), "x-of-limit")
}
