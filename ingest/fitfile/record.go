package fitfile

import (
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
	// At first a record is taken to be of ordinary size, for many files begin
	// with a smaller kind; later as large as they have been so far.
	size := max(1+d.size, ordinaryRecord)
	if s := w.section(); n > s.rows[0] {
		size = max((w.pos-s.at)/(n-s.rows[0]), 1)
	}
	more := min((w.end-w.pos)/size+1, max(firstRows, n))
	w.cols.grow(min(n+more, maxRows))
	return true
}
