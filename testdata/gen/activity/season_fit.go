package activity

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tormoder/fit/dyncrc16"
)

// FIT encodes the session as a FIT file with the answer the athlete gave about
// the effort, which the encoder does not know.
func (s *SeasonSession) FIT() ([]byte, error) {
	file, err := s.Activity.FIT()
	if err != nil || s.RPE < 0 {
		return file, err
	}
	const (
		workoutRPE = 193 // session field: 0 to 10, times 10
		typeUint8  = 0x02
	)
	out := slices.Clone(file[:headerSize])
	err = walk(file, func(l *layout, raw, data []byte) {
		out = append(out, raw...)
		switch {
		case l.global != sessionMessage:
		case data == nil:
			out[len(out)-len(raw)+5]++ // one more field
			out = append(out, workoutRPE, 1, typeUint8)
		default:
			out = append(out, uint8(math.Round(s.RPE*10)))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("add effort: %w", err)
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-headerSize))
	binary.LittleEndian.PutUint16(out[headerSize-crcSize:], dyncrc16.Checksum(out[:headerSize-crcSize]))
	out = append(out, 0, 0)
	seal(out)
	return out, nil
}
