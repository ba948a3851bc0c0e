package analyze

import (
	"context"
	"slices"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// background is what is known of athletes when sessions are derived.
type background struct {
	settings map[schema.AthleteID][]Dated  // ascending by day
	records  map[schema.AthleteID][]Record // ascending by start and by heart rate
	zones    map[string]*time.Location     // nil when the name is unknown
}

// backgroundOf reads what is known of athletes.
func backgroundOf(ctx context.Context, r Reader, athletes []schema.AthleteID) (*background, error) {
	settings, err := r.Settings(ctx, athletes)
	if err != nil {
		return nil, err
	}
	records, err := r.Records(ctx, athletes)
	if err != nil {
		return nil, err
	}
	return &background{settings: settings, records: records, zones: make(map[string]*time.Location)}, nil
}

// settingsOn returns the settings valid on a day, zero when there are none.
func (b *background) settingsOn(athlete schema.AthleteID, day schema.Day) Dated {
	var valid Dated
	for _, d := range b.settings[athlete] {
		if d.ValidFrom > day {
			break
		}
		valid = d
	}
	return valid
}

// observedUntil returns the athlete's highest observed heart rate of the
// sessions that start no later than ms.
func (b *background) observedUntil(athlete schema.AthleteID, ms int64) float64 {
	var highest float64
	for _, r := range b.records[athlete] {
		if r.StartMs > ms {
			break
		}
		highest = max(highest, r.BPM)
	}
	return highest
}

// observe adds a session's own observed heart rate, 0 for none.
func (b *background) observe(athlete schema.AthleteID, r Record) {
	if r.BPM <= b.observedUntil(athlete, r.StartMs) {
		return
	}
	all := b.records[athlete]
	i, _ := slices.BinarySearchFunc(all, r.StartMs, func(have Record, ms int64) int {
		if have.StartMs <= ms {
			return -1
		}
		return 1
	})
	b.records[athlete] = slices.Insert(all, i, r)
}

// inputsOf returns what a session of the athlete that starts at startMs
// depends on. The local day follows from the file's own offset or the one of the
// place, else from the time zone in the settings valid on the UTC day, else it
// is the UTC day.
func (b *background) inputsOf(athlete schema.AthleteID, startMs int64, offsetS int32, source schema.OffsetSource) Inputs {
	in := Inputs{ObservedHRMax: b.observedUntil(athlete, startMs)}
	if source == schema.OffsetFile || source == OffsetPosition {
		in.UTCOffsetS, in.OffsetSource = offsetS, source
	} else if zone := b.zone(b.settingsOn(athlete, schema.DayOf(startMs, 0)).TimeZone); zone != nil {
		_, seconds := time.UnixMilli(startMs).In(zone).Zone()
		in.UTCOffsetS, in.OffsetSource = int32(seconds), OffsetAthlete //nolint:gosec // within a day
	}
	in.LocalDay = schema.DayOf(startMs, in.UTCOffsetS)
	in.Settings = b.settingsOn(athlete, in.LocalDay)
	return in
}

// zone loads a time zone once; nil when the name is empty or unknown.
func (b *background) zone(name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, known := b.zones[name]
	if !known {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			zone = nil
		}
		b.zones[name] = zone
	}
	return zone
}

// stale reports whether a stored session was derived from other inputs than
// those of now.
func (b *background) stale(s *Brief) bool {
	in := b.inputsOf(s.Athlete, s.StartMs, s.UTCOffsetS, s.OffsetSource)
	if s.RulesVersion == 0 || s.SettingsAt != in.Settings.Version || s.LocalDay != in.LocalDay ||
		s.UTCOffsetS != in.UTCOffsetS || s.OffsetSource != in.OffsetSource {
		return true
	}
	fixed := s.HRMaxSource == intensity.HRMaxSetting || s.HRMaxSource == intensity.HRMaxFile
	return !fixed && s.ObservedUsed != in.ObservedHRMax
}

// outdated reports whether a stored session is stale or was derived by older
// rules than those of now.
func (b *background) outdated(s *Brief) bool {
	return s.RulesVersion < intensity.RulesVersion || b.stale(s)
}

// derive completes a measured session to a row. The caller sets its version.
func (b *background) derive(env *schema.Envelope, m *intensity.Measured, decode uint64) SessionRow {
	s := &env.Session
	in := b.inputsOf(env.Athlete, s.StartMs, s.UTCOffsetS, s.OffsetSource)
	year := dayStart(in.LocalDay).Year()
	result := intensity.Derive(m, s, intensity.Inputs{
		Settings: in.Settings.Settings, ObservedHRMax: in.ObservedHRMax, Year: year,
	})
	return SessionRow{
		Env: env, Measured: m, Inputs: in, Result: result, SettingsID: settingsID(&result), Decode: decode,
	}
}

func dayStart(d schema.Day) time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }
