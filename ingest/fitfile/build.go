package fitfile

import (
	"cmp"
	"slices"

	"github.com/tormoder/fit"

	"plodwatch/schema"
)

// build makes the sessions of a recording from what the walk has found.
func (w *walk) build(rec *schema.Recording) *schema.Refusal {
	if refusal := w.settleClocks(); refusal != nil {
		return refusal
	}
	if w.untimed > 0 {
		w.flag(schema.FlagNoTimes)
	}
	sum := w.readSummary()
	drafts := w.drafts(sum)
	if len(drafts) == 0 {
		if !slices.ContainsFunc(w.sections, func(s section) bool { return s.activity() && s.rows[1] > s.rows[0] }) {
			return w.nothing()
		}
		w.flag(schema.FlagSynthesisedSession)
		drafts = []draft{w.synthesise()}
	}
	own := w.owners(drafts)
	rec.Unassigned = w.assign(drafts, own)
	if rec.Unassigned > 0 {
		w.flag(schema.FlagUnassignedRecords)
	}
	rec.Sessions = make([]schema.Session, len(drafts))
	var covered int32 // distance already spent on earlier sessions
	for i := range drafts {
		d := &drafts[i]
		d.s.Samples.DropEmpty()
		covered = sinceStart(d.s.Samples.DistanceCm, covered)
		d.close()
		d.s.Device = sum.device
		d.s.UTCOffsetS, d.s.OffsetSource = sum.offset, sum.offsetSource
		d.s.Facts = w.facts.forSport(d.s.Sport, d.s.WatchZones)
		d.s.Ordinal = i
		w.passFlags(d)
	}
	w.timerEvents(drafts, own)
	w.laps(drafts, own, sum)
	for i := range drafts {
		rec.Sessions[i] = drafts[i].s
	}
	return nil
}

// passFlags gives a session the flags of the file that say something about it.
func (w *walk) passFlags(d *draft) {
	for _, f := range w.flags {
		switch f {
		case schema.FlagRelativeClock, schema.FlagZoneRefused, schema.FlagHRFromMessages, schema.FlagHRFromDeveloper:
			d.flag(f)
		}
	}
}

// summary is what the canonical stream has given.
type summary struct {
	sessions     []*fit.SessionMsg
	laps         []*fit.LapMsg
	device       string
	offset       int32
	offsetSource schema.OffsetSource
}

// readSummary decodes the canonical stream. A stream that cannot be decoded
// leaves everything to the records.
func (w *walk) readSummary() summary {
	var sum summary
	if w.canon.buf == nil {
		return sum
	}
	file, activity, err := decodeSummary(w.canon.finish())
	if err != nil {
		w.broken(schema.FlagSummaryMissing, "%w", err)
		return sum
	}
	sum.sessions, sum.laps = activity.Sessions, activity.Laps
	id := &file.FileId
	sum.device = deviceName(id.Manufacturer, id.Product, id.ProductName)
	if sum.device == "" && len(activity.DeviceInfos) > 0 {
		d := activity.DeviceInfos[0]
		sum.device = deviceName(d.Manufacturer, d.Product, d.ProductName)
	}
	if offset, ok := w.utcOffset(activity.Activity); ok {
		sum.offset, sum.offsetSource = offset, schema.OffsetFile
	}
	return sum
}

// draft is a session on its way.
type draft struct {
	s       schema.Session
	section int
	index   int   // message_index
	start   int64 // its window, Unix ms; end < start = not known
	end     int64
	stamp   int64 // when its message says it ended, 0 = not given
}

// drafts makes a draft of every session message, in order of time.
func (w *walk) drafts(sum summary) []draft {
	out := make([]draft, 0, len(sum.sessions))
	for i, m := range sum.sessions {
		if i >= len(w.notes.sessions) {
			break
		}
		out = append(out, w.draft(m, w.notes.sessions[i]))
	}
	slices.SortStableFunc(out, func(a, b draft) int { return cmp.Compare(a.start, b.start) })
	for i := range out[:max(len(out)-1, 0)] {
		out[i].mend(&out[i+1])
	}
	return out
}

// mend moves the window of a session whose start is wrong: it runs into the
// next session although its message says that it ended before that one began.
func (d *draft) mend(next *draft) {
	if d.section == next.section && d.end > next.start+1000 && d.stamp <= next.start && d.stamp > 0 {
		d.start, d.end = d.start+d.stamp-d.end, d.stamp
	}
}

