package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"plodwatch/schema"
	"plodwatch/schema/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCodec(t testing.TB) *wire.Codec {
	t.Helper()
	codec, err := wire.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// run returns a made-up run of n seconds with the channels of a watch.
func run(n int, seed uint64) *schema.Envelope {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := schema.Samples{
		TimeMs:    make([]int64, n),
		HeartRate: make([]uint8, n),
		SpeedMMps: make([]int32, n),
	}
	heart, speed := 140.0, 2800.0
	for i := range n {
		s.TimeMs[i] = 1_700_000_000_000 + int64(i)*1000
		heart += rnd.NormFloat64()*0.6 + (140-heart)*0.01
		speed += rnd.NormFloat64()*30 + (2800-speed)*0.05
		s.HeartRate[i] = uint8(heart)
		s.SpeedMMps[i] = int32(speed)
	}
	return &schema.Envelope{
		Athlete:        "me",
		Export:         schema.ExportIDOf([]byte("file")),
		ID:             schema.SessionIDOf("me", schema.ExportIDOf([]byte("file")), 0),
		Format:         schema.FormatFIT,
		DecoderVersion: 1,
		ReceivedMs:     1_700_000_100_000,
		Session: schema.Session{
			Sport:   schema.SportRunning,
			StartMs: 1_700_000_000_000,
			EndMs:   1_700_000_000_000 + int64(n)*1000,
			Feel:    -1,
			Samples: s,
		},
	}
}

// allColumns is run with every column, some of them with holes.
func allColumns(n int, seed uint64) *schema.Envelope {
	env := run(n, seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	s := &env.Session.Samples
	for k, col := range s.Int32Columns() {
		if *col != nil {
			continue
		}
		values := make([]int32, n)
		at := int32(rnd.IntN(1000) * (k + 1))
		for i := range values {
			at += int32(rnd.IntN(21) - 8)
			values[i] = at
			if k == 3 && i%2 == 1 || k == 4 && i > n/2 || k == 5 && i < 3 {
				values[i] = schema.Missing
			}
		}
		*col = values
	}
	return env
}

func TestSessionsComeBackAsTheyWere(t *testing.T) {
	codec := newCodec(t)
	noSamples := run(0, 1)
	noSamples.Session.Samples = schema.Samples{}
	extreme := run(4, 1)
	extreme.Session.Samples.SpeedMMps = []int32{math.MaxInt32, math.MinInt32 + 1, math.MaxInt32, math.MinInt32 + 1}
	extreme.Session.Samples.HeartRate = []uint8{255, 0, 255, 0}
	extreme.Session.Samples.PowerW = []int32{schema.Missing, schema.Missing, schema.Missing, schema.Missing}
	extreme.Session.Samples.TimeMs = []int64{-1 << 48, 0, 1, 1 << 48}
	for name, env := range map[string]*schema.Envelope{
		"an hour":       run(3600, 1),
		"every column":  allColumns(5000, 2),
		"one sample":    allColumns(1, 3),
		"no samples":    noSamples,
		"extreme":       extreme,
		"time only":     {Athlete: "a", Session: schema.Session{Samples: schema.Samples{TimeMs: []int64{5, 7}}}},
		"smart records": smart(2000),
	} {
		data, err := codec.EncodeSession([]byte("prefix"), env, 0)
		if err != nil {
			t.Errorf("%s: encode: %v", name, err)
			continue
		}
		got, err := codec.DecodeSession(bytes.TrimPrefix(data, []byte("prefix")))
		if err != nil {
			t.Errorf("%s: decode: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, env) {
			t.Errorf("%s: came back changed:\n got %+v\nwant %+v", name, clip(got), clip(env))
		}
	}
}

// smart is a session with uneven times and values that are often missing.
func smart(n int) *schema.Envelope {
	env := allColumns(n, 9)
	rnd := rand.New(rand.NewPCG(9, 9))
	at := int64(1_600_000_000_000)
	for i := range n {
		at += 1000 * int64(1+rnd.IntN(30))
		env.Session.Samples.TimeMs[i] = at
		for _, col := range env.Session.Samples.Int32Columns() {
			if rnd.IntN(5) == 0 {
				(*col)[i] = schema.Missing
			}
		}
	}
	return env
}

func clip(v any) string {
	s := fmt.Sprintf("%+v", v)
	return s[:min(len(s), 2000)]
}

// TestNoFieldIsForgotten fills every field of the types with something, so
// that a field added to package schema and not to the message is noticed.
func TestNoFieldIsForgotten(t *testing.T) {
	codec := newCodec(t)
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		var env schema.Envelope
		fill(reflect.ValueOf(&env).Elem(), rnd)
		env.Session.Samples = allColumns(20, rnd.Uint64()).Session.Samples
		data, err := codec.EncodeSession(nil, &env, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.DecodeSession(data)
		if err != nil || !reflect.DeepEqual(got, &env) {
			t.Fatalf("session came back changed (%v):\n got %+v\nwant %+v", err, got, &env)
		}

		var job schema.Job
		fill(reflect.ValueOf(&job).Elem(), rnd)
		if data, err = wire.EncodeJob(&job); err != nil {
			t.Fatal(err)
		}
		if got, err := wire.DecodeJob(data); err != nil || !reflect.DeepEqual(got, &job) {
			t.Fatalf("job came back changed (%v):\n got %+v\nwant %+v", err, got, &job)
		}

		var out schema.ExportOutcome
		fill(reflect.ValueOf(&out).Elem(), rnd)
		if data, err = wire.EncodeOutcome(&out, 0); err != nil {
			t.Fatal(err)
		}
		if got, err := wire.DecodeOutcome(data); err != nil || !reflect.DeepEqual(got, &out) {
			t.Fatalf("outcome came back changed (%v):\n got %+v\nwant %+v", err, got, &out)
		}
	}
}

// fill gives every field a random value that is not its zero.
func fill(v reflect.Value, rnd *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rnd)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(v.Index(i), rnd)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rnd)
		}
	case reflect.String:
		v.SetString("s" + hex.EncodeToString([]byte{byte(rnd.Uint32())}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(1+rnd.IntN(100)) / 4)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1 + rnd.Uint64()%200)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1 + rnd.Int64N(100))
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func TestEqualSessionsHaveEqualBytes(t *testing.T) {
	codec := newCodec(t)
	first, err := codec.EncodeSession(nil, allColumns(1000, 5), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.EncodeSession(nil, run(5000, 6), 0); err != nil { // memory in between
		t.Fatal(err)
	}
	again, err := codec.EncodeSession(nil, allColumns(1000, 5), 0)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the same session encodes differently (%v)", err)
	}
}

