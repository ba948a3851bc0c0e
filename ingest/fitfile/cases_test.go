package fitfile_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/tormoder/fit/dyncrc16"

	"plodwatch/schema"
)

// activity begins a file of type activity, created at fitTime.
func activity() *stream { return typed(4) }

func typed(fileType int) *stream {
	return newStream().fileID(fileType, fitTime)
}

func (s *stream) fileID(fileType, created int) *stream {
	s.def(0, 0, f{0, 1, tEnum}, f{4, 4, tUint32}, f{1, 2, tUint16}, f{2, 2, tUint16})
	return s.data(0, fileType, created, 1, 1836)
}

// session writes a session message.
func (s *stream) session(start, elapsedMs, sport int) *stream {
	s.def(2, 18, f{253, 4, tUint32}, f{2, 4, tUint32}, f{7, 4, tUint32}, f{5, 1, tEnum}, f{6, 1, tEnum})
	return s.data(2, start+elapsedMs/1000, start, elapsedMs, sport, 0)
}

// hr writes a record with a time and a heart rate.
func (s *stream) hr(t int, bpm ...int) *stream {
	s.def(1, 20, f{253, 4, tUint32}, f{3, 1, tUint8})
	for i, v := range bpm {
		s.data(1, t+i, v)
	}
	return s
}

// timer writes a timer event.
func (s *stream) timer(t, kind int) *stream {
	s.def(3, 21, f{253, 4, tUint32}, f{0, 1, tEnum}, f{1, 1, tEnum})
	return s.data(3, t, 0, kind)
}

// taken decodes data that must be decoded or salvaged.
func taken(t *testing.T, data []byte) *schema.Recording {
	t.Helper()
	rec, refusal := decode(t, data)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return rec
}

// refused decodes data that must be refused with a reason.
func refused(t *testing.T, data []byte, outcome schema.Outcome, reason schema.Reason) *schema.Refusal {
	t.Helper()
	_, refusal := decode(t, data)
	if refusal == nil {
		t.Fatalf("taken, want %s: %s", outcome, reason)
	}
	if refusal.Outcome != outcome || refusal.Reason != reason {
		t.Fatalf("%v, want %s: %s", refusal, outcome, reason)
	}
	return refusal
}

func wantHR(t *testing.T, rec *schema.Recording, want ...uint8) {
	t.Helper()
	if len(rec.Sessions) != 1 {
		t.Fatalf("%d sessions, want 1", len(rec.Sessions))
	}
	if got := rec.Sessions[0].Samples.HeartRate; !slices.Equal(got, want) {
		t.Errorf("heart rates %v, want %v", got, want)
	}
}

func wantFlags(t *testing.T, rec *schema.Recording, want ...schema.Flag) {
	t.Helper()
	if !slices.Equal(rec.Flags, want) {
		t.Errorf("flags %v, want %v", rec.Flags, want)
	}
}

func wantOutcome(t *testing.T, rec *schema.Recording, outcome schema.Outcome, reason schema.Reason) {
	t.Helper()
	if rec.Outcome != outcome || rec.Reason != reason {
		t.Errorf("outcome %s %q, want %s %q", rec.Outcome, rec.Reason, outcome, reason)
	}
}

func TestHeaders(t *testing.T) {
	body := activity().session(fitTime, 3000, 1).hr(fitTime, 100, 101, 102).body
	for name, c := range map[string]struct {
		data    []byte
		flags   []schema.Flag
		outcome schema.Outcome
		reason  schema.Reason
	}{
		"12 bytes":    {section(body, 12, len(body)), nil, schema.OutcomeDecoded, ""},
		"14 bytes":    {section(body, 14, len(body)), nil, schema.OutcomeDecoded, ""},
		"16 bytes":    {section(body, 16, len(body)), nil, schema.OutcomeDecoded, ""},
		"no checksum": {resum(section(body, 14, len(body)), func(b []byte) { b[12], b[13] = 0, 0 }), nil, schema.OutcomeDecoded, ""},
		"wrong header checksum": {
			resum(section(body, 14, len(body)), func(b []byte) { b[12]++ }),
			[]schema.Flag{schema.FlagCRCBad},
			schema.OutcomeSalvaged, schema.ReasonCRC,
		},
		"wrong checksum": {
			change(section(body, 14, len(body)), func(b []byte) { b[len(b)-1]++ }),
			[]schema.Flag{schema.FlagCRCBad},
			schema.OutcomeSalvaged, schema.ReasonCRC,
		},
		"no data size": {
			section(body, 14, 0),
			[]schema.Flag{schema.FlagTruncated, schema.FlagUnfinalised},
			schema.OutcomeSalvaged, schema.ReasonTruncated,
		},
		"data size past the end": {
			section(body, 14, len(body)+1000),
			[]schema.Flag{schema.FlagTruncated},
			schema.OutcomeSalvaged, schema.ReasonTruncated,
		},
		"huge data size": {
			section(body, 14, 0xfffffff0),
			[]schema.Flag{schema.FlagTruncated},
			schema.OutcomeSalvaged, schema.ReasonTruncated,
		},
		"cut in the checksum": {
			cut(section(body, 14, len(body)), 1),
			[]schema.Flag{schema.FlagTruncated},
			schema.OutcomeSalvaged, schema.ReasonTruncated,
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec := taken(t, c.data)
			wantFlags(t, rec, c.flags...)
			wantOutcome(t, rec, c.outcome, c.reason)
			wantHR(t, rec, 100, 101, 102)
			if (rec.Detail != "") != (c.outcome == schema.OutcomeSalvaged) {
				t.Errorf("detail %q", rec.Detail)
			}
		})
	}
}

