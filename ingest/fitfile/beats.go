package fitfile

import (
	"math"

	"plodwatch/schema"
)

// Heart rates that straps store on their own (swimming) arrive afterwards as
// hr messages: an anchor message ties a time of day to the strap's counter of
// 1/1024 s, further ones carry the low 12 bits of that counter for up to eight
// heart rates each. They are merged into the records as Garmin's FIT SDK does.

// beat is one heart rate of an hr message or of a gap filled between two.
// Times are in 1/32768 s since the FIT epoch, in which all parts are whole.
type beat struct {
	at  int64
	bpm uint8
}

const (
	beatSecond  = 32768
	beatTick    = beatSecond / 1024
	gapStep     = beatSecond / 4 // 250 ms
	gapMaxSteps = 20             // 5 s
)

// beats collects hr messages.
type beats struct {
	list    []beat
	count   int // heart rates in messages, without filled gaps
	anchor  int64
	counter uint32 // strap counter at the anchor
	last    uint32 // last full strap counter
	ok      bool   // an anchor was seen
	over    bool   // over budget
	dropped int    // heart rates without a time
}

// begin starts a section.
func (b *beats) begin() { b.ok, b.last = false, 0 }

// add takes an hr message.
func (b *beats) add(m message, ts uint32, timed bool) {
	const (
		fieldFraction = 0 // 1/32768 s
		fieldBPM      = 6
		fieldCounter  = 9 // 1/1024 s
		fieldPacked   = 10
	)
	bpm := m.def.find(fieldBPM)
	if timed {
		b.anchor = int64(ts) * beatSecond
		if v, ok := m.value(fieldFraction); ok && v >= 0 {
			b.anchor += v
		}
		if v, ok := m.value(fieldCounter); ok {
			b.counter, b.last, b.ok = uint32(v), uint32(v), true
		}
	}
	if bpm == nil {
		return
	}
	n := bpm.count()
	if f := m.def.find(fieldCounter); f != nil {
		for i := range min(n, f.count()) {
			if v, ok := m.element(f, i); ok {
				b.last = uint32(v)
				b.push(m, bpm, i)
			}
		}
		return
	}
	f := m.def.find(fieldPacked)
	if f == nil {
		return
	}
	packed := m.bytes(f)
	for i := range min(n, len(packed)*8/12) {
		bit := i * 12
		v := uint32(packed[bit/8]) | uint32(packed[bit/8+1])<<8
		v = v >> (bit % 8) & 0xfff
		b.last += (v - b.last) & 0xfff
		b.push(m, bpm, i)
	}
}

// push adds the i-th heart rate of a message at the counter b.last.
func (b *beats) push(m message, bpm *field, i int) {
	v, ok := m.element(bpm, i)
	if !ok || v < 0 || v > math.MaxUint8 {
		return
	}
	b.count++
	if !b.ok {
		b.dropped++
		return
	}
	// The counter wraps around at 2^32; the difference takes care of it.
	at := b.anchor + int64(int32(b.last-b.counter))*beatTick
	if len(b.list) >= maxBeats {
		b.over = true
		return
	}
	if n := len(b.list); n > 0 {
		prev := b.list[n-1]
		gap := at - prev.at
		if gap < 0 {
			gap = -gap
		}
		for step := int64(1); gap > gapStep && step <= gapMaxSteps; step++ {
			b.list = append(b.list, beat{at: prev.at + gapStep*step, bpm: prev.bpm})
			gap -= gapStep
		}
	}
	b.list = append(b.list, beat{at: at, bpm: uint8(v)})
}

// merged says what a merge has done.
type merged struct {
	any   bool
	fresh int // records that had no heart rate before
}

// merge writes the mean of the heart rates since the record before into every
// record, as Garmin's SDK does: a record is filled only when a later heart
// rate closes its interval. A heart rate that a record had before gives way.
func (b *beats) merge(s *schema.Samples) (m merged) {
	var from int64
	next := 0
	for i, ms := range s.TimeMs {
		to := (ms/1000 - epochUnix) * beatSecond
		if i == 0 {
			from = to
		}
		if from == to {
			from -= beatSecond
			next = max(next-1, 0)
		}
		sum, n := 0, 0
		for ; next < len(b.list); next++ {
			h := b.list[next]
			if h.at > to {
				if n > 0 {
					m.any = true
					if s.HeartRate[i] == 0 {
						m.fresh++
					}
					s.HeartRate[i] = uint8((2*sum + n) / (2 * n))
				}
				from = to
				break
			}
			if h.at > from {
				sum += int(h.bpm)
				n++
			}
		}
	}
	return m
}
