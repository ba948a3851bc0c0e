package pull

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// maxBodyBytes bounds a message.
	maxBodyBytes = 1 << 20

	// bodyPatience is how long a message may take to arrive.
	bodyPatience = 30 * time.Second

	// smallBytes is how much of any message is read. It is not known yet who
	// sends it: of larger ones only so many at once are in memory.
	smallBytes  = 16 << 10
	largeAtOnce = 16
)

// errCrowded means that too many large messages are arriving.
var errCrowded = errors.New("too many large messages at once")

// body reads a message. The message may be kept until leave is called.
func (h *Hook) body(w http.ResponseWriter, r *http.Request) (data []byte, leave func(), err error) {
	until := time.Now().Add(bodyPatience)
	// Not every server has deadlines; then its own hold.
	_ = http.NewResponseController(w).SetReadDeadline(until)
	from := &timedReader{from: http.MaxBytesReader(w, r.Body, maxBodyBytes), until: until}
	leave = func() {}
	data, err = io.ReadAll(io.LimitReader(from, smallBytes+1))
	if err != nil || len(data) <= smallBytes {
		return data, leave, err
	}
	select {
	case h.large <- struct{}{}:
		leave = func() { <-h.large }
	default:
		return nil, leave, errCrowded
	}
	rest, err := io.ReadAll(from)
	return append(data, rest...), leave, err
}

// timedReader fails after a time, also when something comes now and then.
type timedReader struct {
	from  io.Reader
	until time.Time
}

// Read reads unless it is too late.
func (t *timedReader) Read(p []byte) (int, error) {
	if !time.Now().Before(t.until) {
		return 0, os.ErrDeadlineExceeded
	}
	return t.from.Read(p)
}
