package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// fault is an error that says how it is answered. Its text goes to the client
// and holds nothing that the client has not sent.
type fault struct { //nolint:errname // an answer first
	status int
	field  string // what is wrong, as Strava names it
	code   string
	text   string
	err    error // cause, may be nil; not shown
}

// Error returns the text and the cause.
func (f *fault) Error() string {
	if f.err != nil {
		return f.text + ": " + f.err.Error()
	}
	return f.text
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }

func refuse(status int, field, code, text string) *fault {
	return &fault{status: status, field: field, code: code, text: text}
}

// tooLargeError ends a body that is larger than its limit.
type tooLargeError struct{ limit int64 }

// Error names the limit.
func (e *tooLargeError) Error() string {
	if e.limit%(1<<20) != 0 {
		return fmt.Sprintf("the file is larger than the limit of %d bytes", e.limit)
	}
	return fmt.Sprintf("the file is larger than the limit of %d MiB", e.limit>>20)
}

// bodyError is an error of reading what the client sends, and therefore the
// client's.
type bodyError struct{ err error }

// Error returns the cause's text.
func (e *bodyError) Error() string { return "read the body: " + e.err.Error() }

// Unwrap returns the cause.
func (e *bodyError) Unwrap() error { return e.err }

// faultOf says how an error is answered.
func faultOf(err error) *fault {
	var (
		f        *fault
		tooLarge *tooLargeError
		body     *bodyError
	)
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return &fault{http.StatusRequestEntityTooLarge, "file", "too_large", tooLarge.Error(), err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{http.StatusRequestTimeout, "file", "too_slow", "the body came too slowly", err}
	case errors.As(err, &body):
		return &fault{http.StatusBadRequest, "file", "incomplete", "the body cannot be read to its end", err}
	case errors.Is(err, tokens.ErrExpired):
		return &fault{http.StatusUnauthorized, "access_token", "expired", "the token has expired", err}
	case errors.Is(err, tokens.ErrRefused):
		return &fault{http.StatusUnauthorized, "access_token", "invalid", "the token is not known", err}
	case errors.Is(err, schema.ErrBadID):
		return &fault{http.StatusBadRequest, "athlete", "invalid", "an athlete is 1 to 64 letters, digits, '_' and '-'", err}
	case errors.Is(err, ingest.ErrBusy):
		return &fault{http.StatusServiceUnavailable, "upload", "busy", "the queue takes nothing now; send it again later", err}
	case errors.Is(err, ingest.ErrDiskFull):
		return &fault{http.StatusInsufficientStorage, "upload", "disk_full", "the disk is full; send it again later", err}
	case errors.Is(err, ingest.ErrNotNow):
		return &fault{http.StatusServiceUnavailable, "upload", "not_now", "nothing is taken now; send it again later", err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &fault{http.StatusServiceUnavailable, "upload", "not_now", "it was interrupted; send it again", err}
	}
	return &fault{http.StatusInternalServerError, "upload", "failed", "it was not taken because of a fault of the server; send it again later", err}
}

// faultBody is the form that Strava documents for errors, with the text in
// error once more for clients that look only there.
type faultBody struct {
	Message string       `json:"message"`
	Errors  []faultField `json:"errors"`
	Error   string       `json:"error"`
}

type faultField struct {
	Resource string `json:"resource"`
	Field    string `json:"field"`
	Code     string `json:"code"`
}

// answerFault writes a fault.
func (g *Gate) answerFault(w http.ResponseWriter, f *fault) {
	switch f.status {
	case http.StatusUnauthorized:
		w.Header().Add("WWW-Authenticate", `Bearer realm="plodwatch"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="plodwatch", charset="UTF-8"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInsufficientStorage:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", strconv.Itoa(g.retryAfter()))
		}
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		w.Header().Set("Connection", "close")
	}
	answer(w, f.status, faultBody{
		Message: f.text, Error: f.text, Errors: []faultField{{Resource: "Upload", Field: f.field, Code: f.code}},
	})
}

// retryAfter is how many seconds a client is asked to wait.
func (g *Gate) retryAfter() int {
	base := g.cfg.RetryAfter
	wait := base + rand.N(base) //nolint:gosec // spreads clients, decides nothing
	return int((wait + time.Second - 1) / time.Second)
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the other side is gone: nobody to tell
}
