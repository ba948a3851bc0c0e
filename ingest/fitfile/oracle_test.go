package fitfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/tormoder/fit"

	"plodwatch/ingest/fitfile"
	"plodwatch/schema"
)

// plain is a data message as the slow reader of the oracle sees it.
type plain struct {
	global uint16
	fields map[uint8]plainField
}

type plainField struct {
	base  uint8
	order binary.ByteOrder
	raw   []byte
}

// number returns the field as a number of its own type; ok is false when it is
// invalid or no number.
func (p plainField) number() (v int64, ok bool) {
	one := func(size int) []byte {
		if len(p.raw) == 0 || len(p.raw)%size != 0 {
			return nil
		}
		return p.raw[:size]
	}
	switch p.base & 0x1f {
	case 0, 2, 13:
		if b := one(1); b != nil {
			return int64(b[0]), b[0] != 0xff
		}
	case 1:
		if b := one(1); b != nil {
			return int64(int8(b[0])), b[0] != 0x7f
		}
	case 4:
		if b := one(2); b != nil {
			v := p.order.Uint16(b)
			return int64(v), v != 0xffff
		}
	case 3:
		if b := one(2); b != nil {
			v := int16(p.order.Uint16(b))
			return int64(v), v != 0x7fff
		}
	case 6:
		if b := one(4); b != nil {
			v := p.order.Uint32(b)
			return int64(v), v != 0xffffffff
		}
	case 5:
		if b := one(4); b != nil {
			v := int32(p.order.Uint32(b))
			return int64(v), v != 0x7fffffff
		}
	}
	return 0, false
}

// plainMessages reads the messages of a file one by one into maps, until
// something is wrong with it.
func plainMessages(data []byte) (out []plain) {
	for len(data) >= 12 && string(data[8:12]) == ".FIT" {
		start, size := int(data[0]), int(binary.LittleEndian.Uint32(data[4:]))
		end := min(start+size, len(data))
		if size == 0 {
			end = len(data)
		}
		messages, err := plainSection(data[:end], start)
		out = append(out, messages...)
		if err != nil && start+size+2 > len(data) {
			return out
		}
		data = data[min(end+2, len(data)):]
	}
	return out
}

var errPlain = errors.New("cannot go on")

func plainSection(data []byte, at int) (out []plain, err error) {
	type fieldDef struct {
		num, size, base uint8
		dev             bool
	}
	type def struct {
		global uint16
		order  binary.ByteOrder
		fields []fieldDef
	}
	defer func() {
		if recover() != nil { // ran past the end
			err = errPlain
		}
	}()
	defs := map[uint8]*def{}
	var last uint32
	for at < len(data) {
		h := data[at]
		at++
		local := h & 15
		if h&0x80 != 0 {
			local = h >> 5 & 3
		}
		if h&0xc0 == 0x40 {
			d := &def{order: binary.LittleEndian}
			if data[at+1] == 1 {
				d.order = binary.BigEndian
			}
			d.global = d.order.Uint16(data[at+2:])
			n := int(data[at+4])
			at += 5
			for range n {
				d.fields = append(d.fields, fieldDef{data[at], data[at+1], data[at+2], false})
				at += 3
			}
			if h&0x20 != 0 {
				n := int(data[at])
				at++
				for range n {
					d.fields = append(d.fields, fieldDef{data[at], data[at+1], data[at+2], true})
					at += 3
				}
			}
			defs[local] = d
			continue
		}
		d := defs[local]
		if d == nil {
			return out, errPlain
		}
		p := plain{global: d.global, fields: map[uint8]plainField{}}
		for _, f := range d.fields {
			raw := data[at : at+int(f.size)]
			at += int(f.size)
			if !f.dev {
				p.fields[f.num] = plainField{f.base, d.order, raw}
			}
		}
		if ts, ok := p.fields[253].number(); ok {
			last = uint32(ts)
		} else if h&0x80 != 0 && last != 0 {
			last += (uint32(h) - last) & 31
			p.fields[253] = plainField{tUint32, binary.LittleEndian, binary.LittleEndian.AppendUint32(nil, last)}
		}
		out = append(out, p)
	}
	return out, nil
}

// recordFields are the record fields that the oracle hands to tormoder/fit, in
// the types of the profile. Fields 8, 18 and 28 are not among them: they feed
// accumulators that all decoders of a process share.
func recordFields() []f {
	return []f{
		{253, 4, tUint32},
		{0, 4, tSint32},
		{1, 4, tSint32},
		{2, 2, tUint16},
		{3, 1, tUint8},
		{4, 1, tUint8},
		{5, 4, tUint32},
		{6, 2, tUint16},
		{7, 2, tUint16},
		{13, 1, tSint8},
		{53, 1, tUint8},
		{73, 4, tUint32},
		{78, 4, tUint32},
	}
}

