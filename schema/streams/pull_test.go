package streams_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func put(t *testing.T, q queue, subjects ...string) {
	t.Helper()
	batch := q.publisher(t, quick()).Begin()
	for _, subject := range subjects {
		if err := batch.Publish(t.Context(), streams.Message{Subject: subject, Data: []byte("data of " + subject)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, p *streams.Puller) *streams.Delivery {
	t.Helper()
	d, err := p.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return d
}

func TestMessageInHandIsNotGivenToAnother(t *testing.T) {
	layout := streams.DefaultLayout()
	layout.WorkerAckWait = 300 * time.Millisecond
	q := newQueue(t, layout)
	put(t, q, jobSubject(1))
	held := next(t, q.puller(t, streams.Exports, streams.Worker))

	// Another waits five times as long as the server does without a sign.
	ctx, cancel := context.WithTimeout(t.Context(), 5*layout.WorkerAckWait)
	defer cancel()
	if d, err := q.puller(t, streams.Exports, streams.Worker).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("another got %v, %v", d, err)
	}
	if err := held.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := q.messages(t, streams.Exports); n != 0 {
		t.Errorf("%d messages left after confirmation", n)
	}
}

func TestMessageOfADeadHolderComesAgain(t *testing.T) {
	layout := streams.DefaultLayout()
	layout.WorkerAckWait = 300 * time.Millisecond
	q := newQueue(t, layout)
	put(t, q, jobSubject(1))
	// Pull as a process would that is killed right after.
	consumer, err := q.js.Consumer(t.Context(), streams.Exports, streams.Worker)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Next(); err != nil {
		t.Fatal(err)
	}
	d := next(t, q.puller(t, streams.Exports, streams.Worker))
	if d.Delivered() != 2 || d.Subject() != jobSubject(1) || d.Sequence() != 1 {
		t.Errorf("delivery %d of %s (%d), want the second", d.Delivered(), d.Subject(), d.Sequence())
	}
	if d.Exhausted(0) {
		t.Error("exhausted at the second delivery")
	}
}

func TestExhaustedCountsDeliveriesThatAreNotExcused(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	put(t, q, jobSubject(1))
	puller := q.puller(t, streams.Exports, streams.Worker)
	for n := uint64(1); n <= streams.MaxDeliveries+2; n++ {
		d := next(t, puller)
		if d.Delivered() != n {
			t.Fatalf("delivery %d calls itself %d", n, d.Delivered())
		}
		if got, want := d.Exhausted(0), n > streams.MaxDeliveries; got != want {
			t.Errorf("delivery %d: exhausted %t, want %t", n, got, want)
		}
		if d.Exhausted(2) {
			t.Errorf("delivery %d is exhausted though two are excused", n)
		}
		if err := d.Later(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSetAsideMovesTheMessage(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	subject := streams.SamplesSubject("me", schema.SessionID{7})
	put(t, q, subject)
	d := next(t, q.puller(t, streams.Samples, streams.Analyzer))
	if err := d.SetAside(t.Context(), q.publisher(t, quick()), "cannot decode:\r\nbad column"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the message to leave its queue", func() bool { return q.messages(t, streams.Samples) == 0 })

	stream, err := q.js.Stream(t.Context(), streams.Dead)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), streams.DeadSubject("samples", schema.SessionID{7}.String()))
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Data) != "data of "+subject {
		t.Errorf("data %q", msg.Data)
	}
	for name, want := range map[string]string{
		streams.HeaderSubject:   subject,
		streams.HeaderReason:    "cannot decode:  bad column",
		streams.HeaderDelivered: "1",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if _, err := time.Parse(time.RFC3339, msg.Header.Get(streams.HeaderTime)); err != nil {
		t.Error(err)
	}
}

func TestSetAsideThatFailsKeepsTheMessage(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	put(t, q, jobSubject(1))
	d := next(t, q.puller(t, streams.Exports, streams.Worker))
	if err := q.js.DeleteStream(t.Context(), streams.Dead); err != nil {
		t.Fatal(err)
	}
	if err := d.SetAside(t.Context(), q.publisher(t, quick()), strings.Repeat("long ", 1000)); !errors.Is(err, streams.ErrBusy) {
		t.Fatalf("SetAside: %v, want ErrBusy", err)
	}
	if n := q.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d messages in the queue, want 1", n)
	}
	if err := d.Confirm(t.Context()); err != nil {
		t.Errorf("the message is no longer in hand: %v", err)
	}
}

func TestCloseGivesBackAtOnce(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout()) // the server would wait 30 s
	put(t, q, jobSubject(1))
	first := q.puller(t, streams.Exports, streams.Worker)
	next(t, first)
	first.Close()
	if _, err := first.Next(t.Context()); !errors.Is(err, streams.ErrClosed) {
		t.Errorf("Next after Close: %v, want ErrClosed", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	d, err := q.puller(t, streams.Exports, streams.Worker).Next(ctx)
	if err != nil || d.Delivered() != 2 {
		t.Fatalf("after Close another got %v, %v", d, err)
	}
}

func TestCloseWakesAWaitingNext(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	puller := q.puller(t, streams.Exports, streams.Worker)
	result := make(chan error, 1)
	go func() {
		_, err := puller.Next(context.Background())
		result <- err
	}()
	puller.Close()
	if err := <-result; !errors.Is(err, streams.ErrClosed) {
		t.Errorf("Next: %v, want ErrClosed", err)
	}
}

func TestPullingSurvivesItsConsumer(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	puller := q.puller(t, streams.Exports, streams.Worker)
	result := make(chan *streams.Delivery, 1)
	go func() {
		d, err := puller.Next(t.Context())
		if err != nil {
			t.Errorf("Next: %v", err)
		}
		result <- d
	}()
	waitFor(t, "the puller to wait", func() bool {
		c, err := q.js.Consumer(t.Context(), streams.Exports, streams.Worker)
		return err == nil && c.CachedInfo().NumWaiting > 0
	})
	if err := q.js.DeleteConsumer(t.Context(), streams.Exports, streams.Worker); err != nil {
		t.Fatal(err)
	}
	if err := streams.Provision(t.Context(), q.js, streams.DefaultLayout()); err != nil {
		t.Fatal(err)
	}
	put(t, q, jobSubject(9))
	if d := <-result; d != nil && d.Subject() != jobSubject(9) {
		t.Errorf("got %s", d.Subject())
	}
}

func TestConnectionClosedEndsPulling(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	puller := q.puller(t, streams.Exports, streams.Worker)
	q.conn.Close()
	if _, err := puller.Next(t.Context()); !errors.Is(err, streams.ErrClosed) {
		t.Errorf("Next: %v, want ErrClosed", err)
	}
}

func TestUnknownConsumerIsAnError(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	if _, err := streams.NewPuller(t.Context(), q.js, streams.Exports, "nobody", nil); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("NewPuller: %v", err)
	}
}

func TestBacklogCountsWhatWaits(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	put(t, q, jobSubject(1), jobSubject(2), jobSubject(3))
	next(t, q.puller(t, streams.Exports, streams.Worker))
	got, err := streams.Backlog(t.Context(), q.js, streams.Exports, streams.Worker)
	if err != nil || got.Messages != 3 || got.InHand != 1 || got.Bytes == 0 || got.Again != 0 {
		t.Errorf("Backlog = %+v, %v", got, err)
	}
	if _, err := streams.Backlog(t.Context(), q.js, "NONE", streams.Worker); err == nil {
		t.Error("Backlog of a stream that is not there succeeded")
	}
}

// waitFor polls until the condition holds or the test's time is up.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func BenchmarkPull(b *testing.B) {
	q := newQueue(b, streams.DefaultLayout())
	publisher, err := streams.NewPublisher(q.conn, streams.PublisherConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer publisher.Close()
	puller, err := streams.NewPuller(b.Context(), q.js, streams.Exports, streams.Worker, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer puller.Close()
	batch := publisher.Begin()
	for i := range b.N {
		if err := batch.Publish(b.Context(), streams.Message{Subject: jobSubject(byte(i))}); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		d, err := puller.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Confirm(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
