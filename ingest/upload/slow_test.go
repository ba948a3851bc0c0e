package upload_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// wire is a listener in memory, so that the time of a test's bubble passes in
// it.
type wire struct {
	conns chan net.Conn
	done  chan struct{}
	drips sync.WaitGroup
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error { close(w.done); return nil }

func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// line is a connection of a wire.
type line struct{ net.Conn }

func (line) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000} }

// wired serves a house in a bubble.
func wired(t *testing.T, h *house) *wire {
	w := &wire{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h.gate, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)} //nolint:gosec // the gate's own limits are tested
	served := make(chan error, 1)
	go func() { served <- server.Serve(w) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
		w.drips.Wait()
	})
	return w
}

// dial connects to the house.
func (w *wire) dial(t *testing.T) net.Conn {
	client, far := net.Pipe()
	w.conns <- line{far}
	t.Cleanup(func() { client.Close() })
	return client
}

// slowHouse is a house in a bubble with a token and a queue that takes its
// time.
func slowHouse(t *testing.T, takes time.Duration) (h *house, w *wire, head string) {
	h = open(t, func(h *house) {
		h.intake = &patient{&shelf{house: h}, takes}
	})
	head = "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + h.token("anna", tokens.RoleUpload) + "\r\n"
	return h, wired(t, h), head
}

// drip begins to write data in steps of some bytes with pauses between them,
// until all is written or the other side is gone.
func (w *wire) drip(conn net.Conn, data []byte, step int, pause time.Duration) {
	w.drips.Go(func() {
		for len(data) > 0 {
			n := min(step, len(data))
			if _, err := conn.Write(data[:n]); err != nil {
				return
			}
			data = data[n:]
			time.Sleep(pause)
		}
	})
}

// read reads the answer and says after which time it came.
func read(t *testing.T, conn net.Conn, since time.Time) (answer, time.Duration) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	took := time.Since(since)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}, took
}

// TestBodyMustComeInTime: the times are those of the bubble, to the second.
func TestBodyMustComeInTime(t *testing.T) {
	data := fitBytes(1, 60_000)
	length := "Content-Length: " + strconv.Itoa(len(data)) + "\r\n\r\n"
	for _, test := range []struct {
		name   string
		step   int
		pause  time.Duration
		sent   int // bytes, of 60,000
		status int
		after  time.Duration
	}{
		{"stalls at once", 1, 0, 0, http.StatusRequestTimeout, 30 * time.Second},
		{"stalls in the middle", 30_000, time.Second, 30_000, http.StatusRequestTimeout, 30 * time.Second},
		{"stalls before the last byte", 59_999, 0, 59_999, http.StatusRequestTimeout, 30 * time.Second},
		// By then 31 bytes have paid for 61 ms.
		{"drips", 1, time.Second, 60_000, http.StatusRequestTimeout, 30 * time.Second},
		// 512 bytes/s are asked for: after t seconds 400 t/512 + 30 are paid.
		{"too slow", 400, time.Second, 60_000, http.StatusRequestTimeout, 137 * time.Second},
		{"slow and steady", 600, time.Second, 60_000, http.StatusCreated, 99 * time.Second},
		{"pauses that are short enough", 20_000, 29 * time.Second, 60_000, http.StatusCreated, 58 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w, head := slowHouse(t, 0)
				conn, start := w.dial(t), time.Now()
				w.drip(conn, []byte(head+length), 1<<20, 0)
				synctest.Wait()
				w.drip(conn, data[:test.sent], test.step, test.pause)
				a, took := read(t, conn, start)
				if a.want(t, test.status); took.Truncate(time.Second) != test.after {
					t.Errorf("answered after %s, want %s", took, test.after)
				}
				if test.status == http.StatusCreated {
					if !bytes.Equal(h.stored(schema.ExportIDOf(data)), data) {
						t.Error("what is stored is not what was sent")
					}
					return
				}
				a.wantFault(t, test.status, "file too_slow")
				if h.files() != 0 {
					t.Errorf("%d files stored", h.files())
				}
			})
		})
	}
}

// TestBodyThatNobodyReadsMustComeInTime: the server wants to have seen it
// before it answers that it is refused.
func TestBodyThatNobodyReadsMustComeInTime(t *testing.T) {
	for name, request := range map[string]string{
		"no token":   "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
		"no door":    "POST /api/v3/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
		"cross site": "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 100\r\n\r\n",
		"sign-in":    "POST /api/v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"looking":    "GET " + uploads + "/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, w, _ := slowHouse(t, 0)
				conn, start := w.dial(t), time.Now()
				w.drip(conn, []byte(request), 1<<20, 0)
				a, took := read(t, conn, start)
				if a.status < 400 || a.status >= 500 || took > 30*time.Second {
					t.Errorf("%d %s after %s", a.status, a.body, took)
				}
			})
		})
	}
}

// patient is an intake whose queue takes its time.
type patient struct {
	*shelf

	takes time.Duration
}

// Accept stores what r holds and waits.
func (p *patient) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	rc, err := p.shelf.Accept(ctx, athlete, source, r)
	if err != nil {
		return rc, err
	}
	select {
	case <-time.After(p.takes):
		return rc, nil
	case <-ctx.Done():
		return rc, ctx.Err()
	}
}

// TestSlowQueueIsNotASlowBody: the time for a body is over when it has come.
func TestSlowQueueIsNotASlowBody(t *testing.T) {
	data := fitBytes(1, 60_000)
	kind, form := packed(t, []field{fileField(data)})
	for name, body := range map[string]struct {
		head string
		data []byte
	}{
		"body": {"", data}, "form": {"Content-Type: " + kind + "\r\n", form},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, w, head := slowHouse(t, 5*time.Minute)
				conn, start := w.dial(t), time.Now()
				w.drip(conn, []byte(head+body.head+"Content-Length: "+strconv.Itoa(len(body.data))+"\r\n\r\n"+string(body.data)), 1<<20, 0)
				a, took := read(t, conn, start)
				if a.want(t, http.StatusCreated); took != 5*time.Minute {
					t.Errorf("answered after %s", took)
				}
			})
		})
	}
}
