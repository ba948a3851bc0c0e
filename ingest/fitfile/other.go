package fitfile

import "plodwatch/schema"

const (
	fileTypeActivity = 4

	// absoluteTime is the first FIT time that counts seconds from the FIT
	// epoch; smaller ones count from when the device was switched on.
	absoluteTime = 0x10000000

	// epochUnix is the FIT epoch, 1989-12-31T00:00:00Z, in Unix seconds.
	epochUnix = 631065600
)

// fitMs turns FIT seconds into Unix milliseconds.
func fitMs(ts uint32) int64 { return (int64(ts) + epochUnix) * 1000 }

// other takes a message that is not a record.
func (w *walk) other(m message, ts uint32, timed bool) {
	switch m.def.global {
	case mesgHR:
		w.beats.add(m, ts, timed)
	case mesgEvent:
		w.event(m, ts, timed)
	case mesgFileID:
		w.fileID(m)
	case mesgSession:
		w.raw.Sessions++
		w.session(m)
	case mesgLap:
		w.lap(m)
	case mesgActivity, mesgDeviceInfo:
		w.summary(m)
	case mesgTimeInZone:
		w.timeInZone(m)
	case mesgUserProfile, mesgZonesTarget, mesgHRZone:
		w.facts.take(m)
	case mesgSport:
		s := w.section()
		s.sport, s.subSport = m.enum(0), m.enum(1)
	case mesgTimeCorrelation:
		if system, ok := m.time(1); ok && timed && ts >= absoluteTime && system < absoluteTime {
			w.section().correlation = ts - system
		}
	case mesgFieldDescription:
		w.fieldDescription(m)
	}
}

// enum returns a one-byte field, 0xff when it is not given.
func (m message) enum(num uint8) uint8 {
	v, ok := m.value(num)
	if !ok || v < 0 || v >= invalid8 {
		return invalid8
	}
	return uint8(v)
}

// seen keeps the first time of a section.
func (s *section) seen(ts uint32) {
	if s.firstTime == 0 {
		s.firstTime = ts
	}
}

func (w *walk) fileID(m message) {
	s := w.section()
	if s.hasFileID {
		return
	}
	s.hasFileID = true
	s.fileType = m.enum(0)
	if t, ok := m.time(4); ok && t >= absoluteTime {
		s.created = t
	}
	if w.inActivity() && !w.canon.has(mesgFileID) {
		w.canon.write(m)
	}
}

// activity says whether a section counts as one: its file_id says so, or it
// has none.
func (s *section) activity() bool { return s.fileType == fileTypeActivity || !s.hasFileID }

// inActivity says whether the section at hand counts as an activity.
func (w *walk) inActivity() bool { return w.section().activity() }

// event takes the starts and stops of the timer. They are read here and not by
// tormoder/fit because a ride through a town has hundreds of them and each
// costs it half a dozen allocations.
func (w *walk) event(m message, ts uint32, timed bool) {
	if !timed || m.enum(0) != 0 || !w.inActivity() {
		return
	}
	var stop bool
	switch m.enum(1) {
	case 0: // start
	case 1, 4, 8, 9: // stop, stop_all, stop_disable, stop_disable_all
		stop = true
	default:
		return
	}
	if len(w.timer) == maxTimerEvents {
		w.flag(schema.FlagBudget)
		return
	}
	w.section().seen(ts)
	w.timer = append(w.timer, timerEvent{section: len(w.sections) - 1, ts: ts, stop: stop})
}

func (w *walk) session(m message) {
	if !w.inActivity() {
		return
	}
	if len(w.notes.sessions) == maxSessions {
		w.flag(schema.FlagBudget)
		return
	}
	if t, ok := m.time(2); ok && w.section().sessionStart == 0 {
		w.section().sessionStart = t
	}
	w.notes.sessions = append(w.notes.sessions, w.newSessionNote(m))
	w.canon.write(m)
}

func (w *walk) lap(m message) {
	if !w.inActivity() {
		return
	}
	if len(w.notes.laps) == maxLaps {
		w.flag(schema.FlagBudget)
		return
	}
	n := lapNote{section: len(w.sections) - 1, index: m.index()}
	if n.index < 0 {
		n.index = w.section().laps
	}
	w.section().laps++
	w.notes.laps = append(w.notes.laps, n)
	w.canon.write(m)
}

// summary hands on activity messages, and the device_info of the device that
// wrote the file.
func (w *walk) summary(m message) {
	if !w.inActivity() {
		return
	}
	if m.def.global == mesgDeviceInfo && (m.enum(0) != 0 || w.canon.has(mesgDeviceInfo)) {
		return
	}
	w.canon.write(m)
}

// fieldDescription remembers developer fields that stand for heart rate.
func (w *walk) fieldDescription(m message) {
	const fieldHeartRate = 3
	if native, ok := m.value(14); ok && native != mesgRecord {
		return
	}
	native, ok := m.value(15)
	index, okIndex := m.value(0)
	num, okNum := m.value(1)
	base, okBase := m.value(2)
	if !ok || native != fieldHeartRate || !okIndex || !okNum || !okBase || len(w.devHR) == maxDescriptions {
		return
	}
	if w.devHR == nil {
		w.devHR = map[devKey]uint8{}
	}
	w.devHR[devKey{uint8(index), uint8(num)}] = uint8(base)
}
