package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/schema"
)

// An engine in this process gets samples as one block of ClickHouse's Native
// format, made while it reads from the columns of the sessions themselves.
// Through the driver the same rows are copied twice on the way and held twice.

// nativeSamples sends one insert of samples to the engine in this process.
func (s *Store) nativeSamples(ctx context.Context, part []slice) error {
	query := url.Values{
		"database": {s.database},
		"query":    {"INSERT INTO samples_versions (" + samplesColumns + ") FORMAT Native"},
	}
	for name, value := range insertSettings() {
		query.Set(name, fmt.Sprint(value))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://embedded/?"+query.Encode(), newSamplesBlock(part))
	if err != nil {
		return fmt.Errorf("make insert: %w", err)
	}
	res, err := s.engine.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("read the answer to an insert: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	code, err := strconv.ParseInt(res.Header.Get("X-ClickHouse-Exception-Code"), 10, 32)
	if err != nil {
		return fmt.Errorf("insert was answered with status %d: %s", res.StatusCode, bytes.TrimSpace(answer))
	}
	return &clickhouse.Exception{Code: int32(code), Message: string(bytes.TrimSpace(answer))}
}

// samplesTypes are the types of samplesColumns, in their order.
var samplesTypes = [...]struct{ name, kind string }{ //nolint:gochecknoglobals // a table that never changes
	{"athlete_id", "String"},
	{"session_id", "UUID"},
	{"decode", "UInt64"},
	{"t", "DateTime64(3, 'UTC')"},
	{"hr", "UInt8"},
	{"hr_flag", "UInt8"},
	{"speed_mmps", "Int32"},
	{"distance_cm", "Int32"},
	{"altitude_cm", "Int32"},
	{"cadence_100", "Int32"},
	{"power_w", "Int32"},
	{"lat_e7", "Int32"},
	{"lon_e7", "Int32"},
	{"temperature_dc", "Int32"},
}

// blockRows is how many values samplesBlock encodes at a time.
const blockRows = 8192

// samplesBlock reads as samples in the Native format: the number of columns
// and of rows, then each column with its name and type.
type samplesBlock struct {
	part   []slice
	rows   int
	column int    // the one that is being read
	at     int    // index into part
	done   int    // rows of part[at] that have been read
	ready  []byte // encoded and not yet read
	buf    []byte // used again
}

func newSamplesBlock(part []slice) *samplesBlock {
	b := &samplesBlock{part: part, column: -1}
	for _, p := range part {
		b.rows += p.to - p.from
	}
	return b
}

// Read encodes as much as is asked for.
func (b *samplesBlock) Read(p []byte) (int, error) {
	if len(b.ready) == 0 && !b.next() {
		return 0, io.EOF
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// next encodes the next piece and reports whether there was one.
func (b *samplesBlock) next() bool {
	b.buf = b.buf[:0]
	switch {
	case b.column < 0:
		b.buf = binary.AppendUvarint(b.buf, uint64(len(samplesTypes)))
		b.buf = binary.AppendUvarint(b.buf, uint64(b.rows)) //nolint:gosec // not negative
		b.begin(0)
	case b.column == len(samplesTypes):
		return false
	default:
		p := b.part[b.at]
		from := p.from + b.done
		to := min(p.to, from+blockRows)
		b.buf = appendSamples(b.buf, b.column, p, from, to)
		b.done += to - from
		if to == p.to {
			b.at, b.done = b.at+1, 0
		}
		if b.at == len(b.part) {
			b.begin(b.column + 1)
		}
	}
	b.ready = b.buf
	return true
}

// begin goes to the head of a column.
func (b *samplesBlock) begin(column int) {
	b.column, b.at, b.done = column, 0, 0
	if column == len(samplesTypes) {
		return
	}
	for _, text := range []string{samplesTypes[column].name, samplesTypes[column].kind} {
		b.buf = binary.AppendUvarint(b.buf, uint64(len(text)))
		b.buf = append(b.buf, text...)
	}
}

// appendSamples appends rows from to to of one column.
func appendSamples(buf []byte, column int, p slice, from, to int) []byte {
	var (
		env = p.row.Env
		s   = &env.Session.Samples
		n   = to - from
	)
	switch column {
	case 0:
		one := binary.AppendUvarint(nil, uint64(len(env.Athlete)))
		return appendRepeated(buf, append(one, env.Athlete...), n)
	case 1: // two little-endian halves
		one := binary.LittleEndian.AppendUint64(nil, binary.BigEndian.Uint64(env.ID[:8]))
		return appendRepeated(buf, binary.LittleEndian.AppendUint64(one, binary.BigEndian.Uint64(env.ID[8:])), n)
	case 2:
		return appendRepeated(buf, binary.LittleEndian.AppendUint64(nil, p.row.Decode), n)
	case 3:
		for _, ms := range s.TimeMs[from:to] {
			buf = binary.LittleEndian.AppendUint64(buf, uint64(ms)) //nolint:gosec // bits are kept
		}
		return buf
	case 4:
		if s.HeartRate == nil {
			return appendRepeated(buf, []byte{0}, n)
		}
		return append(buf, s.HeartRate[from:to]...)
	case 5:
		for _, flag := range p.row.Measured.HRFlags[from:to] {
			buf = append(buf, byte(flag))
		}
		return buf
	}
	col := *s.Int32Columns()[column-6]
	if col == nil {
		missing := schema.Missing
		return appendRepeated(buf, binary.LittleEndian.AppendUint32(nil, uint32(missing)), n) //nolint:gosec // bits are kept
	}
	for _, v := range col[from:to] {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(v)) //nolint:gosec // bits are kept
	}
	return buf
}

// appendRepeated appends one n times, doubling what is there.
func appendRepeated(buf, one []byte, n int) []byte {
	start, end := len(buf), len(buf)+n*len(one)
	buf = append(buf, one...)
	for len(buf) < end {
		buf = append(buf, buf[start:min(len(buf), start+end-len(buf))]...)
	}
	return buf
}
