package gpxfile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"plodwatch/ingest/gpxfile"
	"plodwatch/schema"
)

const startMs = 1746079200000 // 2025-05-01T06:00:00Z

// point is a track point i seconds after the start, with extra elements.
func point(i int, extra string) string {
	return fmt.Sprintf(`<trkpt lat="59.9" lon="10.7"><ele>100</ele><time>2025-05-01T06:%02d:%02dZ</time>%s</trkpt>`, i/60, i%60, extra)
}

func hr(i, bpm int) string {
	return point(i, fmt.Sprintf("<extensions><hr>%d</hr></extensions>", bpm))
}

func doc(body string) string { return `<gpx version="1.1">` + body + `</gpx>` }

func trk(points ...string) string {
	return "<trk><type>running</type><trkseg>" + strings.Join(points, "") + "</trkseg></trk>"
}

func decodeText(t *testing.T, text string) *schema.Recording {
	t.Helper()
	rec, err := gpxfile.Decode(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatalf("decode %.300q: %v", text, err)
	}
	for i := range rec.Sessions {
		s := &rec.Sessions[i]
		if err := s.Samples.Validate(); err != nil {
			t.Errorf("session %d: %v", i, err)
		}
		if s.Ordinal != i || s.StartMs != s.Samples.TimeMs[0] || s.EndMs != s.Samples.TimeMs[s.Samples.Len()-1] {
			t.Errorf("session %d: ordinal %d, %d to %d", i, s.Ordinal, s.StartMs, s.EndMs)
		}
	}
	return rec
}

func TestHeartRateIsFoundUnderAnyNamespaceAtAnyDepth(t *testing.T) {
	for name, extra := range map[string]string{
		"plain":            `<extensions><hr>150</hr></extensions>`,
		"garmin":           `<extensions><gpxtpx:TrackPointExtension xmlns:gpxtpx="x"><gpxtpx:hr>150</gpxtpx:hr></gpxtpx:TrackPointExtension></extensions>`,
		"unbound prefix":   `<extensions><ns3:TrackPointExtension><ns3:hr>150</ns3:hr></ns3:TrackPointExtension></extensions>`,
		"cluetrust":        `<extensions><gpxdata:hr>150</gpxdata:hr></extensions>`,
		"heartrate":        `<extensions><a><b><c><heartrate>150</heartrate></c></b></a></extensions>`,
		"heart_rate":       `<heart_rate>150</heart_rate>`,
		"bpm":              `<extensions><bpm> 150 </bpm></extensions>`,
		"CDATA":            `<extensions><hr><![CDATA[150]]></hr></extensions>`,
		"float":            `<extensions><hr>149.6</hr></extensions>`,
		"comment inside":   `<extensions><hr>1<!-- 9 -->50</hr></extensions>`,
		"character entity": `<extensions><hr>1&#53;0</hr></extensions>`,
		"attribute":        `<extensions><hr unit="bpm > 0">150</hr></extensions>`,
		"first wins":       `<extensions><hr></hr><hr>150</hr><hr>90</hr></extensions>`,
	} {
		for _, version := range []string{` version="1.0"`, ` version="1.1"`, "", ` version='1.0' xmlns="http://www.topografix.com/GPX/1/0"`} {
			rec := decodeText(t, "<gpx"+version+">"+trk(point(0, extra))+"</gpx>")
			if got := rec.Sessions[0].Samples.HeartRate; !slices.Equal(got, []uint8{150}) {
				t.Errorf("%s, root %q: heart rate %v", name, version, got)
			}
			if rec.Outcome != schema.OutcomeDecoded || rec.Raw.HRRecords != 1 || rec.Raw.HRSum != 150 {
				t.Errorf("%s: %s, raw %+v", name, rec.Outcome, rec.Raw)
			}
		}
	}
}