func change(b []byte, how func([]byte)) []byte {
	b = bytes.Clone(b)
	how(b)
	return b
}

// resum changes a section and mends its checksum.
func resum(b []byte, how func([]byte)) []byte {
	b = change(b, how)
	n := len(b) - 2
	binary.LittleEndian.PutUint16(b[n:], dyncrc16.Checksum(b[:n]))
	return b
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

func TestCutInsideARecordKeepsTheOnesBefore(t *testing.T) {
	whole := activity().session(fitTime, 9000, 1).hr(fitTime, 100, 101, 102).bytes()
	rec := taken(t, cut(whole, 2+3))
	wantHR(t, rec, 100, 101)
	wantFlags(t, rec, schema.FlagTruncated)
	if !strings.Contains(rec.Detail, "byte") {
		t.Errorf("detail %q says no byte position", rec.Detail)
	}
}

func TestBothByteOrdersReadTheSame(t *testing.T) {
	build := func(s *stream) []byte {
		s.fileID(4, fitTime).session(fitTime, 3000, 2)
		s.def(
			1, 20, f{253, 4, tUint32}, f{3, 1, tUint8}, f{5, 4, tUint32}, f{6, 2, tUint16}, f{2, 2, tUint16},
			f{0, 4, tSint32}, f{1, 4, tSint32}, f{7, 2, tUint16}, f{13, 1, tSint8}, f{4, 1, tUint8}, f{53, 1, tUint8},
		)
		s.data(1, fitTime, 120, 1234, 2500, 3000, 1<<29, -(1 << 28), 250, -5, 90, 64)
		return s.bytes()
	}
	want := schema.Samples{
		TimeMs: []int64{unixMs(fitTime)}, HeartRate: []uint8{120}, SpeedMMps: []int32{2500}, DistanceCm: []int32{1234},
		AltitudeCm: []int32{10000}, Cadence100: []int32{9050}, PowerW: []int32{250},
		LatE7: []int32{45_0000000}, LonE7: []int32{-22_5000000}, TempDeciC: []int32{-50},
	}
	for name, s := range map[string]*stream{"little": newStream(), "big": newStream().big()} {
		got := taken(t, build(s)).Sessions[0].Samples
		if !sameSamples(got, want) {
			t.Errorf("%s-endian: %+v, want %+v", name, got, want)
		}
	}
}

func sameSamples(a, b schema.Samples) bool {
	if !slices.Equal(a.TimeMs, b.TimeMs) || !slices.Equal(a.HeartRate, b.HeartRate) {
		return false
	}
	ca, cb := a.Int32Columns(), b.Int32Columns()
	for i := range ca {
		if !slices.Equal(*ca[i], *cb[i]) {
			return false
		}
	}
	return true
}

func TestCompressedTimestampsRollOver(t *testing.T) {
	base := fitTime &^ 31
	s := activity().session(base, 60000, 1).hr(base+29, 100)
	s.def(0, 20, f{3, 1, tUint8})
	s.compressed(0, 30, 101).compressed(0, 1, 102).compressed(0, 1, 103).compressed(0, 0, 104)
	rec := taken(t, s.bytes())
	got := rec.Sessions[0].Samples.TimeMs
	want := []int64{unixMs(base + 29), unixMs(base + 30), unixMs(base + 33), unixMs(base + 64)}
	if !slices.Equal(got, want) {
		t.Errorf("times %v, want %v", got, want)
	}
	wantHR(t, rec, 100, 101, 103, 104) // 102 and 103 share an instant
	wantFlags(t, rec, schema.FlagDuplicateTimes)
}

func TestOddDefinitions(t *testing.T) {
	for name, c := range map[string]struct {
		field   f
		value   any
		want    []uint8 // heart rates
		dropped int
	}{
		"as the profile has it":    {f{3, 1, tUint8}, 150, []uint8{150}, 0},
		"as enum":                  {f{3, 1, tEnum}, 150, []uint8{150}, 0},
		"wide":                     {f{3, 2, tUint16}, 150, []uint8{150}, 0},
		"wide and too large":       {f{3, 2, tUint16}, 300, nil, 1},
		"wide and invalid":         {f{3, 2, tUint16}, 0xffff, nil, 0},
		"signed":                   {f{3, 1, tSint8}, 99, []uint8{99}, 0},
		"signed and negative":      {f{3, 1, tSint8}, -3, nil, 1},
		"floating point":           {f{3, 4, tFloat32}, 149.6, []uint8{150}, 0},
		"an array":                 {f{3, 3, tUint8}, []byte{140, 141, 142}, []uint8{140}, 0},
		"zero":                     {f{3, 1, tUint8}, 0, nil, 0},
		"invalid":                  {f{3, 1, tUint8}, 255, nil, 0},
		"a string":                 {f{3, 4, tString}, "abc", nil, 0},
		"an unknown type":          {f{3, 5, 0x95}, []byte{1, 2, 3, 4, 5}, nil, 0},
		"size no multiple of type": {f{3, 3, tUint16}, []byte{150, 0, 0}, nil, 0},
		"size zero":                {f{3, 0, tUint8}, []byte{}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := activity().session(fitTime, 5000, 1)
			s.def(1, 20, f{253, 4, tUint32}, c.field, f{4, 1, tUint8})
			s.data(1, fitTime, c.value, 80)
			rec := taken(t, s.bytes())
			wantHR(t, rec, c.want...)
			if rec.DroppedValues != c.dropped {
				t.Errorf("%d values dropped, want %d", rec.DroppedValues, c.dropped)
			}
			if got := rec.Sessions[0].Samples.Cadence100; !slices.Equal(got, []int32{8000}) {
				t.Errorf("the field after it reads %v, want 8000", got)
			}
		})
	}
}

