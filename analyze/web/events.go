package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"plodwatch/schema"
)

// events streams to a page what changes: of the athlete in the query, or of
// all that the visitor may see.
func (w *Web) events(v *visit) error {
	only := schema.AthleteID(v.r.URL.Query().Get("athlete"))
	if only != "" && !v.visitor.MaySee(only) {
		return errNotFound
	}
	l := w.hub.join(func(a schema.AthleteID) bool {
		return v.visitor.MaySee(a) && (only == "" || a == only)
	})
	if l == nil {
		v.w.Header().Set("Retry-After", "30")
		http.Error(v.w, "too many pages listen, or plodwatch is stopping", http.StatusServiceUnavailable)
		return nil
	}
	defer w.hub.leave(l)
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // nginx
	s := stream{http.NewResponseController(v.w), v.w}
	if s.send("retry: 3000\n\n: hello\n\n") != nil {
		return nil
	}
	beat := time.NewTicker(w.cfg.Heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-v.r.Context().Done():
			return nil
		case e, ok := <-l.events:
			if !ok || !w.still(v) {
				return nil
			}
			err = s.event(e)
		case <-beat.C:
			if !w.still(v) {
				return nil
			}
			err = s.send(": still here\n\n")
		}
		if err != nil {
			return nil //nolint:nilerr // the visitor has gone
		}
	}
}

// still reports whether the visitor may look now as when the stream began.
func (w *Web) still(v *visit) bool {
	now, err := w.visitor(v.r)
	return err == nil && now == v.visitor
}

// stream writes server-sent events.
type stream struct {
	control *http.ResponseController
	w       http.ResponseWriter
}

// slowest is how long a visitor may take to take an event.
const slowest = 10 * time.Second

func (s *stream) send(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(slowest)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}

func (s *stream) event(e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return s.send("event: " + e.Kind + "\ndata: " + string(data) + "\n\n")
}
