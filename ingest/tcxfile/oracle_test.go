package tcxfile_test

import (
	"bytes"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

// plain is a well-formed file as encoding/xml alone sees it.
type plain struct {
	Activities []struct {
		Sport string `xml:",attr"`
		Laps  []struct {
			Seconds float64 `xml:"TotalTimeSeconds"`
			Metres  float64 `xml:"DistanceMeters"`
			AvgHR   uint8   `xml:"AverageHeartRateBpm>Value"`
			MaxHR   uint8   `xml:"MaximumHeartRateBpm>Value"`
			Points  []struct {
				Time     time.Time
				Lat      float64 `xml:"Position>LatitudeDegrees"`
				Lon      float64 `xml:"Position>LongitudeDegrees"`
				Altitude float64 `xml:"AltitudeMeters"`
				Distance float64 `xml:"DistanceMeters"`
				HR       uint8   `xml:"HeartRateBpm>Value"`
				Speed    float64 `xml:"Extensions>TPX>Speed"`
				Cadence  float64 `xml:"Extensions>TPX>RunCadence"`
			} `xml:"Track>Trackpoint"`
		} `xml:"Lap"`
	} `xml:"Activities>Activity"`
}

func TestWellFormedFilesGiveWhatEncodingXMLSees(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "activities", "*.tcx"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d generated files: %v", len(files), err)
	}
	inputs := map[string][]byte{"garmin connect": run(500)}
	for _, file := range files {
		if inputs[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range inputs {
		var want plain
		if err := xml.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		rec, err := tcxfile.Decode(t.Context(), bytes.NewReader(data))
		if err != nil || len(rec.Sessions) != len(want.Activities) {
			t.Fatalf("%s: %v", name, err)
		}
		for i, a := range want.Activities {
			var samples schema.Samples
			for k, l := range a.Laps {
				for _, p := range l.Points {
					samples.TimeMs = append(samples.TimeMs, p.Time.UnixMilli())
					samples.HeartRate = append(samples.HeartRate, p.HR)
					samples.SpeedMMps = append(samples.SpeedMMps, scaled(p.Speed, 1000))
					samples.DistanceCm = append(samples.DistanceCm, scaled(p.Distance, 100))
					samples.AltitudeCm = append(samples.AltitudeCm, scaled(p.Altitude, 100))
					samples.Cadence100 = append(samples.Cadence100, scaled(p.Cadence, 100))
					samples.LatE7 = append(samples.LatE7, scaled(p.Lat, 1e7))
					samples.LonE7 = append(samples.LonE7, scaled(p.Lon, 1e7))
				}
				got := rec.Sessions[i].Laps[k]
				if got.TimerMs != int64(scaled(l.Seconds, 1000)) || got.DistanceCm != int64(scaled(l.Metres, 100)) || got.AvgHR != l.AvgHR || got.MaxHR != l.MaxHR {
					t.Errorf("%s: lap %d is %+v, want %+v", name, k, got, l)
				}
			}
			if diff := cmp.Diff(samples, rec.Sessions[i].Samples); diff != "" {
				t.Errorf("%s: (-encoding/xml +decoded)\n%.2000s", name, diff)
			}
		}
	}
}

func scaled(v, factor float64) int32 { return int32(math.Round(v * factor)) }