func TestEnhancedFieldsWin(t *testing.T) {
	s := activity().session(fitTime, 5000, 2)
	s.def(1, 20, f{253, 4, tUint32}, f{73, 4, tUint32}, f{6, 2, tUint16}, f{78, 4, tUint32}, f{2, 2, tUint16})
	s.data(1, fitTime, 70000, 65534, 40000, 2500)
	s.data(1, fitTime+1, 0xffffffff, 4000, 0xffffffff, 2500)
	got := taken(t, s.bytes()).Sessions[0].Samples
	if !slices.Equal(got.SpeedMMps, []int32{70000, 4000}) || !slices.Equal(got.AltitudeCm, []int32{750000, 0}) {
		t.Errorf("speed %v altitude %v", got.SpeedMMps, got.AltitudeCm)
	}
}

func TestValuesBeyondTheirColumnAreDropped(t *testing.T) {
	s := activity().session(fitTime, 5000, 2)
	s.def(1, 20, f{253, 4, tUint32}, f{5, 4, tUint32}, f{78, 4, tUint32}, f{0, 4, tSint32}, f{3, 1, tUint8})
	s.data(1, fitTime, 0xfffffff0, 0xfffffff0, 0x7ffffff0, 99)
	rec := taken(t, s.bytes())
	wantHR(t, rec, 99)
	wantFlags(t, rec, schema.FlagDroppedValues)
	if m := rec.Sessions[0].Samples; m.DistanceCm != nil || m.AltitudeCm != nil || m.LatE7 != nil || rec.DroppedValues != 3 {
		t.Errorf("%+v, %d values dropped", m, rec.DroppedValues)
	}
}

