package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// retryAfter returns how long a client is asked to wait, in seconds.
func (a answer) retryAfter(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || n < 1 {
		t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
	}
	return n
}

func TestRateOfATokenIsBounded(t *testing.T) {
	h := serve(t, func(h *house) { h.cfg.Rate, h.cfg.Burst = 0.5, 3 })
	anna, bert := bearer(h.token("anna", tokens.RoleUpload)), bearer(h.token("bert", tokens.RoleUpload))
	second := bearer(h.token("anna", tokens.RoleUpload))
	inForm := []field{{name: "access_token", value: anna[1][len("Bearer "):]}, fileField(fitBytes(9, 100))}
	for i := range 3 {
		h.post(uploads, fitBytes(uint32(i), 100), anna...).want(t, http.StatusCreated)
	}
	for range 2 { // who is refused is not charged
		a := h.post(uploads, fitBytes(4, 100), anna...).wantFault(t, http.StatusTooManyRequests, "access_token exceeded")
		if n := a.retryAfter(t); n != 2 {
			t.Errorf("asked to wait %d s, want 2", n)
		}
	}
	h.send(inForm).wantFault(t, http.StatusTooManyRequests, "access_token exceeded").retryAfter(t)
	h.post("/api/v1/activities/create/upload", fitBytes(4, 100), anna...).want(t, http.StatusTooManyRequests).retryAfter(t)
	h.get(uploads+"/1", anna...).want(t, http.StatusNotFound) // one may look
	h.post(uploads, fitBytes(4, 100), bert...).want(t, http.StatusCreated)
	h.post(uploads, fitBytes(4, 100), second...).want(t, http.StatusCreated)
	h.clock.advance(2 * time.Second)
	h.send(inForm).want(t, http.StatusCreated)
	h.post(uploads, fitBytes(5, 100), anna...).want(t, http.StatusTooManyRequests)
}

func TestUploadsOfATokenAtTheSameTimeAreBounded(t *testing.T) {
	h := serve(t, func(h *house) { h.cfg.Concurrency = 2 })
	anna, bert := bearer(h.token("anna", tokens.RoleUpload)), bearer(h.token("bert", tokens.RoleUpload))
	begun := make(chan struct{}, 10)
	ready := func(context.Context) error { begun <- struct{}{}; return nil }
	h.ready.Store(&ready)
	var wg sync.WaitGroup
	var ends []*io.PipeWriter
	for i := range 2 {
		body, end := io.Pipe()
		ends = append(ends, end)
		wg.Go(func() {
			a := h.do(h.request(http.MethodPost, uploads, body, anna...))
			if a.status != http.StatusCreated || a.upload(t).ID != numberOf("anna", fitBytes(uint32(i), 10_000)) {
				t.Errorf("a slow upload: %d %s", a.status, a.body)
			}
		})
		if _, err := end.Write(fitBytes(uint32(i), 10_000)[:5_000]); err != nil {
			t.Fatal(err)
		}
		<-begun
	}
	a := h.post(uploads, fitBytes(3, 100), anna...).wantFault(t, http.StatusTooManyRequests, "access_token exceeded")
	if n := a.retryAfter(t); n != 1 {
		t.Errorf("asked to wait %d s, want 1", n)
	}
	h.post(uploads, fitBytes(3, 100), bert...).want(t, http.StatusCreated)
	for i, end := range ends {
		if _, err := end.Write(fitBytes(uint32(i), 10_000)[5_000:]); err != nil {
			t.Fatal(err)
		}
		end.Close()
	}
	wg.Wait()
	h.post(uploads, fitBytes(3, 100), anna...).want(t, http.StatusCreated)
}

// TestFullQueueIsNotNow: what is refused is not queued, and taken when there
// is room again.
func TestFullQueueIsNotNow(t *testing.T) {
	h := serve(t, func(h *house) { h.layout.ExportsBytes = 4 << 10 })
	head := bearer(h.token("anna", tokens.RoleUpload))
	taken := 0
	var refused [][]byte
	for i := 0; len(refused) < 2; i++ {
		data := fitBytes(uint32(i), 100)
		switch a := h.post(uploads, data, head...); a.status {
		case http.StatusCreated:
			taken++
		default:
			a.wantFault(t, http.StatusServiceUnavailable, "upload busy")
			if n := a.retryAfter(t); n < 5 || n > 10 {
				t.Errorf("asked to wait %d s, want 5 to 10", n)
			}
			refused = append(refused, data)
		}
	}
	if n := h.queue(); taken == 0 || n != uint64(taken) {
		t.Fatalf("%d jobs wait of %d taken", n, taken)
	}
	stream, err := h.js.Stream(t.Context(), streams.Exports)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, data := range refused {
		if u := h.post(uploads, data, head...).want(t, http.StatusCreated).upload(t); u.ID != numberOf("anna", data) {
			t.Errorf("sent again: %+v", u)
		}
	}
	if n := h.queue(); n != 2 {
		t.Errorf("%d jobs wait, want 2", n)
	}
}

func TestQueueThatIsAwayIsNotNow(t *testing.T) {
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	h.post(uploads, fitBytes(1, 100), head...).want(t, http.StatusCreated)
	if err := h.nats.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.post(uploads, fitBytes(2, 100), head...).wantFault(t, http.StatusServiceUnavailable, "upload busy").retryAfter(t)
	// Bytes that were taken are known without the queue.
	h.post(uploads, fitBytes(1, 100), head...).want(t, http.StatusCreated)
}

