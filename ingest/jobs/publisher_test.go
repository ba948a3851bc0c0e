package jobs_test

import (
	"errors"
	"testing"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

func someJob(n byte) schema.Job {
	return schema.Job{Athlete: "me", Export: schema.ExportID{n}, Source: schema.SourceFolder, ReceivedMs: 1}
}

func TestSessionArrivesAsItWas(t *testing.T) {
	r := newRoom(t, nil)
	job := someJob(1)
	if err := publish(t.Context(), r.publisher(t), job); err != nil {
		t.Fatal(err)
	}
	want := envelope(job, 10)
	stream, err := r.js.Stream(t.Context(), streams.Samples)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), streams.SamplesSubject(job.Athlete, want.ID))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := wire.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.DecodeSession(msg.Data)
	if err != nil || got.ID != want.ID || got.Export != job.Export || got.Session.Samples.Len() != 10 {
		t.Errorf("session %+v, %v", got, err)
	}
	if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded || out.Sessions[0] != want.ID {
		t.Errorf("outcome %+v", out)
	}
}

func TestRepetitionIsQueuedOnce(t *testing.T) {
	r := newRoom(t, nil)
	p := r.publisher(t)
	member := someJob(2)
	for range 3 {
		if err := publish(t.Context(), p, someJob(1)); err != nil {
			t.Fatal(err)
		}
		batch := p.Begin()
		if err := batch.PublishJob(t.Context(), member); err != nil {
			t.Fatal(err)
		}
		if err := batch.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, stream := range []string{streams.Exports, streams.Samples, streams.Outcomes} {
		if n := r.messages(t, stream); n != 1 {
			t.Errorf("%d messages in %s, want 1", n, stream)
		}
	}
	if !r.blobs.Taken(member.ID()) {
		t.Error("the member of an archive is not marked as taken")
	}
	if n := r.metric(t, "plodwatch_jobs_published_total", "samples"); n != 3 {
		t.Errorf("%v sessions counted as published, want 3", n)
	}
}

func TestMemberIsMarkedOnlyWhenItIsQueued(t *testing.T) {
	r := newRoom(t, nil).impatient(t)
	if err := r.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	batch := r.publisher(t).Begin()
	if err := batch.PublishJob(t.Context(), someJob(1)); err != nil {
		t.Fatal(err)
	}
	if err := batch.Flush(t.Context()); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("Flush: %v, want ErrBusy", err)
	}
	job := someJob(1)
	if r.blobs.Taken(job.ID()) {
		t.Error("marked as taken")
	}
}

func TestSessionThatDoesNotFitLeavesTheBatchUsable(t *testing.T) {
	r := newRoom(t, nil)
	batch := r.publisher(t).Begin()
	job := someJob(1)
	large := envelope(job, 0)
	large.Session.Samples.TimeMs = make([]int64, wire.MaxSamples+1)
	for i := range large.Session.Samples.TimeMs {
		large.Session.Samples.TimeMs[i] = int64(i)
	}
	if err := batch.PublishSession(t.Context(), large); !errors.Is(err, ingest.ErrSessionTooLarge) || errors.Is(err, ingest.ErrNotNow) {
		t.Fatalf("PublishSession: %v, want ErrSessionTooLarge", err)
	}
	if err := batch.PublishOutcome(t.Context(), decoded(job)); err != nil {
		t.Fatal(err)
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, m := r.messages(t, streams.Samples), r.messages(t, streams.Outcomes); n != 0 || m != 1 {
		t.Errorf("%d sessions and %d outcomes queued, want 0 and 1", n, m)
	}
	if n := r.metric(t, "plodwatch_jobs_publish_failed_total", "samples", "too_large"); n != 1 {
		t.Errorf("%v sessions counted as too large, want 1", n)
	}
}

func TestSessionsLargerThanAMessageAreRefused(t *testing.T) {
	r := newRoom(t, nil)
	// Random values do not compress: 3 M of them in one column exceed 8 MiB.
	env := envelope(someJob(1), 3_000_000)
	state := uint32(1)
	power := make([]int32, env.Session.Samples.Len())
	for i := range power {
		state = state*1664525 + 1013904223
		power[i] = int32(state >> 1)
	}
	env.Session.Samples.PowerW = power
	if err := r.publisher(t).Begin().PublishSession(t.Context(), env); !errors.Is(err, ingest.ErrSessionTooLarge) {
		t.Errorf("PublishSession: %v, want ErrSessionTooLarge", err)
	}
}

func TestFullQueueOfSessionsIsBusy(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.SamplesBytes = 512 }).impatient(t)
	p := r.publisher(t)
	var err error
	n := 0
	for ; err == nil && n < 20; n++ {
		err = publish(t.Context(), p, someJob(byte(n)))
	}
	if !errors.Is(err, ingest.ErrBusy) || !errors.Is(err, ingest.ErrNotNow) {
		t.Errorf("after %d sessions: %v, want ErrBusy", n, err)
	}
}
