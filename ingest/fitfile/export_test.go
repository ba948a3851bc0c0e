package fitfile

import (
	"encoding/binary"

	"plodwatch/schema"
)

// TwoFieldWalk follows the messages of a one-section file, adds up times and
// heart rates and checks the checksum: the limit that benchmarks compare with.
func TwoFieldWalk(data []byte) (sum uint64) {
	type def struct{ size, timeAt, hrAt int }
	var defs [16]def
	end := int(data[0]) + int(binary.LittleEndian.Uint32(data[4:]))
	for at := int(data[0]); at < end; {
		h := data[at]
		if h&0xc0 == headerDefinition {
			d := def{timeAt: -1, hrAt: -1}
			record := data[at+3] == mesgRecord && data[at+4] == 0
			n := at + 6 + 3*int(data[at+5])
			for f := at + 6; f < n; f += 3 {
				switch {
				case record && data[f] == fieldTimestamp:
					d.timeAt = d.size
				case record && data[f] == 3:
					d.hrAt = d.size
				}
				d.size += int(data[f+1])
			}
			if h&headerDeveloper != 0 {
				dev := n + 1
				n = dev + 3*int(data[n])
				for f := dev; f < n; f += 3 {
					d.size += int(data[f+1])
				}
			}
			defs[h&0x0f] = d
			at = n
			continue
		}
		d := &defs[h&0x0f]
		if h&headerCompressed != 0 {
			d = &defs[h>>5&3]
		}
		body := data[at+1 : at+1+d.size]
		if d.timeAt >= 0 {
			sum += uint64(binary.LittleEndian.Uint32(body[d.timeAt:]))
		}
		if d.hrAt >= 0 {
			sum += uint64(body[d.hrAt])
		}
		at += 1 + d.size
	}
	if checksum(data[:end+2]) != 0 {
		return 0
	}
	return sum
}

// Rows returns the records of a file as columns in file order, before anything
// is merged, sorted or given to sessions.
func Rows(data []byte) (schema.Samples, error) {
	w := &walk{data: data}
	if err := w.run(); err != nil {
		return schema.Samples{}, err
	}
	return w.cols.Samples, nil
}

// Merged returns the heart rates of a file's records after the merge.
func Merged(data []byte) []uint8 {
	w := &walk{data: data}
	if err := w.run(); err != nil {
		return nil
	}
	w.mergeBeats()
	return w.cols.HeartRate
}
