package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// A session of up to maxFast bytes is packed with S2, behind tagFast and the
// CRC-32C of the plain bytes. A longer one, of a day or more, is a zstd frame:
// there the message's size counts, which servers limit.
const (
	tagFast    = 0x02 // no zstd frame begins with it
	headerFast = 1 + crc32.Size
	maxFast    = 1 << 20
)

// pack appends mem.plain to dst, compressed.
func (c *Codec) pack(dst []byte, mem *scratch) []byte {
	if len(mem.plain) > maxFast {
		return c.encoder.EncodeAll(mem.plain, dst)
	}
	mem.packed = s2.Encode(mem.packed[:cap(mem.packed)], mem.plain)
	dst = slices.Grow(dst, headerFast+len(mem.packed))
	dst = append(dst, tagFast)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(mem.plain))
	return append(dst, mem.packed...)
}

// unpack fills mem.plain from what pack has made.
func (c *Codec) unpack(mem *scratch, data []byte) error {
	if len(data) > 0 && data[0] == tagFast {
		return unpackFast(mem, data)
	}
	plain, err := c.decoder.DecodeAll(data, mem.plain[:0])
	mem.plain = plain
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func unpackFast(mem *scratch, data []byte) error {
	if len(data) < headerFast {
		return fmt.Errorf("%d bytes: %w", len(data), ErrMalformed)
	}
	block := data[headerFast:]
	size, err := s2.DecodedLen(block)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if size > maxFast {
		return fmt.Errorf("%d bytes where %d are allowed: %w", size, maxFast, ErrTooLarge)
	}
	plain, err := s2.Decode(slices.Grow(mem.plain[:0], size)[:size], block)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	mem.plain = plain
	if sum := binary.LittleEndian.Uint32(data[1:]); sum != checksum(plain) {
		return fmt.Errorf("checksum is %08x, not %08x: %w", checksum(plain), sum, ErrMalformed)
	}
	return nil
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }
