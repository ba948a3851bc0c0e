package xmltrack

import "time"

// Zone says how a time named its zone.
type Zone uint8

// The zones.
const (
	ZoneUTC     Zone = iota // Z or +00:00: the instant is sure, the local offset is not known
	ZoneNone                // no zone at all, read as UTC
	ZoneOffset              // a local offset
	ZoneRefused             // an offset beyond 14 hours or off the quarter hours, not kept as local offset
)

// Clock is one time of a file.
type Clock struct {
	Ms      int64 // Unix milliseconds
	OffsetS int32 // seconds east of UTC, when Zone is ZoneOffset
	Zone    Zone
}

// maxOffsetS is the largest offset in use on Earth (UTC+14).
const maxOffsetS = 14 * 60 * 60

// ParseClock reads a time in the ISO 8601 forms that GPX files use: date, T or
// blanks, time of day, optional fraction, optional zone. The fraction is cut to
// milliseconds. ok is false when s is not such a time.
func ParseClock(s []byte) (c Clock, ok bool) {
	year, s, ok1 := digits(s, 4)
	s, ok2 := separator(s, '-')
	month, s, ok3 := digits(s, 2)
	s, ok4 := separator(s, '-')
	day, s, ok5 := digits(s, 2)
	date := ok1 && ok2 && ok3 && ok4 && ok5
	if !date || len(s) == 0 || s[0] != 'T' && s[0] != 't' && s[0] != ' ' {
		return Clock{}, false
	}
	for len(s) > 0 && (s[0] == 'T' || s[0] == 't' || s[0] == ' ') {
		s = s[1:]
	}
	hour, s, ok1 := digits(s, 2)
	s, ok2 = separator(s, ':')
	minute, s, ok3 := digits(s, 2)
	s, ok4 = separator(s, ':')
	second, s, ok5 := digits(s, 2)
	ofDay := ok1 && ok2 && ok3 && ok4 && ok5
	if !ofDay || !validDate(year, month, day) ||
		hour > 24 || minute > 59 || second > 60 || hour == 24 && minute+second > 0 {
		return Clock{}, false
	}
	milli, s := fraction(s)
	offset, zone, ok := parseZone(s)
	if !ok {
		return Clock{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	c = Clock{Ms: (t.Unix()-int64(offset))*1000 + int64(milli), Zone: zone}
	if zone == ZoneOffset {
		c.OffsetS = int32(offset) //nolint:gosec // at most 24 h
	}
	return c, true
}

func validDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// digits reads exactly n decimal digits.
func digits(s []byte, n int) (v int, rest []byte, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for _, c := range s[:n] {
		if c < '0' || c > '9' {
			return 0, s, false
		}
		v = v*10 + int(c-'0')
	}
	return v, s[n:], true
}

func separator(s []byte, c byte) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != c {
		return s, false
	}
	return s[1:], true
}

// fraction reads an optional fraction of a second as whole milliseconds.
func fraction(s []byte) (milli int, rest []byte) {
	if len(s) == 0 || s[0] != '.' && s[0] != ',' {
		return 0, s
	}
	s = s[1:]
	scale := 100
	for len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
		milli += int(s[0]-'0') * scale
		scale /= 10
		s = s[1:]
	}
	return milli, s
}

// parseZone reads nothing, Z, or an offset as +hh:mm, +hhmm or +hh.
func parseZone(s []byte) (offsetS int, z Zone, ok bool) {
	switch {
	case len(s) == 0:
		return 0, ZoneNone, true
	case len(s) == 1 && (s[0] == 'Z' || s[0] == 'z'):
		return 0, ZoneUTC, true
	case s[0] != '+' && s[0] != '-':
		return 0, 0, false
	}
	sign := 1
	if s[0] == '-' {
		sign = -1
	}
	hours, s, ok := digits(s[1:], 2)
	if !ok {
		return 0, 0, false
	}
	minutes := 0
	if len(s) > 0 {
		if s[0] == ':' {
			s = s[1:]
		}
		if minutes, s, ok = digits(s, 2); !ok || len(s) > 0 {
			return 0, 0, false
		}
	}
	offsetS = sign * (hours*3600 + minutes*60)
	switch {
	case minutes > 59 || hours > 23:
		return 0, 0, false
	case offsetS == 0:
		return 0, ZoneUTC, true
	case offsetS < -maxOffsetS || offsetS > maxOffsetS || minutes%15 != 0:
		return offsetS, ZoneRefused, true
	}
	return offsetS, ZoneOffset, true
}
