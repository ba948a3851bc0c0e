package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestExportBecomesSessionAndOutcome(t *testing.T) {
	r := newRoom(t, nil)
	job := r.accept(t, "run")
	publisher := r.publisher(t)
	run := r.start(t, quick(2), handlerFunc(func(ctx context.Context, got schema.Job) error {
		if got != job {
			t.Errorf("job %+v, want %+v", got, job)
		}
		return publish(ctx, publisher, got)
	}))
	r.waitEmpty(t, streams.Exports)
	if err := run.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if out := r.outcome(t, job); out.Job != job || out.Outcome != schema.OutcomeDecoded {
		t.Errorf("outcome %+v", out)
	}
	if n := r.messages(t, streams.Samples); n != 1 {
		t.Errorf("%d sessions queued, want 1", n)
	}
	for name, want := range map[[2]string]float64{
		{"plodwatch_jobs_handled_total", "done"}:    1,
		{"plodwatch_jobs_handled_total", "retry"}:   0,
		{"plodwatch_jobs_handle_seconds", ""}:       1,
		{"plodwatch_jobs_in_hand", ""}:              0,
		{"plodwatch_jobs_published_total", "any"}:   0,
		{"plodwatch_jobs_back_pressure_total", "-"}: 0,
	} {
		if got := r.metric(t, name[0], name[1]); got != want {
			t.Errorf("%s %s is %v, want %v", name[0], name[1], got, want)
		}
	}
}

func TestJobIsTriedAgainAfterAFault(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("out of luck") },
		"panic": func() error { panic("index out of range") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			r.accept(t, "run")
			var tries seen
			r.start(t, quick(2), handlerFunc(func(_ context.Context, job schema.Job) error {
				if tries.add(job) < 3 {
					return fail()
				}
				return nil
			}))
			r.waitEmpty(t, streams.Exports)
			if n := tries.count(); n != 3 {
				t.Errorf("%d tries, want 3", n)
			}
			if n := r.messages(t, streams.Dead); n != 0 {
				t.Errorf("%d messages set aside", n)
			}
		})
	}
}

func TestPoisonIsSetAsideAfterFiveTries(t *testing.T) {
	r := newRoom(t, nil)
	poison, good := r.accept(t, "poison"), r.accept(t, "good")
	var tries seen
	run := r.start(t, quick(2), handlerFunc(func(_ context.Context, job schema.Job) error {
		if job == good {
			return nil
		}
		tries.add(job)
		return errors.New("cannot be done")
	}))
	r.waitEmpty(t, streams.Exports)
	if err := run.end(); err != nil {
		t.Fatal(err)
	}
	if n := tries.count(); n != streams.MaxDeliveries {
		t.Errorf("%d tries, want %d", n, streams.MaxDeliveries)
	}
	out := r.outcome(t, poison)
	if out.Outcome != schema.OutcomeRejected || out.Reason != schema.ReasonPoison || out.Job != poison || out.FinishedMs == 0 {
		t.Errorf("outcome %+v", out)
	}
	dead := r.dead(t, poison.ID().String())
	if got := dead.Header.Get(streams.HeaderReason); got != "not finished in 5 tries" {
		t.Errorf("reason %q", got)
	}
	if n := r.metric(t, "plodwatch_jobs_handled_total", "poison"); n != 1 {
		t.Errorf("%v jobs counted as poison, want 1", n)
	}
	if n := r.metric(t, "plodwatch_jobs_handled_total", "retry"); n != 5 {
		t.Errorf("%v tries counted as to be repeated, want 5", n)
	}
}

func TestBackPressureIsWaitedOutAndNotCounted(t *testing.T) {
	r := newRoom(t, nil)
	job := r.accept(t, "run")
	publisher := r.publisher(t)
	var tries seen
	r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error {
		if tries.add(job) <= 3*streams.MaxDeliveries {
			return fmt.Errorf("publish: %w", ingest.ErrBusy)
		}
		return publish(ctx, publisher, job)
	}))
	r.waitEmpty(t, streams.Exports)
	if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded {
		t.Errorf("outcome %+v", out)
	}
	if n := r.messages(t, streams.Dead); n != 0 {
		t.Errorf("%d messages set aside", n)
	}
	if n := r.metric(t, "plodwatch_jobs_back_pressure_total"); n != 3*streams.MaxDeliveries {
		t.Errorf("%v waits counted", n)
	}
}