func TestOtherChannelsAreScaled(t *testing.T) {
	rec := decodeText(t, doc(trk(
		point(0, ""),
		point(1, `<speed>3.2504</speed><extensions><power>250</power><x:cad xmlns:x="u">85.5</x:cad><atemp>-2.54</atemp></extensions>`),
		point(2, `<speed>-1</speed><extensions><PowerInWatts>NaN</PowerInWatts><cadence>1e9</cadence><temp/></extensions>`),
	)))
	s := rec.Sessions[0].Samples
	miss := schema.Missing
	want := schema.Samples{
		TimeMs:     []int64{startMs, startMs + 1000, startMs + 2000},
		SpeedMMps:  []int32{miss, 3250, miss},
		AltitudeCm: []int32{10000, 10000, 10000},
		Cadence100: []int32{miss, 8550, miss},
		PowerW:     []int32{miss, 250, miss},
		LatE7:      []int32{599000000, 599000000, 599000000},
		LonE7:      []int32{107000000, 107000000, 107000000},
		TempDeciC:  []int32{miss, -25, miss},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if rec.DroppedValues != 2 || !slices.Contains(rec.Flags, schema.FlagDroppedValues) || rec.Outcome != schema.OutcomeDecoded {
		t.Errorf("dropped %d, flags %v, %s", rec.DroppedValues, rec.Flags, rec.Outcome)
	}
}

func TestBadValuesAreDroppedOneByOne(t *testing.T) {
	for name, c := range map[string]struct {
		point   string
		dropped int
	}{
		"NaN position":       {`<trkpt lat="NaN" lon="NaN">`, 1},
		"infinite position":  {`<trkpt lat="Inf" lon="1e400">`, 1},
		"beyond the pole":    {`<trkpt lat="91" lon="10">`, 1},
		"no longitude":       {`<trkpt lat="59.9">`, 1},
		"no position":        {`<trkpt>`, 0},
		"no fix":             {`<trkpt lat="0.0" lon="0">`, 0},
		"unknown entity":     {`<trkpt lat="&nbsp;" lon="10.7">`, 1},
		"bad elevation":      {`<trkpt><ele>high</ele>`, 1},
		"heart rate 300":     {`<trkpt><hr>300</hr>`, 1},
		"heart rate 255":     {`<trkpt><hr>255</hr>`, 0},
		"heart rate 0":       {`<trkpt><hr>0</hr>`, 0},
		"negative":           {`<trkpt><hr>-5</hr>`, 1},
		"endless number":     {`<trkpt><hr>` + strings.Repeat("1", 1000) + `</hr>`, 1},
		"hexadecimal number": {`<trkpt><hr>0x50</hr>`, 1},
	} {
		rec := decodeText(t, doc("<trk><trkseg>"+c.point+"<time>2025-05-01T06:00:00Z</time></trkpt>"+hr(1, 140)+"</trkseg></trk>"))
		s := rec.Sessions[0].Samples
		if rec.DroppedValues != c.dropped || s.Len() != 2 || !slices.Equal(s.HeartRate, []uint8{0, 140}) {
			t.Errorf("%s: dropped %d, want %d; %d samples, heart rate %v", name, rec.DroppedValues, c.dropped, s.Len(), s.HeartRate)
		}
		if s.LatE7[0] != schema.Missing || s.LonE7[0] != schema.Missing || s.LatE7[1] != 599000000 {
			t.Errorf("%s: positions %v %v", name, s.LatE7, s.LonE7)
		}
	}
}

func TestTheZoneOfTheTimesIsTheLocalOffset(t *testing.T) {
	at := func(zone string) string {
		return doc("<trk><trkseg><trkpt><time>2025-05-01T06:00:00.250" + zone + "</time></trkpt></trkseg></trk>")
	}
	for zone, want := range map[string]schema.Session{
		"Z":      {},
		"+02:00": {UTCOffsetS: 7200, OffsetSource: schema.OffsetFile},
		"-09:30": {UTCOffsetS: -34200, OffsetSource: schema.OffsetFile},
		"":       {Flags: []schema.Flag{schema.FlagNoZone}},
		"+19:00": {Flags: []schema.Flag{schema.FlagZoneRefused}},
	} {
		got := decodeText(t, at(zone)).Sessions[0]
		if got.UTCOffsetS != want.UTCOffsetS || got.OffsetSource != want.OffsetSource || !slices.Equal(got.Flags, want.Flags) {
			t.Errorf("%q: offset %d from %q, flags %v", zone, got.UTCOffsetS, got.OffsetSource, got.Flags)
		}
	}
}

func TestEncodingsAreAccepted(t *testing.T) {
	const body = `<gpx version="1.1" creator="Läufer"><trk><name>Grüße</name><type>running</type><trkseg>` +
		`<trkpt lat="59.9" lon="10.7"><time>2025-05-01T06:00:00Z</time><extensions><hr>150</hr></extensions></trkpt></trkseg></trk></gpx>`
	encode := func(e interface{ Bytes([]byte) ([]byte, error) }, text string) []byte {
		b, err := e.Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	latin := charmap.ISO8859_1.NewEncoder()
	for name, data := range map[string][]byte{
		"UTF-8":                  []byte(body),
		"UTF-8 with a mark":      []byte("\ufeff" + body),
		"leading blanks":         []byte(" \r\n\t<?xml version=\"1.0\"?>\n" + body),
		"ISO-8859-1":             encode(latin, `<?xml version="1.0" encoding="ISO-8859-1"?>`+body),
		"UTF-16LE with a mark":   encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), `<?xml version="1.0" encoding="UTF-16"?>`+body),
		"UTF-16BE with a mark":   encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(), body),
		"UTF-16LE without":       encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder(), body),
		"UTF-16BE without":       encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder(), body),
		"says UTF-16, is UTF-8":  []byte(`<?xml version="1.0" encoding="utf-16"?>` + body),
		"unknown encoding":       []byte(`<?xml version='1.0' encoding='klingon'?>` + body),
		"doctype":                []byte(`<!DOCTYPE gpx PUBLIC "x" "http://example.org/a>b.dtd">` + body),
		"processing instruction": []byte(`<?xml-stylesheet href="<gpx>"?>` + body + "<!-- end -->"),
		"prefixed root":          []byte(strings.NewReplacer("<gpx", "<g:gpx", "</gpx", "</g:gpx", "<trk", "<g:trk", "</trk", "</g:trk").Replace(body)),
	} {
		rec, err := gpxfile.Decode(t.Context(), bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := rec.Sessions[0]
		if !slices.Equal(s.Samples.HeartRate, []uint8{150}) || s.Device != "Läufer" || rec.Outcome != schema.OutcomeDecoded {
			t.Errorf("%s: heart rate %v, device %q, %s", name, s.Samples.HeartRate, s.Device, rec.Outcome)
		}
	}
	// Latin-1 that claims to be UTF-8 keeps its samples.
	rec := decodeText(t, string(encode(latin, `<?xml version="1.0" encoding="UTF-8"?>`+body)))
	if got := rec.Sessions[0]; got.Device != "L?ufer" || got.Samples.Len() != 1 {
		t.Errorf("device %q, %d samples", got.Device, got.Samples.Len())
	}
}

func TestSportComesFromTheType(t *testing.T) {
	for text, want := range map[string]string{
		"running": "running ", "Run": "running ", "9": "running ", "trail_running": "running trail", "1": "cycling ",
		"mountain biking": "cycling mountain", "Virtual-Ride": "cycling virtual_activity", "10": "walking ", "hiking": "hiking ",
		"16": "swimming ", "open_water_swimming": "swimming open_water", "7": "cross_country_skiing ", "": "generic ", "unknown": "generic ",
		"<![CDATA[cycling]]>": "cycling ", strings.Repeat("running", 100): "generic ",
	} {
		body := "<trkseg>" + point(0, "<type>walking</type>") + "</trkseg>"
		typ := "<link><type>text/html</type></link><type>" + text + "</type>"
		for _, order := range []string{typ + body, body + typ} {
			s := decodeText(t, doc("<trk>"+order+"</trk>")).Sessions[0]
			if got := string(s.Sport) + " " + s.SubSport; got != want {
				t.Errorf("%q: %q, want %q", text, got, want)
			}
		}
	}
}
