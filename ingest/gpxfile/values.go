package gpxfile

import (
	"math"
	"strconv"

	"plodwatch/schema"
)

// channel is one of the values of a track point that are kept.
type channel uint8

const (
	chNone channel = iota
	chEle
	chTime
	chHR
	chSpeed
	chCadence
	chPower
	chTemp
	chDistance
	chCount
)

// channelOf tells the channel by the local name of an element, whatever its
// namespace: real files have wrong prefixes and unbound ones. Elevation and
// time count only as direct children of the point.
func channelOf(local string, direct bool) channel {
	switch local {
	case "ele":
		if direct {
			return chEle
		}
	case "time":
		if direct {
			return chTime
		}
	case "hr", "HR", "heartrate", "heartRate", "HeartRate", "heart_rate", "bpm":
		return chHR
	case "speed", "Speed":
		return chSpeed
	case "cad", "cadence", "Cadence":
		return chCadence
	case "power", "Power", "watts", "Watts", "PowerInWatts":
		return chPower
	case "atemp", "temp", "Temp":
		return chTemp
	case "distance", "Distance":
		return chDistance
	}
	return chNone
}

// verdict says what to do with a value.
type verdict uint8

const (
	keep    verdict = iota
	missing         // says itself that it is not there
	drop            // cannot be right; dropped and counted
)

// checkNumber parses text as the value of channel c in the unit GPX gives it:
// metres, metres per second, beats, revolutions and watts as they are.
func checkNumber(c channel, text []byte) (float64, verdict) {
	v, ok := parseFloat(text)
	if !ok {
		return 0, drop
	}
	switch c {
	case chHR:
		// 0 and 255 mean missing; a 0 is told from an absent value only in
		// the raw counts.
		switch r := math.Round(v); {
		case r == 255:
			return 0, missing
		case r < 0 || r > 255:
			return 0, drop
		}
		return v, keep
	case chEle:
		return v, within(v, -20_000, 100_000)
	case chSpeed:
		if v < 0 { // phones write -1 for unknown
			return 0, missing
		}
		return v, within(v, 0, 1000)
	case chCadence:
		return v, within(v, 0, 1000)
	case chPower:
		return v, within(v, 0, 20_000)
	case chTemp:
		return v, within(v, -100, 200)
	case chDistance:
		return v, within(v, 0, 20_000_000)
	}
	return v, keep
}

func within(v, low, high float64) verdict {
	if v < low || v > high {
		return drop
	}
	return keep
}

// parseFloat reads a finite decimal number.
func parseFloat(text []byte) (float64, bool) {
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// position checks the attributes of a track point. At 0, 0 devices without a
// fix put themselves.
func position(lat, lon []byte) verdict {
	if len(lat) == 0 && len(lon) == 0 {
		return missing
	}
	la, ok1 := parseFloat(lat)
	lo, ok2 := parseFloat(lon)
	if !ok1 || !ok2 || math.Abs(la) > 90 || math.Abs(lo) > 180 {
		return drop
	}
	if la == 0 && lo == 0 {
		return missing
	}
	return keep
}

// scaled rounds v times factor to the column's integer. The range checks above
// keep it inside 32 bits.
func scaled(v, factor float64) int32 {
	return int32(math.Round(v * factor))
}

// columns collects the samples of a track. Optional columns are made when
// their first value comes.
type columns struct {
	schema.Samples
}

// begin appends a sample at ms with nothing in it.
func (c *columns) begin(ms int64) {
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

// set puts v into the last sample of col.
func (c *columns) set(col *[]int32, v int32) {
	if *col == nil {
		*col = make([]int32, len(c.TimeMs), cap(c.TimeMs))
		for i := range *col {
			(*col)[i] = schema.Missing
		}
	}
	(*col)[len(*col)-1] = v
}

// setHR puts bpm into the last sample.
func (c *columns) setHR(bpm uint8) {
	if c.HeartRate == nil {
		c.HeartRate = make([]uint8, len(c.TimeMs), cap(c.TimeMs))
	}
	c.HeartRate[len(c.HeartRate)-1] = bpm
}