// TestNotReady answers before the body is read, and spreads those who wait.
func TestNotReady(t *testing.T) {
	h := serve(t, func(h *house) { h.intake = &shelf{house: h} })
	head := bearer(h.token("anna", tokens.RoleUpload))
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{ingest.ErrDiskFull, http.StatusInsufficientStorage, "upload disk_full"},
		{fmt.Errorf("queue is away: %w", ingest.ErrBusy), http.StatusServiceUnavailable, "upload busy"},
		{ingest.ErrNotNow, http.StatusServiceUnavailable, "upload not_now"},
		{io.ErrClosedPipe, http.StatusInternalServerError, "upload failed"},
	} {
		t.Run(test.code, func(t *testing.T) {
			ready := func(context.Context) error { return test.err }
			h.ready.Store(&ready)
			seen := map[int]bool{}
			for range 40 {
				a := h.post(uploads, fitBytes(1, 100), head...).wantFault(t, test.status, test.code)
				if test.status == http.StatusInternalServerError {
					continue
				}
				n := a.retryAfter(t)
				seen[n] = true
				if n < 5 || n > 10 {
					t.Errorf("asked to wait %d s, want 5 to 10", n)
				}
			}
			if len(seen) < 2 && test.status != http.StatusInternalServerError {
				t.Errorf("all are asked to come back after the same time: %v", seen)
			}
		})
	}
	if h.files() != 0 {
		t.Errorf("%d files stored", h.files())
	}
	h.ready.Store(nil)
	h.post(uploads, fitBytes(1, 100), head...).want(t, http.StatusCreated)
}

// TestSlowClientsHoldNobodyUp: many requests that have come in part, heads and
// bodies, with and without a token.
func TestSlowClientsHoldNobodyUp(t *testing.T) {
	h := serve(t, nil)
	anna, bert := h.token("anna", tokens.RoleUpload), h.token("bert", tokens.RoleUpload)
	head := "POST " + uploads + " HTTP/1.1\r\nHost: localhost\r\n"
	body := head + "Authorization: Bearer " + anna + "\r\nContent-Length: 100000\r\n\r\n" + string(fitBytes(1, 5000))
	form := head + "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n--b\r\n"
	under := 0
	for i := range 60 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		part := []string{head[:30], body, form}[i%3]
		if i%3 != 0 {
			under++
		}
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "all of them under way", func() bool { return h.metric("plodwatch_gate_requests_under_way") == float64(under) })
	for i := range 10 {
		h.post(uploads, fitBytes(uint32(i), 20_000), bearer(bert)...).want(t, http.StatusCreated)
	}
	if n := h.metric("plodwatch_gate_requests_under_way"); n != float64(under) {
		t.Errorf("%v requests under way, want the slow %d", n, under)
	}
}

// TestLargeBodiesCostNoMemory sends 200 MB in chunks.
func TestLargeBodiesCostNoMemory(t *testing.T) {
	const size = 200_000_000
	h := serve(t, nil)
	head := bearer(h.token("anna", tokens.RoleUpload))
	for _, test := range []struct {
		name string
		pack func(io.Reader) (io.Reader, string)
	}{
		{"body", func(r io.Reader) (io.Reader, string) { return r, "application/gpx+xml" }},
		{"form", func(r io.Reader) (io.Reader, string) {
			start := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.gpx\"\r\n\r\n"
			return io.MultiReader(bytes.NewReader([]byte(start)), r, bytes.NewReader([]byte("\r\n--b--\r\n"))), "multipart/form-data; boundary=b"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			track := &endless{text: gpxText(1000), left: size, hash: sha256.New()}
			body, kind := test.pack(track)
			before := heap()
			u := h.do(h.request(http.MethodPost, uploads, body, append(head, "Content-Type", kind)...)).want(t, http.StatusCreated).upload(t)
			r, n, err := h.blobs.Open(t.Context(), exportOf(t, u, track))
			if err != nil || n != size {
				t.Fatalf("stored %d bytes, %v, want %d", n, err, size)
			}
			r.Close()
			if grown := int64(track.most) - int64(before); grown > 48<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			} else {
				t.Logf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}

// endless is a track without end that looks at the heap while it is read.
type endless struct {
	text []byte
	at   int
	left int
	hash hash.Hash
	most uint64
	next int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), e.left)], e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.left -= n
	e.hash.Write(p[:n])
	if e.next -= n; e.next < 0 {
		e.most, e.next = max(e.most, live()), 1<<20
	}
	return n, nil
}

// live is how many bytes of the heap are taken, garbage that has not been
// found included.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return math.MaxUint64
	}
	return sample[0].Value.Uint64()
}

// heap is live after a collection.
func heap() uint64 {
	runtime.GC()
	return live()
}

// exportOf returns the identity of what was read from e, and fails the test
// when the upload has another.
func exportOf(t testing.TB, u uploadAnswer, e *endless) schema.ExportID {
	t.Helper()
	id := schema.ExportID(e.hash.Sum(nil))
	if got := schema.JobIDOf("anna", id).UploadID(); got != u.ID {
		t.Fatalf("upload %d, want %d", u.ID, got)
	}
	return id
}