// oracle sends the records of a file through tormoder/fit.
func oracle(t *testing.T, data []byte) (records []*fit.RecordMsg, packed []bool) {
	t.Helper()
	s := newStream()
	s.def(0, 0, f{0, 1, tEnum})
	s.data(0, 4)
	s.def(1, 20, recordFields()...)
	for _, p := range plainMessages(data) {
		if p.global != 20 {
			continue
		}
		if _, ok := p.fields[253].number(); !ok {
			continue // no time, no row
		}
		var values []any
		for _, f := range recordFields() {
			invalid := int64(1)<<(8*int64(f.size)) - 1
			if f.base == tSint32 || f.base == tSint8 {
				invalid >>= 1
			}
			v, ok := p.fields[f.num].number()
			if !ok || v > invalid {
				v = invalid
			}
			values = append(values, int(v))
		}
		s.data(1, values...)
		_, has := p.fields[8]
		packed = append(packed, has)
	}
	file, err := fit.Decode(bytes.NewReader(s.bytes()))
	if err != nil {
		t.Fatalf("oracle: %v", err)
	}
	activity, err := file.Activity()
	if err != nil {
		t.Fatalf("oracle: %v", err)
	}
	return activity.Records, packed
}

// sameRows compares rows with what tormoder/fit has read.
func sameRows(rows schema.Samples, records []*fit.RecordMsg, packed func(int) bool) error {
	if rows.Len() != len(records) {
		return fmt.Errorf("%d rows, tormoder/fit has %d records", rows.Len(), len(records))
	}
	for i, r := range records {
		if err := sameRow(&rows, i, r, packed(i)); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

func sameRow(rows *schema.Samples, i int, r *fit.RecordMsg, packed bool) error {
	if got, want := rows.TimeMs[i], r.Timestamp.UnixMilli(); got != want {
		return fmt.Errorf("time %d, want %d", got, want)
	}
	hr := r.HeartRate
	if hr == 0xff {
		hr = 0
	}
	if rows.HeartRate != nil && rows.HeartRate[i] != hr || rows.HeartRate == nil && hr != 0 {
		return fmt.Errorf("heart rate is not %d", hr)
	}
	altitude := math.NaN()
	switch {
	case r.EnhancedAltitude != 0xffffffff:
		altitude = float64(r.EnhancedAltitude)*20 - 50000
	case r.Altitude != 0xffff:
		altitude = float64(r.Altitude)*20 - 50000
	}
	speed := math.NaN()
	switch {
	case r.EnhancedSpeed != 0xffffffff:
		speed = float64(r.EnhancedSpeed)
	case r.Speed != 0xffff:
		speed = float64(r.Speed)
	}
	cadence := math.NaN()
	if r.Cadence != 0xff {
		cadence = float64(r.Cadence) * 100
		if r.FractionalCadence != 0xff {
			cadence += math.Trunc(float64(r.FractionalCadence) * 100 / 128)
		}
	}
	for _, c := range []struct {
		name string
		col  []int32
		want float64
		skip bool
	}{
		{"speed", rows.SpeedMMps, speed, packed},
		{"distance", rows.DistanceCm, orNaN(float64(r.Distance), r.Distance != 0xffffffff), packed},
		{"altitude", rows.AltitudeCm, altitude, false},
		{"cadence", rows.Cadence100, cadence, false},
		{"power", rows.PowerW, orNaN(float64(r.Power), r.Power != 0xffff), false},
		{"latitude", rows.LatE7, orNaN(r.PositionLat.Degrees()*1e7, !r.PositionLat.Invalid()), false},
		{"longitude", rows.LonE7, orNaN(r.PositionLong.Degrees()*1e7, !r.PositionLong.Invalid()), false},
		{"temperature", rows.TempDeciC, orNaN(float64(r.Temperature)*10, r.Temperature != 0x7f), false},
	} {
		if c.skip {
			continue
		}
		got := schema.Missing
		if c.col != nil {
			got = c.col[i]
		}
		missing := math.IsNaN(c.want) || c.want > math.MaxInt32
		if missing != (got == schema.Missing) || !missing && math.Abs(float64(got)-c.want) > 0.50001 {
			return fmt.Errorf("%s %d, want %v", c.name, got, c.want)
		}
	}
	return nil
}

func orNaN(v float64, ok bool) float64 {
	if !ok {
		return math.NaN()
	}
	return v
}

// eachFile runs a test over all real files there are.
func eachFile(t *testing.T, run func(t *testing.T, data []byte)) {
	t.Helper()
	seen := map[schema.ExportID]bool{} // some files are in both places
	each := func(t *testing.T, dir string) {
		for _, path := range fitFiles(t, dir) {
			data := readFile(t, path)
			id := schema.ExportIDOf(data)
			if seen[id] {
				continue
			}
			seen[id] = true
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) { run(t, data) })
		}
	}
	t.Run("tormoder", func(t *testing.T) { each(t, filepath.Join(tormoderDir(t), "testdata")) })
	t.Run("samples", func(t *testing.T) { each(t, samplesDir(t)) })
}

