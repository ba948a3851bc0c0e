package gpxfile

import (
	"math"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// distanceSinceStart turns the distance column of a track into centimetres
// since its start. Some apps write that, others the distance from the point
// before; what lies nearer to the length of the track on the ground decides,
// and without positions a column that never falls is taken as it is.
func distanceSinceStart(c *xmltrack.Columns) {
	col := c.DistanceCm
	if col == nil {
		return
	}
	var sum, last int64
	rising := true
	for _, v := range col {
		if v == schema.Missing {
			continue
		}
		sum += int64(v)
		rising = rising && int64(v) >= last
		last = int64(v)
	}
	ground := groundLengthCm(c.LatE7, c.LonE7)
	if rising && (ground == 0 || math.Abs(float64(last)-ground) <= math.Abs(float64(sum)-ground)) {
		return
	}
	sum = 0
	for i, v := range col {
		if v != schema.Missing {
			sum = min(sum+int64(v), math.MaxInt32)
			col[i] = int32(sum) //nolint:gosec // bounded above
		}
	}
}

// groundLengthCm is the length of the way over the positions, by the haversine
// formula on a sphere with the Earth's mean radius (IUGG, 6371008.8 m).
func groundLengthCm(lat, lon []int32) float64 {
	const radiusCm = 637_100_880
	rad := func(e7 int32) float64 { return float64(e7) / 1e7 * math.Pi / 180 }
	last, length := -1, 0.0
	for i := range lat {
		if lat[i] == schema.Missing {
			continue
		}
		if last >= 0 {
			dLat, dLon := rad(lat[i])-rad(lat[last]), rad(lon[i])-rad(lon[last])
			sLat, sLon := math.Sin(dLat/2), math.Sin(dLon/2)
			h := sLat*sLat + math.Cos(rad(lat[i]))*math.Cos(rad(lat[last]))*sLon*sLon
			length += 2 * radiusCm * math.Asin(math.Sqrt(min(h, 1)))
		}
		last = i
	}
	return length
}
