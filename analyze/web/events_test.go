package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/analyze/web"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func newQueue(t *testing.T) *nats.Conn {
	t.Helper()
	server, err := natsd.Open(natsd.DefaultConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	conn, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// listen opens a stream of events and returns its lines; the channel is closed
// when the stream ends.
func (s *site) listen(t *testing.T, path, secret string) <-chan string {
	t.Helper()
	r := s.request(t, http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	resp, err := s.client.Do(r) //nolint:bodyclose // below, when the stream has ended
	if err != nil {
		t.Fatal(err)
	}
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("%s: %d, %s", path, resp.StatusCode, kind)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		defer resp.Body.Close()
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	next(t, lines, ": hello")
	return lines
}

// next returns the next line that begins so.
func next(t *testing.T, lines <-chan string, prefix string) string {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the stream ended before %q", prefix)
			}
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-end:
			t.Fatalf("no line %q came", prefix)
		}
	}
}

// ended waits until the stream has ended.
func ended(t *testing.T, lines <-chan string) {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case _, ok := <-lines:
			if !ok {
				return
			}
		case <-end:
			t.Fatal("the stream goes on")
		}
	}
}

func announce(t *testing.T, conn *nats.Conn, kind string, athlete schema.AthleteID) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"kind": kind, "athlete_id": athlete, "signal": "<b>", "day": "2026-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Publish(streams.EventSubject(kind, athlete), data); err != nil {
		t.Fatal(err)
	}
}

// TestEventsReachWhoMaySeeThem: what is announced and what workers say comes to
// the pages of the same athlete, and to nobody else's.
func TestEventsReachWhoMaySeeThem(t *testing.T) {
	conn := newQueue(t)
	s := serve(t, newStore(t), newGuests(), func(_ *web.Config, d *web.Deps) { d.Conn = conn })
	anna, all, onlyBert := s.listen(t, "/events", "anna-reads"), s.listen(t, "/events", "admin"), s.listen(t, "/events?athlete=bert", "admin")
	// The page subscribes in its own time: ask until it hears.
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		next(t, all, "event: warning")
	}()
	for waiting := true; waiting; {
		announce(t, conn, "warning", "carla")
		select {
		case <-heard:
			waiting = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	announce(t, conn, "session", "bert")
	announce(t, conn, "export", "anna")
	if err := conn.Publish(streams.EventSubject("probe", "x"), nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Publish(streams.EventSubject("warning", "anna"), []byte("{no json")); err != nil {
		t.Fatal(err)
	}
	job := schema.Job{Athlete: "anna", Export: schema.ExportIDOf([]byte("x")), Bytes: 1}
	data, err := wire.EncodeOutcome(&schema.ExportOutcome{
		Job: job, Format: schema.FormatFIT, Outcome: schema.OutcomeRejected, Reason: schema.ReasonMalformed, Detail: "secret",
	}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Publish(streams.OutcomeSubject(schema.JobIDOf(job.Athlete, job.Export)), data); err != nil {
		t.Fatal(err)
	}
	// Outcomes come by another way than events, and perhaps sooner.
	line := ""
	for range 2 {
		if what := next(t, anna, "event: "); what == "event: outcome" {
			line = next(t, anna, "data: ")
		} else if what != "event: export" {
			t.Errorf("anna hears %q", what)
		}
	}
	if !strings.Contains(line, job.Export.String()) || !strings.Contains(line, `"malformed"`) || strings.Contains(line, "secret") {
		t.Errorf("the outcome is told as %s", line)
	}
	if line := next(t, onlyBert, "event: "); line != "event: session" {
		t.Errorf("who asks for bert hears %q first", line)
	}
	if line := next(t, onlyBert, "data: "); !strings.Contains(line, `"bert"`) || strings.Contains(line, "<b>") {
		t.Errorf("the event is told as %s", line)
	}
	for heard := map[string]bool{}; !heard["event: session"] || !heard["event: export"] || !heard["event: outcome"]; {
		heard[next(t, all, "event: ")] = true
	}
}

// TestStreamsEnd: with the token, with the page, and when there are too many.
func TestStreamsEnd(t *testing.T) {
	conn := newQueue(t)
	g := newGuests()
	st := newStore(t)
	quick := func(c *web.Config, d *web.Deps) {
		d.Conn, c.Heartbeat, c.Listeners = conn, 5*time.Millisecond, 2
	}
	s := serve(t, st, g, quick)
	anna, admin := s.listen(t, "/events", "anna-reads"), s.listen(t, "/events", "admin")
	r := s.request(t, http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", "Bearer admin")
	if got := s.do(t, r); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a third listener: %d", got.status)
	}
	next(t, anna, ": still here")
	g.revoke("anna-reads")
	ended(t, anna)
	next(t, admin, ": still here")
	s.stop()
	ended(t, admin)
	if got := s.do(t, r); got.status != http.StatusServiceUnavailable {
		t.Errorf("a listener after the end: %d", got.status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Config.Shutdown(ctx); err != nil {
		t.Errorf("the server waits for streams: %v", err)
	}
}
