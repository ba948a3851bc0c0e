package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ConnectOptions returns the options of every connection plodwatch makes, to a
// server in this process or outside: it reconnects for ever, replies come to
// inboxes of the role's own ("_INBOX_<role>.>", for least permissions), and
// what the server says goes to log. A missing permission is seen nowhere else:
// to who publishes it looks like a timeout.
func ConnectOptions(role string, log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name("plodwatch " + role),
		nats.CustomInboxPrefix("_INBOX_" + Token(role)),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("nats reports an error", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			log.Info("nats connection is back")
		}),
	}
}

// Probe publishes a message that replaces the one before and is read by no
// one, and waits for its acknowledgement: a queue whose disk is full or whose
// server is away shows only so. It returns the error of Publisher.Publish.
func Probe(ctx context.Context, publisher *Publisher, instance string) error {
	err := publisher.Publish(ctx, Message{
		Subject: root + "events.probe." + Token(instance),
		Header:  nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}},
	})
	if err != nil {
		return fmt.Errorf("probe the queue: %w", err)
	}
	return nil
}

// Waiting is how much work a queue holds.
type Waiting struct {
	Messages uint64
	Bytes    uint64
	InHand   int // messages given out and not yet acknowledged
	Again    int // messages handed out more than once and not yet acknowledged
}

// Backlog returns how much work waits in a work queue.
func Backlog(ctx context.Context, js jetstream.JetStream, stream, consumer string) (Waiting, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return Waiting{}, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	state := s.CachedInfo().State
	waiting := Waiting{Messages: state.Msgs, Bytes: state.Bytes}
	c, err := s.Consumer(ctx, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return waiting, nil
	}
	if err != nil {
		return Waiting{}, fmt.Errorf("look up consumer %s of %s: %w", consumer, stream, err)
	}
	info := c.CachedInfo()
	waiting.InHand, waiting.Again = info.NumAckPending, info.NumRedelivered
	return waiting, nil
}
