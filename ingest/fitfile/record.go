package fitfile

import (
	"encoding/binary"
	"math"
	"slices"

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
	d.ops = slices.Grow(d.ops[:0], int(channelCount))
	for _, f := range d.fields {
		ch, ok := recordChannel(f.num)
		if !ok || f.count() == 0 {
			continue
		}
		if ch == chCompressed {
			if f.size == 3 {
				d.inOrder = true
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
	if d.wait == nil {
		d.wait = make([]place, 0, batchRows)
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

// batchRows is how many records of one definition are taken together.
const batchRows = 128

// place is a record whose row and time stand, while its fields wait to be
// taken column by column together with those of other records.
type place struct {
	at  int32 // byte position after the header byte
	row int32
}

// record takes the record message whose body is at byte position at. timed
// says whether ts is its time.
func (w *walk) record(d *definition, at int, ts uint32, timed bool) {
	w.raw.Records++
	if !timed {
		w.untimed++
		w.countHR(d, w.data[at:at+d.size])
		return
	}
	row := w.cols.n
	if row == len(w.cols.TimeMs) && !w.moreRows(d) {
		return
	}
	w.cols.n++
	w.cols.TimeMs[row] = fitMs(ts)
	d.wait = append(d.wait, place{int32(at), int32(row)})
	if len(d.wait) == batchRows || d.inOrder {
		w.flush(d)
	}
}

// flush takes the fields of all records of a definition that wait.
func (w *walk) flush(d *definition) {
	if len(d.wait) == 0 {
		return
	}
	for k := range d.ops {
		o := &d.ops[k]
		switch o.load {
		case loadBytes:
			for _, p := range d.wait {
				w.compressed(p.row, w.data[p.at+o.off:])
			}
		case loadOther:
			for _, p := range d.wait {
				if v, ok := w.loadOther(o, w.data[p.at+o.off:], d.big); ok {
					w.put(o.ch, p.row, v)
				}
			}
		default:
			v := w.batch[:len(d.wait)]
			o.loadBatch(v, w.data, d.wait)
			w.putBatch(o, d.wait, v)
		}
	}
	d.wait = d.wait[:0]
}

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

// compressed takes the field compressed_speed_distance: 12 bits of speed in
// 1/100 m/s and 12 bits of distance in 1/16 m that add up within the section.
func (w *walk) compressed(i int32, b []byte) {
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

// moreRows makes room for more records of definition d; false when the budget
// of rows is used up.
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
