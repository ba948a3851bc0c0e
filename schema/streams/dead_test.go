package streams_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// TestDeadLettersAreListedRetriedAndDropped sets messages of several queues
// aside and brings them back.
func TestDeadLettersAreListedRetriedAndDropped(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	pub := q.publisher(t, streams.PublisherConfig{})
	session := streams.SamplesSubject("me", schema.SessionID{1})
	subjects := []string{
		streams.ExportSubject(schema.JobID{1}), session, streams.ExportSubject(schema.JobID{2}),
		streams.OutcomeSubject(schema.JobID{3}),
	}
	queues := []string{streams.Exports, streams.Samples, streams.Exports, streams.Outcomes}
	consumers := []string{streams.Worker, streams.Analyzer, streams.Worker, streams.Analyzer}
	for i, subject := range subjects {
		if err := pub.Publish(t.Context(), streams.Message{Subject: subject, Data: []byte(subject)}); err != nil {
			t.Fatal(err)
		}
		p := q.puller(t, queues[i], consumers[i])
		d, err := p.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.SetAside(t.Context(), pub, "no good\nat all"); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	all := dead(t, q)
	var stages []string
	for i, l := range all {
		stages = append(stages, l.Stage())
		if l.Subject != subjects[i] || string(l.Data) != subjects[i] || l.Reason != "no good at all" || l.Delivered != 1 || l.At.IsZero() {
			t.Errorf("message %d: %+v", i, l)
		}
	}
	if want := []string{"exports", "samples", "exports", "outcomes"}; !slices.Equal(stages, want) {
		t.Fatalf("set aside are messages of %q, want %q", stages, want)
	}

	for range 2 { // the second finds it queued, and gone
		if err := all[1].Retry(t.Context(), q.js, pub); err != nil {
			t.Fatalf("Retry: %v", err)
		}
	}
	if n := q.messages(t, streams.Samples); n != 1 {
		t.Errorf("%d messages are queued again, want 1", n)
	}
	if _, err := streams.FindDeadLetter(t.Context(), q.js, all[1].ID); !errors.Is(err, streams.ErrNoDeadLetter) {
		t.Errorf("a message tried again is still set aside: %v", err)
	}
	for range 2 {
		if err := all[0].Drop(t.Context(), q.js); err != nil {
			t.Errorf("Drop: %v", err)
		}
	}
	left := dead(t, q)
	if len(left) != 2 || left[0].ID != all[2].ID || left[1].ID != all[3].ID {
		t.Errorf("left are %d messages", len(left))
	}
	one, err := streams.FindDeadLetter(t.Context(), q.js, all[3].ID)
	if err != nil || one.Subject != subjects[3] {
		t.Errorf("FindDeadLetter: %+v, %v", one, err)
	}
	if n := q.messages(t, streams.Exports); n != 0 {
		t.Errorf("%d jobs are queued, want none", n)
	}
	stop := errors.New("enough")
	if err := streams.DeadLetters(t.Context(), q.js, func(*streams.DeadLetter) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("DeadLetters: %v", err)
	}
	if _, err := streams.FindDeadLetter(t.Context(), q.js, 0); !errors.Is(err, streams.ErrNoDeadLetter) {
		t.Errorf("message 0: %v", err)
	}
}

// TestDeadLetterStaysWhileItsQueueIsFull: nothing is removed before the queue
// has it.
func TestDeadLetterStaysWhileItsQueueIsFull(t *testing.T) {
	layout := streams.DefaultLayout()
	q := newQueue(t, layout)
	pub := q.publisher(t, streams.PublisherConfig{RetryFor: 200 * time.Millisecond, AckTimeout: 5 * time.Second})
	if err := pub.Publish(t.Context(), streams.Message{Subject: streams.ExportSubject(schema.JobID{1}), Data: []byte("job")}); err != nil {
		t.Fatal(err)
	}
	p := q.puller(t, streams.Exports, streams.Worker)
	d, err := p.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetAside(t.Context(), pub, "x"); err != nil {
		t.Fatal(err)
	}
	layout.ExportsBytes = 1
	provisioned(t, q.conn, layout)
	if err := dead(t, q)[0].Retry(t.Context(), q.js, pub); !errors.Is(err, streams.ErrBusy) {
		t.Errorf("Retry: %v, want ErrBusy", err)
	}
	if n := len(dead(t, q)); n != 1 {
		t.Errorf("%d messages set aside, want 1", n)
	}
}

func dead(t *testing.T, q queue) []*streams.DeadLetter {
	t.Helper()
	var all []*streams.DeadLetter
	err := streams.DeadLetters(t.Context(), q.js, func(l *streams.DeadLetter) error { all = append(all, l); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestQueuedSeesWhatWaitsAndWhatIsInHand.
func TestQueuedSeesWhatWaitsAndWhatIsInHand(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	pub := q.publisher(t, streams.PublisherConfig{})
	if got, err := streams.LookQueued(t.Context(), q.js); err != nil || len(got.Jobs)+len(got.Outcomes)+len(got.Sessions) != 0 {
		t.Errorf("nothing was published and there is %+v, %v", got, err)
	}
	for _, subject := range []string{
		streams.ExportSubject(schema.JobID{1}), streams.ExportSubject(schema.JobID{2}),
		streams.SamplesSubject("me", schema.SessionID{3}), streams.OutcomeSubject(schema.JobID{4}),
	} {
		if err := pub.Publish(t.Context(), streams.Message{Subject: subject, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	p := q.puller(t, streams.Exports, streams.Worker)
	d, err := p.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &streams.Queued{
		Jobs:     map[schema.JobID]bool{{1}: true, {2}: true},
		Outcomes: map[schema.JobID]bool{{4}: true},
		Sessions: map[schema.SessionID]bool{{3}: true},
	}
	if got, err := streams.LookQueued(t.Context(), q.js); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("queued are %+v, %v; want %+v", got, err, want)
	}
	if err := d.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	delete(want.Jobs, schema.JobID{1})
	if got, err := streams.LookQueued(t.Context(), q.js); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with one done: %+v, %v; want %+v", got, err, want)
	}
}
