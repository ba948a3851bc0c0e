package place_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"plodwatch/analyze/place"
)

// TestPlacesHaveTheirOffset asks for places whose local time is known: the
// offset on a day in January and one in July, in minutes east of UTC.
func TestPlacesHaveTheirOffset(t *testing.T) {
	f := place.New()
	for _, c := range []struct {
		name             string
		latitude, longit float64
		january, july    int
	}{
		{"Oslo", 59.9139, 10.7522, 60, 120},
		{"Vienna", 48.2082, 16.3738, 60, 120},
		{"Lisbon", 38.7223, -9.1393, 0, 60},
		{"Boston", 42.3601, -71.0589, -300, -240},
		{"Phoenix, no summer time", 33.4484, -112.0740, -420, -420},
		{"Kathmandu, 45 minutes", 27.7172, 85.3240, 345, 345},
		{"Adelaide, summer in January", -34.9285, 138.6007, 630, 570},
		{"Iten, Kenya", 0.6703, 35.5081, 180, 180},
		{"Honolulu", 21.3069, -157.8583, -600, -600},
		{"Kiritimati, 14 h ahead", 1.8721, -157.4278, 840, 840},
		{"Auckland", -36.8485, 174.7633, 780, 720},
		{"Pacific, nautical zone", 0, -150, -600, -600},
		{"date line, west of it", 30, 179.99, 720, 720},
		{"Geneva, close to the border", 46.2044, 6.1432, 60, 120},
		{"Singapore", 1.3521, 103.8198, 480, 480},
	} {
		zone, err := f.Zone(c.latitude, c.longit)
		if err != nil {
			t.Fatal(err)
		}
		if zone == nil {
			t.Errorf("%s: no zone", c.name)
			continue
		}
		for month, want := range map[time.Month]int{time.January: c.january, time.July: c.july} {
			_, seconds := time.Date(2024, month, 15, 12, 0, 0, 0, time.UTC).In(zone).Zone()
			if seconds != want*60 {
				t.Errorf("%s (%s) in %s: %d min, want %d", c.name, zone, month, seconds/60, want)
			}
		}
	}
}

func TestNoPlaceHasNoZone(t *testing.T) {
	f := place.New()
	for _, c := range [][2]float64{{90.1, 0}, {-91, 0}, {0, 180.1}, {0, -181}, {math.NaN(), 0}, {0, math.Inf(1)}} {
		if zone, err := f.Zone(c[0], c[1]); zone != nil || err != nil {
			t.Errorf("%v: %v, %v", c, zone, err)
		}
	}
}

// TestNowhereIsWithoutZone walks over the world between the polar seas.
func TestNowhereIsWithoutZone(t *testing.T) {
	f := place.New()
	for latitude := -85.0; latitude <= 85; latitude += 2.5 {
		for longitude := -180.0; longitude <= 180; longitude += 2.5 {
			zone, err := f.Zone(latitude, longitude)
			if err != nil {
				t.Fatal(err)
			}
			if zone == nil {
				t.Fatalf("%g, %g: no zone", latitude, longitude)
			}
		}
	}
}

func TestManyAskAtOnce(t *testing.T) {
	f := place.New()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 100 {
				if zone, err := f.Zone(48.2, 16.3+float64(i)/1000); err != nil || zone.String() != "Europe/Vienna" {
					t.Errorf("%v, %v", zone, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// Inside a zone only the tiles are needed; near a border the boundaries, too.
func BenchmarkFirst(b *testing.B) {
	for name, at := range map[string][2]float64{"inside": {47.07, 15.44}, "border": {48.1, 17.06}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := place.New().Zone(at[0], at[1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkZone(b *testing.B) {
	f := place.New()
	if _, err := f.Zone(48.1, 17.06); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if _, err := f.Zone(float64(n%140)-60, float64(n%359)-179.5); err != nil {
			b.Fatal(err)
		}
	}
}
