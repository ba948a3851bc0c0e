package jobs_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"testing"

	"plodwatch/ingest"
	"plodwatch/ingest/fitfile"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

func TestArchiveOfAWatchFileBecomesASession(t *testing.T) {
	r := newRoom(t, nil)
	run := watchFile(600)
	receipt, err := r.intake(t).Accept(t.Context(), "ann", schema.SourceImport, bytes.NewReader(zipped(t, run)))
	if err != nil {
		t.Fatal(err)
	}
	worker, err := ingest.NewWorker(ingest.DefaultConfig(), ingest.Deps{
		Decoders: map[schema.Format]ingest.Decoder{schema.FormatFIT: fitfile.Decoder{}},
		Blobs:    r.blobs, Publisher: r.publisher(t), Metrics: ingest.NewMetrics(r.reg), Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.start(t, quick(2), worker)
	waitFor(t, "both outcomes", func() bool { return r.messages(t, streams.Outcomes) == 2 })
	r.waitEmpty(t, streams.Exports)

	archive := r.outcome(t, receipt.Job)
	if archive.Reason != schema.ReasonArchive || len(archive.Members) != 1 || archive.Members[0] != schema.ExportIDOf(run) {
		t.Fatalf("outcome of the archive: %+v", archive)
	}
	member := r.outcome(t, schema.Job{Athlete: "ann", Export: archive.Members[0]})
	if member.Outcome != schema.OutcomeDecoded || member.Records != 600 || len(member.Sessions) != 1 {
		t.Fatalf("outcome of the member: %+v", member)
	}
	stream, err := r.js.Stream(t.Context(), streams.Samples)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), streams.SamplesSubject("ann", member.Sessions[0]))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := wire.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	env, err := codec.DecodeSession(msg.Data)
	if err != nil {
		t.Fatal(err)
	}
	samples := env.Session.Samples
	if samples.Len() != 600 || samples.HeartRate[0] != 120 || samples.HeartRate[599] != 120+599%40 {
		t.Errorf("%d samples, heart rates %v", samples.Len(), samples.HeartRate)
	}

	again, err := r.intake(t).Accept(t.Context(), "ann", schema.SourceFolder, bytes.NewReader(run))
	if err != nil || !again.Duplicate {
		t.Errorf("the member handed in alone: %+v, %v", again, err)
	}
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("activities/1.fit")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// watchFile returns a FIT activity of n records, a second apart, with heart
// rates that go from 120 to 159 bpm over and over.
func watchFile(n int) []byte {
	const firstTime = 1_080_000_000 // seconds since 1989-12-31
	var body []byte
	// file_id: type (0) is an enum; 4 is an activity.
	body = append(body, 0x40, 0, 0, 0, 0, 1, 0, 1, 0x00, 0x00, 4)
	// record: timestamp (253) uint32, heart_rate (3) uint8.
	body = append(body, 0x41, 0, 0, 20, 0, 2, 253, 4, 0x86, 3, 1, 0x02)
	for i := range n {
		body = append(body, 0x01)
		body = binary.LittleEndian.AppendUint32(body, uint32(firstTime+i))
		body = append(body, byte(120+i%40))
	}
	file := []byte{14, 0x20, 0x54, 0x08}
	file = binary.LittleEndian.AppendUint32(file, uint32(len(body)))
	file = append(file, ".FIT"...)
	file = binary.LittleEndian.AppendUint16(file, fitSum(file))
	file = append(file, body...)
	return binary.LittleEndian.AppendUint16(file, fitSum(file))
}

// fitSum is CRC-16/ARC, bit by bit.
func fitSum(data []byte) uint16 {
	sum := uint16(0)
	for _, b := range data {
		sum ^= uint16(b)
		for range 8 {
			odd := sum&1 == 1
			sum >>= 1
			if odd {
				sum ^= 0xa001
			}
		}
	}
	return sum
}
