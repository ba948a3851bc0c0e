package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"plodwatch/schema"
	"plodwatch/schema/wire/internal/pb"
)

// columnCount is how many columns a session can have: time, heart rate and the
// int32 columns.
const columnCount = 10

// value is what a column may hold.
type value interface{ uint8 | int32 | int64 }

// columnBuffer is the memory that one column is encoded in.
type columnBuffer struct {
	deltas, runs []byte
}

// encodeColumn returns nil for a column that is not there. The message's bytes
// are those of buf.
func encodeColumn[T value](buf *columnBuffer, values []T, missing int64) *pb.Column {
	if values == nil {
		return nil
	}
	order := cheaperOrder(values, missing)
	keep := int64(0) // all ones: less the difference before; zero: as it is
	if order == 2 {
		keep = -1
	}
	deltas := slices.Grow(buf.deltas[:0], len(values)+longVarints)
	var last, lastDelta int64
	at, absent := 0, 0
	deltas = deltas[:cap(deltas)]
	for i, v := range values {
		x := int64(v)
		if x == missing {
			absent++
			continue
		}
		delta := x - last
		u := zigzag(delta - lastDelta&keep)
		last, lastDelta = x, delta
		if u < 0x80 { // nearly all of them
			deltas[at] = byte(u)
			at++
			continue
		}
		at += binary.PutUvarint(deltas[at:], u)
		if left := len(values) - i; len(deltas)-at < left+binary.MaxVarintLen64 {
			deltas = slices.Grow(deltas[:at], left+longVarints)
			deltas = deltas[:cap(deltas)]
		}
	}
	buf.deltas, buf.runs = deltas[:at], buf.runs[:0]
	if absent > 0 {
		buf.runs = appendRuns(buf.runs, values, missing)
	}
	return &pb.Column{Order: order, Deltas: buf.deltas, Runs: buf.runs}
}

// longVarints is the room beyond a byte a value that a column gets at first.
const longVarints = 1024

// judged is how many values cheaperOrder looks at.
const judged = 1024

// cheaperOrder compares the bits that differences and second differences of the
// first values need, which says more about their size after compression than
// varint bytes do.
func cheaperOrder[T value](values []T, missing int64) uint32 {
	var last, lastDelta int64
	var first, second int
	for _, v := range values[:min(len(values), judged)] {
		x := int64(v)
		if x == missing {
			continue
		}
		delta := x - last
		change := delta - lastDelta
		first += bits.Len64(zigzag(delta))
		second += bits.Len64(zigzag(change))
		last, lastDelta = x, delta
	}
	if second < first {
		return 2
	}
	return 1
}

func zigzag(x int64) uint64 { return uint64(x)<<1 ^ uint64(x>>63) }

// appendRuns appends the lengths of the runs of present and missing values, or
// nothing when none is missing.
func appendRuns[T value](dst []byte, values []T, missing int64) []byte {
	present := true
	from := 0
	for i, v := range values {
		if (int64(v) != missing) != present {
			dst = binary.AppendUvarint(dst, uint64(i-from))
			present, from = !present, i
		}
	}
	if len(dst) == 0 {
		return dst
	}
	return binary.AppendUvarint(dst, uint64(len(values)-from))
}

// decodeColumn reads count values that lie within lo and hi. It returns nil
// for a column that is not there.
func decodeColumn[T value](col *pb.Column, count int, missing T, lo, hi int64) ([]T, error) {
	if col == nil {
		return nil, nil
	}
	order := col.GetOrder()
	if order != 1 && order != 2 {
		return nil, fmt.Errorf("column has order %d: %w", order, ErrMalformed)
	}
	values := make([]T, count)
	reader := deltaReader[T]{rest: col.GetDeltas(), second: order == 2, lo: lo, hi: hi}
	if len(col.GetRuns()) == 0 {
		if err := reader.fill(values); err != nil {
			return nil, err
		}
		return values, reader.end()
	}
	if err := fillRuns(values, col.GetRuns(), missing, &reader); err != nil {
		return nil, err
	}
	return values, reader.end()
}

