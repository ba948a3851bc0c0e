package xmltrack

import (
	"math"
	"strconv"
)

// Channel is one of the values of a track point that are kept.
type Channel uint8

// The channels. Position has two values and is none of them.
const (
	NoChannel Channel = iota
	Altitude
	Time
	HeartRate
	Speed
	Cadence
	Power
	Temperature
	Distance
	ChannelCount
)

// Verdict says what to do with a value.
type Verdict uint8

// The verdicts.
const (
	Keep    Verdict = iota
	Missing         // says itself that it is not there
	Drop            // cannot be right; dropped and counted
)

// CheckNumber parses text as the value of channel c in the unit that GPX
// and TCX give it: metres, metres per second, beats, revolutions, watts and
// degrees Celsius.
func CheckNumber(c Channel, text []byte) (float64, Verdict) {
	v, ok := ParseFloat(text)
	if !ok {
		return 0, Drop
	}
	switch c {
	case HeartRate:
		// 0 and 255 mean missing; a 0 is told from an absent value only in
		// the raw counts.
		switch r := math.Round(v); {
		case r == 255:
			return 0, Missing
		case r < 0 || r > 255:
			return 0, Drop
		}
		return v, Keep
	case Altitude:
		return v, within(v, -20_000, 100_000)
	case Speed:
		if v < 0 { // phones write -1 for unknown
			return 0, Missing
		}
		return v, within(v, 0, 1000)
	case Cadence:
		return v, within(v, 0, 1000)
	case Power:
		return v, within(v, 0, 20_000)
	case Temperature:
		return v, within(v, -100, 200)
	case Distance:
		return v, within(v, 0, 20_000_000)
	}
	return v, Keep
}

func within(v, low, high float64) Verdict {
	if v < low || v > high {
		return Drop
	}
	return Keep
}

// ParseFloat reads a finite decimal number.
func ParseFloat(text []byte) (float64, bool) {
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// CheckPosition checks a latitude and a longitude in degrees. At 0, 0 devices
// without a fix put themselves.
func CheckPosition(lat, lon []byte) Verdict {
	if len(lat) == 0 && len(lon) == 0 {
		return Missing
	}
	la, ok1 := ParseFloat(lat)
	lo, ok2 := ParseFloat(lon)
	if !ok1 || !ok2 || math.Abs(la) > 90 || math.Abs(lo) > 180 {
		return Drop
	}
	if la == 0 && lo == 0 {
		return Missing
	}
	return Keep
}

// Scaled rounds v times factor to the column's integer. The range checks above
// keep it inside 32 bits.
func Scaled(v, factor float64) int32 {
	return int32(math.Round(v * factor))
}

// BPM rounds a checked heart rate to whole beats per minute.
func BPM(v float64) uint8 { return uint8(math.Round(v)) }
