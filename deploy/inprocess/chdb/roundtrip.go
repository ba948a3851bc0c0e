package chdb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// RoundTripper returns a transport that answers every request, whatever host it
// names, with Handler, in this process and without a socket. The answer's body
// streams: closing it, or the end of the request's context, kills the
// statement.
func (e *Engine) RoundTripper() http.RoundTripper { return &transport{e.Handler()} }

type transport struct{ handler http.Handler }

// RoundTrip runs the handler in a goroutine that ends with the answer.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	inner := r.WithContext(ctx)
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, pipe: pw, ready: make(chan struct{})}
	// A caller that goes away must not leave the handler at a full pipe or at a
	// body that nobody fills.
	stop := context.AfterFunc(ctx, func() {
		_ = pw.CloseWithError(context.Cause(ctx))
		_ = inner.Body.Close()
	})
	go func() {
		defer func() {
			err := aborted(recover())
			stop()
			_ = inner.Body.Close()
			w.finish(err)
			cancel(nil)
		}()
		t.handler.ServeHTTP(w, inner)
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		// The handler may have ended in the same moment.
		select {
		case <-w.ready:
		default:
			return nil, context.Cause(ctx)
		}
	}
	return w.response(r, &pipeBody{pr, cancel}), nil
}

// errAborted is the end of an answer that broke in the middle.
var errAborted = errors.New("the answer broke off")

// aborted turns what a handler panicked with into the end of its answer. A
// panic that is not the usual way to break off is a bug and goes on.
func aborted(v any) error {
	if v == nil {
		return nil
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return errAborted
	}
	panic(v)
}

// pipeWriter is the handler's side of an answer.
type pipeWriter struct {
	header http.Header
	pipe   *io.PipeWriter

	once   sync.Once
	ready  chan struct{} // closed when status, sent and length are final
	status int
	sent   http.Header
	length int64
}

// Header returns the header to be sent.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader keeps the first status; the header goes out with the first byte.
func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write hands p to the reader and returns when it has been read.
func (w *pipeWriter) Write(p []byte) (int, error) {
	w.begin(-1)
	return w.pipe.Write(p)
}

// Flush has nothing to do: nothing is held back.
func (w *pipeWriter) Flush() { w.begin(-1) }

func (w *pipeWriter) begin(length int64) {
	w.once.Do(func() {
		w.WriteHeader(http.StatusOK)
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
		w.sent, w.length = w.header.Clone(), length
		close(w.ready)
	})
}

func (w *pipeWriter) finish(err error) {
	w.begin(0)
	_ = w.pipe.CloseWithError(err)
}

func (w *pipeWriter) response(r *http.Request, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: w.length, Request: r,
	}
}

// pipeBody ends the statement when it is closed before its end.
type pipeBody struct {
	*io.PipeReader
	cancel context.CancelCauseFunc
}

// Close gives the rest of the answer up.
func (b *pipeBody) Close() error {
	b.cancel(http.ErrBodyReadAfterClose)
	return b.PipeReader.Close()
}
