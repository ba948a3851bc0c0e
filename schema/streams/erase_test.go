package streams_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// holds reports whether any file below dir holds the bytes.
func holds(t *testing.T, dir, needle string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // the server removes files meanwhile
		}
		data, err := os.ReadFile(path)
		found = found || err == nil && bytes.Contains(data, []byte(needle))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestErasedMessagesLeaveNoByte erases what waits, what is history and what was
// set aside, and wipes what was acknowledged before.
func TestErasedMessagesLeaveNoByte(t *testing.T) {
	cfg := natsd.DefaultConfig(t.TempDir())
	q := newQueueWith(t, cfg, streams.DefaultLayout())
	pub := q.publisher(t, streams.PublisherConfig{})
	publish := func(subject string) {
		t.Helper()
		if err := pub.Publish(t.Context(), streams.Message{Subject: subject, Data: []byte("body of " + subject)}); err != nil {
			t.Fatal(err)
		}
	}
	take := func(do func(*streams.Delivery) error) {
		t.Helper()
		p := q.puller(t, streams.Samples, streams.Analyzer)
		defer p.Close()
		d, err := p.Next(t.Context())
		if err == nil {
			err = do(d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	confirm := func(d *streams.Delivery) error { return d.Confirm(t.Context()) }
	const gone, stays = "gone-athlete", "other-athlete"
	publish(streams.SamplesSubject(gone, schema.SessionID{1}))
	take(confirm)
	publish(streams.SamplesSubject(gone, schema.SessionID{2}))
	publish(streams.SamplesSubject(stays, schema.SessionID{5}))
	take(func(d *streams.Delivery) error { return d.SetAside(t.Context(), pub, "no good") })
	for _, who := range []schema.AthleteID{gone, stays} {
		publish(streams.EventSubject("analyzed", who))
	}
	publish(streams.SamplesSubject(gone, schema.SessionID{3}))
	n, err := streams.Erase(t.Context(), q.js, func(m *streams.Stored) bool { return strings.Contains(m.Subject, gone) })
	if err != nil || n != 3 {
		t.Fatalf("Erase = %d, %v, want 3", n, err)
	}
	if !holds(t, cfg.Dir, gone) {
		t.Error("acknowledged messages leave nothing: Wipe is not needed any more")
	}
	busy, err := streams.Wipe(t.Context(), q.js)
	if err != nil || len(busy) != 2 || busy[0] != streams.Samples {
		t.Errorf("Wipe = %q, %v, want the other's session to be there", busy, err)
	}
	take(confirm)
	busy, err = streams.Wipe(t.Context(), q.js)
	if err != nil || len(busy) != 1 || busy[0] != streams.Events {
		t.Errorf("Wipe = %q, %v, want only events to be busy", busy, err)
	}
	for deadline := time.Now().Add(time.Minute); holds(t, cfg.Dir, gone); {
		if time.Now().After(deadline) {
			t.Fatal("bytes of the erased are left")
		}
	}
	if !holds(t, cfg.Dir, stays) || q.messages(t, streams.Events) != 1 {
		t.Error("the other's event is gone")
	}
	// The queue goes on where it was.
	publish(streams.SamplesSubject(stays, schema.SessionID{4}))
	take(confirm)
	if n := q.messages(t, streams.Samples); n != 0 {
		t.Errorf("%d sessions wait", n)
	}
}
