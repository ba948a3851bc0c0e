package tcxfile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
)

const startMs = 1746079200000 // 2025-05-01T06:00:00Z

func at(i int) int64 { return startMs + int64(i)*1000 }

func clock(i int) string { return fmt.Sprintf("2025-05-01T%02d:%02d:%02dZ", 6+i/3600, i/60%60, i%60) }

// point is a track point i seconds after the start, with more elements.
func point(i int, more string) string {
	return "<Trackpoint><Time>" + clock(i) + "</Time>" + more + "</Trackpoint>"
}

func hr(i, bpm int) string {
	return point(i, fmt.Sprintf("<HeartRateBpm><Value>%d</Value></HeartRateBpm>", bpm))
}

// hrs are points with a heart rate, one a second.
func hrs(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(hr(i, 100+i%50))
	}
	return b.String()
}

func doc(body string) string {
	return "<TrainingCenterDatabase><Activities>" + body + "</Activities></TrainingCenterDatabase>"
}

func activity(laps ...string) string {
	return `<Activity Sport="Running"><Id>` + clock(0) + `</Id>` + strings.Join(laps, "") + `</Activity>`
}

func lap(tracks ...string) string {
	return "<Lap><Track>" + strings.Join(tracks, "</Track><Track>") + "</Track></Lap>"
}

// timed is a lap that begins at start and whose timer ran for so many seconds.
func timed(start int, timer float64, tracks ...string) string {
	return fmt.Sprintf("<Lap StartTime=%q><TotalTimeSeconds>%g</TotalTimeSeconds>", clock(start), timer) +
		strings.TrimPrefix(lap(tracks...), "<Lap>")
}

func decodeText(t *testing.T, text string) *schema.Recording {
	t.Helper()
	rec, err := tcxfile.Decode(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatalf("decode %.300q: %v", text, err)
	}
	for i := range rec.Sessions {
		s := &rec.Sessions[i]
		if err := s.Samples.Validate(); err != nil {
			t.Errorf("session %d: %v", i, err)
		}
		if n := s.Samples.Len(); s.Ordinal != i || n > 0 && (s.StartMs != s.Samples.TimeMs[0] || s.EndMs != s.Samples.TimeMs[n-1]) {
			t.Errorf("session %d: ordinal %d, %d to %d", i, s.Ordinal, s.StartMs, s.EndMs)
		}
	}
	return rec
}

