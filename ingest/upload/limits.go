package upload

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// callers holds how much each caller is doing.
type callers struct {
	cfg Config
	now func() time.Time

	mu  *sync.Mutex
	all map[string]*callerState
}

type callerState struct {
	limit *rate.Limiter
	under int // uploads under way
}

func newCallers(cfg Config, now func() time.Time) callers {
	return callers{cfg: cfg, now: now, mu: new(sync.Mutex), all: make(map[string]*callerState)}
}

// manyCallers is after how many callers those that are idle are forgotten.
const manyCallers = 10_000

// enter begins an upload of a caller. It returns how long the caller must wait
// when it is too much.
func (c *callers) enter(key string) (leave func(), wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	s := c.all[key]
	if s == nil {
		c.forgetIdle(now)
		s = &callerState{limit: rate.NewLimiter(rate.Limit(c.cfg.Rate), c.cfg.Burst)}
		c.all[key] = s
	}
	if s.under >= c.cfg.Concurrency {
		return nil, time.Second
	}
	slot := s.limit.ReserveN(now, 1)
	if delay := slot.DelayFrom(now); delay > 0 {
		slot.CancelAt(now)
		return nil, delay
	}
	s.under++
	return func() {
		c.mu.Lock()
		s.under--
		c.mu.Unlock()
	}, 0
}

func (c *callers) forgetIdle(now time.Time) {
	if len(c.all) < manyCallers {
		return
	}
	for key, s := range c.all {
		if s.under == 0 && s.limit.TokensAt(now) >= float64(c.cfg.Burst) {
			delete(c.all, key)
		}
	}
}

// mayUpload begins an upload of the caller, who must be allowed to.
func (g *Gate) mayUpload(w http.ResponseWriter, c caller) (leave func(), err error) {
	if !c.local && !c.token.MayUpload() {
		return nil, refuse(http.StatusForbidden, "access_token", "forbidden", "the token may not upload")
	}
	leave, wait := g.callers.enter(c.key())
	if leave == nil {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return nil, refuse(http.StatusTooManyRequests, "access_token", "exceeded", "too many uploads with this token; send it again later")
	}
	return leave, nil
}

// guardBody lets the body of a request come only as fast as it must. Of a body
// that nobody reads the server waits for the rest before it answers: it may
// wait for it as long as for one byte of those that are read.
func (g *Gate) guardBody(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	conn := http.NewResponseController(w)
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(g.cfg.Stall)) // fails again when the body is read
	r.Body = &pacedBody{
		ReadCloser: r.Body, conn: conn, began: began, stall: g.cfg.Stall, perSecond: g.cfg.MinBytesPerSecond,
	}
}

// pacedBody ends a body that sends nothing for a while, or less than it must
// on average.
type pacedBody struct {
	io.ReadCloser

	conn      *http.ResponseController
	began     time.Time
	stall     time.Duration
	perSecond int64
	read      int64
}

// Read reads some of the body.
func (b *pacedBody) Read(p []byte) (int, error) {
	paid := b.began.Add(b.stall + time.Duration(float64(b.read)/float64(b.perSecond)*float64(time.Second)))
	deadline := time.Now().Add(b.stall)
	if paid.Before(deadline) {
		deadline = paid
	}
	if err := b.conn.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, &bodyError{err}
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's own sentinel is never wrapped
		// From here on the server reads only to notice that the client is
		// gone. A deadline that passes meanwhile would look the same.
		_ = b.conn.SetReadDeadline(time.Time{})
	case err != nil:
		err = &bodyError{err}
	}
	return n, err
}

// limitedReader fails when there is more than its limit.
type limitedReader struct {
	r    io.Reader
	left int64
	over error
}

func limited(r io.Reader, limit int64) *limitedReader {
	return &limitedReader{r: r, left: limit, over: &tooLargeError{limit: limit}}
}

// Read reads until the limit; one byte more is an error.
func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return 0, l.over
	}
	l.left -= int64(n)
	return n, err
}

// decoded returns a body without its Content-Encoding.
func decoded(r *http.Request, body io.Reader) (io.Reader, error) {
	switch coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &gunzip{from: body}, nil
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "content-encoding", "invalid", "Content-Encoding must be gzip or nothing")
	}
}

// gunzip reads what gzip has packed. Faults of the packing are the client's.
type gunzip struct {
	from io.Reader
	zip  *gzip.Reader
}

// Read reads some of it.
func (z *gunzip) Read(p []byte) (int, error) {
	if z.zip == nil {
		zip, err := gzip.NewReader(z.from)
		if err != nil {
			return 0, &bodyError{unexpected(err)}
		}
		z.zip = zip
	}
	n, err := z.zip.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's own sentinel is never wrapped
		err = &bodyError{err}
	}
	return n, err
}

// unexpected keeps the end of input from looking like a good end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