func (w *walk) draft(m *fit.SessionMsg, note sessionNote) draft {
	sec := &w.sections[note.section]
	d := draft{section: note.section, index: note.index}
	d.s.Sport = sportName(m.Sport)
	if m.Sport == fit.SportInvalid {
		d.s.Sport = sportName(fit.Sport(sec.sport))
	}
	d.s.SubSport = subSportName(m.SubSport)
	d.s.Feel = note.feel
	if note.rpe >= 0 {
		d.s.RPE, d.s.HasRPE = float32(note.rpe)/10, true
	}
	d.s.Watch = watchSummary(m)
	d.start, d.end = w.window(m, sec, d.s.Watch.ElapsedMs)
	if stamp, ok := fitTime(m.Timestamp); ok {
		d.stamp = sec.ms(stamp)
	}
	d.s.WatchZones = w.watchZones(note.section, mesgSession, d.index, m.TimeInHrZone)
	return d
}

// window returns when a session starts and ends; what the message lacks is
// taken from the records of its section.
func (w *walk) window(m *fit.SessionMsg, sec *section, elapsed int64) (start, end int64) {
	stamp, hasStamp := fitTime(m.Timestamp)
	begin, hasBegin := fitTime(m.StartTime)
	rows := w.cols.TimeMs[sec.rows[0]:sec.rows[1]]
	switch {
	case hasBegin:
		start = sec.ms(begin)
	case len(rows) > 0:
		start = slices.Min(rows)
	case hasStamp:
		start = sec.ms(stamp) - elapsed
	}
	switch {
	case elapsed > 0:
		// Starts are cut to whole seconds, so the true end may be one later.
		end = start + (elapsed+999)/1000*1000
		if hasStamp && sec.ms(stamp) > start && end-sec.ms(stamp) > day {
			end = sec.ms(stamp) // an elapsed time that cannot be
		}
	case hasStamp && sec.ms(stamp) > start:
		end = sec.ms(stamp)
	default:
		end = start
	}
	return start, end
}

// watchSummary takes over what the watch says about a whole session.
func watchSummary(m *fit.SessionMsg) schema.WatchSummary {
	s := schema.WatchSummary{
		ElapsedMs:  given(m.TotalElapsedTime),
		TimerMs:    given(m.TotalTimerTime),
		DistanceCm: given(m.TotalDistance),
		AvgHR:      given8(m.AvgHeartRate),
		MaxHR:      given8(m.MaxHeartRate),
	}
	if m.TotalAscent != invalid16 {
		s.AscentM = int32(m.TotalAscent)
	}
	if m.TotalCalories != invalid16 {
		s.CaloriesKcal = int32(m.TotalCalories)
	}
	if m.EnhancedAvgSpeed != invalid32 {
		s.AvgSpeedMMps = int32(min(m.EnhancedAvgSpeed, 1<<31-1))
	} else if m.AvgSpeed != invalid16 {
		s.AvgSpeedMMps = int32(m.AvgSpeed)
	}
	return s
}

func given(v uint32) int64 {
	if v == invalid32 {
		return 0
	}
	return int64(v)
}

func given8(v uint8) uint8 {
	if v == invalid8 {
		return 0
	}
	return v
}

// watchZones returns what the watch says about heart rate zones of a message:
// its time_in_zone, else its own field, with bounds from hr_zone messages when
// these fit.
func (w *walk) watchZones(section int, mesg int64, index int, own []uint32) schema.WatchZones {
	if z := w.notes.zonesOf(section, mesg, index); z != nil {
		return *z
	}
	z := schema.WatchZones{TimeMs: w.notes.keepTimes(own)}
	if len(z.TimeMs) > 0 {
		z.BoundsBPM = w.facts.zoneBounds(len(z.TimeMs))
	}
	return z
}

// synthesise makes the draft of a session that the file does not have.
func (w *walk) synthesise() draft {
	d := draft{index: -1, start: 0, end: -1}
	d.s.Sport, d.s.Feel = schema.SportGeneric, -1
	d.s.Flags = []schema.Flag{schema.FlagSynthesisedSession}
	for i := range w.sections {
		if s := &w.sections[i]; s.sport != invalid8 {
			d.s.Sport, d.s.SubSport = sportName(fit.Sport(s.sport)), subSportName(fit.SubSport(s.subSport))
			break
		}
	}
	return d
}

