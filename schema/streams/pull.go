package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// defaultAckWait is what the server takes when a consumer says nothing.
	defaultAckWait = 30 * time.Second

	// pullExpires is how long one request for messages stands at the server.
	pullExpires = 10 * time.Second

	// reopenPause is how long a puller waits before it asks again for a
	// consumer that has gone.
	reopenPause = time.Second
)

// Puller takes messages from one durable consumer and keeps those in hand
// alive: every third of the consumer's AckWait the server is told that they are
// being worked on, so that work may take as long as it must.
//
// It asks for a message only when Next does. Messages fetched ahead would wait
// without a sign of life, come back to others, and look like repeated failures.
type Puller struct {
	consumer jetstream.Consumer
	ackWait  time.Duration
	log      *slog.Logger

	reader sync.Mutex // one Next at a time

	mu       sync.Mutex
	messages jetstream.MessagesContext
	inHand   map[*Delivery]struct{}

	stop      chan struct{}
	closeOnce sync.Once
	beating   sync.WaitGroup
}

// NewPuller opens a consumer that Provision has made. The caller closes the
// Puller before the connection.
func NewPuller(ctx context.Context, js jetstream.JetStream, stream, consumer string, log *slog.Logger) (*Puller, error) {
	cons, err := js.Consumer(ctx, stream, consumer)
	if err != nil {
		return nil, fmt.Errorf("open consumer %s of %s: %w", consumer, stream, err)
	}
	ackWait := cons.CachedInfo().Config.AckWait
	if ackWait <= 0 {
		ackWait = defaultAckWait
	}
	p := &Puller{
		consumer: cons,
		ackWait:  ackWait,
		log:      log.With("stream", stream),
		inHand:   make(map[*Delivery]struct{}),
		stop:     make(chan struct{}),
	}
	if p.messages, err = p.open(); err != nil {
		return nil, err
	}
	p.beating.Add(1)
	go func() {
		defer p.beating.Done()
		p.beat()
	}()
	return p, nil
}

func (p *Puller) open() (jetstream.MessagesContext, error) {
	messages, err := p.consumer.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(pullExpires))
	if err != nil {
		return nil, fmt.Errorf("pull messages: %w", err)
	}
	return messages, nil
}

// Next waits for a message and takes it in hand. It returns ctx's error, or
// ErrClosed after Close or when the connection is closed for good; anything
// else is waited out.
func (p *Puller) Next(ctx context.Context) (*Delivery, error) {
	p.reader.Lock()
	defer p.reader.Unlock()
	for {
		msg, err := p.current().Next(jetstream.NextContext(ctx))
		switch {
		case err == nil:
			return p.take(msg), nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for a message: %w", ctx.Err())
		case p.isClosed(), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrConnectionClosed):
			return nil, fmt.Errorf("wait for a message: %w", ErrClosed)
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the next call asks the server anew
		}
		p.log.Warn("pulling messages was interrupted", "error", err)
		if err := p.reopen(ctx); err != nil {
			return nil, err
		}
	}
}

func (p *Puller) reopen(ctx context.Context) error {
	p.current().Stop()
	for {
		timer := time.NewTimer(reopenPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for a message: %w", ctx.Err())
		case <-p.stop:
			timer.Stop()
			return fmt.Errorf("wait for a message: %w", ErrClosed)
		}
		messages, err := p.open()
		if err == nil {
			p.mu.Lock()
			p.messages = messages
			p.mu.Unlock()
			return nil
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return fmt.Errorf("wait for a message: %w", ErrClosed)
		}
		p.log.Warn("pulling messages was interrupted", "error", err)
	}
}

func (p *Puller) current() jetstream.MessagesContext {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages
}

func (p *Puller) take(msg jetstream.Msg) *Delivery {
	d := &Delivery{msg: msg, puller: p}
	if meta, err := msg.Metadata(); err == nil {
		d.delivered, d.sequence, d.stream = meta.NumDelivered, meta.Sequence.Stream, meta.Stream
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inHand[d] = struct{}{}
	return d
}

func (p *Puller) release(d *Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inHand, d)
}

// beat tells the server about the messages in hand until Close.
func (p *Puller) beat() {
	ticker := time.NewTicker(max(p.ackWait/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-p.stop:
			return
		}
		p.mu.Lock()
		for d := range p.inHand {
			// An error means that the connection is away: the server will
			// hand the message out again, which all work here can bear.
			_ = d.msg.InProgress()
		}
		p.mu.Unlock()
	}
}

func (p *Puller) isClosed() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// Close stops pulling, gives back at once what is still in hand and what has
// arrived unread, and ends the Puller's goroutine. A Next that is waiting
// returns ErrClosed.
func (p *Puller) Close() {
	p.closeOnce.Do(func() {
		close(p.stop)
		p.current().Drain()
		p.beating.Wait()
		p.giveBack()
	})
}

func (p *Puller) giveBack() {
	p.reader.Lock()
	defer p.reader.Unlock()
	messages := p.current()
	messages.Drain() // again: reopen may have come in between
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(time.Second))
		if err != nil {
			break
		}
		_ = msg.Nak()
	}
	messages.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.inHand {
		_ = d.msg.Nak()
	}
	clear(p.inHand)
}
