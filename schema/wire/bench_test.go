package wire_test

import (
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"plodwatch/schema"
)

// benchSamples is a long run: four hours at 1 Hz.
const benchSamples = 4 * 3600

func BenchmarkEncodeThreeColumns(b *testing.B) { benchEncode(b, run(benchSamples, 1)) }
func BenchmarkDecodeThreeColumns(b *testing.B) { benchDecode(b, run(benchSamples, 1)) }
func BenchmarkEncodeAllColumns(b *testing.B)   { benchEncode(b, allColumns(benchSamples, 1)) }
func BenchmarkDecodeAllColumns(b *testing.B)   { benchDecode(b, allColumns(benchSamples, 1)) }

// benchEncode has as its limit the packing alone of the bytes that the encoder
// packs.
func benchEncode(b *testing.B, env *schema.Envelope) {
	b.Helper()
	codec := newCodec(b)
	data, err := codec.EncodeSession(nil, env, 0)
	if err != nil {
		b.Fatal(err)
	}
	plain := unpacked(b, data)
	room := make([]byte, s2.MaxEncodedLen(len(plain)))
	var limit time.Duration
	b.ReportAllocs()
	for b.Loop() {
		if data, err = codec.EncodeSession(data[:0], env, 0); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		start := time.Now()
		s2.Encode(room, plain)
		limit += time.Since(start)
		b.StartTimer()
	}
	besideLimit(b, "Msamples/s", benchSamples*float64(b.N)/1e6, b.Elapsed(), limit)
	b.ReportMetric(float64(len(data))/benchSamples, "bytes/sample")
}

// benchDecode has as its limit the unpacking alone and one pass over the bytes.
func benchDecode(b *testing.B, env *schema.Envelope) {
	b.Helper()
	codec := newCodec(b)
	data, err := codec.EncodeSession(nil, env, 0)
	if err != nil {
		b.Fatal(err)
	}
	block, room := data[5:], make([]byte, len(unpacked(b, data)))
	var limit time.Duration
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeSession(data); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		start := time.Now()
		plain, err := s2.Decode(room, block)
		if err != nil || sum(plain) == 0 {
			b.Fatal("nothing was unpacked", err)
		}
		limit += time.Since(start)
		b.StartTimer()
	}
	besideLimit(b, "Msamples/s", benchSamples*float64(b.N)/1e6, b.Elapsed(), limit)
	b.ReportMetric(float64(len(data))/benchSamples, "bytes/sample")
}

func sum(data []byte) (total uint64) {
	for _, v := range data {
		total += uint64(v)
	}
	return total
}

// besideLimit reports the throughput of so much work, that of the limit measured
// in the same run, and how many times as long the benchmark took.
func besideLimit(b *testing.B, unit string, work float64, ours, limit time.Duration) {
	b.Helper()
	b.ReportMetric(work/ours.Seconds(), unit)
	b.ReportMetric(work/limit.Seconds(), "limit-"+unit)
	b.ReportMetric(ours.Seconds()/limit.Seconds(), "x-of-limit")
}
