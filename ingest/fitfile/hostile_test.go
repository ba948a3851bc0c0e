package fitfile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"plodwatch/ingest/fitfile"
	"plodwatch/schema"
)

// allocated returns the bytes that run allocates.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestWhatIsNoFITIsRejected(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	for name, c := range map[string]struct {
		data   []byte
		reason schema.Reason
	}{
		"empty":              {nil, schema.ReasonEmpty},
		"one byte":           {[]byte{14}, schema.ReasonMalformed},
		"a header cut off":   {section(nil, 14, 0)[:11], schema.ReasonMalformed},
		"random":             {noise, schema.ReasonMalformed},
		"random with header": {section(noise, 14, len(noise)), schema.ReasonMalformed},
		"text":               {[]byte("<?xml version=\"1.0\"?><gpx></gpx>"), schema.ReasonMalformed},
		"size byte too low":  {change(activity().bytes(), func(b []byte) { b[0] = 3 }), schema.ReasonMalformed},
		"too large":          {make([]byte, fitfile.MaxFileBytes+1), schema.ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := refused(t, c.data, schema.OutcomeRejected, c.reason)
			if c.reason == schema.ReasonMalformed && !strings.Contains(refusal.Detail, "byte ") {
				t.Errorf("detail %q says no byte position", refusal.Detail)
			}
		})
	}
}

func TestErrorsNameTheByte(t *testing.T) {
	s := activity()
	at := 14 + len(s.body)
	s.body = append(s.body, 0x07) // data of a message that was never defined
	refusal := refused(t, s.bytes(), schema.OutcomeRejected, schema.ReasonMalformed)
	if want := "read message at byte 42: local message 7 is not defined"; at != 42 || refusal.Detail != want {
		t.Errorf("detail %q at %d, want %q", refusal.Detail, at, want)
	}
}

func TestDamageInTheMiddleKeepsTheRest(t *testing.T) {
	good := activity().session(fitTime, 9000, 1).hr(fitTime, 100, 101).bytes()
	more := activity().hr(fitTime+5, 105, 106).bytes()
	broken := activity().hr(fitTime+2, 102)
	broken.body = append(broken.body, 0x07, 1, 2, 3)
	for name, c := range map[string]struct {
		data  []byte
		hr    []uint8
		flags []schema.Flag
	}{
		"chained":               {slices.Concat(good, more), []uint8{100, 101, 105, 106}, []schema.Flag{schema.FlagChained}},
		"a broken section":      {slices.Concat(good, broken.bytes(), more), []uint8{100, 101, 102, 105, 106}, []schema.Flag{schema.FlagChained, schema.FlagCorrupt}},
		"noise between":         {slices.Concat(good, []byte("noise that is long enough"), more), []uint8{100, 101, 105, 106}, []schema.Flag{schema.FlagChained, schema.FlagCorrupt}},
		"noise behind":          {slices.Concat(good, []byte("noise that is long enough")), []uint8{100, 101}, []schema.Flag{schema.FlagCorrupt}},
		"zeros behind":          {slices.Concat(good, make([]byte, 500)), []uint8{100, 101}, nil},
		"the second is cut off": {slices.Concat(good, cut(more, 4)), []uint8{100, 101, 105}, []schema.Flag{schema.FlagChained, schema.FlagTruncated}},
		"no size, then another": {
			slices.Concat(section(activity().session(fitTime, 9000, 1).hr(fitTime, 100, 101).body, 14, 0), more),
			[]uint8{100, 101, 105, 106},
			[]schema.Flag{schema.FlagChained, schema.FlagCorrupt, schema.FlagTruncated, schema.FlagUnfinalised},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec := taken(t, c.data)
			wantHR(t, rec, c.hr...)
			wantFlags(t, rec, c.flags...)
		})
	}
}

func TestHostileFilesStayWithinTheirMemory(t *testing.T) {
	const mebibyte = 1 << 20
	definitions := newStream().fileID(4, fitTime)
	for range 100_000 {
		definitions.def(1, 20, f{253, 4, tUint32}, f{3, 1, tUint8})
	}
	wide := newStream().fileID(4, fitTime)
	fields := make([]f, 255)
	for i := range fields {
		fields[i] = f{uint8(i), 255, tByte}
	}
	for i := range 5000 {
		wide.def(uint8(i%16), 20, fields...)
	}
	empty := newStream().fileID(4, fitTime)
	empty.def(1, 18).def(2, 19).def(3, 20).def(5, 132).def(6, 216).def(7, 21).def(8, 77)
	for _, local := range []byte{1, 2, 3, 5, 6, 7, 8} {
		empty.body = append(empty.body, bytes.Repeat([]byte{local}, mebibyte)...)
	}
	ticking := newStream().fileID(4, fitTime).hr(fitTime, 100)
	ticking.def(1, 20, recordFields()...)
	ticking.def(0, 20)
	ticking.body = append(ticking.body, bytes.Repeat([]byte{0x80 | 1, 0x80 | 2}, 3*mebibyte)...)
	sections := activity().hr(fitTime, 100).bytes()
	beats := newStream().fileID(4, fitTime).hr(fitTime, 100)
	beats.def(4, 132, f{253, 4, tUint32}, f{6, 1, tUint8}, f{9, 4, tUint32})
	for i := range 300_000 { // each more than 5 s from the one before
		beats.data(4, fitTime+10*i, 100, 10240*i)
	}
	described := newStream().fileID(4, fitTime)
	described.def(5, 206, f{0, 1, tUint8}, f{1, 1, tUint8}, f{2, 1, tUint8}, f{15, 1, tUint8})
	for i := range 60_000 {
		described.data(5, i>>8&0x7f, i, tUint8, 3)
	}
	for name, c := range map[string]struct {
		data []byte
		most uint64 // MiB
	}{
		"100k definitions":      {definitions.bytes(), 2},
		"wide definitions":      {wide.bytes(), 4},
		"zero-size messages":    {empty.bytes(), 64},
		"ticking empty records": {ticking.bytes(), 700},
		"sections":              {bytes.Repeat(sections, 20_000), 32},
		"heart rate messages":   {beats.bytes(), 400},
		"field descriptions":    {described.bytes(), 4},
	} {
		t.Run(name, func(t *testing.T) {
			var rec *schema.Recording
			got := allocated(func() { rec, _ = decode(t, c.data) })
			t.Logf("%d bytes of file, %.1f MiB allocated", len(c.data), float64(got)/mebibyte)
			if got > c.most*mebibyte {
				t.Errorf("%d MiB allocated, want at most %d", got/mebibyte, c.most)
			}
			if rec == nil {
				t.Error("no recording")
			}
		})
	}
}

