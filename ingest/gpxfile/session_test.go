package gpxfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/gpxfile"
	"plodwatch/schema"
)

func at(i int) int64 { return startMs + int64(i)*1000 }

func TestNoTimeIsCountedAcrossSegments(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []schema.Interval
	}{
		"one segment": {trk(hr(0, 100), hr(600, 100)), nil},
		"two segments": {
			trk(hr(0, 100), hr(10, 100), "</trkseg><trkseg>", hr(70, 100), hr(80, 100)),
			[]schema.Interval{{FromMs: at(10), ToMs: at(70)}},
		},
		"an empty one between": {
			trk(hr(0, 100), "</trkseg><trkseg></trkseg><trkseg>", hr(70, 100)),
			[]schema.Interval{{FromMs: at(0), ToMs: at(70)}},
		},
		"the later first": {
			trk(hr(70, 100), hr(80, 100), "</trkseg><trkseg>", hr(0, 100), hr(10, 100)),
			[]schema.Interval{{FromMs: at(10), ToMs: at(70)}},
		},
		"overlapping": {trk(hr(0, 100), hr(10, 100), "</trkseg><trkseg>", hr(5, 100), hr(15, 100)), nil},
		"touching":    {trk(hr(0, 100), hr(10, 100), "</trkseg><trkseg>", hr(10, 100), hr(20, 100)), nil},
	} {
		for _, chunk := range []int{1, 2, 0} {
			rec, err := gpxfile.DecodeWithin(t.Context(), strings.NewReader(doc(c.body)), gpxfile.Limits{ChunkSize: chunk})
			if err != nil || len(rec.Sessions) != 1 {
				t.Fatalf("%s: %v", name, err)
			}
			if diff := cmp.Diff(c.want, rec.Sessions[0].Breaks); diff != "" {
				t.Errorf("%s, chunks of %d:\n%s", name, chunk, diff)
			}
		}
	}
}

func TestTracksThatTouchAreOneSession(t *testing.T) {
	other := strings.ReplaceAll(trk(hr(300, 120)), "running", "cycling")
	for name, c := range map[string]struct {
		body string
		want []int // samples by session
	}{
		"close":       {trk(hr(0, 100), hr(10, 100)) + trk(hr(309, 100)), []int{3}},
		"three":       {trk(hr(0, 100)) + trk(hr(299, 100)) + trk(hr(500, 100)), []int{3}},
		"apart":       {trk(hr(0, 100), hr(10, 100)) + trk(hr(310, 100)), []int{2, 1}},
		"other type":  {trk(hr(0, 100), hr(10, 100)) + other, []int{2, 1}},
		"overlapping": {trk(hr(0, 100), hr(10, 100)) + trk(hr(5, 100)), []int{2, 1}},
		"empty track": {trk(hr(0, 100)) + trk() + "<trk/>" + trk(hr(10, 100)), []int{2}},
	} {
		rec := decodeText(t, doc(c.body))
		var got []int
		for i := range rec.Sessions {
			got = append(got, rec.Sessions[i].Samples.Len())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: sessions of %v samples, want %v", name, got, c.want)
		}
		if want := strings.Count(c.body, "<trk>") + strings.Count(c.body, "<trk/>"); rec.Raw.Sessions != want {
			t.Errorf("%s: %d tracks, want %d", name, rec.Raw.Sessions, want)
		}
	}
}

func TestTimesAreSortedAndMerged(t *testing.T) {
	rec := decodeText(t, doc(trk(
		hr(5, 105), hr(1, 101), hr(3, 103),
		point(3, "<extensions><power>200</power></extensions>"), hr(3, 133), hr(9, 109),
	)))
	s := rec.Sessions[0]
	if want := []int64{at(1), at(3), at(5), at(9)}; !slices.Equal(s.Samples.TimeMs, want) {
		t.Errorf("times %v, want %v", s.Samples.TimeMs, want)
	}
	if want := []uint8{101, 133, 105, 109}; !slices.Equal(s.Samples.HeartRate, want) {
		t.Errorf("heart rate %v, want %v", s.Samples.HeartRate, want)
	}
	if s.Samples.PowerW[1] != 200 {
		t.Errorf("power %v", s.Samples.PowerW)
	}
	if want := []schema.Flag{schema.FlagBackwardTimes, schema.FlagDuplicateTimes}; !slices.Equal(s.Flags, want) {
		t.Errorf("flags %v", s.Flags)
	}
	if rec.Raw.Records != 6 || rec.Outcome != schema.OutcomeDecoded {
		t.Errorf("%d records, %s", rec.Raw.Records, rec.Outcome)
	}
}

