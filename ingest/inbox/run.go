package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// group is the queue group of all inboxes: each message goes to one of them.
const group = "inbox"

// unreadBytes bounds what has arrived and was not looked at yet.
const unreadBytes = 32 << 20

// Run takes messages until ctx ends, and returns nil then. Those that have
// arrived are answered, for which there is the grace time. Run returns an error
// when the connection has been closed for good.
func (b *Inbox) Run(ctx context.Context) error {
	sub, err := b.deps.Conn.QueueSubscribeSync(streams.InboxSubjects, group)
	if err != nil {
		return fmt.Errorf("run inbox: %w", err)
	}
	if err := sub.SetPendingLimits(-1, unreadBytes); err != nil {
		return errors.Join(fmt.Errorf("run inbox: %w", err), sub.Unsubscribe())
	}
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(b.cfg.Grace, endWork)
		if sub.Drain() != nil { // it is closed
			endWork()
		}
	})()

	waiting := make(chan *nats.Msg, b.cfg.Waiting)
	var workers sync.WaitGroup
	for range b.cfg.AtOnce {
		workers.Go(func() {
			for msg := range waiting {
				b.take(work, msg)
			}
		})
	}
	err = b.receive(work, sub, waiting)
	close(waiting)
	workers.Wait()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is how Run is to end
	}
	return fmt.Errorf("run inbox: %w: %w", streams.ErrClosed, err)
}

// receive passes messages on until there will be no more.
func (b *Inbox) receive(work context.Context, sub *nats.Subscription, waiting chan<- *nats.Msg) error {
	for {
		msg, err := sub.NextMsgWithContext(work)
		if errors.Is(err, nats.ErrSlowConsumer) {
			b.deps.Log.WarnContext(work, "messages were dropped: they came faster than they could be looked at")
			b.deps.Metrics.messages.WithLabelValues(resultDropped).Inc()
			continue
		}
		if err != nil {
			return err
		}
		select {
		case waiting <- msg:
			continue
		default:
		}
		if msg.Reply != "" {
			b.fail(work, msg, resultNotNow, "too much waits here; send it again later")
			continue
		}
		select { // there is nobody to tell
		case waiting <- msg:
		case <-work.Done():
			b.fail(work, msg, resultNotNow, "the end has come")
		}
	}
}

// take hands one message to the intake and answers it.
func (b *Inbox) take(ctx context.Context, msg *nats.Msg) {
	b.deps.Metrics.inHand.Inc()
	defer b.deps.Metrics.inHand.Dec()
	athlete, err := streams.InboxAthlete(msg.Subject)
	if err != nil {
		b.fail(ctx, msg, resultRefused, err.Error())
		return
	}
	if len(msg.Data) > b.cfg.MaxBytes {
		b.fail(ctx, msg, resultTooLarge, fmt.Sprintf("%d bytes are more than the %d that an inbox takes", len(msg.Data), b.cfg.MaxBytes))
		return
	}
	receipt, err := b.deps.Intake.Accept(ctx, athlete, schema.SourceUpload, bytes.NewReader(msg.Data))
	switch {
	case errors.Is(err, ingest.ErrNotNow), err != nil && ctx.Err() != nil:
		b.deps.Log.WarnContext(ctx, "export cannot be taken now", "error", err)
		b.fail(ctx, msg, resultNotNow, "nothing can be taken now; send it again later")
		return
	case err != nil:
		// What went wrong may name our files: it is not for the other side.
		b.deps.Log.ErrorContext(ctx, "export cannot be taken", "error", err)
		b.fail(ctx, msg, resultFailed, "the export could not be taken")
		return
	}
	result := resultQueued
	if receipt.Duplicate {
		result = resultDuplicate
	}
	b.deps.Metrics.messages.WithLabelValues(result).Inc()
	b.deps.Metrics.bytes.Add(float64(len(msg.Data)))
	b.deps.Log.InfoContext(ctx, "export came by NATS", "export", receipt.Job.Export.String(), "bytes", len(msg.Data), "result", result)
	b.answer(ctx, msg, ReceiptOf(&receipt))
}

// fail answers a message that was not taken.
func (b *Inbox) fail(ctx context.Context, msg *nats.Msg, result, why string) {
	b.deps.Metrics.messages.WithLabelValues(result).Inc()
	level := slog.LevelInfo
	if msg.Reply == "" {
		level = slog.LevelWarn // it is lost, and only we know
	}
	b.deps.Log.Log(ctx, level, "message not taken", "bytes", len(msg.Data), "result", result, "answered", msg.Reply != "")
	b.answer(ctx, msg, Failure{Error: why, NotNow: result == resultNotNow})
}

func (b *Inbox) answer(ctx context.Context, msg *nats.Msg, v any) {
	if msg.Reply == "" {
		return
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = msg.Respond(data)
	}
	if err != nil {
		// Who sent it sends it again, which changes nothing.
		b.deps.Log.WarnContext(ctx, "message cannot be answered", "error", err)
	}
}