// The files below follow what each program is known to write: layout,
// namespaces and oddities, with invented values.
var dialects = map[string]struct {
	text   string
	sport  schema.Sport
	device string
	hr     []uint8
	speed  int32 // of the second sample, mm/s
	cad    int32 // of the second sample, hundredths
	power  int32 // of the second sample, W
	offset int32
}{
	"garmin connect": {
		text: `<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xsi:schemaLocation="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2 http://www.garmin.com/xmlschemas/TrainingCenterDatabasev2.xsd"
  xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2" xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Activities><Activity Sport="Running"><Id>2025-05-01T06:00:00.000Z</Id>
    <Lap StartTime="2025-05-01T06:00:00.000Z"><TotalTimeSeconds>1.0</TotalTimeSeconds><Intensity>Active</Intensity><TriggerMethod>Manual</TriggerMethod>
      <Track>
        <Trackpoint><Time>2025-05-01T06:00:00.000Z</Time><Position><LatitudeDegrees>59.91234567890123</LatitudeDegrees><LongitudeDegrees>10.7</LongitudeDegrees></Position>
          <AltitudeMeters>6.800000190734863</AltitudeMeters><DistanceMeters>0.8399999737739563</DistanceMeters><HeartRateBpm><Value>121</Value></HeartRateBpm>
          <Extensions><ns3:TPX/></Extensions></Trackpoint>
        <Trackpoint><Time>2025-05-01T06:00:01.000Z</Time><HeartRateBpm>
            <Value>122</Value>
          </HeartRateBpm><Extensions><ns3:TPX><ns3:Speed>2.811999976634979</ns3:Speed><ns3:RunCadence>84</ns3:RunCadence><ns3:Watts>243</ns3:Watts></ns3:TPX></Extensions></Trackpoint>
      </Track>
      <Extensions><ns3:LX><ns3:AvgSpeed>9.9</ns3:AvgSpeed><ns3:AvgRunCadence>84</ns3:AvgRunCadence></ns3:LX></Extensions>
    </Lap>
    <Creator xsi:type="Device_t"><Name>Forerunner 945</Name><UnitId>1</UnitId><ProductID>2</ProductID><Version><VersionMajor>5</VersionMajor></Version></Creator>
  </Activity></Activities>
  <Author xsi:type="Application_t"><Name>Connect Api</Name><Build/><LangID>en</LangID></Author>
</TrainingCenterDatabase>`,
		sport: schema.SportRunning, device: "Forerunner 945", hr: []uint8{121, 122}, speed: 2812, cad: 8400, power: 243,
	},
	"strava export, blanks first": {
		text: `          <?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Folders/><Activities><Activity Sport="Biking"><Id>2025-05-01T06:00:00Z</Id>
<Lap StartTime="2025-05-01T06:00:00Z"><TotalTimeSeconds>1</TotalTimeSeconds><Calories>0</Calories><Track>
<Trackpoint><Time>2025-05-01T06:00:00Z</Time><HeartRateBpm xsi:type="HeartRateInBeatsPerMinute_t"><Value>99</Value></HeartRateBpm></Trackpoint>
<Trackpoint><Time>2025-05-01T06:00:01Z</Time><HeartRateBpm xsi:type="HeartRateInBeatsPerMinute_t"><Value>101</Value></HeartRateBpm><Cadence>90</Cadence>
<Extensions><TPX xmlns="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><Speed>8.5</Speed><Watts>210</Watts></TPX></Extensions></Trackpoint>
</Track></Lap></Activity></Activities></TrainingCenterDatabase>`,
		sport: schema.SportCycling, hr: []uint8{99, 101}, speed: 8500, cad: 9000, power: 210,
	},
	"polar flow, fractions": {
		text: `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:ns2="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><Activities><Activity Sport="Other"><Id>2025-05-01T06:00:00.000Z</Id>
<Lap StartTime="2025-05-01T06:00:00.000Z"><TotalTimeSeconds>1.0</TotalTimeSeconds><Track>
<Trackpoint><Time>2025-05-01T06:00:00.000Z</Time><HeartRateBpm><Value>88</Value></HeartRateBpm><SensorState>Present</SensorState></Trackpoint>
<Trackpoint><Time>2025-05-01T06:00:01.000Z</Time><HeartRateBpm><Value>89</Value></HeartRateBpm><Cadence>80</Cadence><SensorState>Present</SensorState>
<Extensions><ns2:TPX><ns2:Speed>2.5</ns2:Speed><ns2:RunCadence>82</ns2:RunCadence></ns2:TPX></Extensions></Trackpoint>
</Track></Lap><Creator xsi:type="Device_t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Name>Polar Vantage V</Name></Creator></Activity></Activities></TrainingCenterDatabase>`,
		sport: schema.SportGeneric, device: "Polar Vantage V", hr: []uint8{88, 89}, speed: 2500, cad: 8200, power: schema.Missing,
	},
	"suunto, local times": {
		text: `<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities><Activity Sport="Running"><Id>2025-05-01T08:00:00+02:00</Id>
<Lap StartTime="2025-05-01T08:00:00+02:00"><Track>
<Trackpoint><Time>2025-05-01T08:00:00.000+02:00</Time><HeartRateBpm><Value>130.4</Value></HeartRateBpm></Trackpoint>
<Trackpoint><Time>2025-05-01T08:00:01.000+02:00</Time><HeartRateBpm><Value>131.6</Value></HeartRateBpm><Extensions><x:TPX xmlns:x="urn:x"><x:Speed>3</x:Speed></x:TPX></Extensions></Trackpoint>
</Track></Lap></Activity></Activities></TrainingCenterDatabase>`,
		sport: schema.SportRunning, hr: []uint8{130, 132}, speed: 3000, cad: schema.Missing, power: schema.Missing, offset: 7200,
	},
	"wahoo fitness, indoors": {
		text: `<?xml version="1.0" encoding="UTF-8"?><TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities><Activity Sport="Running"><Id>2025-05-01T06:00:00Z</Id>
<Lap StartTime="2025-05-01T06:00:00Z"><TotalTimeSeconds>1</TotalTimeSeconds><Track>
<Trackpoint><Time>2025-05-01T06:00:00Z</Time><Position><LatitudeDegrees></LatitudeDegrees><LongitudeDegrees></LongitudeDegrees></Position><HeartRateBpm><Value>140</Value></HeartRateBpm></Trackpoint>
<Trackpoint><Time>2025-05-01T06:00:01Z</Time><AltitudeMeters></AltitudeMeters><HeartRateBpm><Value>141</Value></HeartRateBpm>
<Extensions><TPX xmlns="http://www.garmin.com/xmlschemas/ActivityExtension/v2" CadenceSensor="Footpod"><RunCadence>87</RunCadence><Speed>2.9</Speed></TPX></Extensions></Trackpoint>
</Track></Lap></Activity></Activities></TrainingCenterDatabase>`,
		sport: schema.SportRunning, hr: []uint8{140, 141}, speed: 2900, cad: 8700, power: schema.Missing,
	},
	"training center version 1": {
		text: `<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v1"><History><Running Name="Running"/><Biking Name="Biking"><Run>
<Lap StartTime="2025-05-01T06:00:00Z"><TotalTimeSeconds>1</TotalTimeSeconds><Track>
<Trackpoint><Time>2025-05-01T06:00:00Z</Time><HeartRateBpm>120</HeartRateBpm></Trackpoint>
<Trackpoint><Time>2025-05-01T06:00:01Z</Time><HeartRateBpm>121</HeartRateBpm><Cadence>85</Cadence></Trackpoint>
</Track></Lap></Run></Biking></History></TrainingCenterDatabase>`,
		sport: schema.SportCycling, hr: []uint8{120, 121}, speed: schema.Missing, cad: 8500, power: schema.Missing,
	},
}

