package analyze_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/place"
	"plodwatch/schema"
)

// at gives a session positions: nothing and 0/0 first, as watches write before
// they have a fix, then the one given in degrees.
func at(env *schema.Envelope, latitude, longitude float64) *schema.Envelope {
	s := &env.Session.Samples
	s.LatE7, s.LonE7 = make([]int32, s.Len()), make([]int32, s.Len())
	for i := range s.LatE7 {
		switch {
		case i < 3:
			s.LatE7[i], s.LonE7[i] = schema.Missing, schema.Missing
		case i < 5: // stays 0/0
		case i < 6:
			s.LatE7[i], s.LonE7[i] = 910000000, 100000000
		default:
			s.LatE7[i], s.LonE7[i] = int32(latitude*1e7), int32(longitude*1e7)
		}
	}
	return env
}

func TestOffsetFromFileThenPositionThenAthlete(t *testing.T) {
	s := openStore(t)
	analyzer, err := analyze.New(quick(), analyze.Deps{
		Store: s, Metrics: analyze.NewMetrics(prometheus.NewRegistry()), Places: place.New(),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Analyzer: analyzer, t: t, store: s, results: &results{}, stop: func() {}}
	b.start()
	// All begin at 06:30 UTC: in Honolulu it is half past eight the day before.
	honolulu := at(run("me", 0, 180), 21.3069, -157.8583)
	kathmandu := at(run("me", 1, 180), 27.7172, 85.3240)
	byFile := at(run("me", 2, 180), 21.3069, -157.8583)
	byFile.Session.OffsetSource, byFile.Session.UTCOffsetS = schema.OffsetFile, 3600
	indoors := run("me", 3, 180)
	b.take(honolulu, kathmandu, byFile, indoors)
	b.stored()
	const days = "SELECT groupArray((local_day, utc_offset_s, utc_offset_source)) FROM (SELECT * FROM sessions ORDER BY started_at)"
	want(t, s, days, "[('2024-05-03',-36000,'position'),('2024-05-05',20700,'position'),('2024-05-06',3600,'file'),('2024-05-07',0,'')]")
	// A zone of the athlete changes only the one that has nothing else.
	if _, err = b.SetSettings(t.Context(), schema.Settings{Athlete: "me", TimeZone: "Asia/Tokyo"}, nil); err != nil {
		t.Fatal(err)
	}
	const after = "[('2024-05-03',-36000,'position'),('2024-05-05',20700,'position'),('2024-05-06',3600,'file'),('2024-05-07',32400,'athlete')]"
	want(t, s, days, after)
	// Analysed again, also by a program that knows no places, they stay.
	blind := newBench(t, quick(), s, nil)
	for _, a := range []*analyze.Analyzer{b.Analyzer, blind.Analyzer} {
		if n, err := a.Reanalyse(t.Context(), analyze.Filter{}, nil); err != nil || n != 4 {
			t.Fatalf("%d, %v", n, err)
		}
		want(t, s, days, after)
	}
}

func TestSummerTimeOfThePlace(t *testing.T) {
	places := place.New()
	for day, want := range map[string]int32{"2024-01-15": 3600, "2024-07-15": 7200, "2024-03-31T00:59": 3600, "2024-03-31T01:01": 7200} {
		form := time.DateOnly
		if len(day) > len(form) {
			form = "2006-01-02T15:04"
		}
		start, err := time.Parse(form, day)
		if err != nil {
			t.Fatal(err)
		}
		env := at(run("me", 0, 180), 59.9139, 10.7522)
		env.Session.StartMs = start.UnixMilli()
		if err := analyze.Locate(places, &env.Session); err != nil || env.Session.UTCOffsetS != want || env.Session.OffsetSource != analyze.OffsetPosition {
			t.Errorf("%s: %d s (%s), %v; want %d", day, env.Session.UTCOffsetS, env.Session.OffsetSource, err, want)
		}
	}
}

// broken is a map that cannot be read.
type broken struct{ asked int }

func (b *broken) Zone(float64, float64) (*time.Location, error) {
	b.asked++
	return nil, errors.New("no map")
}

func TestABrokenMapIsNoOffset(t *testing.T) {
	for name, c := range map[string]struct {
		env   *schema.Envelope
		asked int
	}{
		"with a position":   {at(run("me", 0, 180), 10, 10), 1},
		"without":           {run("me", 0, 180), 0},
		"only invalid ones": {at(run("me", 0, 180), 0, 0), 0},
	} {
		places := &broken{}
		err := analyze.Locate(places, &c.env.Session)
		if (err != nil) != (c.asked == 1) || places.asked != c.asked || c.env.Session.OffsetSource != schema.OffsetNone {
			t.Errorf("%s: %v, asked %d times, source %q", name, err, places.asked, c.env.Session.OffsetSource)
		}
	}
	env := at(run("me", 0, 180), 10, 10)
	if err := analyze.Locate(nil, &env.Session); err != nil || env.Session.OffsetSource != schema.OffsetNone {
		t.Errorf("no map at all: %v, %q", err, env.Session.OffsetSource)
	}
}
