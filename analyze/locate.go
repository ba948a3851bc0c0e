package analyze

import (
	"time"

	"plodwatch/schema"
)

// Places knows the time zones of the world.
type Places interface {
	// Zone returns the time zone at a position in degrees north and east, nil
	// when there is none. An error means that it cannot tell, anywhere.
	Zone(latitude, longitude float64) (*time.Location, error)
}

// Locate gives a session whose file does not tell its offset to UTC the offset
// that holds at its start where it took place: at the first sample with a
// valid position. A session without one keeps what it has, and so do all when
// places is nil.
func Locate(places Places, s *schema.Session) error {
	if places == nil || s.OffsetSource == schema.OffsetFile {
		return nil
	}
	latitude, longitude, ok := firstPosition(&s.Samples)
	if !ok {
		return nil
	}
	zone, err := places.Zone(latitude, longitude)
	if err != nil || zone == nil {
		return err
	}
	_, seconds := time.UnixMilli(s.StartMs).In(zone).Zone()
	s.UTCOffsetS, s.OffsetSource = int32(seconds), OffsetPosition //nolint:gosec // within a day
	return nil
}

// firstPosition returns the first valid position in degrees. 0/0, in the Gulf
// of Guinea, is what devices without a fix write.
func firstPosition(s *schema.Samples) (latitude, longitude float64, ok bool) {
	const degree = 10_000_000
	if s.LatE7 == nil || s.LonE7 == nil {
		return 0, 0, false
	}
	for i, lat := range s.LatE7 {
		lon := s.LonE7[i]
		if lat == schema.Missing || lon == schema.Missing || lat == 0 && lon == 0 ||
			lat < -90*degree || lat > 90*degree || lon < -180*degree || lon > 180*degree {
			continue
		}
		return float64(lat) / degree, float64(lon) / degree, true
	}
	return 0, 0, false
}

// locate is Locate, which when it fails leaves the session to the athlete's
// time zone.
func (a *Analyzer) locate(s *schema.Session) {
	if err := Locate(a.places, s); err != nil {
		a.log.Error("time zone of a position not found", "error", err)
	}
}