func TestBudgets(t *testing.T) {
	sessions := activity().hr(fitTime, 100)
	for i := range 1000 {
		sessions.session(fitTime+10*i, 5000, 1)
	}
	rec := taken(t, sessions.bytes())
	wantFlags(t, rec, schema.FlagBudget)
	wantOutcome(t, rec, schema.OutcomeSalvaged, schema.ReasonOverBudget)
	if len(rec.Sessions) != 256 || rec.Raw.Sessions != 1000 {
		t.Errorf("%d sessions of %d", len(rec.Sessions), rec.Raw.Sessions)
	}
	rec = taken(t, bytes.Repeat(activity().session(fitTime, 1000, 1).hr(fitTime, 100).bytes(), 300))
	if !slices.Contains(rec.Flags, schema.FlagBudget) || rec.Raw.Records != 256 {
		t.Errorf("flags %v, %d records", rec.Flags, rec.Raw.Records)
	}
}

func TestDecoderReads(t *testing.T) {
	data := activity().session(fitTime, 2000, 1).hr(fitTime, 100, 101).bytes()
	var d fitfile.Decoder
	for name, size := range map[string]int64{"known": int64(len(data)), "unknown": -1, "wrong": 5} {
		rec, err := d.Decode(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), size)
		if err != nil || len(rec.Sessions) != 1 || rec.DecoderVersion != fitfile.DecoderVersion || rec.Format != schema.FormatFIT {
			t.Errorf("size %s: %+v, %v", name, rec, err)
		}
	}
	cause := errors.New("cable pulled")
	if _, err := d.Decode(t.Context(), iotest.ErrReader(cause), -1); !errors.Is(err, cause) || schema.AsRefusal(err) != nil {
		t.Errorf("error %v, want the reader's", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Decode(ctx, bytes.NewReader(data), -1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	for _, size := range []int64{-1, fitfile.MaxFileBytes + 1} {
		_, err := d.Decode(t.Context(), io.LimitReader(zeros{}, fitfile.MaxFileBytes+1), size)
		if r := schema.AsRefusal(err); r == nil || r.Reason != schema.ReasonTooLarge {
			t.Errorf("size %d: %v, want too large", size, err)
		}
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEveryCutOfARealFileIsSalvaged(t *testing.T) {
	data := readFile(t, filepath.Join(tormoderDir(t), "testdata/misc/2013-02-06-12-11-14.fit"))
	before := 0
	for n := 600; n < len(data); n += 61 {
		rec, _ := decode(t, data[:n])
		if rec == nil {
			t.Fatalf("nothing of %d bytes", n)
		}
		if rec.Raw.Records < before {
			t.Fatalf("%d records in %d bytes, but %d in fewer", rec.Raw.Records, n, before)
		}
		before = rec.Raw.Records
	}
	if before < 580 {
		t.Errorf("%d records at the end", before)
	}
}

func FuzzDecode(f *testing.F) {
	dir := filepath.Join(tormoderDir(f), "testdata")
	for _, path := range fitFiles(f, dir) {
		if data := readFile(f, path); len(data) < 1<<16 {
			f.Add(data)
		}
	}
	f.Add(activity().session(fitTime, 4000, 5).session(fitTime+4, 3000, 3).hr(fitTime, 100, 101, 102).bytes())
	f.Add(section(activity().hr(fitTime, 100).body, 14, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, refusal := decode(t, data)
		if rec == nil || refusal != nil {
			return
		}
		samples := 0
		for i := range rec.Sessions {
			samples += rec.Sessions[i].Samples.Len()
		}
		if samples+rec.Unassigned > rec.Raw.Records {
			t.Errorf("%d samples and %d unassigned from %d records", samples, rec.Unassigned, rec.Raw.Records)
		}
		if slices.Contains(rec.Flags, schema.FlagSummaryMissing) {
			t.Errorf("the canonical stream was refused: %s", rec.Detail)
		}
		mended := bytes.Clone(data) // with right checksums the same must come out, or more
		if len(mended) >= 14 && mended[0] == 14 {
			binary.LittleEndian.PutUint16(mended[12:], 0)
			again, _ := decode(t, mended)
			if again == nil || again.Raw.Records != rec.Raw.Records {
				t.Error("the header checksum changes the records")
			}
		}
	})
}
