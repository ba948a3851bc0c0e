package streams

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoDeadLetter says that there is no message set aside with this number
// (any more).
var ErrNoDeadLetter = errors.New("no such message set aside")

// DeadLetter is a message that was set aside.
type DeadLetter struct {
	ID        uint64    // its number in the stream Dead, which stays
	Subject   string    // where it was queued; "" when it does not say
	Reason    string    // why it was set aside, for people
	Delivered uint64    // how often it had been handed out
	At        time.Time // when it was set aside, UTC
	Data      []byte    // the message as it was queued
}

// Stage returns the queue that the message came from: "pulls", "exports",
// "samples" or "outcomes".
func (l *DeadLetter) Stage() string {
	stage, _ := stageAndID(l.Subject)
	return stage
}

// DeadLetters calls yield for each message set aside, the oldest first. It
// ends early with yield's error, as it is.
func DeadLetters(ctx context.Context, js jetstream.JetStream, yield func(*DeadLetter) error) error {
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", Dead, err)
	}
	for next := uint64(1); ; next++ {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(root+"dead.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read message set aside: %w", err)
		}
		if err := yield(deadLetter(msg)); err != nil {
			return err
		}
		next = msg.Sequence
	}
}

// FindDeadLetter returns one message set aside, or an error that wraps
// ErrNoDeadLetter.
func FindDeadLetter(ctx context.Context, js jetstream.JetStream, id uint64) (*DeadLetter, error) {
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", Dead, err)
	}
	msg, err := stream.GetMsg(ctx, id)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), id == 0:
		return nil, fmt.Errorf("message %d: %w", id, ErrNoDeadLetter)
	case err != nil:
		return nil, fmt.Errorf("read message set aside: %w", err)
	}
	return deadLetter(msg), nil
}

func deadLetter(msg *jetstream.RawStreamMsg) *DeadLetter {
	l := &DeadLetter{
		ID: msg.Sequence, Data: msg.Data,
		Subject: msg.Header.Get(HeaderSubject), Reason: msg.Header.Get(HeaderReason), At: msg.Time.UTC(),
	}
	l.Delivered, _ = strconv.ParseUint(msg.Header.Get(HeaderDelivered), 10, 64) // 0 when it does not say
	if at, err := time.Parse(time.RFC3339, msg.Header.Get(HeaderTime)); err == nil {
		l.At = at.UTC()
	}
	return l
}

// Retry queues the message again where it came from and, when the server has
// acknowledged it, removes it from the messages set aside. When its like waits
// in the queue already, that one counts. Errors are those of Publish.
func (l *DeadLetter) Retry(ctx context.Context, js jetstream.JetStream, publisher *Publisher) error {
	if l.Subject == "" {
		return fmt.Errorf("queue message %d again: it does not say where it came from", l.ID)
	}
	err := publisher.Publish(ctx, Message{Subject: l.Subject, Data: l.Data, Once: true, IgnoreQueued: true})
	if err != nil {
		return fmt.Errorf("queue message %d again: %w", l.ID, err)
	}
	return l.Drop(ctx, js)
}

// Drop removes the message for good and overwrites its bytes. One that is gone
// already is no error.
func (l *DeadLetter) Drop(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, Dead)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", Dead, err)
	}
	err = stream.SecureDeleteMsg(ctx, l.ID)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		// The server says that in several ways.
		if _, gone := stream.GetMsg(ctx, l.ID); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil
		}
		return fmt.Errorf("remove message %d: %w", l.ID, err)
	}
	return nil
}