func fillRuns[T value](values []T, runs []byte, missing T, reader *deltaReader[T]) error {
	present := true
	for len(runs) > 0 {
		length, n := binary.Uvarint(runs)
		if n <= 0 || length > uint64(len(values)) {
			return fmt.Errorf("column's runs do not fit its samples: %w", ErrMalformed)
		}
		runs = runs[n:]
		run := values[:length]
		values = values[length:]
		if present {
			if err := reader.fill(run); err != nil {
				return err
			}
		} else {
			for i := range run {
				run[i] = missing
			}
		}
		present = !present
	}
	if len(values) > 0 {
		return fmt.Errorf("column's runs leave %d samples out: %w", len(values), ErrMalformed)
	}
	return nil
}

// deltaReader adds up the differences of a column.
type deltaReader[T value] struct {
	rest        []byte
	second      bool
	last, delta int64
	lo, hi      int64
}

func (r *deltaReader[T]) fill(values []T) error {
	data, last, delta := r.rest, r.last, r.delta
	keep := int64(0) // all ones: add to the difference before; zero: forget it
	if r.second {
		keep = -1
	}
	at := 0
	for i := range values {
		var u uint64
		if at < len(data) && data[at] < 0x80 { // nearly all of them
			u = uint64(data[at])
			at++
		} else {
			var n int
			if u, n = binary.Uvarint(data[at:]); n <= 0 {
				return fmt.Errorf("column ends early: %w", ErrMalformed)
			}
			at += n
		}
		delta = delta&keep + (int64(u>>1) ^ -int64(u&1))
		last += delta
		if last < r.lo || last > r.hi {
			return fmt.Errorf("column's value %d is out of range: %w", last, ErrMalformed)
		}
		values[i] = T(last)
	}
	r.rest, r.last, r.delta = data[at:], last, delta
	return nil
}

func (r *deltaReader[T]) end() error {
	if len(r.rest) > 0 {
		return fmt.Errorf("column has %d bytes too many: %w", len(r.rest), ErrMalformed)
	}
	return nil
}

// noMissing is a value that no time column holds.
const noMissing = -1 << 63

func samplesToPB(s *schema.Samples, mem *scratch) *pb.Samples {
	msg := &pb.Samples{
		Count:     uint32(s.Len()),
		TimeMs:    encodeColumn(&mem.columns[0], s.TimeMs, noMissing),
		HeartRate: encodeColumn(&mem.columns[1], s.HeartRate, noMissing),
	}
	from, to := s.Int32Columns(), columnsOf(msg)
	for k, col := range from {
		*to[k] = encodeColumn(&mem.columns[2+k], *col, int64(schema.Missing))
	}
	return msg
}

func samplesFromPB(msg *pb.Samples) (schema.Samples, error) {
	var s schema.Samples
	if msg == nil {
		return s, fmt.Errorf("session without samples: %w", ErrMalformed)
	}
	count := int(msg.GetCount())
	if count > MaxSamples {
		return s, fmt.Errorf("session of %d samples where %d are allowed: %w", count, MaxSamples, ErrTooLarge)
	}
	// Each time takes a byte or more, so that a small message cannot ask for
	// much memory.
	if count > len(msg.GetTimeMs().GetDeltas()) {
		return s, fmt.Errorf("session of %d samples without as many times: %w", count, ErrMalformed)
	}
	var err error
	if s.TimeMs, err = decodeColumn(msg.GetTimeMs(), count, int64(noMissing), -maxTimeMs, maxTimeMs); err != nil {
		return s, fmt.Errorf("times: %w", err)
	}
	if s.HeartRate, err = decodeColumn(msg.GetHeartRate(), count, uint8(0), 0, 255); err != nil {
		return s, fmt.Errorf("heart rates: %w", err)
	}
	from, to := columnsOf(msg), s.Int32Columns()
	for k, col := range from {
		*to[k], err = decodeColumn(*col, count, schema.Missing, int64(schema.Missing)+1, 1<<31-1)
		if err != nil {
			return s, fmt.Errorf("column %d: %w", k, err)
		}
	}
	if err := s.Validate(); err != nil {
		return s, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return s, nil
}

// columnsOf returns the int32 columns in the order of Samples.Int32Columns.
func columnsOf(msg *pb.Samples) [8]**pb.Column {
	return [8]**pb.Column{
		&msg.SpeedMmps, &msg.DistanceCm, &msg.AltitudeCm, &msg.Cadence_100,
		&msg.PowerW, &msg.LatE7, &msg.LonE7, &msg.TempDeciC,
	}
}
