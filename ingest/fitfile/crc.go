package fitfile

import (
	"encoding/binary"
	"math/bits"
)

// The FIT checksum is the CRC-16 with polynomial x^16 + x^15 + x^2 + 1, least
// significant bit first, starting from 0. The polynomial is the product of
// x + 1 and q = x^15 + x + 1, which makes it cheap without tables:
//
//   - modulo x + 1 the remainder is the parity of all bits;
//   - modulo q, x^15 = x + 1, and so x^960 = x^64 + 1 (squaring six times):
//     a 64-bit word can be folded onto the 14th and the 15th word after it by
//     two exclusive ors.
//
// The data is folded so into its last 15 words, those are divided bit by bit,
// and the parity mends the part of the remainder that folding does not keep.

const (
	crcQ = 0xc001 // x^15 + x + 1, reflected in 16 bits

	foldWords = 15
	foldBytes = 8 * foldWords
)

// checksum returns the FIT checksum of data. Over data followed by its own
// checksum (low byte first) it is 0.
func checksum(data []byte) uint16 {
	if len(data) < 4*foldBytes {
		return checksumBits(0, data)
	}
	var s [foldWords]uint64
	var parity uint64
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(data[8*i:])
		parity ^= s[i]
	}
	data = data[foldBytes:]
	for len(data) >= foldBytes {
		block := data[:foldBytes]
		first, last := s[0], s[foldWords-1]^s[0]
		for i := range foldWords - 2 {
			w := binary.LittleEndian.Uint64(block[8*i:])
			parity ^= w
			s[i] ^= s[i+1] ^ w
		}
		w := binary.LittleEndian.Uint64(block[foldBytes-16:])
		v := binary.LittleEndian.Uint64(block[foldBytes-8:])
		parity ^= w ^ v
		s[foldWords-2] ^= last ^ w
		s[foldWords-1] ^= first ^ v
		data = data[foldBytes:]
	}
	var head [foldBytes]byte
	for i, w := range s {
		binary.LittleEndian.PutUint64(head[8*i:], w)
	}
	crc := checksumBits(checksumBits(0, head[:]), data)
	for _, b := range data {
		parity ^= uint64(b)
	}
	if bits.OnesCount16(crc)&1 != bits.OnesCount64(parity)&1 {
		crc ^= crcQ
	}
	return crc
}

// checksumBits continues crc over data the slow and plain way, four bits at a
// time.
func checksumBits(crc uint16, data []byte) uint16 {
	nibble := [16]uint16{
		0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
		0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
	}
	for _, b := range data {
		crc ^= uint16(b)
		crc = crc>>4 ^ nibble[crc&0xf]
		crc = crc>>4 ^ nibble[crc&0xf]
	}
	return crc
}
