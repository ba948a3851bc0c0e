package activity

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tormoder/fit"
	"github.com/tormoder/fit/dyncrc16"
)

// FIT encodes the session as a FIT file with the answer the athlete gave about
// the effort, which the encoder does not know. Only one record goes through the
// encoder, which takes its time; the others are written as that one is.
func (s *SeasonSession) FIT() ([]byte, error) {
	all := s.Sessions[0].Samples
	if len(all) == 0 {
		return nil, fmt.Errorf("encode %s: it has no samples", s.Name)
	}
	short := s.Activity
	short.Sessions = slices.Clone(s.Sessions)
	short.Sessions[0].Samples = []Sample{all[0]}
	short.Sessions[0].Samples[0].HR = 100 // so that there is a field for it
	file, err := short.FIT()
	if err != nil {
		return nil, err
	}
	out := slices.Clone(file[:headerSize])
	err = walk(file, func(l *layout, raw, data []byte) {
		at := len(out)
		out = append(out, raw...)
		switch {
		case l.global == recordMessage && data != nil:
			out = appendRecords(out[:at], l, raw, all)
		case l.global == sessionMessage && s.RPE >= 0:
			out = appendEffort(out, at, data == nil, s.RPE)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.Name, err)
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-headerSize))
	binary.LittleEndian.PutUint16(out[headerSize-crcSize:], dyncrc16.Checksum(out[:headerSize-crcSize]))
	out = append(out, 0, 0)
	seal(out)
	return out, nil
}

// appendEffort ends a session message, which begins at a byte, with the
// perceived effort, or its definition with that field.
func appendEffort(out []byte, at int, definition bool, rpe float64) []byte {
	const (
		workoutRPE = 193 // 0 to 10, times 10
		typeUint8  = 0x02
	)
	if !definition {
		return append(out, uint8(math.Round(rpe*10)))
	}
	out[at+5]++ // number of fields
	return append(out, workoutRPE, 1, typeUint8)
}

// appendRecords writes samples in the layout of a record, which is the first
// one's.
func appendRecords(out []byte, l *layout, first []byte, samples []Sample) []byte {
	begin := binary.LittleEndian.Uint32(l.find(first[1:], 253))
	for i := range samples {
		v := &samples[i]
		at := len(out)
		out = append(out, first...)
		data := out[at+1:]
		hr := v.HR
		if hr == 0 {
			hr = 0xff
		}
		binary.LittleEndian.PutUint32(l.find(data, 253), begin+uint32(v.At.Seconds()))
		binary.LittleEndian.PutUint32(l.find(data, 0), uint32(fit.NewLatitudeDegrees(v.Lat).Semicircles()))
		binary.LittleEndian.PutUint32(l.find(data, 1), uint32(fit.NewLongitudeDegrees(v.Lon).Semicircles()))
		binary.LittleEndian.PutUint16(l.find(data, 2), fitAltitude(v.AltitudeCm))
		l.find(data, 3)[0] = hr
		l.find(data, 4)[0] = v.Cadence
		binary.LittleEndian.PutUint32(l.find(data, 5), v.DistanceCm)
		binary.LittleEndian.PutUint16(l.find(data, 6), v.SpeedMMps)
	}
	return out
}
