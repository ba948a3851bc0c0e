package tcxfile_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"plodwatch/ingest/tcxfile"
)

// run is a well-formed TCX file of n points, one a second, as Garmin Connect
// lays it out.
func run(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2">
  <Activities>
    <Activity Sport="Running">
      <Id>2025-05-01T06:00:00.000Z</Id>
      <Lap StartTime="2025-05-01T06:00:00.000Z">
        <Intensity>Active</Intensity>
        <Track>
`)
	at := time.Date(2025, 5, 1, 6, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, `          <Trackpoint>
            <Time>%s</Time>
            <Position>
              <LatitudeDegrees>%.15f</LatitudeDegrees>
              <LongitudeDegrees>%.15f</LongitudeDegrees>
            </Position>
            <AltitudeMeters>%.15f</AltitudeMeters>
            <DistanceMeters>%.14f</DistanceMeters>
            <HeartRateBpm>
              <Value>%d</Value>
            </HeartRateBpm>
            <Extensions>
              <ns3:TPX>
                <ns3:Speed>%.16f</ns3:Speed>
                <ns3:RunCadence>%d</ns3:RunCadence>
              </ns3:TPX>
            </Extensions>
          </Trackpoint>
`, at.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000Z"), 59.9+float64(i)*3e-5, 10.7+float64(i%100)*1e-6,
			100+float64(i%50)/10, float64(i)*3.1, 120+i%40, 3.1+float64(i%7)/100, 80+i%10)
	}
	b.WriteString("        </Track>\n      </Lap>\n    </Activity>\n  </Activities>\n</TrainingCenterDatabase>\n")
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
// that of a plain token loop over the same bytes.
func BenchmarkDecode(b *testing.B) {
	data := run(3600)
	took := func(work func() error) time.Duration {
		start := time.Now()
		if err := work(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var ours, limit time.Duration
	b.ReportAllocs()
	for b.Loop() {
		ours += took(func() error {
			_, err := tcxfile.Decode(b.Context(), bytes.NewReader(data))
			return err
		})
		b.StopTimer()
		limit += took(func() error { return tokenLoop(data) })
		b.StartTimer()
	}
	besideLimit(b, "MB/s", float64(len(data))*float64(b.N)/1e6, ours, limit)
}

// besideLimit reports the throughput of so much work, that of the limit measured
// in the same run, and how many times as long the benchmark took.
func besideLimit(b *testing.B, unit string, work float64, ours, limit time.Duration) {
	b.Helper()
	b.ReportMetric(work/ours.Seconds(), unit)
	b.ReportMetric(work/limit.Seconds(), "limit-"+unit)
	b.ReportMetric(ours.Seconds()/limit.Seconds(), "x-of-limit")
}
