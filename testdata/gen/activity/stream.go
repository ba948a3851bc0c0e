package activity

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tormoder/fit/dyncrc16"
)

const (
	headerSize = 14
	crcSize    = 2
)

// field is one field of a message: its number and its bytes.
type field struct {
	num, size, base byte
	offset          int // behind the message's header byte
}

// layout is a definition message.
type layout struct {
	global uint16
	fields []field
	size   int // of a data message without its header byte
}

// find returns the bytes of a field in a data message, or nil.
func (l *layout) find(data []byte, num byte) []byte {
	for _, f := range l.fields {
		if f.num == num {
			return data[f.offset : f.offset+int(f.size)]
		}
	}
	return nil
}

// walk calls visit for every message of a little-endian FIT file without
// compressed headers or developer fields, which is what the encoder writes: at
// a definition with data nil and the raw bytes, at a data message with both.
func walk(file []byte, visit func(l *layout, raw, data []byte)) error {
	if len(file) < headerSize+crcSize || file[0] != headerSize {
		return errors.New("read header: not as the encoder writes it")
	}
	body := file[headerSize : len(file)-crcSize]
	var local [16]*layout
	for len(body) > 0 {
		h := body[0]
		if h&0x40 != 0 {
			n := 6 + 3*int(body[5])
			local[h&15] = readLayout(body[:n])
			visit(local[h&15], body[:n], nil)
			body = body[n:]
			continue
		}
		l := local[h&15]
		if l == nil || len(body) < 1+l.size {
			return fmt.Errorf("read message %d bytes before the end: no definition, or cut off", len(body))
		}
		visit(l, body[:1+l.size], body[1:1+l.size])
		body = body[1+l.size:]
	}
	return nil
}

func readLayout(raw []byte) *layout {
	l := &layout{global: binary.LittleEndian.Uint16(raw[3:])}
	for f := raw[6:]; len(f) > 0; f = f[3:] {
		l.fields = append(l.fields, field{num: f[0], size: f[1], base: f[2], offset: l.size})
		l.size += int(f[1])
	}
	return l
}

// canonical puts the fields of every message in ascending order, time first.
// The encoder orders them by a map, differently in every run.
func canonical(file []byte) ([]byte, error) {
	out := slices.Clone(file[:headerSize])
	sorted := map[*layout][]field{}
	err := walk(file, func(l *layout, raw, data []byte) {
		if data == nil {
			order := slices.Clone(l.fields)
			slices.SortFunc(order, func(a, b field) int { return cmp.Compare(a.num-253, b.num-253) })
			sorted[l] = order
			out = append(out, raw[:6]...)
			for _, f := range order {
				out = append(out, f.num, f.size, f.base)
			}
			return
		}
		out = append(out, raw[0])
		for _, f := range sorted[l] {
			out = append(out, data[f.offset:f.offset+int(f.size)]...)
		}
	})
	if err != nil {
		return nil, err
	}
	out = append(out, 0, 0)
	seal(out)
	return out, nil
}

// seal writes the checksum over everything before it.
func seal(file []byte) {
	n := len(file) - crcSize
	binary.LittleEndian.PutUint16(file[n:], dyncrc16.Checksum(file[:n]))
}
