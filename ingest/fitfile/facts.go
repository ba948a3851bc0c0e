package fitfile

import "plodwatch/schema"

// facts are what the file says about its athlete.
type facts struct {
	zone    zoneFacts // of time_in_zone
	target  zoneFacts // of zones_target
	rest    uint8     // user_profile
	maxHR   uint8     // user_profile, for any sport
	maxRun  uint8
	maxBike uint8
	bounds  [16]uint8 // high ends of hr_zone messages by their index
}

type zoneFacts struct{ max, rest, threshold uint8 }

// take reads user_profile, zones_target and hr_zone messages. The first value
// of each kind stays.
func (f *facts) take(m message) {
	switch m.def.global {
	case mesgUserProfile:
		keep(&f.rest, m.uint8(8))
		keep(&f.maxRun, m.uint8(9))
		keep(&f.maxBike, m.uint8(10))
		keep(&f.maxHR, m.uint8(11))
	case mesgZonesTarget:
		keep(&f.target.max, m.uint8(1))
		keep(&f.target.threshold, m.uint8(2))
	case mesgHRZone:
		if i := m.index(); i >= 0 && i < len(f.bounds) {
			keep(&f.bounds[i], m.uint8(1))
		}
	}
}

// keep takes the values of a time_in_zone message that are not known yet.
func (z *zoneFacts) keep(from schema.WatchZones) {
	keep(&z.max, from.MaxHR)
	keep(&z.rest, from.RestHR)
	keep(&z.threshold, from.ThresholdHR)
}

func keep(dst *uint8, v uint8) {
	if *dst == 0 {
		*dst = v
	}
}

// forSport returns the facts for a session: the more specific message wins.
func (f *facts) forSport(sport schema.Sport, zones schema.WatchZones) schema.FileFacts {
	profile := f.maxHR
	switch {
	case sport == schema.SportRunning && f.maxRun != 0:
		profile = f.maxRun
	case sport == schema.SportCycling && f.maxBike != 0:
		profile = f.maxBike
	}
	var out schema.FileFacts
	for _, c := range []struct {
		hr     uint8
		source string
	}{
		{zones.MaxHR, "time_in_zone"},
		{f.zone.max, "time_in_zone"},
		{f.target.max, "zones_target"},
		{profile, "user_profile"},
	} {
		if c.hr != 0 {
			out.MaxHR, out.MaxHRSource = c.hr, c.source
			break
		}
	}
	out.RestHR = firstOf(zones.RestHR, f.zone.rest, f.rest)
	out.ThresholdHR = firstOf(zones.ThresholdHR, f.zone.threshold, f.target.threshold)
	return out
}

func firstOf(values ...uint8) uint8 {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

// zoneBounds returns the bounds that the file's hr_zone messages give for
// cells zones, nil when they do not fit.
func (f *facts) zoneBounds(cells int) []uint8 {
	n := 0
	for n < len(f.bounds) && f.bounds[n] != 0 {
		n++
	}
	if n == 0 || n != cells-1 {
		return nil
	}
	return append([]uint8(nil), f.bounds[:n]...)
}
