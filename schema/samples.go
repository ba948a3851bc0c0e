package schema

import (
	"fmt"
	"math"
)

// Missing marks an absent value in the int32 columns of Samples.
const Missing int32 = math.MinInt32

// Samples holds the instants of a session as columns. TimeMs is always there;
// every other column is either nil (the recording has no such channel) or as
// long as TimeMs. Times never decrease and no two are equal: the decoder has
// sorted them and kept one sample per instant.
type Samples struct {
	TimeMs     []int64 // Unix milliseconds, UTC
	HeartRate  []uint8 // bpm; 0 = missing (0 and 255 in the file both mean missing)
	SpeedMMps  []int32 // millimetres per second
	DistanceCm []int32 // centimetres since the session's start
	AltitudeCm []int32 // centimetres above sea level
	Cadence100 []int32 // hundredths of revolutions (cycling) or strides (running) per minute, as recorded
	PowerW     []int32 // watts
	LatE7      []int32 // degrees north, 1e-7
	LonE7      []int32 // degrees east, 1e-7
	TempDeciC  []int32 // tenths of a degree Celsius
}

// Len returns the number of samples.
func (s *Samples) Len() int { return len(s.TimeMs) }

// Int32Columns returns the optional int32 columns in their fixed order: speed,
// distance, altitude, cadence, power, latitude, longitude, temperature. The
// pointers let a decoder fill them in a loop.
func (s *Samples) Int32Columns() [8]*[]int32 {
	return [8]*[]int32{
		&s.SpeedMMps, &s.DistanceCm, &s.AltitudeCm, &s.Cadence100,
		&s.PowerW, &s.LatE7, &s.LonE7, &s.TempDeciC,
	}
}

// Slice returns the samples i to j (exclusive) without copying.
func (s *Samples) Slice(i, j int) Samples {
	out := Samples{TimeMs: s.TimeMs[i:j]}
	if s.HeartRate != nil {
		out.HeartRate = s.HeartRate[i:j]
	}
	from, to := s.Int32Columns(), out.Int32Columns()
	for k := range from {
		if *from[k] != nil {
			*to[k] = (*from[k])[i:j]
		}
	}
	return out
}

// DropEmpty sets the columns that hold no value at all to nil.
func (s *Samples) DropEmpty() {
	if !hasHeartRate(s.HeartRate) {
		s.HeartRate = nil
	}
	for _, col := range s.Int32Columns() {
		if !hasValue(*col) {
			*col = nil
		}
	}
}

// Validate checks the promises of the type: equal lengths, increasing times.
func (s *Samples) Validate() error {
	n := len(s.TimeMs)
	if s.HeartRate != nil && len(s.HeartRate) != n {
		return fmt.Errorf("heart rate column has %d values for %d samples", len(s.HeartRate), n)
	}
	for k, col := range s.Int32Columns() {
		if *col != nil && len(*col) != n {
			return fmt.Errorf("column %d has %d values for %d samples", k, len(*col), n)
		}
	}
	for i := 1; i < n; i++ {
		if s.TimeMs[i] <= s.TimeMs[i-1] {
			return fmt.Errorf("sample %d does not come after the one before", i)
		}
	}
	return nil
}

func hasHeartRate(col []uint8) bool {
	for _, v := range col {
		if v != 0 {
			return true
		}
	}
	return false
}

func hasValue(col []int32) bool {
	for _, v := range col {
		if v != Missing {
			return true
		}
	}
	return false
}
