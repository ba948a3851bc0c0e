package gpxfile

import (
	"math"
	"slices"

	"plodwatch/schema"
)

// join appends the samples of d, whose distance begins anew.
func (c *columns) join(d *columns) {
	n, m := c.Len(), d.Len()
	shift(d.DistanceCm, lastValue(c.DistanceCm))
	c.TimeMs = append(c.TimeMs, d.TimeMs...)
	if c.HeartRate != nil || d.HeartRate != nil {
		c.HeartRate = append(filledHR(c.HeartRate, n), filledHR(d.HeartRate, m)...)
	}
	from, to := d.Int32Columns(), c.Int32Columns()
	for k := range to {
		if *to[k] != nil || *from[k] != nil {
			*to[k] = append(filled(*to[k], n), filled(*from[k], m)...)
		}
	}
}

// lastValue returns the last value of col, 0 when it has none.
func lastValue(col []int32) int32 {
	for _, v := range slices.Backward(col) {
		if v != schema.Missing {
			return v
		}
	}
	return 0
}

// shift adds by to every value of col.
func shift(col []int32, by int32) {
	for i, v := range col {
		if v != schema.Missing {
			col[i] = int32(min(int64(v)+int64(by), math.MaxInt32)) //nolint:gosec // bounded above
		}
	}
}

func filledHR(col []uint8, n int) []uint8 {
	if col == nil {
		return make([]uint8, n)
	}
	return col
}

func filled(col []int32, n int) []int32 {
	if col == nil {
		col = slices.Repeat([]int32{schema.Missing}, n)
	}
	return col
}

// sortTimes puts the samples in order of time, keeping the order of equal
// ones, and reports whether that was needed.
func (c *columns) sortTimes() bool {
	if slices.IsSorted(c.TimeMs) {
		return false
	}
	order := make([]int32, c.Len())
	for i := range order {
		order[i] = int32(i) //nolint:gosec // at most 5 million points
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		return int(min(max(c.TimeMs[a]-c.TimeMs[b], -1), 1))
	})
	c.TimeMs = permuted(c.TimeMs, order)
	if c.HeartRate != nil {
		c.HeartRate = permuted(c.HeartRate, order)
	}
	for _, col := range c.Int32Columns() {
		if *col != nil {
			*col = permuted(*col, order)
		}
	}
	return true
}

func permuted[T any](col []T, order []int32) []T {
	out := make([]T, len(col))
	for i, k := range order {
		out[i] = col[k]
	}
	return out
}

// mergeEqualTimes keeps one sample of those at the same instant, with the last
// valid value of each channel, and reports whether there were any.
func (c *columns) mergeEqualTimes() bool {
	w := 0
	for i := 1; i < len(c.TimeMs); i++ {
		fresh := c.TimeMs[i] != c.TimeMs[w]
		if fresh {
			w++
			c.TimeMs[w] = c.TimeMs[i]
		}
		if c.HeartRate != nil && (fresh || c.HeartRate[i] != 0) {
			c.HeartRate[w] = c.HeartRate[i]
		}
		for _, col := range c.Int32Columns() {
			if *col != nil && (fresh || (*col)[i] != schema.Missing) {
				(*col)[w] = (*col)[i]
			}
		}
	}
	n := w + 1
	if n >= len(c.TimeMs) {
		return false
	}
	c.Samples = c.Slice(0, n)
	return true
}

// distanceSinceStart turns the distance column of a track into centimetres
// since its start. Some apps write that, others the distance from the point
// before; what lies nearer to the length of the track on the ground decides,
// and without positions a column that never falls is taken as it is.
func distanceSinceStart(c *columns) {
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

// rebased returns a distance column that begins at zero.
func rebased(col []int32) []int32 {
	i := slices.IndexFunc(col, func(v int32) bool { return v != schema.Missing })
	if i < 0 {
		return col
	}
	out := slices.Clone(col)
	shift(out, -col[i])
	return out
}
