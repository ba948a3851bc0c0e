package fitfile

import (
	"encoding/binary"
	"math"

	"plodwatch/schema"
)

// loadBatch reads one field of several records.
func (o *op) loadBatch(v []uint32, data []byte, wait []place) {
	v = v[:len(wait)]
	switch o.load {
	case load8:
		for i, p := range wait {
			v[i] = uint32(data[p.at+o.off])
		}
	case load16:
		for i, p := range wait {
			v[i] = uint32(binary.LittleEndian.Uint16(data[p.at+o.off:]))
		}
	case load16Big:
		for i, p := range wait {
			v[i] = uint32(binary.BigEndian.Uint16(data[p.at+o.off:]))
		}
	case load32:
		for i, p := range wait {
			v[i] = binary.LittleEndian.Uint32(data[p.at+o.off:])
		}
	case load32Big:
		for i, p := range wait {
			v[i] = binary.BigEndian.Uint32(data[p.at+o.off:])
		}
	}
}

// putBatch stores numbers of a channel's native type in their rows.
func (w *walk) putBatch(o *op, wait []place, v []uint32) {
	c := &w.cols
	switch o.ch {
	case chHeartRate:
		w.putHeartRates(wait, v)
	case chDistance:
		w.putLarge(c.DistanceCm, wait, v)
	case chSpeedEnhanced:
		w.putLarge(c.SpeedMMps, wait, v)
	case chSpeed:
		putScaled(c.SpeedMMps, wait, v, invalid16, 1, 0)
	case chPower:
		putScaled(c.PowerW, wait, v, invalid16, 1, 0)
	case chCadence:
		putScaled(c.Cadence100, wait, v, invalid8, 100, 0)
	case chAltitude:
		putScaled(c.AltitudeCm, wait, v, invalid16, 20, -50000)
	case chLongitude:
		putSemicircles(c.LonE7, wait, v)
	case chTemperature:
		putTemperatures(c.TempDeciC, wait, v)
	case chCadenceFraction:
		addFractions(c.Cadence100, wait, v)
	default:
		for i, x := range v {
			if x != o.invalid {
				w.put(o.ch, wait[i].row, x)
			}
		}
	}
}

func (w *walk) putHeartRates(wait []place, v []uint32) {
	var n int
	var sum int64
	v = v[:len(wait)]
	for i, p := range wait {
		if x := v[i]; x != invalid8 {
			n++
			sum += int64(x)
			w.cols.HeartRate[p.row] = uint8(x)
		}
	}
	w.raw.HRRecords += n
	w.raw.HRSum += sum
}

// putScaled stores v*scale + offset for every valid v.
func putScaled(col []int32, wait []place, v []uint32, invalid uint32, scale, offset int32) {
	v = v[:len(wait)]
	for i, p := range wait {
		if x := v[i]; x != invalid {
			col[p.row] = int32(x)*scale + offset
		}
	}
}

func putSemicircles(col []int32, wait []place, v []uint32) {
	v = v[:len(wait)]
	for i, p := range wait {
		if x := int32(v[i]); x != math.MaxInt32 {
			col[p.row] = semicirclesE7(x)
		}
	}
}

func putTemperatures(col []int32, wait []place, v []uint32) {
	v = v[:len(wait)]
	for i, p := range wait {
		if x := int8(v[i]); x != math.MaxInt8 {
			col[p.row] = int32(x) * 10
		}
	}
}

// addFractions adds 1/128 revolutions to cadences that are there.
func addFractions(col []int32, wait []place, v []uint32) {
	v = v[:len(wait)]
	for i, p := range wait {
		if x := int32(v[i]); x != 0 && x != invalid8 && col[p.row] != schema.Missing {
			col[p.row] += x * 100 / 128
		}
	}
}

// putLarge stores values of 32 bits that should fit 31.
func (w *walk) putLarge(col []int32, wait []place, v []uint32) {
	v = v[:len(wait)]
	for i, p := range wait {
		switch x := v[i]; {
		case x <= math.MaxInt32:
			col[p.row] = int32(x)
		case x != invalid32:
			w.dropped++
		}
	}
}

// put stores a valid number of a channel's native type in row i.
func (w *walk) put(ch channel, i int32, v uint32) {
	c := &w.cols
	switch ch {
	case chHeartRate:
		w.raw.HRRecords++
		w.raw.HRSum += int64(v)
		c.HeartRate[i] = uint8(v)
	case chSpeed, chSpeedEnhanced:
		w.putInt(c.SpeedMMps, i, int64(v))
	case chDistance:
		w.putInt(c.DistanceCm, i, int64(v))
	case chAltitude, chAltitudeEnhanced:
		w.putInt(c.AltitudeCm, i, int64(v)*20-50000)
	case chCadence:
		c.Cadence100[i] = int32(v) * 100
	case chCadenceFraction:
		if c.Cadence100[i] != schema.Missing {
			c.Cadence100[i] += int32(v) * 100 / 128
		}
	case chPower:
		c.PowerW[i] = int32(v)
	case chLatitude:
		if s := int32(v); s < -1<<30 || s > 1<<30 {
			w.dropped++
			return
		}
		c.LatE7[i] = semicirclesE7(int32(v))
	case chLongitude:
		c.LonE7[i] = semicirclesE7(int32(v))
	case chTemperature:
		c.TempDeciC[i] = int32(int8(v)) * 10
	case chDeveloperHR:
		c.devHR[i] = uint8(v)
	}
}

// putInt stores a number that may be too large for its column; it is dropped
// and counted then.
func (w *walk) putInt(col []int32, i int32, v int64) {
	if v > math.MaxInt32 {
		w.dropped++
		return
	}
	col[i] = int32(v)
}

// semicirclesE7 turns 2^31 semicircles = 180 degrees into 1e-7 degrees,
// rounded to the nearest.
func semicirclesE7(s int32) int32 {
	return int32((int64(s)*1_800_000_000 + 1<<30) >> 31)
}

// loadOther reads a field whose type is not the profile's. Numbers outside the
// native type are dropped and counted.
func (w *walk) loadOther(o *op, b []byte, big bool) (uint32, bool) {
	v, ok := loadValue(b, o.base, big)
	if !ok {
		return 0, false
	}
	var lo, hi int64
	switch o.ch.native() {
	case baseUint8:
		hi = invalid8 - 1
	case baseSint8:
		lo, hi = math.MinInt8, math.MaxInt8-1
	case baseUint16:
		hi = invalid16 - 1
	case baseSint32:
		lo, hi = math.MinInt32, math.MaxInt32-1
	default:
		hi = invalid32 - 1
	}
	if v < lo || v > hi {
		w.dropped++
		return 0, false
	}
	return uint32(v), true
}