func TestJobsThatQueueOthersGiveWayWhenTheQueueIsFull(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.ExportsBytes = 2 << 10 })
	archive := r.accept(t, "archive")
	_, _, r.streams = r.connect(t, streams.PublisherConfig{RetryFor: 100 * time.Millisecond, AckTimeout: 10 * time.Second})
	in := r.intake(t)
	var err error
	for i := 0; err == nil; i++ { // until the queue is full
		_, err = in.Accept(t.Context(), "me", schema.SourceImport, strings.NewReader(fmt.Sprint("run ", i)))
	}
	if !errors.Is(err, ingest.ErrBusy) {
		t.Fatal(err)
	}
	publisher := r.publisher(t)
	var handled seen
	r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error {
		handled.add(job)
		if job != archive {
			return publish(ctx, publisher, job)
		}
		batch := publisher.Begin()
		for i := range 3 {
			if err := batch.PublishJob(ctx, someJob(byte(i))); err != nil {
				return err
			}
		}
		if err := batch.PublishOutcome(ctx, decoded(job)); err != nil {
			return err
		}
		return batch.Flush(ctx)
	}))
	r.waitEmpty(t, streams.Exports)
	for _, job := range []schema.Job{archive, someJob(0), someJob(1), someJob(2)} {
		if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded {
			t.Errorf("outcome %+v", out)
		}
	}
	if n := r.messages(t, streams.Dead); n != 0 {
		t.Errorf("%d messages set aside", n)
	}
}

func TestRestartsUnderBackPressureAreNotCounted(t *testing.T) {
	r := newRoom(t, nil)
	job := r.accept(t, "run")
	for range 2 * streams.MaxDeliveries {
		held := make(chan struct{})
		cfg := quick(1)
		cfg.RetryDelay, cfg.MaxRetryDelay = time.Hour, time.Hour
		run := r.start(t, cfg, handlerFunc(func(context.Context, schema.Job) error {
			close(held)
			return ingest.ErrBusy
		}))
		await(t, held)
		if err := run.end(); err != nil {
			t.Fatal(err)
		}
	}
	publisher := r.publisher(t)
	r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error { return publish(ctx, publisher, job) }))
	r.waitEmpty(t, streams.Exports)
	if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded {
		t.Errorf("outcome %+v", out)
	}
}

func TestFullQueueOfSessionsHoldsTheJobUntilThereIsRoom(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.SamplesBytes = 1024 }).impatient(t)
	const count = 20
	var want []schema.Job
	for i := range count {
		want = append(want, r.accept(t, fmt.Sprint("run ", i)))
	}
	publisher := r.publisher(t)
	r.start(t, quick(3), handlerFunc(func(ctx context.Context, job schema.Job) error { return publish(ctx, publisher, job) }))
	waitFor(t, "back-pressure", func() bool { return r.metric(t, "plodwatch_jobs_back_pressure_total") > 0 })

	puller, err := streams.NewPuller(t.Context(), r.js, streams.Samples, streams.Analyzer, r.log)
	if err != nil {
		t.Fatal(err)
	}
	defer puller.Close()
	sessions := map[string]bool{}
	for len(sessions) < count {
		d, err := puller.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sessions[d.Subject()] = true
		if err := d.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.waitEmpty(t, streams.Exports)
	for _, job := range want {
		if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded {
			t.Errorf("outcome %+v", out)
		}
	}
}

func TestMessageThatIsNoJobIsSetAsideAtOnce(t *testing.T) {
	r := newRoom(t, nil)
	id := schema.JobID{1}
	err := r.streams.Publish(t.Context(), streams.Message{Subject: streams.ExportSubject(id), Data: []byte("no job")})
	if err != nil {
		t.Fatal(err)
	}
	r.start(t, quick(1), handlerFunc(func(context.Context, schema.Job) error {
		t.Error("the handler was called")
		return nil
	}))
	r.waitEmpty(t, streams.Exports)
	dead := r.dead(t, id.String())
	if string(dead.Data) != "no job" || dead.Header.Get(streams.HeaderDelivered) != "1" {
		t.Errorf("set aside: %q, %v", dead.Data, dead.Header)
	}
	waitFor(t, "the count", func() bool { return r.metric(t, "plodwatch_jobs_handled_total", "unreadable") == 1 })
}

func TestWhatCannotBeSetAsideStaysQueued(t *testing.T) {
	r := newRoom(t, nil).impatient(t)
	if err := r.js.DeleteStream(t.Context(), streams.Dead); err != nil {
		t.Fatal(err)
	}
	id := schema.JobID{1}
	err := r.streams.Publish(t.Context(), streams.Message{Subject: streams.ExportSubject(id), Data: []byte("no job")})
	if err != nil {
		t.Fatal(err)
	}
	r.start(t, quick(1), handlerFunc(func(context.Context, schema.Job) error { return nil }))
	waitFor(t, "a try", func() bool { return r.metric(t, "plodwatch_jobs_handled_total", "retry") > 0 })
	if n := r.messages(t, streams.Exports); n != 1 {
		t.Fatalf("%d messages queued, want 1", n)
	}
	r.provision(t)
	r.waitEmpty(t, streams.Exports)
	r.dead(t, id.String())
}

