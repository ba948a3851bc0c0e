package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// PublisherDeps are the things a Publisher works with. All are required.
type PublisherDeps struct {
	Publisher *streams.Publisher
	Ledger    Ledger // members of archives are marked in it as taken
	Metrics   *Metrics
	Log       *slog.Logger
}

// Publisher puts sessions, outcomes and jobs on their queues. It implements
// ingest.Publisher and is safe for concurrent use.
//
// A message whose like waits in the queue already (the same session, the
// outcome of or the request for the same job) is not queued again: that is the
// repetition of a job that was interrupted, and counts as published.
type Publisher struct {
	deps  PublisherDeps
	codec *wire.Codec
}

var _ ingest.Publisher = (*Publisher)(nil)

// NewPublisher returns a Publisher, or an error that names every missing
// dependency.
func NewPublisher(deps PublisherDeps) (*Publisher, error) {
	err := missing(map[string]bool{
		"publisher": deps.Publisher == nil, "ledger": deps.Ledger == nil,
		"metrics": deps.Metrics == nil, "log": deps.Log == nil,
	})
	if err != nil {
		return nil, fmt.Errorf("make publisher: %w", err)
	}
	codec, err := wire.NewCodec()
	if err != nil {
		return nil, fmt.Errorf("make publisher: %w", err)
	}
	return &Publisher{deps: deps, codec: codec}, nil
}

// Begin starts the messages of one job.
func (p *Publisher) Begin() ingest.Batch {
	return &batch{Publisher: p, out: p.deps.Publisher.Begin()}
}

// batch holds the messages of one job.
type batch struct {
	*Publisher

	out  *streams.Batch
	jobs []schema.Job // published and not yet flushed
}

// PublishSession sends one session; see ingest.Batch.
func (b *batch) PublishSession(ctx context.Context, env *schema.Envelope) error {
	data, err := b.codec.EncodeSession(nil, env, b.deps.Publisher.MaxMessageBytes())
	if errors.Is(err, wire.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ingest.ErrSessionTooLarge, err)
	}
	if err != nil {
		b.deps.Metrics.publishFailure(queueSamples, err)
		return fmt.Errorf("publish session: %w", err)
	}
	err = b.send(ctx, queueSamples, streams.Message{Subject: streams.SamplesSubject(env.Athlete, env.ID), Data: data, Once: true})
	if err != nil {
		return fmt.Errorf("publish session: %w", err)
	}
	return nil
}

// PublishOutcome sends what became of an export; see ingest.Batch.
func (b *batch) PublishOutcome(ctx context.Context, out *schema.ExportOutcome) error {
	msg, err := outcomeMessage(out, b.deps.Publisher.MaxMessageBytes())
	if err != nil {
		b.deps.Metrics.publishFailure(queueOutcomes, err)
		return fmt.Errorf("publish outcome: %w", err)
	}
	if err := b.send(ctx, queueOutcomes, msg); err != nil {
		return fmt.Errorf("publish outcome: %w", err)
	}
	return nil
}

// PublishJob asks for the decoding of a member of an archive; see ingest.Batch.
// Whether it was taken before is not asked: an archive that is worked on again
// is to bring back all its members. It is marked as taken by Flush, so that
// the same file handed in alone is known.
func (b *batch) PublishJob(ctx context.Context, job schema.Job) error {
	msg, err := jobMessage(job)
	if err != nil {
		b.deps.Metrics.publishFailure(queueExports, err)
		return fmt.Errorf("publish job: %w", err)
	}
	if err := b.send(ctx, queueExports, msg); err != nil {
		return fmt.Errorf("publish job: %w", err)
	}
	b.jobs = append(b.jobs, job)
	return nil
}

// Flush returns nil when everything published is on stable storage.
func (b *batch) Flush(ctx context.Context) error {
	if err := b.out.Flush(ctx); err != nil {
		err = notNow(err)
		b.deps.Metrics.publishFailure(queueAny, err)
		return fmt.Errorf("flush messages: %w", err)
	}
	for i := range b.jobs {
		if err := b.deps.Ledger.MarkTaken(&b.jobs[i]); err != nil {
			b.deps.Log.WarnContext(ctx, "member of an archive is not marked as taken", "export", b.jobs[i].Export.String(), "error", err)
		}
	}
	b.jobs = nil
	return nil
}

func (b *batch) send(ctx context.Context, queue string, msg streams.Message) error {
	msg.IgnoreQueued = true
	err := notNow(b.out.Publish(ctx, msg))
	if errors.Is(err, streams.ErrTooLarge) && queue == queueSamples {
		err = fmt.Errorf("%w: %w", ingest.ErrSessionTooLarge, err)
	}
	if err != nil {
		b.deps.Metrics.publishFailure(queue, err)
		return err
	}
	b.deps.Metrics.publish(queue, len(msg.Data))
	return nil
}

// outcomeMessage is the message of an outcome, refused with streams.ErrQueued
// while one of the same job waits.
func outcomeMessage(out *schema.ExportOutcome, maxBytes int) (streams.Message, error) {
	data, err := wire.EncodeOutcome(out, maxBytes)
	if err != nil {
		return streams.Message{}, err
	}
	return streams.Message{Subject: streams.OutcomeSubject(out.Job.ID()), Data: data, Once: true}, nil
}
