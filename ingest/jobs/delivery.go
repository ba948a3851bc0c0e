package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// patience is how often a job is tried in one go while a server takes nothing.
const patience = 6

// deliver brings one message to its end. Nothing is left in hand.
func (r *Runner) deliver(pulling, work context.Context, d *streams.Delivery) {
	log := r.deps.Log.With("sequence", d.Sequence(), "delivered", d.Delivered())
	last, cancel := context.WithCancel(context.WithoutCancel(work))
	defer cancel()
	if pulling.Err() != nil {
		r.giveBack(last, d, 0, log)
		return
	}
	job, err := wire.DecodeJob(d.Data())
	if err != nil {
		log.WarnContext(work, "job cannot be read and is set aside", "error", err)
		r.setAside(last, d, nil, err.Error(), log)
		return
	}
	log = log.With("export", job.Export.String())
	// Asked before the work: a job that kills its worker gets no further.
	if d.Exhausted(0) {
		log.WarnContext(work, "job has failed too often and is set aside")
		r.setAside(last, d, job, fmt.Sprintf("not finished in %d tries", d.Delivered()-1), log)
		return
	}
	switch err := r.insist(pulling, work, d, *job, log); {
	case err == nil:
		r.confirm(last, d, log)
	case pulling.Err() != nil && (errors.Is(err, ingest.ErrNotNow) || isEnd(err)):
		r.giveBack(last, d, 0, log)
	case errors.Is(err, ingest.ErrNotNow):
		r.giveBack(last, d, r.cfg.MaxRetryDelay, log)
	default:
		delay := r.cfg.delay(d.Delivered())
		log.ErrorContext(work, "job failed", "error", err, "retry_in", delay)
		r.deps.Metrics.handled.WithLabelValues(resultRetry).Inc()
		r.later(d, delay, log)
	}
}

// insist does the job until it is done, has failed, or the end is near. While
// a server or a disk takes nothing the job stays in hand: hardly anything else
// would fare better in its place, and each handing out counts on the server,
// where five say that a job is poison. But not for ever, lest all workers wait
// for room in the queue that only they can make (a job may queue others): after
// some tries it gives way, unless the next handing out would be one too many.
func (r *Runner) insist(pulling, work context.Context, d *streams.Delivery, job schema.Job, log *slog.Logger) error {
	for try := uint64(1); ; try++ {
		started := time.Now()
		err := r.handle(work, job, log)
		r.deps.Metrics.seconds.Observe(time.Since(started).Seconds())
		if !errors.Is(err, ingest.ErrNotNow) {
			return err
		}
		r.deps.Metrics.waited.Inc()
		if try >= patience && d.Delivered() < streams.MaxDeliveries {
			return err
		}
		delay := r.cfg.delay(try)
		log.WarnContext(work, "job has to wait", "error", err, "retry_in", delay)
		if !sleep(pulling, delay) {
			return err
		}
	}
}

// handle calls the handler. A panic is a fault like another: it is to end one
// job and not all of them.
func (r *Runner) handle(ctx context.Context, job schema.Job, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("handler panicked")
		}
	}()
	return r.deps.Handler.Handle(ctx, job)
}

// isEnd reports whether err is that of a context.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// confirm takes a finished job out of the queue.
func (r *Runner) confirm(ctx context.Context, d *streams.Delivery, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	if err := d.Confirm(ctx); err != nil {
		log.WarnContext(ctx, "job is done but the queue may not know, and hand it out again", "error", err)
		r.deps.Metrics.handled.WithLabelValues(resultUnsure).Inc()
		return
	}
	r.deps.Metrics.handled.WithLabelValues(resultDone).Inc()
}

// giveBack returns a job that was interrupted through no fault of its own. It
// may be so again and again, while a server is full for hours or at every
// restart; so when it was handed out before it is queued anew, which starts the
// count from zero. Else it comes again after delay.
func (r *Runner) giveBack(ctx context.Context, d *streams.Delivery, delay time.Duration, log *slog.Logger) {
	r.deps.Metrics.handled.WithLabelValues(resultGiveBack).Inc()
	if d.Delivered() > 1 {
		ctx, cancel := context.WithTimeout(ctx, lastWords)
		defer cancel()
		err := r.deps.Publisher.Publish(ctx, streams.Message{Subject: d.Subject(), Data: d.Data()})
		if err == nil {
			// If the word is lost the job is done twice, which changes nothing.
			err = d.Confirm(ctx)
		}
		if err == nil {
			return
		}
		log.WarnContext(ctx, "job cannot be queued anew", "error", err)
	}
	r.later(d, delay, log)
}

func (r *Runner) later(d *streams.Delivery, delay time.Duration, log *slog.Logger) {
	if err := d.Later(delay); err != nil {
		// The server hands it out again by itself when it hears nothing.
		log.Warn("job cannot be given back", "error", err)
	}
}

// setAside puts a message aside for people to look at and, when its job is
// known, says so as the export's outcome. When that is not possible the
// message goes back.
func (r *Runner) setAside(ctx context.Context, d *streams.Delivery, job *schema.Job, why string, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	result := resultUnread
	err := error(nil)
	if job != nil {
		result = resultPoison
		err = r.publishPoison(ctx, *job, why)
	}
	if err == nil {
		err = d.SetAside(ctx, r.deps.Publisher, why)
	}
	if err != nil {
		log.ErrorContext(ctx, "job cannot be set aside", "error", err)
		r.deps.Metrics.handled.WithLabelValues(resultRetry).Inc()
		r.later(d, r.cfg.MaxRetryDelay, log)
		return
	}
	r.deps.Metrics.handled.WithLabelValues(result).Inc()
}

func (r *Runner) publishPoison(ctx context.Context, job schema.Job, why string) error {
	msg, err := outcomeMessage(&schema.ExportOutcome{
		Job:        job,
		Format:     schema.FormatUnknown,
		Outcome:    schema.OutcomeRejected,
		Reason:     schema.ReasonPoison,
		Detail:     why,
		FinishedMs: time.Now().UnixMilli(),
	}, r.deps.Publisher.MaxMessageBytes())
	if err != nil {
		return err
	}
	msg.IgnoreQueued = true
	if err := r.deps.Publisher.Publish(ctx, msg); err != nil {
		r.deps.Metrics.publishFailure(queueOutcomes, notNow(err))
		return err
	}
	r.deps.Metrics.publish(queueOutcomes, len(msg.Data))
	return nil
}
