package fitfile

import (
	"fmt"
	"time"

	"github.com/tormoder/fit"

	"plodwatch/schema"
)

// settleClocks makes the times of sections with a relative clock absolute: by
// a timestamp_correlation, else by the file's creation or the session's start,
// which stand for the section's first time.
func (w *walk) settleClocks() *schema.Refusal {
	for i := range w.sections {
		s := &w.sections[i]
		rows := w.cols.TimeMs[s.rows[0]:s.rows[1]]
		if len(rows) > 0 {
			s.seen(uint32(rows[0]/1000 - epochUnix))
		}
		if s.firstTime == 0 || s.firstTime >= absoluteTime || !s.activity() {
			continue
		}
		switch {
		case s.correlation != 0:
			s.shift = s.correlation
		case s.created != 0:
			s.shift = s.created - s.firstTime
		case s.sessionStart >= absoluteTime:
			s.shift = s.sessionStart - s.firstTime
		default:
			return schema.Reject(schema.ReasonRelativeClock,
				fmt.Sprintf("section at byte %d: times count from when the device was switched on", s.at))
		}
		w.flag(schema.FlagRelativeClock)
		limit := fitMs(absoluteTime)
		for k := range rows {
			if rows[k] < limit {
				rows[k] += int64(s.shift) * 1000
			}
		}
	}
	return nil
}

// ms turns FIT seconds of a section into Unix milliseconds.
func (s *section) ms(ts uint32) int64 {
	if ts < absoluteTime {
		ts += s.shift
	}
	return fitMs(ts)
}

// fitTime returns a time that tormoder/fit has decoded as FIT seconds; ok is
// false when the field was not given.
func fitTime(t time.Time) (ts uint32, ok bool) {
	if fit.IsBaseTime(t) {
		return 0, false
	}
	return uint32(t.Unix() - epochUnix), true
}

// utcOffset returns the offset of local time in seconds, rounded to a quarter
// of an hour as no zone is finer; ok is false when the file does not say, or
// says something beyond 14 hours.
func (w *walk) utcOffset(a *fit.ActivityMsg) (seconds int32, ok bool) {
	const quarter, most = 15 * 60, 14 * 3600
	if a == nil || fit.IsBaseTime(a.LocalTimestamp) || fit.IsBaseTime(a.Timestamp) {
		return 0, false
	}
	// For relative clocks the offset is in the difference, else in the zone.
	_, zone := a.LocalTimestamp.Zone()
	offset := int64(zone) + int64(a.LocalTimestamp.Sub(a.Timestamp)/time.Second)
	if offset > most+quarter/2 || offset < -most-quarter/2 {
		w.flag(schema.FlagZoneRefused)
		return 0, false
	}
	rounded := (offset + most + quarter + quarter/2) / quarter * quarter
	return int32(rounded - most - quarter), true
}