func TestSizeLimits(t *testing.T) {
	codec := newCodec(t)
	env := run(3600, 1)
	data, err := codec.EncodeSession(nil, env, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.EncodeSession(nil, env, len(data)); err != nil {
		t.Errorf("just fits: %v", err)
	}
	got, err := codec.EncodeSession([]byte("kept"), env, len(data)-1)
	if !errors.Is(err, wire.ErrTooLarge) || string(got) != "kept" {
		t.Errorf("a byte too large: %q, %v, want ErrTooLarge", got, err)
	}
	many := &schema.Envelope{Athlete: "a"}
	many.Session.Samples.TimeMs = make([]int64, wire.MaxSamples+1)
	if _, err := codec.EncodeSession(nil, many, 0); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too many samples: %v, want ErrTooLarge", err)
	}
	out := &schema.ExportOutcome{Job: schema.Job{Athlete: "a"}, Members: make([]schema.ExportID, 1000)}
	if _, err := wire.EncodeOutcome(out, 30_000); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("outcome too large: %v, want ErrTooLarge", err)
	}
}

func TestLongestSessionFitsAMessage(t *testing.T) {
	codec := newCodec(t)
	data, err := codec.EncodeSession(nil, run(wire.MaxSamples, 1), 8<<20-16<<10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.DecodeSession(data); err != nil {
		t.Error(err)
	}
}

func TestBombIsRefused(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := encoder.EncodeAll(make([]byte, wire.MaxPlainBytes+1), nil)
	if len(bomb) > 10_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	if _, err := newCodec(t).DecodeSession(bomb); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("decode: %v, want ErrTooLarge", err)
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	codec := newCodec(t)
	for name, spoil := range map[string]func(*schema.Envelope){
		"athlete":       func(e *schema.Envelope) { e.Athlete = "a.b" },
		"no athlete":    func(e *schema.Envelope) { e.Athlete = "" },
		"rpe":           func(e *schema.Envelope) { e.Session.RPE = float32(math.NaN()) },
		"start":         func(e *schema.Envelope) { e.Session.StartMs = math.MaxInt64 },
		"ordinal":       func(e *schema.Envelope) { e.Session.Ordinal = -1 },
		"short column":  func(e *schema.Envelope) { e.Session.Samples.HeartRate = []uint8{1} },
		"falling times": func(e *schema.Envelope) { e.Session.Samples.TimeMs[5] = 0 },
		"far time":      func(e *schema.Envelope) { e.Session.Samples.TimeMs[9] = math.MaxInt64 },
		"lap time":      func(e *schema.Envelope) { e.Session.Laps = []schema.Lap{{ElapsedMs: math.MinInt64}} },
	} {
		env := run(10, 1)
		spoil(env)
		if _, err := codec.EncodeSession(nil, env, 0); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	if _, err := wire.EncodeJob(&schema.Job{}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("job without athlete: %v", err)
	}
	if _, err := wire.EncodeOutcome(&schema.ExportOutcome{}, 0); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("outcome without athlete: %v", err)
	}
}

func TestForeignTextIsMadeFit(t *testing.T) {
	env := run(1, 1)
	env.Session.Device = "watch \xff" + string(bytes.Repeat([]byte("ä"), 5000))
	data, err := newCodec(t).EncodeSession(nil, env, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newCodec(t).DecodeSession(data)
	if err != nil || len(got.Session.Device) > 4<<10 || !bytes.HasPrefix([]byte(got.Session.Device), []byte("watch \ufffdä")) {
		t.Errorf("device came back as %q, %v", clip(got.Session.Device), err)
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	codec := newCodec(t)
	good, err := codec.EncodeSession(nil, run(100, 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if _, err := codec.DecodeSession(good[:i]); err == nil {
			t.Errorf("a message cut at byte %d was taken", i)
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x55
		if got, err := codec.DecodeSession(bad); err == nil {
			if !reflect.DeepEqual(got, run(100, 1)) { // some bits of a frame's header do not matter
				t.Errorf("a message with byte %d changed is another session", i)
			}
		} else if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("byte %d changed: %v has no sentinel", i, err)
		}
	}
	for _, data := range [][]byte{nil, {0}, []byte("{}")} {
		if _, err := wire.DecodeJob(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("job %x: %v, want ErrMalformed", data, err)
		}
		if _, err := wire.DecodeOutcome(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("outcome %x: %v, want ErrMalformed", data, err)
		}
	}
}

// TestGoldenBytes holds the form still: messages in a queue must be readable
// by the next release. Sessions are compared before compression.
func TestGoldenBytes(t *testing.T) {
	codec := newCodec(t)
	session, err := codec.EncodeSession(nil, allColumns(40, 7), 0)
	if err != nil {
		t.Fatal(err)
	}
	plain := unpacked(t, session)
	job := schema.Job{
		Athlete: "me", Export: schema.ExportIDOf([]byte("member")), Source: schema.SourceArchive,
		Bytes: 6, ReceivedMs: 1_700_000_000_000, Parent: schema.ExportIDOf([]byte("zip")), Depth: 1,
	}
	jobBytes, err := wire.EncodeJob(&job)
	if err != nil {
		t.Fatal(err)
	}
	outBytes, err := wire.EncodeOutcome(&schema.ExportOutcome{
		Job: job, Format: schema.FormatFIT, Outcome: schema.OutcomeSalvaged, Reason: schema.ReasonTruncated,
		Detail: "ends at byte 812", Flags: []schema.Flag{schema.FlagTruncated},
		Sessions: []schema.SessionID{schema.SessionIDOf("me", job.Export, 0)}, Records: 40,
		DecoderVersion: 1, FinishedMs: 1_700_000_001_000,
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "session", plain)
	golden(t, "job", jobBytes)
	golden(t, "outcome", outBytes)

	for _, file := range []string{"session.zst", "session.s2"} {
		name := filepath.Join("testdata", file)
		if *update && file == "session.s2" {
			if err := os.WriteFile(name, session, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		written, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.DecodeSession(written); err != nil || !reflect.DeepEqual(got, allColumns(40, 7)) {
			t.Errorf("%s, a message written earlier, is read as %s, %v", file, clip(got), err)
		}
	}
}

// unpacked is what is inside a session's message of either kind.
func unpacked(tb testing.TB, data []byte) []byte {
	tb.Helper()
	if data[0] == 2 {
		plain, err := s2.Decode(nil, data[5:])
		if err != nil {
			tb.Fatal(err)
		}
		if want := crc32.Checksum(plain, crc32.MakeTable(crc32.Castagnoli)); binary.LittleEndian.Uint32(data[1:]) != want {
			tb.Fatalf("checksum is not %08x", want)
		}
		return plain
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(data, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return plain
}

// packed is the message that holds plain, of the kind for usual sessions.
func packed(plain []byte) []byte {
	data := binary.LittleEndian.AppendUint32([]byte{2}, crc32.Checksum(plain, crc32.MakeTable(crc32.Castagnoli)))
	return append(data, s2.Encode(nil, plain)...)
}

func TestLongSessionsArePackedTighter(t *testing.T) {
	codec := newCodec(t)
	for _, c := range []struct {
		samples int
		zstd    bool
	}{{3600, false}, {86_400, false}, {86_400 * 4, true}} {
		env := run(c.samples, 1)
		data, err := codec.EncodeSession(nil, env, 0)
		if err != nil {
			t.Fatal(err)
		}
		if zstd := bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}); zstd != c.zstd {
			t.Errorf("%d samples: zstd is %t", c.samples, zstd)
		}
		if got, err := codec.DecodeSession(data); err != nil || !reflect.DeepEqual(got, env) {
			t.Errorf("%d samples came back changed, %v", c.samples, err)
		}
	}
}

func TestFastBombIsRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"long":           packed(make([]byte, 1<<20+1)),
		"said to be":     append([]byte{2, 0, 0, 0, 0}, binary.AppendUvarint(nil, 1<<40)...),
		"said to be 4 G": append([]byte{2, 0, 0, 0, 0}, binary.AppendUvarint(nil, 1<<32-1)...),
	} {
		_, err := newCodec(t).DecodeSession(data)
		if !errors.Is(err, wire.ErrTooLarge) && !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v has no sentinel", name, err)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	text := hex.Dump(got)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s encodes as\n%swant\n%s", name, text, want)
	}
}
