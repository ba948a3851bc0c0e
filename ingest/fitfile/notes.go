package fitfile

import "plodwatch/schema"

// notes are what the walk remembers beside the summary messages: fields that
// tormoder/fit does not know, and which section a message stood in.
type notes struct {
	sessions []sessionNote // one for each session message in the canonical stream
	laps     []lapNote     // one for each lap message there
	zones    []zoneNote

	times  []int64 // backing of all zone times
	bounds []uint8 // backing of all zone bounds
}

// sessionNote goes with a session message.
type sessionNote struct {
	section int
	index   int // message_index, else its place in the section
	feel    int16
	rpe     int16 // x10, -1 = not given
}

// lapNote goes with a lap message.
type lapNote struct {
	section int
	index   int // as in sessionNote
}

// zoneNote is a time_in_zone message.
type zoneNote struct {
	section int
	mesg    int64 // the message it belongs to
	index   int   // of that message
	zones   schema.WatchZones
}

// Fields of the session message that tormoder/fit 0.15 does not know.
const (
	fieldWorkoutFeel = 192 // 0-100
	fieldWorkoutRPE  = 193 // 0-10, x10
)

// index returns the message_index, -1 when it is not given.
func (m message) index() int {
	v, ok := m.value(fieldMessageIndex)
	if !ok {
		return -1
	}
	return int(v & 0x0fff)
}

func (w *walk) newSessionNote(m message) sessionNote {
	n := sessionNote{section: len(w.sections) - 1, index: m.index(), feel: -1, rpe: -1}
	if n.index < 0 {
		for i := range w.notes.sessions {
			if w.notes.sessions[i].section == n.section {
				n.index++
			}
		}
		n.index++
	}
	if v, ok := m.value(fieldWorkoutFeel); ok && v >= 0 && v <= 100 {
		n.feel = int16(v)
	}
	if v, ok := m.value(fieldWorkoutRPE); ok && v >= 0 && v <= 100 {
		n.rpe = int16(v)
	}
	return n
}

// timeInZone takes a time_in_zone message: the watch's own seconds per zone.
func (w *walk) timeInZone(m message) {
	if len(w.notes.zones) == maxZoneNotes {
		w.flag(schema.FlagBudget)
		return
	}
	mesg, ok := m.value(0)
	if !ok {
		return
	}
	n := zoneNote{section: len(w.sections) - 1, mesg: mesg, index: -1}
	if v, ok := m.value(1); ok {
		n.index = int(v & 0x0fff)
	}
	n.zones = schema.WatchZones{
		TimeMs:      w.notes.zoneTimes(m, 2),
		BoundsBPM:   w.notes.zoneBounds(m, 6),
		MaxHR:       m.uint8(11),
		RestHR:      m.uint8(12),
		ThresholdHR: m.uint8(13),
	}
	w.notes.zones = append(w.notes.zones, n)
	w.facts.zone.keep(n.zones)
}

// zoneTimes reads an array of milliseconds up to its first invalid value.
func (n *notes) zoneTimes(m message, num uint8) []int64 {
	f := m.def.find(num)
	if f == nil {
		return nil
	}
	from := len(n.times)
	for i := range f.count() {
		v, ok := m.element(f, i)
		if !ok {
			break
		}
		n.times = append(n.times, v)
	}
	return n.times[from:len(n.times):len(n.times)]
}

// zoneBounds reads an array of heart rates up to its first invalid value.
func (n *notes) zoneBounds(m message, num uint8) []uint8 {
	f := m.def.find(num)
	if f == nil {
		return nil
	}
	from := len(n.bounds)
	for i := range f.count() {
		v, ok := m.element(f, i)
		if !ok || v <= 0 || v > 254 {
			break
		}
		n.bounds = append(n.bounds, uint8(v))
	}
	return n.bounds[from:len(n.bounds):len(n.bounds)]
}

// keepTimes copies what tormoder/fit has read into the backing, up to the
// first invalid value.
func (n *notes) keepTimes(ms []uint32) []int64 {
	from := len(n.times)
	for _, v := range ms {
		if v == invalid32 {
			break
		}
		n.times = append(n.times, int64(v))
	}
	return n.times[from:len(n.times):len(n.times)]
}

// zonesOf returns the time_in_zone that belongs to a message, nil when there
// is none.
func (n *notes) zonesOf(section int, mesg int64, index int) *schema.WatchZones {
	for i := range n.zones {
		if z := &n.zones[i]; z.section == section && z.mesg == mesg && z.index == index {
			return &z.zones
		}
	}
	return nil
}