// close settles start and end of a session around its samples.
func (d *draft) close() {
	d.s.StartMs, d.s.EndMs = d.start, d.end
	if e := d.s.Watch.ElapsedMs; e > 0 && d.end-d.start >= e && d.end-d.start < e+1000 {
		d.s.EndMs = d.start + e // without the second that the window adds
	}
	t := d.s.Samples.TimeMs
	if len(t) == 0 {
		d.s.EndMs = max(d.s.EndMs, d.s.StartMs)
		return
	}
	if d.end < d.start || t[0] < d.start {
		d.s.StartMs = t[0]
	}
	d.s.EndMs = max(d.s.EndMs, t[len(t)-1])
}

// timerEvents gives every timer event to the session of its time, those at a
// seam (the stop of one, the start of the next) to both.
func (w *walk) timerEvents(drafts []draft, own owners) {
	for _, e := range w.timer {
		at := w.sections[e.section].ms(e.ts)
		ws := own[e.section].drafts
		for _, k := range ws {
			if d := &drafts[k]; len(ws) == 1 || at >= d.s.StartMs && at <= d.s.EndMs {
				if d.s.TimerEvents == nil {
					d.s.TimerEvents = make([]schema.TimerEvent, 0, len(w.timer))
				}
				d.s.TimerEvents = append(d.s.TimerEvents, schema.TimerEvent{AtMs: at, Stop: e.stop})
			}
		}
	}
	for i := range drafts {
		slices.SortStableFunc(drafts[i].s.TimerEvents, func(a, b schema.TimerEvent) int {
			return cmp.Compare(a.AtMs, b.AtMs)
		})
	}
}

// laps gives every lap to the session in whose time its middle lies: the ends
// may be a second off.
func (w *walk) laps(drafts []draft, own owners, sum summary) {
	for i, m := range sum.laps {
		if i >= len(w.notes.laps) {
			return
		}
		note := w.notes.laps[i]
		lap := lapOf(m, &w.sections[note.section])
		lap.Zones = w.watchZones(note.section, mesgLap, note.index, m.TimeInHrZone)
		if k := own[note.section].of((lap.StartMs + lap.EndMs) / 2); k >= 0 {
			if drafts[k].s.Laps == nil {
				drafts[k].s.Laps = make([]schema.Lap, 0, len(sum.laps)-i)
			}
			drafts[k].s.Laps = append(drafts[k].s.Laps, lap)
		}
	}
}

func lapOf(m *fit.LapMsg, sec *section) schema.Lap {
	lap := schema.Lap{
		ElapsedMs:  given(m.TotalElapsedTime),
		TimerMs:    given(m.TotalTimerTime),
		DistanceCm: given(m.TotalDistance),
		AvgHR:      given8(m.AvgHeartRate),
		MaxHR:      given8(m.MaxHeartRate),
	}
	end, hasEnd := fitTime(m.Timestamp)
	start, hasStart := fitTime(m.StartTime)
	switch {
	case hasStart:
		lap.StartMs = sec.ms(start)
	case hasEnd:
		lap.StartMs = sec.ms(end) - lap.ElapsedMs
	}
	switch {
	case lap.ElapsedMs > 0:
		lap.EndMs = lap.StartMs + lap.ElapsedMs
	case hasEnd:
		lap.EndMs = max(sec.ms(end), lap.StartMs)
	default:
		lap.EndMs = lap.StartMs
	}
	return lap
}

// sinceStart makes distances count from the session's start: a file counts
// on through its sessions, unless it begins anew. It returns the last distance
// as it stood.
func sinceStart(cm []int32, covered int32) int32 {
	first := slices.IndexFunc(cm, func(v int32) bool { return v != schema.Missing })
	if first < 0 {
		return covered
	}
	last := cm[first]
	for i := len(cm) - 1; i > first; i-- {
		if cm[i] != schema.Missing {
			last = cm[i]
			break
		}
	}
	if covered == 0 || cm[first] < covered {
		return last
	}
	for i, v := range cm {
		if v != schema.Missing {
			cm[i] = v - covered
		}
	}
	return last
}
