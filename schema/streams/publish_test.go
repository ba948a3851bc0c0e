package streams_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"plodwatch/schema/streams"
)

func TestOnceRefusesASecondMessageOfASubject(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	publisher := q.publisher(t, quick())
	msg := streams.Message{Subject: jobSubject(1), Data: []byte("job"), Once: true}
	if err := publisher.Publish(t.Context(), msg); err != nil {
		t.Fatalf("first: %v", err)
	}
	if err := publisher.Publish(t.Context(), msg); !errors.Is(err, streams.ErrQueued) {
		t.Fatalf("second: %v, want ErrQueued", err)
	}
	msg.IgnoreQueued = true
	if err := publisher.Publish(t.Context(), msg); err != nil {
		t.Fatalf("third, tolerant: %v", err)
	}
	if n := q.messages(t, streams.Exports); n != 1 {
		t.Fatalf("%d messages queued, want 1", n)
	}
	// Once worked on, it may come again.
	d, err := q.puller(t, streams.Exports, streams.Worker).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	msg.IgnoreQueued = false
	if err := publisher.Publish(t.Context(), msg); err != nil {
		t.Fatalf("after the work: %v", err)
	}
}

func TestFullStreamPushesBackAndLosesNothing(t *testing.T) {
	layout := streams.DefaultLayout()
	layout.ExportsBytes = 64 << 10
	q := newQueue(t, layout)
	publisher := q.publisher(t, quick())
	taken := 0
	var err error
	for ; taken < 100 && err == nil; taken++ {
		msg := streams.Message{Subject: jobSubject(byte(taken)), Data: make([]byte, 4<<10), Once: true}
		err = publisher.Publish(t.Context(), msg)
	}
	taken--
	if !errors.Is(err, streams.ErrFull) || !errors.Is(err, streams.ErrBusy) {
		t.Fatalf("publish to a full stream: %v, want ErrFull", err)
	}
	if n := q.messages(t, streams.Exports); n != uint64(taken) {
		t.Fatalf("%d messages queued of %d acknowledged", n, taken)
	}
	// A publish that waits for room succeeds as soon as there is some.
	patient := q.publisher(t, streams.PublisherConfig{RetryFor: time.Minute})
	batch := patient.Begin()
	if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(200), Data: make([]byte, 4<<10)}); err != nil {
		t.Fatal(err)
	}
	puller := q.puller(t, streams.Exports, streams.Worker)
	for range 2 {
		d, err := puller.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatalf("publish that waited for room: %v", err)
	}
}

func TestBatchStoresEveryMessageOnceAndInOrder(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	// Room for three messages in flight: the rest wait.
	publisher := q.publisher(t, streams.PublisherConfig{InFlightBytes: 6 << 10})
	batch := publisher.Begin()
	const count = 200
	for i := range count {
		data := append([]byte(fmt.Sprintf("%03d", i)), make([]byte, 1000)...)
		if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(byte(i)), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := q.messages(t, streams.Exports); n != count {
		t.Fatalf("%d messages queued, want %d", n, count)
	}
	puller := q.puller(t, streams.Exports, streams.Worker)
	for i := range count {
		d, err := puller.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := string(d.Data()[:3]); got != fmt.Sprintf("%03d", i) {
			t.Fatalf("message %d is %s", i, got)
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMessageThatDoesNotFitIsRefusedAlone(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	publisher := q.publisher(t, quick())
	limit := publisher.MaxMessageBytes()
	if limit < 8<<20-64<<10 || limit >= 8<<20 {
		t.Errorf("limit is %d, want a little less than 8 MiB", limit)
	}
	batch := publisher.Begin()
	err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(1), Data: make([]byte, limit+1)})
	if !errors.Is(err, streams.ErrTooLarge) {
		t.Errorf("a byte too many: %v, want ErrTooLarge", err)
	}
	if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(1), Data: make([]byte, limit)}); err != nil {
		t.Errorf("just as large as allowed: %v", err)
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if n := q.messages(t, streams.Exports); n != 1 {
		t.Errorf("%d messages queued, want 1", n)
	}
}

func TestNobodyThereIsBusyAfterTheWholeRetryTime(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	if err := q.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	publisher := q.publisher(t, quick())
	batch := publisher.Begin()
	if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(1)}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Flush(t.Context()); !errors.Is(err, streams.ErrBusy) {
		t.Fatalf("Flush: %v, want ErrBusy", err)
	}
	if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(2)}); !errors.Is(err, streams.ErrBusy) {
		t.Fatalf("Publish after a failure: %v, want the failure", err)
	}
}

func TestDefaultsOutlastALeaderElection(t *testing.T) {
	if streams.DefaultRetryFor < 10*time.Second {
		t.Errorf("messages are tried for %s, less than an election may take", streams.DefaultRetryFor)
	}
	if streams.DefaultInFlightBytes > 32<<20 {
		t.Errorf("%d bytes may be in flight", streams.DefaultInFlightBytes)
	}
}

func TestEndOfContextEndsPublishing(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	if err := q.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	publisher := q.publisher(t, streams.PublisherConfig{RetryFor: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	batch := publisher.Begin()
	if err := batch.Publish(ctx, streams.Message{Subject: jobSubject(1)}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := batch.Flush(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush: %v, want the end of the context", err)
	}
	if err := batch.Flush(ctx); err == nil {
		t.Error("Flush with an ended context succeeded")
	}
}

func TestCloseEndsWhatIsInFlight(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	if err := q.js.DeleteStream(t.Context(), streams.Exports); err != nil {
		t.Fatal(err)
	}
	publisher := q.publisher(t, streams.PublisherConfig{RetryFor: time.Hour})
	batch := publisher.Begin()
	if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(1)}); err != nil {
		t.Fatal(err)
	}
	publisher.Close()
	if err := batch.Flush(t.Context()); err == nil {
		t.Error("Flush after Close succeeded")
	}
	if err := publisher.Publish(t.Context(), streams.Message{Subject: jobSubject(1)}); !errors.Is(err, streams.ErrClosed) {
		t.Errorf("Publish after Close: %v, want ErrClosed", err)
	}
}

func TestPublisherConfigNamesEveryFault(t *testing.T) {
	cfg := streams.PublisherConfig{InFlightBytes: -1, RetryFor: -1, AckTimeout: -1}
	err := cfg.Validate()
	for _, field := range []string{"in_flight_bytes", "retry_for", "ack_timeout"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Validate = %v, want it to name %s", err, field)
		}
	}
	if _, err := streams.NewPublisher(nil, cfg); err == nil {
		t.Error("NewPublisher took a faulty configuration")
	}
}

func BenchmarkPublish(b *testing.B) {
	q := newQueue(b, streams.DefaultLayout())
	publisher, err := streams.NewPublisher(q.conn, streams.PublisherConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer publisher.Close()
	data := bytes.Repeat([]byte("session "), 512)
	b.SetBytes(int64(len(data)))
	batch := publisher.Begin()
	for i := 0; b.Loop(); i++ {
		if err := batch.Publish(b.Context(), streams.Message{Subject: jobSubject(byte(i)), Data: data}); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func TestAMessageWithAnIdentityIsStoredOnce(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	publisher := q.publisher(t, quick())
	for _, id := range []string{"a", "b", "a", "", ""} {
		msg := streams.Message{Subject: streams.EventSubject("warning", "me"), Data: []byte("event"), ID: id}
		if err := publisher.Publish(t.Context(), msg); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
	}
	if n := q.messages(t, streams.Events); n != 4 {
		t.Errorf("%d messages are there, want 4", n)
	}
}