func TestEverySampleEqualsTheOracle(t *testing.T) {
	eachFile(t, func(t *testing.T, data []byte) {
		rows, err := fitfile.Rows(data)
		if err != nil {
			t.Fatal(err)
		}
		records, packed := oracle(t, data)
		if err := sameRows(rows, records, func(i int) bool { return packed[i] }); err != nil {
			t.Error(err)
		}
	})
}

func TestEqualsTormoderWhereverItAccepts(t *testing.T) {
	accepted := 0
	eachFile(t, func(t *testing.T, data []byte) {
		files, err := fit.DecodeChained(bytes.NewReader(data))
		if err != nil {
			t.Skipf("tormoder/fit refuses it: %v", err)
		}
		var records []*fit.RecordMsg
		for _, file := range files {
			activity, err := file.Activity()
			if err != nil {
				t.Skip("no activity")
			}
			for _, r := range activity.Records {
				if !fit.IsBaseTime(r.Timestamp) {
					records = append(records, r)
				}
			}
		}
		accepted++
		rows, err := fitfile.Rows(data)
		if err != nil {
			t.Fatal(err)
		}
		packed := func(i int) bool { return records[i].CompressedSpeedDistance != nil }
		if err := sameRows(rows, records, packed); err != nil {
			t.Error(err)
		}
		if len(files) == 1 {
			sameSummary(t, data, files[0])
		}
	})
	if accepted < 12 {
		t.Errorf("tormoder/fit accepted %d files only: nothing was compared", accepted)
	}
}

// sameSummary compares sessions, laps and timer events with those of
// tormoder/fit on the untouched file.
func sameSummary(t *testing.T, data []byte, file *fit.File) {
	t.Helper()
	activity, err := file.Activity()
	if err != nil {
		t.Fatal(err)
	}
	rec, refusal := decode(t, data)
	if refusal != nil || len(activity.Sessions) != 1 {
		return
	}
	s, want := &rec.Sessions[0], activity.Sessions[0]
	ms := func(v uint32) int64 {
		if v == 0xffffffff {
			return 0
		}
		return int64(v)
	}
	if s.Watch.ElapsedMs != ms(want.TotalElapsedTime) || s.Watch.TimerMs != ms(want.TotalTimerTime) ||
		s.Watch.DistanceCm != ms(want.TotalDistance) {
		t.Errorf("summary %+v, want %d, %d, %d", s.Watch, want.TotalElapsedTime, want.TotalTimerTime, want.TotalDistance)
	}
	if len(s.Laps) != len(activity.Laps) {
		t.Errorf("%d laps, want %d", len(s.Laps), len(activity.Laps))
	}
	for i, lap := range s.Laps {
		w := activity.Laps[i]
		if lap.TimerMs != ms(w.TotalTimerTime) || lap.StartMs != w.StartTime.UnixMilli() && !fit.IsBaseTime(w.StartTime) {
			t.Errorf("lap %d: %+v, want %v %d", i, lap, w.StartTime, w.TotalTimerTime)
		}
	}
	var events []schema.TimerEvent
	for _, e := range activity.Events {
		if e.Event != fit.EventTimer {
			continue
		}
		switch e.EventType {
		case fit.EventTypeStart:
			events = append(events, schema.TimerEvent{AtMs: e.Timestamp.UnixMilli()})
		case fit.EventTypeStop, fit.EventTypeStopAll, fit.EventTypeStopDisable, fit.EventTypeStopDisableAll:
			events = append(events, schema.TimerEvent{AtMs: e.Timestamp.UnixMilli(), Stop: true})
		}
	}
	if len(events) != len(s.TimerEvents) {
		t.Fatalf("%d timer events, want %d", len(s.TimerEvents), len(events))
	}
	for i, e := range events {
		if s.TimerEvents[i] != e {
			t.Errorf("timer event %d: %+v, want %+v", i, s.TimerEvents[i], e)
		}
	}
}

func TestCompressedDistanceAddsUpToTheWatchsOwn(t *testing.T) {
	data := readFile(t, filepath.Join(tormoderDir(t), "testdata/python-fitparse/compressed-speed-distance.fit"))
	for range 2 { // tormoder/fit adds the second time to the first
		rows, err := fitfile.Rows(data)
		if err != nil {
			t.Fatal(err)
		}
		const watch = 1024867 // session.total_distance, cm
		last := rows.DistanceCm[rows.Len()-1]
		if math.Abs(float64(last)-watch) > 0.01*watch {
			t.Errorf("distance %d cm, the watch says %d", last, watch)
		}
	}
}

// fitTime is a time well inside the absolute range.
const fitTime = 1_000_000_000

func unixMs(ts int) int64 {
	epoch := time.Date(1989, time.December, 31, 0, 0, 0, 0, time.UTC)
	return epoch.Add(time.Duration(ts) * time.Second).UnixMilli()
}
