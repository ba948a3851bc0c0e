package wire_test

import (
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"

	"plodwatch/schema"
	"plodwatch/schema/wire"
)

// FuzzDecodeSession decodes what the fuzzer puts into a message of either kind.
// Whatever is taken must keep the promises of its types and come back the same.
func FuzzDecodeSession(f *testing.F) {
	codec := newCodec(f)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	for _, env := range []*schema.Envelope{run(20, 1), allColumns(30, 2), smart(10)} {
		data, err := codec.EncodeSession(nil, env, 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(unpacked(f, data), true)
		f.Add(data, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, frame bool) {
		switch {
		case frame && len(data)%2 == 0:
			data = encoder.EncodeAll(data, nil)
		case frame:
			data = packed(data)
		}
		env, err := codec.DecodeSession(data)
		if err != nil {
			return
		}
		if err := env.Session.Samples.Validate(); err != nil {
			t.Fatal(err)
		}
		again, err := codec.EncodeSession(nil, env, 0)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		got, err := codec.DecodeSession(again)
		if err != nil || !reflect.DeepEqual(got, env) {
			t.Fatalf("came back changed (%v):\n got %+v\nwant %+v", err, got, env)
		}
	})
}

// FuzzDecodeExport does the same for jobs and outcomes.
func FuzzDecodeExport(f *testing.F) {
	job, err := wire.EncodeJob(&schema.Job{Athlete: "me", Bytes: 3})
	if err != nil {
		f.Fatal(err)
	}
	out, err := wire.EncodeOutcome(&schema.ExportOutcome{Job: schema.Job{Athlete: "me"}, Sessions: make([]schema.SessionID, 2)}, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(job)
	f.Add(out)
	f.Fuzz(func(t *testing.T, data []byte) {
		if job, err := wire.DecodeJob(data); err == nil {
			again, err := wire.EncodeJob(job)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := wire.DecodeJob(again); err != nil || !reflect.DeepEqual(got, job) {
				t.Fatalf("job came back changed: %+v, %v", got, err)
			}
		}
		if out, err := wire.DecodeOutcome(data); err == nil {
			again, err := wire.EncodeOutcome(out, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := wire.DecodeOutcome(again); err != nil || !reflect.DeepEqual(got, out) {
				t.Fatalf("outcome came back changed: %+v, %v", got, err)
			}
		}
	})
}
