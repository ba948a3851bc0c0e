package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LeaseSubject is where whoever may do some work alone says so.
func LeaseSubject(work string) string { return root + "leases." + Token(work) }

// Lease lets one process at a time do some work that others of its kind could
// do as well. It is a message in the stream Leases: whoever could put it there
// holds the lease, replaces the message to go on, and has lost the lease when
// another's is there. A message that is not replaced goes by itself.
//
// A process that was held up (its machine slept) may believe for a moment that
// it still holds what another has: a lease saves work, it does not guard data.
type Lease struct {
	js      jetstream.JetStream
	subject string
	lasts   time.Duration
	seq     uint64    // of our message, 0 for none
	until   time.Time // when to end, somewhat before it can go
}

// NewLease looks at the stream Leases for how long a lease lasts, and returns
// one of some work that is not held. Its error is that of the server; a stream
// that is not there is one.
func NewLease(ctx context.Context, js jetstream.JetStream, work string) (*Lease, error) {
	stream, err := js.Stream(ctx, Leases)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", Leases, err)
	}
	lasts := stream.CachedInfo().Config.MaxAge
	if lasts <= 0 {
		return nil, fmt.Errorf("open stream %s: what it holds never goes", Leases)
	}
	return &Lease{js: js, subject: LeaseSubject(work), lasts: lasts}, nil
}

// Run calls work whenever the lease could be had, and ends work's context when
// it is lost or ctx ends. When work ends by itself it is not called again. It
// blocks until then or until ctx ends, and returns work's error, or nil.
func (l *Lease) Run(ctx context.Context, work func(context.Context) error) error {
	every := time.NewTicker(l.lasts / 3)
	defer every.Stop()
	for {
		if l.take(ctx) {
			done, err := l.hold(ctx, every.C, work)
			if done || ctx.Err() != nil {
				return err
			}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// hold does the work while the lease can be kept, and ends it in time when it
// cannot, whatever the server does not answer. It returns whether the work has
// ended by itself.
func (l *Lease) hold(ctx context.Context, every <-chan time.Time, work func(context.Context) error) (done bool, err error) {
	held, lose := context.WithCancel(ctx)
	defer lose()
	expiry := time.AfterFunc(time.Until(l.until), lose)
	defer expiry.Stop()
	ended := make(chan error, 1)
	go func() { ended <- work(held) }()
	for {
		select {
		case err := <-ended:
			if held.Err() == nil {
				return true, err
			}
			return false, ifEnded(ctx, err)
		case <-held.Done():
			return false, ifEnded(ctx, <-ended)
		case <-every:
			if l.take(ctx) {
				expiry.Reset(time.Until(l.until))
			} else {
				lose()
			}
		}
	}
}

// ifEnded is what work returned when ctx has ended: not when its lease was lost.
func ifEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return nil
	}
	return err
}

// take takes the lease, or takes it for longer, and reports whether it is held
// now.
func (l *Lease) take(ctx context.Context) bool {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.lasts/3)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: l.subject}, jetstream.WithExpectLastSequencePerSubject(l.seq))
	switch {
	case err == nil:
		l.seq, l.until = ack.Sequence, asked.Add(l.lasts-l.lasts/10)
	case errors.Is(fault(err), ErrQueued): // another's, or ours of which we do not know
		l.seq, l.until = 0, time.Time{}
	}
	return time.Now().Before(l.until)
}
