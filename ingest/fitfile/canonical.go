package fitfile

import (
	"encoding/binary"
	"math"
)

// canonical is the FIT stream that tormoder/fit gets to see: one section,
// little-endian, file_id first, every message with exactly the fields below
// in exactly the types of its profile, absent ones invalid. What goes beyond
// that (records above all, whose fields 8, 18 and 28 feed accumulators shared
// by all of its callers) stays out.
type canonical struct {
	buf []byte
	in  [localCount]int // messages written by local number
}

// Local message numbers of the canonical stream.
const (
	localFileID = iota
	localSession
	localLap
	localActivity
	localDeviceInfo
	localCount
)

// The fields of the canonical messages as a definition message has them:
// number, size, base type.
const (
	layoutFileID = "\x00\x01\x00" + // type
		"\x01\x02\x84" + // manufacturer
		"\x02\x02\x84" + // product
		"\x04\x04\x86" + // time_created
		"\x08\x20\x07" // product_name
	layoutSession = "\xfd\x04\x86" + // timestamp
		"\x02\x04\x86" + // start_time
		"\x05\x01\x00" + // sport
		"\x06\x01\x00" + // sub_sport
		"\x07\x04\x86" + // total_elapsed_time
		"\x08\x04\x86" + // total_timer_time
		"\x09\x04\x86" + // total_distance
		"\x0b\x02\x84" + // total_calories
		"\x0e\x02\x84" + // avg_speed
		"\x10\x01\x02" + // avg_heart_rate
		"\x11\x01\x02" + // max_heart_rate
		"\x16\x02\x84" + // total_ascent
		"\x41\x40\x86" + // time_in_hr_zone, 16 cells
		"\x7c\x04\x86" // enhanced_avg_speed
	layoutLap = "\xfd\x04\x86" + // timestamp
		"\x02\x04\x86" + // start_time
		"\x07\x04\x86" + // total_elapsed_time
		"\x08\x04\x86" + // total_timer_time
		"\x09\x04\x86" + // total_distance
		"\x0f\x01\x02" + // avg_heart_rate
		"\x10\x01\x02" + // max_heart_rate
		"\x39\x40\x86" // time_in_hr_zone, 16 cells
	layoutActivity = "\xfd\x04\x86" + // timestamp
		"\x05\x04\x86" // local_timestamp
	layoutDeviceInfo = "\x02\x02\x84" + // manufacturer
		"\x04\x02\x84" + // product
		"\x1b\x20\x07" // product_name
)

const canonicalHeader = 14

// layout returns the local number and the fields of a message.
func layout(global uint16) (local int, fields string) {
	switch global {
	case mesgFileID:
		return localFileID, layoutFileID
	case mesgSession:
		return localSession, layoutSession
	case mesgLap:
		return localLap, layoutLap
	case mesgActivity:
		return localActivity, layoutActivity
	default:
		return localDeviceInfo, layoutDeviceInfo
	}
}

// has says whether a message of this kind was written.
func (c *canonical) has(global uint16) bool {
	local, _ := layout(global)
	return c.in[local] > 0
}

// write adds a message. A file_id comes before all others: when there is none
// yet, one that says no more than "activity" is made up.
func (c *canonical) write(m message) {
	if c.buf == nil {
		c.buf = make([]byte, canonicalHeader, 4096)
		if m.def.global != mesgFileID {
			c.write(message{def: &definition{global: mesgFileID}})
		}
	}
	local, fields := layout(m.def.global)
	if c.in[local]++; c.in[local] == 1 {
		c.buf = append(c.buf, headerDefinition|byte(local), 0, 0, byte(m.def.global), 0, byte(len(fields)/3))
		c.buf = append(c.buf, fields...)
	}
	c.buf = append(c.buf, byte(local))
	for ; len(fields) > 0; fields = fields[3:] {
		num, size, base := fields[0], int(fields[1]), fields[2]
		switch {
		case m.def.global == mesgFileID && num == 0:
			c.buf = append(c.buf, fileTypeActivity)
		case base == baseString:
			c.text(m.text(num), size)
		default:
			c.numbers(m, num, size, base)
		}
	}
}

// numbers adds a field of one or more numbers; what the message does not have
// or what does not fit the profile's type is written as invalid. An array
// longer than ours is left out whole.
func (c *canonical) numbers(m message, num uint8, size int, base uint8) {
	width := baseSize(base)
	top := int64(math.MaxUint32) >> (32 - 8*width)
	f := m.def.find(num)
	if f != nil && width < size && f.count() > size/width {
		f = nil
	}
	for i := range size / width {
		v := top
		if f != nil {
			if got, ok := m.element(f, i); ok && got >= 0 && got < top {
				v = got
			}
		}
		c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(v))
		c.buf = c.buf[:len(c.buf)-8+width]
	}
}

// text adds a string field, always with its terminator.
func (c *canonical) text(s string, size int) {
	s = s[:min(len(s), size-1)]
	c.buf = append(c.buf, s...)
	for range size - len(s) {
		c.buf = append(c.buf, 0)
	}
}

// finish puts header and checksum in place and returns the stream.
func (c *canonical) finish() []byte {
	h := c.buf[:canonicalHeader]
	h[0], h[1] = canonicalHeader, 0x20
	binary.LittleEndian.PutUint16(h[2:], 2100) // any profile version will do
	binary.LittleEndian.PutUint32(h[4:], uint32(len(c.buf)-canonicalHeader))
	copy(h[8:], ".FIT")
	return binary.LittleEndian.AppendUint16(c.buf, checksum(c.buf))
}
