package streams

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Stored is a message in one of the streams.
type Stored struct {
	Stream  string
	Subject string // where it was queued first, also when it was set aside since; "" when it does not say
	Data    []byte
}

// names are the streams, in the order in which work moves through them.
var names = [...]string{Pulls, Exports, Samples, Outcomes, Events, Dead}

// Erase removes the messages that match says are to go from all streams,
// whether they wait, are in hand, are history or were set aside, overwrites
// their bytes, and returns how many there were.
func Erase(ctx context.Context, js jetstream.JetStream, match func(*Stored) bool) (int, error) {
	total := 0
	for _, name := range names {
		n, err := eraseFrom(ctx, js, name, match)
		if total += n; err != nil {
			return total, fmt.Errorf("erase messages of stream %s: %w", name, err)
		}
	}
	return total, nil
}

func eraseFrom(ctx context.Context, js jetstream.JetStream, name string, match func(*Stored) bool) (int, error) {
	stream, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for next := uint64(1); ; next++ {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(root+">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		next = msg.Sequence
		m := &Stored{Stream: name, Subject: msg.Subject, Data: msg.Data}
		if name == Dead {
			m.Subject = msg.Header.Get(HeaderSubject)
		}
		if !match(m) {
			continue
		}
		if err := stream.SecureDeleteMsg(ctx, msg.Sequence); err == nil {
			n++
		} else if _, gone := stream.GetMsg(ctx, msg.Sequence); !errors.Is(gone, jetstream.ErrMsgNotFound) {
			return n, err // and was not acknowledged by another meanwhile
		}
	}
}

// Wipe has the server give up the files in which the bytes of acknowledged
// messages may still lie, of every stream that holds no message now, and
// returns the names of the others. A message that comes meanwhile stays.
func Wipe(ctx context.Context, js jetstream.JetStream) (busy []string, err error) {
	for _, name := range names {
		stream, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return busy, fmt.Errorf("wipe stream %s: %w", name, err)
		}
		state := stream.CachedInfo().State
		if state.Msgs > 0 {
			busy = append(busy, name)
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSequence(state.LastSeq+1)); err != nil {
			return busy, fmt.Errorf("wipe stream %s: %w", name, err)
		}
	}
	return busy, nil
}