func TestAsManyJobsAtOnceAsThereAreWorkers(t *testing.T) {
	r := newRoom(t, nil)
	const workers, count = 4, 12
	for i := range count {
		r.accept(t, fmt.Sprint("run ", i))
	}
	var mu sync.Mutex
	now, most := 0, 0
	together := make(chan struct{})
	r.start(t, quick(workers), handlerFunc(func(ctx context.Context, _ schema.Job) error {
		mu.Lock()
		now++
		most = max(most, now)
		if now == workers && most == workers {
			select {
			case <-together:
			default:
				close(together)
			}
		}
		mu.Unlock()
		defer func() {
			mu.Lock()
			now--
			mu.Unlock()
		}()
		select { // the first ones wait for each other
		case <-together:
		case <-ctx.Done():
		}
		return nil
	}))
	r.waitEmpty(t, streams.Exports)
	mu.Lock()
	defer mu.Unlock()
	if most != workers {
		t.Errorf("%d jobs at once, want %d", most, workers)
	}
}

func TestJobOfADeadRunnerIsDoneByAnother(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.WorkerAckWait = 300 * time.Millisecond })
	job := r.accept(t, "run")
	conn, js, publisher := r.connect(t, streams.PublisherConfig{})
	inHand, release := make(chan struct{}), make(chan struct{})
	first := r.startOver(t, js, publisher, quick(1), handlerFunc(func(context.Context, schema.Job) error {
		close(inHand)
		<-release
		return nil
	}))
	await(t, inHand)
	conn.Close() // nothing more is heard of it, neither work nor word
	var tries seen
	second := r.publisher(t)
	r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error {
		tries.add(job)
		return publish(ctx, second, job)
	}))
	r.waitEmpty(t, streams.Exports)
	close(release)
	if <-first.done; !errors.Is(first.err, streams.ErrClosed) {
		t.Errorf("Run: %v, want ErrClosed", first.err)
	}
	first.err = nil
	if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded || tries.count() != 1 {
		t.Errorf("outcome %+v after %d tries", out, tries.count())
	}
}

func TestEndLetsJobsInHandFinish(t *testing.T) {
	r := newRoom(t, nil)
	first := r.accept(t, "first")
	r.accept(t, "second")
	inHand, release := make(chan struct{}), make(chan struct{})
	publisher := r.publisher(t)
	run := r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error {
		close(inHand) // a second job would panic here, and be seen below
		<-release
		return publish(ctx, publisher, job)
	}))
	await(t, inHand)
	run.stop()
	select {
	case <-run.done:
		t.Error("Run returned with a job in hand")
	default:
	}
	close(release)
	if err := run.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if out := r.outcome(t, first); out.Outcome != schema.OutcomeDecoded {
		t.Errorf("outcome %+v", out)
	}
	if n := r.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d jobs queued, want the one that was not begun", n)
	}
}

func TestJobsThatOutlastTheGraceAreCutOffAndGivenBack(t *testing.T) {
	r := newRoom(t, nil) // the server would wait 30 s for a sign
	job := r.accept(t, "run")
	inHand := make(chan struct{})
	cfg := quick(1)
	cfg.Grace = time.Millisecond
	run := r.start(t, cfg, handlerFunc(func(ctx context.Context, _ schema.Job) error {
		close(inHand)
		<-ctx.Done()
		return fmt.Errorf("decode: %w", ctx.Err())
	}))
	await(t, inHand)
	if err := run.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := r.metric(t, "plodwatch_jobs_handled_total", "given_back"); n != 1 {
		t.Errorf("%v jobs counted as given back, want 1", n)
	}
	publisher := r.publisher(t)
	r.start(t, quick(1), handlerFunc(func(ctx context.Context, job schema.Job) error { return publish(ctx, publisher, job) }))
	r.waitEmpty(t, streams.Exports)
	if out := r.outcome(t, job); out.Outcome != schema.OutcomeDecoded {
		t.Errorf("outcome %+v", out)
	}
}

func TestRunWithoutAQueueIsAnError(t *testing.T) {
	r := newRoom(t, nil)
	if err := r.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	runner, err := jobs.NewRunner(quick(1), jobs.Deps{
		JetStream: r.js, Handler: handlerFunc(nil), Publisher: r.streams, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Run(t.Context()); err == nil || !strings.Contains(err.Error(), streams.Exports) {
		t.Errorf("Run: %v, want an error that names the stream", err)
	}
}
