package fitfile_test

import (
	"encoding/binary"
	"math"

	"github.com/tormoder/fit/dyncrc16"
)

// Base types as definitions have them.
const (
	tEnum    = 0x00
	tSint8   = 0x01
	tUint8   = 0x02
	tUint16  = 0x84
	tSint32  = 0x85
	tUint32  = 0x86
	tString  = 0x07
	tFloat32 = 0x88
	tByte    = 0x0d
)

// f is a field of a hand-made definition: number, size, base type.
type f struct{ num, size, base uint8 }

// stream is a hand-made FIT section: definitions and data messages in order.
type stream struct {
	body  []byte
	order binary.AppendByteOrder
	defs  [16][]f
}

func newStream() *stream { return &stream{order: binary.LittleEndian} }

// big makes what follows big-endian.
func (s *stream) big() *stream {
	s.order = binary.BigEndian
	return s
}

// def writes a definition message.
func (s *stream) def(local uint8, global uint16, fields ...f) *stream {
	return s.devDef(local, global, fields, nil)
}

// devDef writes a definition message with developer fields (number, size,
// developer index).
func (s *stream) devDef(local uint8, global uint16, fields, dev []f) *stream {
	h := 0x40 | local
	if dev != nil {
		h |= 0x20
	}
	arch := uint8(0)
	if s.order == binary.AppendByteOrder(binary.BigEndian) {
		arch = 1
	}
	s.body = append(s.body, h, 0, arch)
	s.body = s.order.AppendUint16(s.body, global)
	s.body = append(s.body, uint8(len(fields)))
	s.defs[local] = append(append([]f(nil), fields...), dev...)
	for _, x := range fields {
		s.body = append(s.body, x.num, x.size, x.base)
	}
	if dev != nil {
		s.body = append(s.body, uint8(len(dev)))
		for _, x := range dev {
			s.body = append(s.body, x.num, x.size, x.base)
		}
	}
	return s
}

// data writes a data message; each value fills its field: a number in the
// field's whole size (1, 2, 4 or 8 bytes), bytes and strings as they stand
// with zeros after them.
func (s *stream) data(local uint8, values ...any) *stream {
	return s.message(local, local, values)
}

// compressed writes a data message with a compressed timestamp header.
func (s *stream) compressed(local, offset uint8, values ...any) *stream {
	return s.message(0x80|local<<5|offset, local, values)
}

func (s *stream) message(header, local uint8, values []any) *stream {
	s.body = append(s.body, header)
	for i, d := range s.defs[local] {
		switch v := values[i].(type) {
		case []byte:
			s.body = append(append(s.body, v...), make([]byte, int(d.size)-len(v))...)
		case string:
			s.body = append(append(s.body, v...), make([]byte, int(d.size)-len(v))...)
		case int:
			s.number(d.size, uint64(v))
		case float64:
			s.number(d.size, uint64(math.Float32bits(float32(v))))
		}
	}
	return s
}

func (s *stream) number(size uint8, v uint64) {
	switch size {
	case 1:
		s.body = append(s.body, uint8(v))
	case 2:
		s.body = s.order.AppendUint16(s.body, uint16(v))
	case 4:
		s.body = s.order.AppendUint32(s.body, uint32(v))
	case 8:
		s.body = s.order.AppendUint64(s.body, v)
	}
}

// bytes returns the section with a 14-byte header and right checksums.
func (s *stream) bytes() []byte { return section(s.body, 14, len(s.body)) }

// section wraps body with a header of the given size that declares dataSize
// bytes, and a checksum at its end.
func section(body []byte, headerSize, dataSize int) []byte {
	out := []byte{uint8(headerSize), 0x20, 0x54, 0x08}
	out = binary.LittleEndian.AppendUint32(out, uint32(dataSize))
	out = append(out, ".FIT"...)
	if headerSize >= 14 {
		out = binary.LittleEndian.AppendUint16(out, dyncrc16.Checksum(out))
	}
	out = append(out, make([]byte, headerSize-len(out))...)
	out = append(out, body...)
	return binary.LittleEndian.AppendUint16(out, dyncrc16.Checksum(out))
}