func TestAClockJumpCutsTheSession(t *testing.T) {
	day := func(d, i int) string {
		return fmt.Sprintf(`<trkpt lat="1" lon="1"><time>2025-05-%02dT06:00:%02dZ</time><extensions><distance>%d</distance></extensions></trkpt>`, d, i, d*100+i)
	}
	rec := decodeText(t, doc(trk(day(1, 0), day(1, 1), day(9, 0), day(9, 5), "</trkseg><trkseg>", day(9, 9), day(3, 0))))
	if len(rec.Sessions) != 3 {
		t.Fatalf("%d sessions", len(rec.Sessions))
	}
	for i, want := range []int{2, 1, 3} {
		s := rec.Sessions[i]
		if s.Samples.Len() != want || !slices.Contains(s.Flags, schema.FlagClockJump) {
			t.Errorf("session %d: %d samples, flags %v", i, s.Samples.Len(), s.Flags)
		}
		if s.EndMs-s.StartMs > time.Minute.Milliseconds() {
			t.Errorf("session %d lasts %d ms", i, s.EndMs-s.StartMs)
		}
	}
	if d := rec.Sessions[2].Samples.DistanceCm; d[0] != 0 {
		t.Errorf("distance of the last session %v", d)
	}
}

func TestPointsWithoutTimesBelongToNoSession(t *testing.T) {
	rec := decodeText(t, doc(trk(`<trkpt lat="1" lon="2"/>`, hr(1, 100), `<trkpt lat="1" lon="2"><time>1970-01-01T00:00:00Z</time></trkpt>`)))
	if rec.Unassigned != 2 || rec.Raw.Records != 3 || rec.Sessions[0].Samples.Len() != 1 || !slices.Contains(rec.Flags, schema.FlagNoTimes) {
		t.Errorf("unassigned %d, raw %+v, flags %v", rec.Unassigned, rec.Raw, rec.Flags)
	}
}

func TestDistanceIsSinceTheStart(t *testing.T) {
	way := func(distances ...int) string {
		var points []string
		for i, d := range distances {
			points = append(points, fmt.Sprintf(`<trkpt lat="%f" lon="0.1"><time>2025-05-01T06:00:%02dZ</time><distance>%d</distance></trkpt>`,
				float64(i)/11119.5, i, d)) // 10 m apart
		}
		return doc(trk(points...))
	}
	for name, c := range map[string]struct {
		in   []int
		want []int32
	}{
		"already":                {[]int{0, 10, 20, 30}, []int32{0, 1000, 2000, 3000}},
		"from the point before":  {[]int{0, 10, 9, 11}, []int32{0, 1000, 1900, 3000}},
		"from before, and equal": {[]int{0, 10, 10, 10}, []int32{0, 1000, 2000, 3000}},
	} {
		if got := decodeText(t, way(c.in...)).Sessions[0].Samples.DistanceCm; !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsNoActivityIsSkipped(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		outcome schema.Outcome
		reason  schema.Reason
	}{
		"track without times": {doc(trk(`<trkpt lat="1" lon="2"/>`)), schema.OutcomeSkipped, schema.ReasonRoute},
		"route":               {doc(`<rte><rtept lat="1" lon="2"><time>2025-05-01T06:00:00Z</time></rtept></rte>`), schema.OutcomeSkipped, schema.ReasonRoute},
		"waypoints":           {doc(`<wpt lat="1" lon="2"/>`), schema.OutcomeSkipped, schema.ReasonNoSamples},
		"nothing":             {`<gpx/>`, schema.OutcomeSkipped, schema.ReasonNoSamples},
		"empty track":         {doc(trk()), schema.OutcomeSkipped, schema.ReasonNoSamples},
		"empty file":          {"", schema.OutcomeRejected, schema.ReasonMalformed},
		"one byte":            {"<", schema.OutcomeRejected, schema.ReasonMalformed},
		"another root":        {"<kml>" + trk(hr(0, 100)) + "</kml>", schema.OutcomeRejected, schema.ReasonMalformed},
		"no XML":              {"PK\x03\x04 something else", schema.OutcomeRejected, schema.ReasonMalformed},
		"cut before a point":  {`<gpx><trk><trkseg><trkpt lat="1" lon="2"><time>2025-05-01T06:00:00Z</time>`, schema.OutcomeRejected, schema.ReasonMalformed},
	} {
		rec, err := gpxfile.Decode(t.Context(), strings.NewReader(c.text))
		r := schema.AsRefusal(err)
		if r == nil || r.Outcome != c.outcome || r.Reason != c.reason || r.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
		if rec == nil || rec.Format != schema.FormatGPX || rec.DecoderVersion != gpxfile.DecoderVersion {
			t.Errorf("%s: no recording beside the refusal", name)
		}
	}
}
