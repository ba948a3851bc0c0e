package intensity

import (
	"math"

	"plodwatch/schema"
)

// EarthRadiusM is the mean radius of the Earth in metres (IUGG).
const EarthRadiusM = 6371008.8

// Haversine returns the great-circle distance in metres between two points
// given in degrees (Sinnott 1984).
func Haversine(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((lat2 - lat1) * rad / 2)
	sinLon := math.Sin((lon2 - lon1) * rad / 2)
	h := sinLat*sinLat + math.Cos(lat1*rad)*math.Cos(lat2*rad)*sinLon*sinLon
	return 2 * EarthRadiusM * math.Asin(math.Sqrt(min(1, h)))
}

// distanceAlong follows the positions of a session and returns, per sample, the
// centimetres since its start (schema.Missing where no position was accepted),
// and how many positions were dropped because they imply a step faster than
// limitMps. Positions that agree with each other away from the track become the
// track after reanchorAfter of them, without counting the jump; so does the
// first position after a cut.
func distanceAlong(t *track, cuts []cut, limitMps float64) (along []int32, dropped int) {
	along = make([]int32, len(t.timeMs))
	totalM := 0.0
	anchor, stray, strays := -1, -1, 0
	for i := range t.timeMs {
		along[i] = schema.Missing
		if !t.hasPosition(i) {
			continue
		}
		for len(cuts) > 0 && t.timeMs[i] >= cuts[0].ToMs {
			anchor, stray, strays = -1, -1, 0
			cuts = cuts[1:]
		}
		step := 0.0
		if anchor >= 0 {
			step = t.stepM(anchor, i)
		}
		if anchor >= 0 && step > t.reachM(anchor, i, limitMps) {
			dropped++
			if stray < 0 || t.stepM(stray, i) > t.reachM(stray, i, limitMps) {
				strays = 0
			}
			stray, strays = i, strays+1
			if strays < reanchorAfter {
				continue
			}
			step = 0
		}
		totalM += step
		along[i] = int32(min(totalM*100+0.5, math.MaxInt32)) //nolint:gosec // bounded
		anchor, stray, strays = i, -1, 0
	}
	return along, dropped
}

// hasPosition reports whether sample i has a usable position. 0/0, in the Gulf
// of Guinea, is what devices without a fix write.
func (t *track) hasPosition(i int) bool {
	const degrees = 10_000_000
	lat, lon := t.lat[i], t.lon[i]
	if lat == schema.Missing || lon == schema.Missing || lat == 0 && lon == 0 {
		return false
	}
	return lat >= -90*degrees && lat <= 90*degrees && lon >= -180*degrees && lon <= 180*degrees
}

func (t *track) stepM(i, j int) float64 {
	const toDegrees = 1e-7
	return Haversine(float64(t.lat[i])*toDegrees, float64(t.lon[i])*toDegrees,
		float64(t.lat[j])*toDegrees, float64(t.lon[j])*toDegrees)
}

// reachM is how far one can get between two samples; at least what a second
// allows, because clocks of positions are whole seconds.
func (t *track) reachM(i, j int, limitMps float64) float64 {
	return limitMps * float64(max(t.timeMs[j]-t.timeMs[i], second)) / 1000
}
