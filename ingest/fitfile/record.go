package fitfile

import (
	"encoding/binary"
	"math"

	"plodwatch/schema"
)

// op moves one field of a record into a column. It is worked out once per
// definition.
type op struct {
	ch      channel
	load    loader
	base    uint8
	invalid uint32
	off     int32
}

// loader says how the bytes of a field become a number.
type loader uint8

const (
	load8 loader = iota
	load16
	load16Big
	load32
	load32Big
	loadBytes // the field has no single number
	loadOther // any other type than the profile's: slow, checked for range
)

// recordChannel returns the channel of a record field by its number.
func recordChannel(num uint8) (channel, bool) {
	switch num {
	case 0:
		return chLatitude, true
	case 1:
		return chLongitude, true
	case 2:
		return chAltitude, true
	case 3:
		return chHeartRate, true
	case 4:
		return chCadence, true
	case 5:
		return chDistance, true
	case 6:
		return chSpeed, true
	case 7:
		return chPower, true
	case 8:
		return chCompressed, true
	case 13:
		return chTemperature, true
	case 53:
		return chCadenceFraction, true
	case 73:
		return chSpeedEnhanced, true
	case 78:
		return chAltitudeEnhanced, true
	}
	return 0, false
}

// native returns the base type that the profile gives a channel.
func (ch channel) native() uint8 {
	switch ch {
	case chSpeed, chAltitude, chPower:
		return baseUint16
	case chSpeedEnhanced, chDistance, chAltitudeEnhanced:
		return baseUint32
	case chLatitude, chLongitude:
		return baseSint32
	case chTemperature:
		return baseSint8
	case chCompressed:
		return baseByte
	}
	return baseUint8
}

// planRecord works out the ops of a record definition.
func (w *walk) planRecord(d *definition) {
	d.ops = d.ops[:0]
	for _, f := range d.fields {
		ch, ok := recordChannel(f.num)
		if !ok || f.count() == 0 {
			continue
		}
		if ch == chCompressed {
			if f.size == 3 {
				d.addOp(op{ch: ch, load: loadBytes, off: f.off})
			}
			continue
		}
		d.addOp(plan(ch, f.base, f.off, d.big))
	}
	for _, f := range d.dev {
		base, ok := w.devHR[devKey{f.index, f.num}]
		if ok && baseSize(base) > 0 && int(f.size)%baseSize(base) == 0 && f.size > 0 {
			d.addOp(op{ch: chDeveloperHR, load: loadOther, base: base, off: f.off})
		}
	}
	for _, o := range d.ops {
		w.cols.open(o.ch)
	}
}

// addOp inserts o after the ops whose channels come before it.
func (d *definition) addOp(o op) {
	i := len(d.ops)
	d.ops = append(d.ops, o)
	for ; i > 0 && d.ops[i-1].ch > o.ch; i-- {
		d.ops[i] = d.ops[i-1]
	}
	d.ops[i] = o
}

// plan returns the op for a field of the given type.
func plan(ch channel, base uint8, off int32, big bool) op {
	o := op{ch: ch, load: loadOther, base: base, off: off}
	if base&baseMask != ch.native() {
		return o
	}
	switch base & baseMask {
	case baseUint8:
		o.load, o.invalid = load8, invalid8
	case baseSint8:
		o.load, o.invalid = load8, math.MaxInt8
	case baseUint16:
		o.load, o.invalid = load16, invalid16
	case baseUint32:
		o.load, o.invalid = load32, invalid32
	case baseSint32:
		o.load, o.invalid = load32, math.MaxInt32
	}
	if big && (o.load == load16 || o.load == load32) {
		o.load++
	}
	return o
}

