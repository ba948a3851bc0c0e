package intensity_test

import (
	"encoding/binary"
	"testing"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// fuzzed reads a session out of arbitrary bytes: any times, in any order, any
// values, columns of any length.
func fuzzed(data []byte) *schema.Session {
	u := func() uint64 {
		var b [8]byte
		data = data[copy(b[:], data):]
		return binary.LittleEndian.Uint64(b[:])
	}
	shape := u()
	s := &schema.Session{StartMs: int64(u()), Sport: schema.SportCycling}
	s.EndMs = s.StartMs + int64(u()>>(shape%64))
	if shape&64 != 0 {
		s.Sport = schema.SportRunning
	}
	s.Watch.DistanceCm = int64(int32(u()))
	s.Facts = schema.FileFacts{MaxHR: uint8(shape >> 8), RestHR: uint8(shape >> 16)}
	for range shape >> 24 % 8 {
		v := u()
		s.TimerEvents = append(s.TimerEvents, schema.TimerEvent{AtMs: s.StartMs + int64(v>>(v%64)), Stop: v&128 != 0})
	}
	for range shape >> 32 % 4 {
		s.Breaks = append(s.Breaks, schema.Interval{FromMs: s.StartMs + int64(u()>>40), ToMs: s.StartMs + int64(u()>>40)})
	}
	for range shape >> 40 % 8 {
		s.WatchZones.TimeMs = append(s.WatchZones.TimeMs, int64(u()))
		s.WatchZones.BoundsBPM = append(s.WatchZones.BoundsBPM, uint8(u()))
	}
	columns := s.Samples.Int32Columns()
	at := s.StartMs
	for len(data) > 0 {
		v := u()
		at += int64(v % 5000)
		if v>>13%64 == 0 {
			at = int64(u())
		}
		s.Samples.TimeMs = append(s.Samples.TimeMs, at)
		s.Samples.HeartRate = append(s.Samples.HeartRate, uint8(v>>19))
		for k, col := range columns {
			if shape>>(48+k)&1 != 0 {
				*col = append(*col, int32(u()))
			}
		}
	}
	if shape>>56&1 != 0 {
		s.Samples.HeartRate = s.Samples.HeartRate[:len(s.Samples.HeartRate)/2]
	}
	return s
}

func FuzzMeasure(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 400))
	ramp := make([]byte, 2000)
	for i := range ramp {
		ramp[i] = byte(i * 37)
	}
	f.Add(ramp)
	for _, shape := range []byte{1, 3, 7, 15, 0x7f, 0xff} {
		seed := append([]byte(nil), ramp...)
		seed[6] = shape
		seed[0] = 40
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := fuzzed(data)
		m := intensity.Measure(s)
		check(t, s, m)
		for _, set := range []schema.Settings{
			{},
			{HRMax: 190, HRRest: 50, ZoneModel: schema.ZoneHRR5},
			{LTHR: 160, ZoneModel: schema.ZoneFriel7, BirthYear: 1980},
		} {
			r := intensity.Derive(m, s, intensity.Inputs{Settings: set, ObservedHRMax: m.ObservedHRMax})
			var cells int64
			for _, ms := range r.ZoneMs {
				cells += ms
			}
			if r.ZoneMs != nil && cells != m.Budget.ClassifiedMs {
				t.Errorf("zones sum to %d of %d ms", cells, m.Budget.ClassifiedMs)
			}
			if (r.LowShare == nil) != (r.Verdict == intensity.VerdictNoHR || r.Verdict == intensity.VerdictNoHRMax) {
				t.Errorf("verdict %s with low share %v", r.Verdict, r.LowShare)
			}
		}
	})
}