func TestDialects(t *testing.T) {
	second := func(col []int32) int32 {
		if col == nil {
			return schema.Missing
		}
		return col[1]
	}
	for name, c := range dialects {
		rec := decodeText(t, c.text)
		if len(rec.Sessions) != 1 || rec.Outcome != schema.OutcomeDecoded || rec.Format != schema.FormatTCX || rec.DroppedValues != 0 || len(rec.Flags) != 0 {
			t.Errorf("%s: %d sessions, %s, dropped %d, flags %v", name, len(rec.Sessions), rec.Outcome, rec.DroppedValues, rec.Flags)
			continue
		}
		s := rec.Sessions[0]
		if s.Sport != c.sport || s.Device != c.device || s.UTCOffsetS != c.offset || !slices.Equal(s.Samples.TimeMs, []int64{at(0), at(1)}) {
			t.Errorf("%s: %s, device %q, offset %d, times %v", name, s.Sport, s.Device, s.UTCOffsetS, s.Samples.TimeMs)
		}
		if !slices.Equal(s.Samples.HeartRate, c.hr) || second(s.Samples.SpeedMMps) != c.speed ||
			second(s.Samples.Cadence100) != c.cad || second(s.Samples.PowerW) != c.power {
			t.Errorf("%s: heart rate %v, speed %v, cadence %v, power %v", name, s.Samples.HeartRate, s.Samples.SpeedMMps, s.Samples.Cadence100, s.Samples.PowerW)
		}
		want := schema.RawCounts{Records: 2, HRRecords: 2, HRSum: int64(c.hr[0]) + int64(c.hr[1]), Sessions: 1, FirstUnix: at(0) / 1000, LastUnix: at(1) / 1000}
		if diff := cmp.Diff(want, rec.Raw); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEncodingsAreAccepted(t *testing.T) {
	body := strings.ReplaceAll(doc(activity(lap(hr(0, 150)), "<Creator><Name>Läufer</Name></Creator>")), "<Id>", "<Notes>Grüße</Notes><Id>")
	encode := func(e interface{ Bytes([]byte) ([]byte, error) }, text string) []byte {
		b, err := e.Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, data := range map[string][]byte{
		"UTF-8":                []byte(body),
		"UTF-8 with a mark":    []byte("\ufeff" + body),
		"ISO-8859-1":           encode(charmap.ISO8859_1.NewEncoder(), `<?xml version="1.0" encoding="ISO-8859-1"?>`+body),
		"UTF-16LE with a mark": encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), body),
		"UTF-16BE without":     encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder(), body),
		"prefixed":             []byte(strings.NewReplacer("</", "</t:", "<", "<t:").Replace(body)),
		"comments and CDATA":   []byte(strings.Replace(body, "150", "<!-- <Value> --><![CDATA[1]]>50", 1)),
	} {
		rec, err := tcxfile.Decode(t.Context(), bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := rec.Sessions[0]
		if !slices.Equal(s.Samples.HeartRate, []uint8{150}) || s.Device != "Läufer" || rec.Outcome != schema.OutcomeDecoded {
			t.Errorf("%s: heart rate %v, device %q, %s", name, s.Samples.HeartRate, s.Device, rec.Outcome)
		}
	}
}

func TestBadValuesAreDroppedOneByOne(t *testing.T) {
	position := func(lat, lon string) string {
		return "<Position><LatitudeDegrees>" + lat + "</LatitudeDegrees><LongitudeDegrees>" + lon + "</LongitudeDegrees></Position>"
	}
	for name, c := range map[string]struct {
		values  string
		dropped int
	}{
		"NaN position":      {position("NaN", "NaN"), 1},
		"beyond the pole":   {position("91", "10"), 1},
		"no longitude":      {position("59.9", ""), 1},
		"no fix":            {position("0.0", "0"), 0},
		"empty position":    {position("", ""), 0},
		"bad altitude":      {"<AltitudeMeters>high</AltitudeMeters>", 1},
		"heart rate 300":    {"<HeartRateBpm><Value>300</Value></HeartRateBpm>", 1},
		"heart rate 255":    {"<HeartRateBpm><Value>255</Value></HeartRateBpm>", 0},
		"heart rate 0":      {"<HeartRateBpm><Value>0</Value></HeartRateBpm>", 0},
		"empty heart rate":  {"<HeartRateBpm><Value/></HeartRateBpm>", 0},
		"another's Value":   {"<Other><Value>150</Value></Other>", 0},
		"endless number":    {"<Cadence>" + strings.Repeat("1", 1000) + "</Cadence>", 1},
		"infinite distance": {"<DistanceMeters>1e400</DistanceMeters>", 1},
		"two at once":       {"<Watts>x</Watts><Speed>fast</Speed>", 2},
	} {
		rec := decodeText(t, doc(activity(lap(point(0, c.values), hr(1, 140)+point(2, position("59.9", "10.7"))))))
		s := rec.Sessions[0].Samples
		if rec.DroppedValues != c.dropped || s.Len() != 3 || !slices.Equal(s.HeartRate, []uint8{0, 140, 0}) || rec.Outcome != schema.OutcomeDecoded {
			t.Errorf("%s: dropped %d, want %d; %d samples, heart rate %v, %s", name, rec.DroppedValues, c.dropped, s.Len(), s.HeartRate, rec.Outcome)
		}
		if s.LatE7[0] != schema.Missing || s.LonE7[0] != schema.Missing || s.LatE7[2] != 599000000 || s.LonE7[2] != 107000000 {
			t.Errorf("%s: positions %v %v", name, s.LatE7, s.LonE7)
		}
		if got := slices.Contains(rec.Flags, schema.FlagDroppedValues); got != (c.dropped > 0) {
			t.Errorf("%s: flags %v", name, rec.Flags)
		}
	}
}

func TestTheZoneOfTheTimesIsTheLocalOffset(t *testing.T) {
	for zone, want := range map[string]schema.Session{
		"Z":      {},
		"+02:00": {UTCOffsetS: 7200, OffsetSource: schema.OffsetFile},
		"-09:30": {UTCOffsetS: -34200, OffsetSource: schema.OffsetFile},
		"":       {Flags: []schema.Flag{schema.FlagNoZone}},
		"+19:00": {Flags: []schema.Flag{schema.FlagZoneRefused}},
	} {
		got := decodeText(t, doc(activity(lap(strings.ReplaceAll(hr(0, 100), "Z<", ".250"+zone+"<"))))).Sessions[0]
		if got.UTCOffsetS != want.UTCOffsetS || got.OffsetSource != want.OffsetSource || !slices.Equal(got.Flags, want.Flags) || got.StartMs%1000 != 250 {
			t.Errorf("%q: offset %d from %q, flags %v, start %d", zone, got.UTCOffsetS, got.OffsetSource, got.Flags, got.StartMs)
		}
	}
}

func TestSpeedsInKilometresPerHourAreMended(t *testing.T) {
	run := func(speed float64) string {
		var b strings.Builder
		for i := range 60 {
			b.WriteString(point(i, fmt.Sprintf("<DistanceMeters>%d</DistanceMeters><Extensions><TPX><Speed>%g</Speed></TPX></Extensions>", 3*i, speed)))
		}
		return doc(activity(lap(b.String())))
	}
	for speed, want := range map[float64]int32{3: 3000, 10.8: 3000, 5: 5000, 11.5: 3194, 30: 30000} {
		if got := decodeText(t, run(speed)).Sessions[0].Samples.SpeedMMps[30]; got != want {
			t.Errorf("%g beside 3 m/s of distance: %d mm/s, want %d", speed, got, want)
		}
	}
}
