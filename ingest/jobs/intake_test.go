package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

func TestAcceptedExportIsStoredQueuedAndMarked(t *testing.T) {
	r := newRoom(t, nil)
	for name, data := range map[string]string{"file": "bytes of a file", "empty file": ""} {
		t.Run(name, func(t *testing.T) {
			job := r.accept(t, data)
			want := schema.Job{
				Athlete: "me", Export: schema.ExportIDOf([]byte(data)), Source: schema.SourceImport,
				Bytes: int64(len(data)), ReceivedMs: receivedAt.UnixMilli(),
			}
			if job != want {
				t.Errorf("job %+v, want %+v", job, want)
			}
			blob, _, err := r.blobs.Open(t.Context(), job.Export)
			if err != nil {
				t.Fatal(err)
			}
			defer blob.Close()
			if got, err := io.ReadAll(blob); err != nil || string(got) != data {
				t.Errorf("stored %q, %v", got, err)
			}
			if !r.blobs.Taken(job.ID()) {
				t.Error("not marked as taken")
			}
			stream, err := r.js.Stream(t.Context(), streams.Exports)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := stream.GetLastMsgForSubject(t.Context(), streams.ExportSubject(job.ID()))
			if err != nil {
				t.Fatal(err)
			}
			if queued, err := wire.DecodeJob(msg.Data); err != nil || *queued != want {
				t.Errorf("queued %+v, %v", queued, err)
			}
		})
	}
	if n := r.metric(t, "plodwatch_jobs_accepted_total", "queued", "import"); n != 2 {
		t.Errorf("%v exports counted as queued, want 2", n)
	}
}

func TestSameBytesAreWorkedOnOnceForEachAthlete(t *testing.T) {
	r := newRoom(t, nil)
	in := r.intake(t)
	for _, step := range []struct {
		athlete   schema.AthleteID
		again     bool
		done      bool // the queue has been worked off before
		duplicate bool
		queued    uint64
	}{
		{athlete: "ann", queued: 1},
		{athlete: "ann", duplicate: true, queued: 1},
		{athlete: "bob", queued: 2},
		{athlete: "ann", again: true, duplicate: true, queued: 2}, // it still waits
		{athlete: "ann", done: true, duplicate: true, queued: 0},
		{athlete: "ann", again: true, queued: 1},
	} {
		if step.done {
			stream, err := r.js.Stream(t.Context(), streams.Exports)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		accept := in.Accept
		if step.again {
			accept = in.AcceptAgain
		}
		receipt, err := accept(t.Context(), step.athlete, schema.SourceUpload, strings.NewReader("run"))
		if err != nil || receipt.Duplicate != step.duplicate || receipt.Job.Athlete != step.athlete {
			t.Errorf("%+v: receipt %+v, %v", step, receipt, err)
		}
		if n := r.messages(t, streams.Exports); n != step.queued {
			t.Errorf("%+v: %d jobs queued", step, n)
		}
	}
	if n := r.metric(t, "plodwatch_jobs_accepted_total", "duplicate", "upload"); n != 3 {
		t.Errorf("%v duplicates counted, want 3", n)
	}
}

func TestJobThatWasQueuedButNotMarkedIsNotQueuedTwice(t *testing.T) {
	r := newRoom(t, nil)
	in, err := jobs.NewIntake(jobs.IntakeDeps{
		Blobs: r.blobs, Ledger: brokenLedger{}, Publisher: r.streams, Now: time.Now, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, duplicate := range []bool{false, true} {
		receipt, err := in.Accept(t.Context(), "me", schema.SourceFolder, strings.NewReader("run"))
		if err != nil || receipt.Duplicate != duplicate {
			t.Errorf("time %d: %+v, %v", i+1, receipt, err)
		}
	}
	if n := r.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d jobs queued, want 1", n)
	}
}

// brokenLedger forgets everything.
type brokenLedger struct{}

func (brokenLedger) Taken(schema.JobID) bool { return false }

func (brokenLedger) MarkTaken(*schema.Job) error { return errors.New("disk is read-only") }

func TestManyHandInAtTheSameTime(t *testing.T) {
	r := newRoom(t, nil)
	in := r.intake(t)
	const exports, copies = 25, 4
	var wg sync.WaitGroup
	var mu sync.Mutex
	first := map[schema.ExportID]int{}
	for i := range exports * copies {
		wg.Go(func() {
			receipt, err := in.Accept(t.Context(), "me", schema.SourceFolder, strings.NewReader(fmt.Sprint("export ", i%exports)))
			if err != nil {
				t.Errorf("Accept: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !receipt.Duplicate {
				first[receipt.Job.Export]++
			}
		})
	}
	wg.Wait()
	if len(first) != exports {
		t.Errorf("%d exports were new, want %d", len(first), exports)
	}
	for id, n := range first {
		if n != 1 {
			t.Errorf("%s was new %d times", id, n)
		}
	}
	if n := r.messages(t, streams.Exports); n != exports {
		t.Errorf("%d jobs queued, want %d", n, exports)
	}
}

func TestWhatCannotBeTakenIsNotQueued(t *testing.T) {
	r := newRoom(t, nil)
	in := r.intake(t)
	reset := errors.New("connection reset")
	if _, err := in.Accept(t.Context(), "me", schema.SourceUpload, iotest.ErrReader(reset)); !errors.Is(err, reset) {
		t.Errorf("reader that fails: %v", err)
	}
	if _, err := in.Accept(t.Context(), "../me", schema.SourceUpload, strings.NewReader("x")); !errors.Is(err, schema.ErrBadID) {
		t.Errorf("athlete that is none: %v", err)
	}
	if n := r.messages(t, streams.Exports); n != 0 {
		t.Errorf("%d jobs queued", n)
	}
	if n := r.metric(t, "plodwatch_jobs_accepted_total", "failed", "upload"); n != 2 {
		t.Errorf("%v failures counted, want 2", n)
	}
}

func TestFullQueuePushesBackAndLosesNothing(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.ExportsBytes = 4 << 10 }).impatient(t)
	in := r.intake(t)
	var taken, refused []string
	for i := range 60 {
		data := fmt.Sprint("export ", i)
		_, err := in.Accept(t.Context(), "me", schema.SourceImport, strings.NewReader(data))
		switch {
		case err == nil:
			taken = append(taken, data)
		case errors.Is(err, ingest.ErrBusy) && errors.Is(err, ingest.ErrNotNow):
			refused = append(refused, data)
		default:
			t.Fatalf("Accept: %v", err)
		}
		if len(refused) == 2 {
			break
		}
	}
	if len(taken) == 0 || len(refused) != 2 {
		t.Fatalf("%d exports taken, %d refused", len(taken), len(refused))
	}
	if n := r.messages(t, streams.Exports); n != uint64(len(taken)) {
		t.Fatalf("%d jobs queued of %d taken", n, len(taken))
	}
	for _, data := range refused {
		if r.blobs.Taken(schema.JobIDOf("me", schema.ExportIDOf([]byte(data)))) {
			t.Error("a refused export is marked as taken")
		}
	}
	var handled seen
	publisher := r.publisher(t)
	r.start(t, quick(2), handlerFunc(func(ctx context.Context, job schema.Job) error {
		handled.add(job)
		return publish(ctx, publisher, job)
	}))
	r.waitEmpty(t, streams.Exports)
	for _, data := range refused {
		r.accept(t, data)
	}
	waitFor(t, "all outcomes", func() bool {
		return r.messages(t, streams.Outcomes) == uint64(len(taken)+len(refused))
	})
	if n := handled.count(); n != len(taken)+len(refused) {
		t.Errorf("%d jobs handled, want %d", n, len(taken)+len(refused))
	}
	if n := r.metric(t, "plodwatch_jobs_accepted_total", "not_now", "import"); n != 2 {
		t.Errorf("%v refusals counted, want 2", n)
	}
}

func TestClosedConnectionIsBusy(t *testing.T) {
	r := newRoom(t, nil)
	in := r.intake(t)
	r.accept(t, "run")
	r.conn.Close()
	if _, err := in.Accept(t.Context(), "me", schema.SourceFolder, bytes.NewReader(nil)); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("Accept: %v, want ErrBusy", err)
	}
}

