package xmltrack

import (
	"math"
	"slices"

	"plodwatch/schema"
)

// Columns collects the samples of a track. Optional columns are made when
// their first value comes.
type Columns struct {
	schema.Samples
}

// Begin appends a sample at ms with nothing in it.
func (c *Columns) Begin(ms int64) {
	c.TimeMs = append(c.TimeMs, ms)
	if c.HeartRate != nil {
		c.HeartRate = append(c.HeartRate, 0)
	}
	for _, col := range c.Int32Columns() {
		if *col != nil {
			*col = append(*col, schema.Missing)
		}
	}
}

// Set puts v into the last sample of col.
func (c *Columns) Set(col *[]int32, v int32) {
	if *col == nil {
		*col = make([]int32, len(c.TimeMs), cap(c.TimeMs))
		for i := range *col {
			(*col)[i] = schema.Missing
		}
	}
	(*col)[len(*col)-1] = v
}

// SetHR puts bpm into the last sample.
func (c *Columns) SetHR(bpm uint8) {
	if c.HeartRate == nil {
		c.HeartRate = make([]uint8, len(c.TimeMs), cap(c.TimeMs))
	}
	c.HeartRate[len(c.HeartRate)-1] = bpm
}

// Join appends the samples of d, whose distance begins anew.
func (c *Columns) Join(d *Columns) {
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

// SortTimes puts the samples in order of time, keeping the order of equal
// ones, and reports whether that was needed.
func (c *Columns) SortTimes() bool {
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

// MergeEqualTimes keeps one sample of those at the same instant, with the last
// valid value of each channel, and reports whether there were any.
func (c *Columns) MergeEqualTimes() bool {
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

// Rebased returns a distance column that begins at zero.
func Rebased(col []int32) []int32 {
	i := slices.IndexFunc(col, func(v int32) bool { return v != schema.Missing })
	if i < 0 {
		return col
	}
	out := slices.Clone(col)
	shift(out, -col[i])
	return out
}

// jumpMs is the step of the clock that cuts a session.
const jumpMs = 24 * 60 * 60 * 1000

// CutAtJumps returns the indexes at which sessions begin in sorted times: 0,
// and after every step of more than 24 hours.
func CutAtJumps(timeMs []int64) []int {
	parts := []int{0}
	for i := 1; i < len(timeMs); i++ {
		if timeMs[i]-timeMs[i-1] > jumpMs {
			parts = append(parts, i)
		}
	}
	return parts
}
