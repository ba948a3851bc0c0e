package pull_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/ingest/pull"
	"plodwatch/schema/streams"
)

// unbelieved is a message whose signature is wrong.
func unbelieved(body io.Reader) *http.Request {
	req := httptest.NewRequest(http.MethodPost, pull.Path, body)
	req.Header.Set("webhook-id", "1")
	req.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	req.Header.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"=")
	return req
}

// TestManyLargeMessagesAreNotAllKept: whoever sends them has not proved who
// that is. Small ones are taken meanwhile.
func TestManyLargeMessagesAreNotAllKept(t *testing.T) {
	r := newRoom(t, nil)
	h := r.hook(t, nil)
	part := strings.Repeat(" ", 100<<10)
	var under sync.WaitGroup
	var ends []*io.PipeWriter
	for range 16 {
		in, out := io.Pipe()
		ends = append(ends, out)
		under.Go(func() {
			if w := send(h, unbelieved(in)); w.Code != http.StatusUnauthorized {
				t.Errorf("one of 16: %d %s", w.Code, w.Body)
			}
		})
		if _, err := io.WriteString(out, part); err != nil { // is read
			t.Fatal(err)
		}
	}
	w := send(h, unbelieved(strings.NewReader(part)))
	if w.Code != http.StatusServiceUnavailable || reasonOf(t, w) != "not_now" || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	if w := send(h, signed(t, secretA, "small", r.now, oneFile)); w.Code != http.StatusOK {
		t.Errorf("a small one: %d %s", w.Code, w.Body)
	}
	for _, out := range ends {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	under.Wait()
	large := oneFile + part
	if w := send(h, signed(t, secretA, "large", r.now, large)); w.Code != http.StatusOK {
		t.Errorf("a large one afterwards: %d %s", w.Code, w.Body)
	}
}

// drip is a body of which a byte comes every second.
type drip struct{}

func (drip) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	p[0] = ' '
	return 1, nil
}

func TestMessageMustArriveInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := pull.NewHook(pull.HookConfig{Secrets: []string{secretA}, Rules: loopback()}, pull.HookDeps{
			Publisher: new(streams.Publisher), Now: time.Now, Metrics: pull.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w := send(h, unbelieved(drip{}))
		if took := time.Since(began); w.Code != http.StatusBadRequest || reasonOf(t, w) != "unreadable" || took != 30*time.Second {
			t.Errorf("after %s: %d %s", took, w.Code, w.Body)
		}
	})
}
