package fitfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"plodwatch/schema"
)

// errShort says that a message runs past the end of its section.
var errShort = errors.New("it runs past the end of the section")

// message reads the message at byte position at and returns its length.
func (w *walk) message(at int) (int, error) {
	w.pos = at
	h := w.data[at]
	local := h & 0x0f
	compressed := h&headerCompressed != 0
	if compressed {
		local = h >> 5 & 0x03
	} else if h&headerDefinition != 0 {
		return w.define(at)
	}
	d := &w.defs[local]
	if !d.set {
		return 0, fmt.Errorf("local message %d is not defined", local)
	}
	if at+1+d.size > w.end {
		return 0, errShort
	}
	if w.messages++; w.messages > maxMessages {
		w.stop = true
		w.flag(schema.FlagBudget)
		return 0, nil
	}
	body := w.data[at+1 : at+1+d.size]
	ts, timed := w.timestamp(d, body, h, compressed)
	if d.global == mesgRecord {
		w.record(d, at+1, ts, timed)
	} else {
		w.other(message{def: d, body: body, at: at}, ts, timed)
	}
	return 1 + d.size, nil
}

// timestamp returns the time of a data message and keeps it for compressed
// headers, which carry the low five bits of a time not before the last one.
func (w *walk) timestamp(d *definition, body []byte, h byte, compressed bool) (uint32, bool) {
	if d.timeAt >= 0 {
		var ts uint32
		if d.big {
			ts = binary.BigEndian.Uint32(body[d.timeAt:])
		} else {
			ts = binary.LittleEndian.Uint32(body[d.timeAt:])
		}
		if ts == invalid32 {
			return 0, false
		}
		w.ts, w.hasTS = ts, true
		return ts, true
	}
	if !compressed || !w.hasTS {
		return 0, false
	}
	w.ts += (uint32(h) - w.ts) & 0x1f
	return w.ts, true
}

// define reads the definition message at byte position at and returns its
// length.
func (w *walk) define(at int) (int, error) {
	b := w.data[at:w.end]
	if len(b) < 6 {
		return 0, errShort
	}
	if b[2] > 1 {
		return 0, fmt.Errorf("architecture %d of a definition", b[2])
	}
	d := &w.defs[b[0]&0x0f]
	w.flush(d)
	d.set, d.inOrder = false, false
	d.big = b[2] == 1
	d.global = uint16(loadUint(b[3:], 2, d.big))
	d.size, d.timeAt = 0, -1

	n := 6 + 3*int(b[5])
	if len(b) < n {
		return 0, errShort
	}
	d.fields, d.dev = slices.Grow(d.fields[:0], int(b[5])), d.dev[:0]
	for f := b[6:n]; len(f) > 0; f = f[3:] {
		d.fields = append(d.fields, field{num: f[0], size: f[1], base: f[2], off: int32(d.size)})
		if f[0] == fieldTimestamp && f[1] == 4 {
			d.timeAt = d.size
		}
		d.size += int(f[1])
	}
	if b[0]&headerDeveloper != 0 {
		if len(b) <= n {
			return 0, errShort
		}
		from := n + 1
		n = from + 3*int(b[n])
		if len(b) < n {
			return 0, errShort
		}
		d.dev = slices.Grow(d.dev, int(b[from-1]))
		for f := b[from:n]; len(f) > 0; f = f[3:] {
			d.dev = append(d.dev, devField{num: f[0], size: f[1], index: f[2], off: int32(d.size)})
			d.size += int(f[1])
		}
	}
	if d.global == mesgRecord {
		w.planRecord(d)
	}
	d.set = true
	return n, nil
}
