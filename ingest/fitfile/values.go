package fitfile

import (
	"encoding/binary"
	"math"
)

// FIT base types, by the low five bits of their code.
const (
	baseEnum    = 0
	baseSint8   = 1
	baseUint8   = 2
	baseSint16  = 3
	baseUint16  = 4
	baseSint32  = 5
	baseUint32  = 6
	baseString  = 7
	baseFloat32 = 8
	baseFloat64 = 9
	baseUint8z  = 10
	baseUint16z = 11
	baseUint32z = 12
	baseByte    = 13
	baseSint64  = 14
	baseUint64  = 15
	baseUint64z = 16

	baseMask = 0x1f
)

const (
	invalid8  = 0xff
	invalid16 = 0xffff
	invalid32 = 0xffffffff
)

// baseSize returns the bytes of one value of a base type, 0 when the type is
// not known.
func baseSize(base uint8) int {
	switch base & baseMask {
	case baseEnum, baseSint8, baseUint8, baseString, baseUint8z, baseByte:
		return 1
	case baseSint16, baseUint16, baseUint16z:
		return 2
	case baseSint32, baseUint32, baseFloat32, baseUint32z:
		return 4
	case baseFloat64, baseSint64, baseUint64, baseUint64z:
		return 8
	}
	return 0
}

// loadUint reads size bytes as an unsigned number.
func loadUint(b []byte, size int, big bool) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		if big {
			return uint64(binary.BigEndian.Uint16(b))
		}
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		if big {
			return uint64(binary.BigEndian.Uint32(b))
		}
		return uint64(binary.LittleEndian.Uint32(b))
	default:
		if big {
			return binary.BigEndian.Uint64(b)
		}
		return binary.LittleEndian.Uint64(b)
	}
}

// loadValue reads one value of any numeric base type; floating-point values
// are rounded. ok is false for the type's invalid value, for strings, and for
// numbers that do not fit an int64.
func loadValue(b []byte, base uint8, big bool) (v int64, ok bool) {
	size := baseSize(base)
	if size == 0 || len(b) < size {
		return 0, false
	}
	u := loadUint(b, size, big)
	switch base & baseMask {
	case baseEnum, baseUint8, baseByte:
		return int64(u), u != invalid8
	case baseUint16:
		return int64(u), u != invalid16
	case baseUint32:
		return int64(u), u != invalid32
	case baseUint8z, baseUint16z, baseUint32z, baseUint64z:
		return int64(u), u != 0 && u <= math.MaxInt64
	case baseSint8:
		return int64(int8(u)), int8(u) != math.MaxInt8
	case baseSint16:
		return int64(int16(u)), int16(u) != math.MaxInt16
	case baseSint32:
		return int64(int32(u)), int32(u) != math.MaxInt32
	case baseSint64:
		return int64(u), int64(u) != math.MaxInt64
	case baseUint64:
		return int64(u), u <= math.MaxInt64
	case baseFloat32:
		return roundFloat(float64(math.Float32frombits(uint32(u))))
	case baseFloat64:
		return roundFloat(math.Float64frombits(u))
	}
	return 0, false
}

func roundFloat(f float64) (int64, bool) {
	if math.IsNaN(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(math.Round(f)), true
}