func TestDeveloperFields(t *testing.T) {
	describe := func(s *stream, nativeField int) *stream {
		s.def(5, 206, f{0, 1, tUint8}, f{1, 1, tUint8}, f{2, 1, tUint8}, f{14, 2, tUint16}, f{15, 1, tUint8})
		return s.data(5, 0, 7, tUint8, 20, nativeField)
	}
	t.Run("are skipped", func(t *testing.T) {
		s := activity().session(fitTime, 5000, 1)
		s.devDef(1, 20, []f{{253, 4, tUint32}, {3, 1, tUint8}}, []f{{7, 3, 0}, {8, 1, 1}})
		s.data(1, fitTime, 140, []byte{1, 2, 3}, 9).data(1, fitTime+1, 141, []byte{1, 2, 3}, 9)
		wantHR(t, taken(t, s.bytes()), 140, 141)
	})
	t.Run("stand alone", func(t *testing.T) {
		s := activity().session(fitTime, 5000, 1)
		s.devDef(1, 20, nil, []f{{7, 1, 0}})
		s.data(1, 9)
		s.hr(fitTime+1, 141)
		rec := taken(t, s.bytes())
		wantHR(t, rec, 141)
		if rec.Raw.Records != 2 {
			t.Errorf("%d records, want 2", rec.Raw.Records)
		}
	})
	t.Run("heart rate as a last resort", func(t *testing.T) {
		s := describe(activity().session(fitTime, 5000, 1), 3)
		s.devDef(1, 20, []f{{253, 4, tUint32}}, []f{{7, 1, 0}})
		s.data(1, fitTime, 131).data(1, fitTime+1, 132).data(1, fitTime+2, 255)
		rec := taken(t, s.bytes())
		wantHR(t, rec, 131, 132, 0)
		wantFlags(t, rec, schema.FlagHRFromDeveloper)
		if rec.Raw.HRRecords != 0 {
			t.Errorf("%d raw heart rates, want none", rec.Raw.HRRecords)
		}
	})
	t.Run("native heart rate wins", func(t *testing.T) {
		s := describe(activity().session(fitTime, 5000, 1), 3)
		s.devDef(1, 20, []f{{253, 4, tUint32}, {3, 1, tUint8}}, []f{{7, 1, 0}})
		s.data(1, fitTime, 150, 131)
		rec := taken(t, s.bytes())
		wantHR(t, rec, 150)
		wantFlags(t, rec)
	})
	t.Run("other natives do not count", func(t *testing.T) {
		s := describe(activity().session(fitTime, 5000, 1), 4)
		s.devDef(1, 20, []f{{253, 4, tUint32}}, []f{{7, 1, 0}})
		s.data(1, fitTime, 131)
		wantHR(t, taken(t, s.bytes()))
	})
}

func TestCompressedSpeedAndDistance(t *testing.T) {
	packed := func(speed, distance int) []byte {
		return []byte{byte(speed), byte(speed>>8) | byte(distance<<4), byte(distance >> 4)}
	}
	s := activity().session(fitTime, 5000, 1)
	s.def(1, 20, f{253, 4, tUint32}, f{8, 3, tByte})
	s.data(1, fitTime, packed(300, 4000)).data(1, fitTime+1, packed(310, 4090)).data(1, fitTime+2, packed(320, 84))
	s.data(1, fitTime+3, []byte{255, 255, 255})
	for range 2 { // nothing stays from one file to the next
		got := taken(t, s.bytes()).Sessions[0].Samples
		if want := []int32{3000, 3100, 3200, schema.Missing}; !slices.Equal(got.SpeedMMps, want) {
			t.Errorf("speed %v, want %v", got.SpeedMMps, want)
		}
		if want := []int32{25000, 25562, 26125, schema.Missing}; !slices.Equal(got.DistanceCm, want) {
			t.Errorf("distance %v, want %v", got.DistanceCm, want)
		}
	}
}

func TestRecordsWithoutTimes(t *testing.T) {
	s := activity()
	s.def(1, 20, f{3, 1, tUint8}).data(1, 100).data(1, 110)
	rec, refusal := decode(t, s.bytes())
	if refusal == nil || refusal.Reason != schema.ReasonNoSamples || refusal.Outcome != schema.OutcomeSkipped {
		t.Fatalf("refusal %v, want no samples", refusal)
	}
	want := schema.RawCounts{Records: 2, HRRecords: 2, HRSum: 210, HRAfterMerge: 2}
	if rec.Raw != want {
		t.Errorf("raw %+v, want %+v", rec.Raw, want)
	}
}

func TestOrderAndRepeats(t *testing.T) {
	s := activity().session(fitTime, 10000, 1)
	s.def(1, 20, f{253, 4, tUint32}, f{3, 1, tUint8}, f{4, 1, tUint8})
	s.data(1, fitTime, 100, 80)
	s.data(1, fitTime+3, 103, 83)
	s.data(1, fitTime+2, 102, 82)
	s.data(1, fitTime+3, 0, 84)   // the heart rate of before stays
	s.data(1, fitTime+2, 99, 255) // the cadence of before stays
	rec := taken(t, s.bytes())
	got := rec.Sessions[0].Samples
	if want := []int64{unixMs(fitTime), unixMs(fitTime + 2), unixMs(fitTime + 3)}; !slices.Equal(got.TimeMs, want) {
		t.Errorf("times %v, want %v", got.TimeMs, want)
	}
	wantHR(t, rec, 100, 99, 103)
	if want := []int32{8000, 8200, 8400}; !slices.Equal(got.Cadence100, want) {
		t.Errorf("cadence %v, want %v", got.Cadence100, want)
	}
	wantFlags(t, rec, schema.FlagBackwardTimes, schema.FlagDuplicateTimes)
}
