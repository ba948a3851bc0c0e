package upload_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"plodwatch/ingest"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// refusal returns how a file of the page is refused, nil when it is taken.
func (h *house) refusal(ctx context.Context, name string, body io.Reader) *upload.Refusal {
	h.t.Helper()
	_, err := h.gate.TakeFor(ctx, "local", "anna", name, body)
	var r *upload.Refusal
	if err != nil && !errors.As(err, &r) {
		h.t.Fatalf("no refusal: %v", err)
	}
	return r
}

// TestFilesOfThePageGoTheSameWay: what the page hands over is stored and queued
// like every upload, once for the same bytes, and its name is kept for people.
func TestFilesOfThePageGoTheSameWay(t *testing.T) {
	h := open(t, nil)
	data := "GPX of " + private
	first, err := h.gate.TakeFor(t.Context(), "local", "anna", "../x/"+private+".gpx", strings.NewReader(data))
	if err != nil || first.Duplicate {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := h.gate.TakeFor(t.Context(), "tokenann", "anna", "other.gpx", strings.NewReader(data))
	if err != nil || !again.Duplicate || again.ID != first.ID {
		t.Errorf("the same bytes: %+v %v", again, err)
	}
	export := schema.ExportIDOf([]byte(data))
	if got := string(h.stored(export)); got != data || h.queue() != 1 {
		t.Errorf("stored %q, queued %d", got, h.queue())
	}
	if name := h.gate.NameOf("anna", export); name != private+".gpx" {
		t.Errorf("it is called %q", name)
	}
	if name := h.gate.NameOf("bert", export); name != "" {
		t.Errorf("another athlete's file is called %q", name)
	}
}

// TestFilesOfThePageAreRefusedInWords goes through what may be against a file.
func TestFilesOfThePageAreRefusedInWords(t *testing.T) {
	h := open(t, func(h *house) { h.cfg.MaxBytes, h.cfg.MaxFITBytes = 1<<20, 1<<20 })
	if got := h.gate.MaxBytes(); got != 1<<20 {
		t.Errorf("at most %d bytes", got)
	}
	cut := io.MultiReader(strings.NewReader("some"), failing{io.ErrUnexpectedEOF})
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		name   string
		body   io.Reader
		ctx    context.Context
		ready  error
		status int
		later  bool
	}{
		{"empty", strings.NewReader(""), nil, nil, http.StatusBadRequest, false},
		{"too large", strings.NewReader(strings.Repeat("x", 1<<20+1)), nil, nil, http.StatusRequestEntityTooLarge, false},
		{"cut off", cut, nil, nil, http.StatusBadRequest, false},
		{"the queue is full", strings.NewReader("a"), nil, fmt.Errorf("full: %w", ingest.ErrBusy), http.StatusServiceUnavailable, true},
		{"the disk is full", strings.NewReader("a"), nil, fmt.Errorf("full: %w", ingest.ErrDiskFull), http.StatusInsufficientStorage, true},
		{"the visitor has gone", strings.NewReader("b"), gone, nil, http.StatusServiceUnavailable, true},
	} {
		h.ready.Store(nil)
		if c.ready != nil {
			is := func(context.Context) error { return c.ready }
			h.ready.Store(&is)
		}
		ctx := t.Context()
		if c.ctx != nil {
			ctx = c.ctx
		}
		r := h.refusal(ctx, "run.fit", c.body)
		if r == nil || r.Status != c.status || r.Text == "" || (r.RetryAfter > 0) != c.later {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	if h.queue() != 0 {
		t.Errorf("%d were queued", h.queue())
	}
}

// failing is a body that breaks off.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
