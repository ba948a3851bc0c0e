package streams

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync"
)

// Batch is a set of messages that are waited for together. One goroutine uses
// it. Its message ids are its own, so that a message that is tried twice is
// stored once, while the same message in a later batch is stored anew.
type Batch struct {
	publisher *Publisher
	id        string
	count     int

	mu     sync.Mutex
	flying int
	idle   chan struct{} // closed when nothing flies any more; nil when nothing does
	failed error
}

// Publish sends msg and returns before it is acknowledged. It waits while too
// much is in flight. It returns ErrTooLarge, at once and with nothing sent, for
// a message that does not fit; ctx's error; or the error of an earlier message
// of the batch. The message's data must not change before Flush returns. The
// message is given up when ctx ends.
func (b *Batch) Publish(ctx context.Context, msg Message) error {
	if err := b.failure(); err != nil {
		return err
	}
	p := b.publisher
	if limit := p.MaxMessageBytes(); limit > 0 && len(msg.Data) > limit {
		return fmt.Errorf("publish %d bytes where the server takes %d: %w", len(msg.Data), limit, ErrTooLarge)
	}
	weight := min(int64(len(msg.Data))+messageOverhead, p.cfg.InFlightBytes)
	if err := p.room.Acquire(ctx, weight); err != nil {
		return fmt.Errorf("wait for messages in flight: %w", err)
	}
	if err := p.enter(); err != nil {
		p.room.Release(weight)
		return err
	}
	b.depart()
	id := cmp.Or(msg.ID, b.id+"."+strconv.Itoa(b.count))
	first := p.try(msg, id) // here, so that messages leave in order
	go func() {
		defer p.flying.Done()
		defer p.room.Release(weight)
		b.arrive(msg.Subject, p.deliver(ctx, msg, id, first))
	}()
	return nil
}

// Flush waits until every message of the batch has been acknowledged and
// returns nil, or the first error of any of them: ErrQueued, ErrBusy, ErrFull,
// ErrTooLarge, ErrClosed, or a fault. When ctx ends first it returns its error.
func (b *Batch) Flush(ctx context.Context) error {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	if idle != nil {
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait for acknowledgements: %w", ctx.Err())
		}
	}
	return b.failure()
}

func (b *Batch) depart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	b.flying++
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
}

func (b *Batch) arrive(subject string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && b.failed == nil {
		stage, _ := stageAndID(subject)
		b.failed = fmt.Errorf("publish to %s: %w", stage, err)
	}
	b.flying--
	if b.flying == 0 {
		close(b.idle)
		b.idle = nil
	}
}

func (b *Batch) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}
