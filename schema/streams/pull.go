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

	// troublePause is how long a puller waits after an error before it asks
	// the server again.
	troublePause = 500 * time.Millisecond
)

// Puller takes messages from one durable consumer and keeps those in hand
// alive: every third of the consumer's AckWait the server is told that they are
// being worked on, so that work may take as long as it must. It is safe for
// concurrent use.
//
// It asks for one message at a time and only when Next does. Messages fetched
// ahead would wait without a sign of life, come back to others, and look like
// repeated failures. (The client's iterator cannot be had without fetching
// ahead: with room for one message, a status message in its place makes it
// drop the real one.)
type Puller struct {
	conn     *nats.Conn
	consumer jetstream.Consumer
	ackWait  time.Duration
	log      *slog.Logger

	// ended by Close, which waiting Nexts must notice
	ctx    context.Context //nolint:containedctx
	cancel context.CancelFunc

	mu     sync.Mutex
	inHand map[*Delivery]struct{} // nil when closed
	epoch  context.Context        //nolint:containedctx // ended with the connection
	renew  context.CancelFunc     // ends epoch

	minding chan struct{} // closed when the goroutine has ended
}

// NewPuller opens a consumer that Provision has made, and waits while the
// server is away or electing. The caller closes the Puller before the
// connection.
func NewPuller(ctx context.Context, js jetstream.JetStream, stream, consumer string, log *slog.Logger) (*Puller, error) {
	cons, err := openConsumer(ctx, js, stream, consumer, log)
	if err != nil {
		return nil, fmt.Errorf("open consumer %s of %s: %w", consumer, stream, err)
	}
	ackWait := cons.CachedInfo().Config.AckWait
	if ackWait <= 0 {
		ackWait = defaultAckWait
	}
	p := &Puller{
		conn:     js.Conn(),
		consumer: cons,
		ackWait:  ackWait,
		log:      log.With("stream", stream),
		inHand:   make(map[*Delivery]struct{}),
		minding:  make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.epoch, p.renew = context.WithCancel(p.ctx)
	go func() {
		defer close(p.minding)
		p.mind()
	}()
	return p, nil
}

// openPause is how long to wait before asking again for a consumer.
const openPause = 500 * time.Millisecond

func openConsumer(ctx context.Context, js jetstream.JetStream, stream, consumer string, log *slog.Logger) (jetstream.Consumer, error) {
	for said := false; ; said = true {
		cons, err := js.Consumer(ctx, stream, consumer)
		if err == nil || !Transient(err) || ctx.Err() != nil {
			return cons, err
		}
		if !said {
			log.WarnContext(ctx, "queue does not answer, waiting for it", "stream", stream, "error", err)
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Next waits for a message and takes it in hand. It returns ctx's error, or
// ErrClosed after Close or when the connection is closed for good; anything
// else is waited out.
func (p *Puller) Next(ctx context.Context) (*Delivery, error) {
	for {
		if err := p.ended(ctx); err != nil {
			return nil, err
		}
		msg, err := p.request(ctx)
		if err == nil {
			return p.take(msg)
		}
		if err := p.ended(ctx); err != nil {
			return nil, err
		}
		switch {
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, jetstream.ErrNoHeartbeat), errors.Is(err, context.Canceled):
			continue // nothing came, or the connection is new; ask again
		}
		p.log.Warn("pulling messages was interrupted", "error", err)
		timer := time.NewTimer(troublePause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		case <-p.ctx.Done():
			timer.Stop()
		}
	}
}

// request asks the server for one message and waits until it comes, the
// request has expired, ctx ends, or the connection is another.
func (p *Puller) request(ctx context.Context) (jetstream.Msg, error) {
	p.mu.Lock()
	epoch := p.epoch
	p.mu.Unlock()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(epoch, cancel)() //nolint:contextcheck // Close and a new connection end this too
	return p.consumer.Next(jetstream.FetchContext(waiting))
}

func (p *Puller) ended(ctx context.Context) error {
	if p.ctx.Err() != nil || p.conn.IsClosed() {
		return fmt.Errorf("wait for a message: %w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a message: %w", err)
	}
	return nil
}

func (p *Puller) take(msg jetstream.Msg) (*Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read message metadata: %w", err)
	}
	d := &Delivery{msg: msg, puller: p, delivered: meta.NumDelivered, sequence: meta.Sequence.Stream}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inHand == nil {
		_ = msg.Nak()
		return nil, fmt.Errorf("wait for a message: %w", ErrClosed)
	}
	p.inHand[d] = struct{}{}
	return d, nil
}

func (p *Puller) release(d *Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inHand, d)
}

// mind tells the server about the messages in hand, and Nexts about the
// connection, until Close.
func (p *Puller) mind() {
	status := p.conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer p.conn.RemoveStatusListener(status)
	ticker := time.NewTicker(max(p.ackWait/3, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.beat()
		case _, open := <-status:
			// Requests that stood at the server before are lost.
			p.startEpoch()
			if !open {
				status = nil
			}
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *Puller) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.inHand {
		// An error means that the connection is away: the server will hand
		// the message out again, which all work here can bear.
		_ = d.msg.InProgress()
	}
}

func (p *Puller) startEpoch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew()
	p.epoch, p.renew = context.WithCancel(p.ctx)
}

// Close stops pulling, gives back at once what is still in hand, and ends the
// Puller's goroutine. A Next that is waiting returns ErrClosed.
func (p *Puller) Close() {
	p.cancel()
	<-p.minding
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.inHand {
		_ = d.msg.Nak()
	}
	p.inHand = nil
}