// record takes one record message. timed says whether ts is its time.
func (w *walk) record(d *definition, body []byte, ts uint32, timed bool) {
	w.raw.Records++
	if !timed {
		w.untimed++
		w.countHR(d, body)
		return
	}
	c := &w.cols
	i := c.n
	if i == len(c.TimeMs) && !w.moreRows(d) {
		return
	}
	c.n++
	c.TimeMs[i] = fitMs(ts)
	for k := range d.ops {
		o := &d.ops[k]
		var v uint32
		switch o.load {
		case load8:
			v = uint32(body[o.off])
		case load16:
			v = uint32(binary.LittleEndian.Uint16(body[o.off:]))
		case load16Big:
			v = uint32(binary.BigEndian.Uint16(body[o.off:]))
		case load32:
			v = binary.LittleEndian.Uint32(body[o.off:])
		case load32Big:
			v = binary.BigEndian.Uint32(body[o.off:])
		case loadBytes:
			w.compressed(i, body[o.off:o.off+3])
			continue
		default:
			var ok bool
			if v, ok = w.loadOther(o, body, d.big); !ok {
				continue
			}
			w.put(o.ch, i, v)
			continue
		}
		if v != o.invalid {
			w.put(o.ch, i, v)
		}
	}
}

// put stores a valid number of a channel's native type in row i.
func (w *walk) put(ch channel, i int, v uint32) {
	c := &w.cols
	switch ch {
	case chHeartRate:
		w.raw.HRRecords++
		w.raw.HRSum += int64(v)
		c.HeartRate[i] = uint8(v)
	case chSpeed, chSpeedEnhanced:
		if v <= math.MaxInt32 {
			c.SpeedMMps[i] = int32(v)
			return
		}
		w.dropped++
	case chDistance:
		if v <= math.MaxInt32 {
			c.DistanceCm[i] = int32(v)
			return
		}
		w.dropped++
	case chAltitude, chAltitudeEnhanced:
		if cm := int64(v)*20 - 50000; cm <= math.MaxInt32 {
			c.AltitudeCm[i] = int32(cm)
			return
		}
		w.dropped++
	case chCadence:
		c.Cadence100[i] = int32(v) * 100
	case chCadenceFraction:
		if c.Cadence100[i] != schema.Missing {
			c.Cadence100[i] += int32(v) * 100 / 128
		}
	case chPower:
		c.PowerW[i] = int32(v)
	case chLatitude:
		if s := int32(v); s >= -1<<30 && s <= 1<<30 {
			c.LatE7[i] = semicirclesE7(s)
			return
		}
		w.dropped++
	case chLongitude:
		c.LonE7[i] = semicirclesE7(int32(v))
	case chTemperature:
		c.TempDeciC[i] = int32(int8(v)) * 10
	case chDeveloperHR:
		c.devHR[i] = uint8(v)
	}
}

// semicirclesE7 turns 2^31 semicircles = 180 degrees into 1e-7 degrees,
// rounded to the nearest.
func semicirclesE7(s int32) int32 {
	return int32((int64(s)*1_800_000_000 + 1<<30) >> 31)
}

// loadOther reads a field whose type is not the profile's. Numbers outside the
// native type are dropped and counted.
func (w *walk) loadOther(o *op, body []byte, big bool) (uint32, bool) {
	v, ok := loadValue(body[o.off:], o.base, big)
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

// compressed takes the field compressed_speed_distance: 12 bits of speed in
// 1/100 m/s and 12 bits of distance in 1/16 m that add up within the section.
func (w *walk) compressed(i int, b []byte) {
	if b[0]&b[1]&b[2] == invalid8 {
		return
	}
	w.cols.SpeedMMps[i] = (int32(b[0]) | int32(b[1]&0x0f)<<8) * 10
	v := uint32(b[1]>>4) | uint32(b[2])<<4
	w.dist16 += (v - w.dist16) & 0xfff
	if cm := int64(w.dist16) * 100 / 16; cm <= math.MaxInt32 {
		w.cols.DistanceCm[i] = int32(cm)
	}
}

// countHR counts the heart rate of a record without a time, which gets no row.
func (w *walk) countHR(d *definition, body []byte) {
	for k := range d.ops {
		if o := &d.ops[k]; o.ch == chHeartRate {
			if v, ok := loadValue(body[o.off:], o.base, d.big); ok && v >= 0 && v < invalid8 {
				w.raw.HRRecords++
				w.raw.HRSum += v
			}
		}
	}
}

// moreRows makes room for records of definition d; false when the budget of
// rows is used up.
func (w *walk) moreRows(d *definition) bool {
	n := w.cols.n
	if n >= maxRows {
		w.stop = true
		w.flag(schema.FlagBudget)
		return false
	}
	more := min((w.end-w.pos)/(1+d.size)+1, max(firstRows, n))
	w.cols.grow(min(n+more, maxRows))
	return true
}
