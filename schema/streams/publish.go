package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"golang.org/x/sync/semaphore"
)

const (
	// DefaultInFlightBytes bounds what is published and not yet acknowledged.
	DefaultInFlightBytes = 32 << 20

	// DefaultRetryFor is how long an unacknowledged message is published again
	// and again: longer than a cluster needs to elect a leader (6.7 s seen).
	DefaultRetryFor = 15 * time.Second

	// headerRoom is what subject and headers of a message may take of the
	// server's payload limit, our own and those of a message set aside.
	headerRoom = 16 << 10

	messageOverhead = 1 << 10 // memory of a message in flight besides its data
	firstPause      = 50 * time.Millisecond
	longestPause    = 2 * time.Second
)

// PublisherConfig bounds a Publisher.
type PublisherConfig struct {
	// InFlightBytes is the most that may wait for acknowledgement; at least one
	// message always may. DefaultInFlightBytes when 0.
	InFlightBytes int64 `yaml:"in_flight_bytes"`

	// RetryFor is how long a message is tried; DefaultRetryFor when 0.
	RetryFor time.Duration `yaml:"retry_for"`

	// AckTimeout is how long one try waits for the acknowledgement; a third of
	// RetryFor when 0.
	AckTimeout time.Duration `yaml:"ack_timeout"`
}

// Validate returns all faults of the configuration at once, or nil.
func (c PublisherConfig) Validate() error {
	var faults []error
	if c.InFlightBytes < 0 {
		faults = append(faults, fmt.Errorf("in_flight_bytes: %d is negative", c.InFlightBytes))
	}
	if c.RetryFor < 0 {
		faults = append(faults, fmt.Errorf("retry_for: %s is negative", c.RetryFor))
	}
	if c.AckTimeout < 0 {
		faults = append(faults, fmt.Errorf("ack_timeout: %s is negative", c.AckTimeout))
	}
	return errors.Join(faults...)
}

func (c PublisherConfig) withDefaults() PublisherConfig {
	if c.InFlightBytes == 0 {
		c.InFlightBytes = DefaultInFlightBytes
	}
	if c.RetryFor == 0 {
		c.RetryFor = DefaultRetryFor
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = c.RetryFor / 3
	}
	return c
}

// Message is what a Publisher publishes.
type Message struct {
	Subject string
	Data    []byte

	// Once asks the server to take the message only when none is queued under
	// the same subject; else publishing returns ErrQueued.
	Once bool

	// IgnoreQueued makes ErrQueued a success.
	IgnoreQueued bool

	// ID is the message's identity, by which the server drops a second one
	// within its window for duplicates; "" takes one of its own, so that only
	// the tries of one message are one.
	ID string

	// Header may hold further headers; nil for none.
	Header nats.Header
}

// Publisher publishes to JetStream, with a bound on what is in flight. A
// message is tried until it is acknowledged or RetryFor has passed. It is safe
// for concurrent use.
type Publisher struct {
	conn *nats.Conn
	js   jetstream.JetStream
	cfg  PublisherConfig
	room *semaphore.Weighted

	ctx    context.Context //nolint:containedctx // ends what is in flight when the publisher is closed
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	flying sync.WaitGroup
}

// NewPublisher returns a Publisher over conn, which stays the caller's.
func NewPublisher(conn *nats.Conn, cfg PublisherConfig) (*Publisher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check publisher configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	js, err := jetstream.New(conn,
		jetstream.WithPublishAsyncTimeout(cfg.AckTimeout),
		// Bytes are what bounds; the count only must not bind before.
		jetstream.WithPublishAsyncMaxPending(int(2+cfg.InFlightBytes/messageOverhead)),
	)
	if err != nil {
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Publisher{
		conn: conn, js: js, cfg: cfg,
		room: semaphore.NewWeighted(cfg.InFlightBytes),
		ctx:  ctx, cancel: cancel,
	}, nil
}

// Close gives up on everything in flight and waits for its goroutines. Flush
// batches first. The connection stays open.
func (p *Publisher) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.flying.Wait()
}

// MaxMessageBytes is the largest Message.Data that the server takes now. It
// leaves room for headers, so that what fits can also be set aside.
func (p *Publisher) MaxMessageBytes() int {
	return max(0, int(p.conn.MaxPayload())-headerRoom)
}

// Publish publishes one message and waits for its acknowledgement. It returns
// ErrQueued, ErrBusy, ErrFull, ErrTooLarge or ErrClosed as these say, or ctx's
// error.
func (p *Publisher) Publish(ctx context.Context, msg Message) error {
	batch := p.Begin()
	if err := batch.Publish(ctx, msg); err != nil {
		return err
	}
	return batch.Flush(ctx)
}

// Begin starts a batch of messages that are published without waiting for each
// other.
func (p *Publisher) Begin() *Batch {
	return &Batch{publisher: p, id: nuid.Next()}
}

// enter counts a message in flight, unless the publisher is closed.
func (p *Publisher) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("publisher: %w", ErrClosed)
	}
	p.flying.Add(1)
	return nil
}

// deliver waits for the first try of msg, then tries it again until it is
// acknowledged, refused, or time is up.
func (p *Publisher) deliver(ctx context.Context, msg Message, id string, first attempt) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)() //nolint:contextcheck // Close ends this too

	giveUp := time.Now().Add(p.cfg.RetryFor)
	err := first.wait(ctx)
	for pause := firstPause; errors.Is(err, ErrBusy); pause = min(2*pause, longestPause) {
		if time.Now().Add(pause).After(giveUp) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		err = p.try(msg, id).wait(ctx)
	}
	if msg.IgnoreQueued && errors.Is(err, ErrQueued) {
		return nil
	}
	return err
}

// attempt is one try of a message: the promise of an answer, or an error.
type attempt struct {
	answer jetstream.PubAckFuture
	err    error
}

func (p *Publisher) try(msg Message, id string) attempt {
	header := make(nats.Header, len(msg.Header)+2)
	maps.Copy(header, msg.Header)
	opts := []jetstream.PublishOpt{
		jetstream.WithMsgID(id),
		jetstream.WithStallWait(p.cfg.AckTimeout),
	}
	if msg.Once {
		opts = append(opts, jetstream.WithExpectLastSequencePerSubject(0))
	}
	answer, err := p.js.PublishMsgAsync(&nats.Msg{Subject: msg.Subject, Data: msg.Data, Header: header}, opts...)
	return attempt{answer: answer, err: fault(err)}
}

func (a attempt) wait(ctx context.Context) error {
	if a.err != nil {
		return a.err
	}
	select {
	case <-a.answer.Ok():
		return nil
	case err := <-a.answer.Err():
		return fault(err)
	case <-ctx.Done():
		return fmt.Errorf("wait for acknowledgement: %w", ctx.Err())
	}
}
