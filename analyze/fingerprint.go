package analyze

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Fingerprint identifies a set of samples with their quality marks: the first
// 8 bytes of a SHA-256 over the columns. A session's row names the fingerprint
// its samples carry, so that of two decodes of the same session only one is
// ever seen, whole. A column without any value must be nil (DropEmpty).
func Fingerprint(s *schema.Samples, flags []schema.HRFlag) uint64 {
	h := sha256.New()
	buf := make([]byte, 0, 8*columnChunk)
	header(h, 't', len(s.TimeMs))
	for _, part := range chunks(s.TimeMs) {
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint64(buf, uint64(v)) //nolint:gosec // bits are kept
		}
		h.Write(buf)
	}
	header(h, 'h', len(s.HeartRate))
	h.Write(s.HeartRate)
	header(h, 'f', len(flags))
	for _, part := range chunks(flags) {
		buf = buf[:0]
		for _, v := range part {
			buf = append(buf, byte(v))
		}
		h.Write(buf)
	}
	for k, col := range s.Int32Columns() {
		header(h, byte(k), len(*col))
		for _, part := range chunks(*col) {
			buf = buf[:0]
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint32(buf, uint32(v)) //nolint:gosec // bits are kept
			}
			h.Write(buf)
		}
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// columnChunk is how many values are turned into bytes at a time.
const columnChunk = 1024

func chunks[T any](col []T) [][]T {
	var all [][]T
	for len(col) > columnChunk {
		all = append(all, col[:columnChunk])
		col = col[columnChunk:]
	}
	return append(all, col)
}

func header(h hash.Hash, tag byte, n int) {
	b := [9]byte{tag}
	binary.LittleEndian.PutUint64(b[1:], uint64(n)) //nolint:gosec // a length is not negative
	h.Write(b[:])
}

// settingsID identifies the settings that a result was derived under, as 16
// hexadecimal digits: two results with the same id and the same session are
// the same. The day from which the settings hold is no part of it.
func settingsID(r *intensity.Result) string {
	s := r.Settings
	h := sha256.New()
	fmt.Fprintf(h, "rules %d hrmax %g %s hrrest %g %s zones %s %g vt %g %g %s ",
		r.RulesVersion, r.HRMax, r.HRMaxSource, r.HRRest, r.HRRestSource, r.ZoneModel, r.ZoneBounds,
		r.VT1, r.VT2, r.ThresholdSource)
	fmt.Fprintf(h, "lthr %g sex %q pace %g", s.LTHR, s.Sex, r.ThresholdPace)
	return hex.EncodeToString(h.Sum(nil)[:8])
}
