package wire_test

import (
	"testing"

	"github.com/klauspost/compress/zstd"

	"plodwatch/schema"
)

// benchSamples is a long run: four hours at 1 Hz.
const benchSamples = 4 * 3600

func perSample(b *testing.B, encoded int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSamples, "ns/sample")
	b.ReportMetric(float64(encoded)/benchSamples, "bytes/sample")
}

func benchEncode(b *testing.B, env *schema.Envelope) {
	b.Helper()
	codec := newCodec(b)
	var data []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if data, err = codec.EncodeSession(data[:0], env, 0); err != nil {
			b.Fatal(err)
		}
	}
	perSample(b, len(data))
}

func benchDecode(b *testing.B, env *schema.Envelope) {
	b.Helper()
	codec := newCodec(b)
	data, err := codec.EncodeSession(nil, env, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeSession(data); err != nil {
			b.Fatal(err)
		}
	}
	perSample(b, len(data))
}

func BenchmarkEncodeThreeColumns(b *testing.B) { benchEncode(b, run(benchSamples, 1)) }
func BenchmarkDecodeThreeColumns(b *testing.B) { benchDecode(b, run(benchSamples, 1)) }
func BenchmarkEncodeAllColumns(b *testing.B)   { benchEncode(b, allColumns(benchSamples, 1)) }
func BenchmarkDecodeAllColumns(b *testing.B)   { benchDecode(b, allColumns(benchSamples, 1)) }

// The limits: zstd alone over the bytes that the encoder gives it.

func plainOf(b *testing.B, env *schema.Envelope) (plain, framed []byte) {
	b.Helper()
	framed, err := newCodec(b).EncodeSession(nil, env, 0)
	if err != nil {
		b.Fatal(err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer decoder.Close()
	if plain, err = decoder.DecodeAll(framed, nil); err != nil {
		b.Fatal(err)
	}
	return plain, framed
}

func BenchmarkLimitCompressThreeColumns(b *testing.B) {
	plain, _ := plainOf(b, run(benchSamples, 1))
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	var data []byte
	for b.Loop() {
		data = encoder.EncodeAll(plain, data[:0])
	}
	perSample(b, len(data))
}

func BenchmarkLimitDecompressThreeColumns(b *testing.B) {
	_, framed := plainOf(b, run(benchSamples, 1))
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	defer decoder.Close()
	var data []byte
	for b.Loop() {
		if data, err = decoder.DecodeAll(framed, data[:0]); err != nil {
			b.Fatal(err)
		}
	}
	perSample(b, len(framed))
}