func TestMissingDependenciesAreNamed(t *testing.T) {
	_, err := jobs.NewIntake(jobs.IntakeDeps{})
	_, err2 := jobs.NewPublisher(jobs.PublisherDeps{})
	_, err3 := jobs.NewRunner(jobs.Config{Workers: 0, RetryDelay: 0, MaxRetryDelay: -1, Grace: -1}, jobs.Deps{})
	for name, test := range map[string]struct {
		err   error
		names []string
	}{
		"intake":    {err, []string{"blobs", "ledger", "publisher", "now", "metrics", "log"}},
		"publisher": {err2, []string{"publisher", "ledger", "metrics", "log"}},
		"runner": {err3, []string{
			"workers", "retry_delay", "max_retry_delay", "grace",
			"jetstream", "handler", "publisher", "metrics", "log",
		}},
	} {
		for _, field := range test.names {
			if test.err == nil || !strings.Contains(test.err.Error(), field+":") {
				t.Errorf("%s: %v does not name %s", name, test.err, field)
			}
		}
	}
	if err := jobs.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

// TestRequeueKeepsTheJobAsItWas: what was taken long ago is queued with the
// time and the archive that it had.
func TestRequeueKeepsTheJobAsItWas(t *testing.T) {
	r := newRoom(t, nil)
	in := r.intake(t)
	job := schema.Job{
		Athlete: "me", Export: schema.ExportIDOf([]byte("run")), Source: schema.SourceArchive, Bytes: 3, ReceivedMs: 12345,
		Parent: schema.ExportIDOf([]byte("zip")), Depth: 1,
	}
	for i, queued := range []bool{false, true} {
		waited, err := in.Requeue(t.Context(), job)
		if err != nil || waited != queued {
			t.Errorf("time %d: waited %t, %v", i+1, waited, err)
		}
	}
	if n := r.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d jobs queued, want 1", n)
	}
	if got, err := r.blobs.Marked(job.ID()); err != nil || got == nil || *got != job {
		t.Errorf("marked is %+v, %v", got, err)
	}
	job.Athlete = "not an athlete"
	if _, err := in.Requeue(t.Context(), job); !errors.Is(err, schema.ErrBadID) {
		t.Errorf("Requeue for nobody: %v", err)
	}
}
