package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// IntakeDeps are the things an Intake works with. All are required.
type IntakeDeps struct {
	Blobs     ingest.Blobs
	Ledger    Ledger
	Publisher *streams.Publisher
	Now       func() time.Time
	Metrics   *Metrics
	Log       *slog.Logger
}

// Intake takes exports in: it stores their bytes and queues a job for each. It
// is safe for concurrent use; exports that are handed in at the same time are
// stored and published side by side.
type Intake struct {
	deps IntakeDeps

	mu   sync.Mutex
	busy map[schema.JobID]chan struct{} // closed when the job is no longer being queued
}

// NewIntake returns an Intake, or an error that names every missing dependency.
func NewIntake(deps IntakeDeps) (*Intake, error) {
	err := missing(map[string]bool{
		"blobs": deps.Blobs == nil, "ledger": deps.Ledger == nil, "publisher": deps.Publisher == nil,
		"now": deps.Now == nil, "metrics": deps.Metrics == nil, "log": deps.Log == nil,
	})
	if err != nil {
		return nil, fmt.Errorf("make intake: %w", err)
	}
	return &Intake{deps: deps, busy: make(map[schema.JobID]chan struct{})}, nil
}

// Accept stores what r holds and queues a job for it, unless the same bytes
// were taken for the same athlete before. The receipt comes only when the
// bytes are on stable storage and the job has been acknowledged; the export
// can then be forgotten by who handed it in. Of a duplicate the receipt's Job
// is what would have been queued.
//
// Errors that wrap ingest.ErrNotNow mean that the disk or the queue is full or
// away: hand it in again later. An athlete that is none wraps schema.ErrBadID.
// Errors of r and of ctx come back wrapped as they are.
func (in *Intake) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	return in.accept(ctx, athlete, source, r, false)
}

// AcceptAgain is Accept for an export that may have been taken before and is to
// be worked on once more. Only when its job still waits in the queue is it a
// duplicate.
func (in *Intake) AcceptAgain(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	return in.accept(ctx, athlete, source, r, true)
}

func (in *Intake) accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader, again bool) (ingest.Receipt, error) {
	receipt, err := in.take(ctx, athlete, source, r, again)
	if err != nil {
		in.deps.Metrics.accept(source, resultOf(err))
		return ingest.Receipt{}, fmt.Errorf("take export: %w", err)
	}
	log := in.deps.Log.With("export", receipt.Job.Export.String(), "source", source, "bytes", receipt.Job.Bytes)
	if receipt.Duplicate {
		in.deps.Metrics.accept(source, resultDuplicate)
		log.DebugContext(ctx, "export was taken before")
	} else {
		in.deps.Metrics.accept(source, resultQueued)
		log.DebugContext(ctx, "export taken")
	}
	return receipt, nil
}

func (in *Intake) take(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader, again bool) (ingest.Receipt, error) {
	if _, err := schema.ParseAthleteID(string(athlete)); err != nil {
		return ingest.Receipt{}, err
	}
	export, size, _, err := in.deps.Blobs.Put(ctx, r)
	if err != nil {
		return ingest.Receipt{}, fmt.Errorf("store: %w", err)
	}
	job := schema.Job{
		Athlete:    athlete,
		Export:     export,
		Source:     source,
		Bytes:      size,
		ReceivedMs: in.deps.Now().UnixMilli(),
	}
	// Of equal exports at the same time the second must see the first's mark.
	leave, err := in.enter(ctx, job.ID())
	if err != nil {
		return ingest.Receipt{}, err
	}
	defer leave()
	if !again && in.deps.Ledger.Taken(job.ID()) {
		return ingest.Receipt{Job: job, Duplicate: true}, nil
	}
	duplicate, err := in.queue(ctx, job)
	if err != nil {
		return ingest.Receipt{}, err
	}
	if err := in.deps.Ledger.MarkTaken(&job); err != nil {
		// The job is queued: the export is taken. At worst it is taken twice.
		in.deps.Log.WarnContext(ctx, "export is not marked as taken", "export", export.String(), "error", err)
	}
	return ingest.Receipt{Job: job, Duplicate: duplicate}, nil
}

// Requeue queues the job of an export that is stored, as it stands, and marks
// it as taken. It reports whether the job waited in the queue already. Errors
// are those of Accept.
func (in *Intake) Requeue(ctx context.Context, job schema.Job) (waited bool, err error) {
	if _, err := schema.ParseAthleteID(string(job.Athlete)); err != nil {
		return false, fmt.Errorf("queue export again: %w", err)
	}
	leave, err := in.enter(ctx, job.ID())
	if err != nil {
		return false, fmt.Errorf("queue export again: %w", err)
	}
	defer leave()
	if waited, err = in.queue(ctx, job); err != nil {
		return false, fmt.Errorf("queue export again: %w", err)
	}
	if err := in.deps.Ledger.MarkTaken(&job); err != nil {
		in.deps.Log.WarnContext(ctx, "export is not marked as taken", "export", job.Export.String(), "error", err)
	}
	return waited, nil
}

// queue publishes the job and reports whether it waited in the queue already.
func (in *Intake) queue(ctx context.Context, job schema.Job) (waited bool, err error) {
	msg, err := jobMessage(job)
	if err != nil {
		return false, err
	}
	err = in.deps.Publisher.Publish(ctx, msg)
	switch {
	case errors.Is(err, streams.ErrQueued):
		return true, nil
	case err != nil:
		err = notNow(fmt.Errorf("queue job: %w", err))
		in.deps.Metrics.publishFailure(queueExports, err)
		return false, err
	}
	in.deps.Metrics.publish(queueExports, len(msg.Data))
	return false, nil
}

// enter waits until nobody else queues the same job.
func (in *Intake) enter(ctx context.Context, job schema.JobID) (leave func(), err error) {
	for {
		in.mu.Lock()
		other := in.busy[job]
		if other == nil {
			done := make(chan struct{})
			in.busy[job] = done
			in.mu.Unlock()
			return func() {
				in.mu.Lock()
				delete(in.busy, job)
				in.mu.Unlock()
				close(done)
			}, nil
		}
		in.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an equal export: %w", ctx.Err())
		}
	}
}

// jobMessage is the message that asks for job, refused with streams.ErrQueued
// while the same job waits.
func jobMessage(job schema.Job) (streams.Message, error) {
	data, err := wire.EncodeJob(&job)
	if err != nil {
		return streams.Message{}, err
	}
	return streams.Message{Subject: streams.ExportSubject(job.ID()), Data: data, Once: true}, nil
}
