package sqldoor

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Bearer is what a token says of who brought it.
type Bearer int

// The kinds of bearers.
const (
	Unknown  Bearer = iota // no such token, or its time is over
	Athlete                // acts for one athlete only
	Everyone               // may see every athlete
)

// Tokens tells who brings a secret. Both methods' errors mean that the tokens
// cannot be read, and nobody is let in.
type Tokens interface {
	// Any reports whether there is any token at all.
	Any() (bool, error)
	// Bearer tells who brings secret.
	Bearer(secret string) (Bearer, error)
}

// Config bounds what a client may send and how slowly.
type Config struct {
	// MaxBodyBytes bounds a request's body, which is the text of one query.
	// Default 1 MiB.
	MaxBodyBytes int64
	// BodyTime is how long the body may take to come. Default 30 s.
	BodyTime time.Duration
	// StallTime is how long a client may take none of the answer before it is
	// cut off: a slow reader holds one of the few turns. Default 30 s.
	StallTime time.Duration
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{MaxBodyBytes: 1 << 20, BodyTime: 30 * time.Second, StallTime: 30 * time.Second}
}

// Validate names every field that is not positive.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBodyBytes <= 0 {
		errs = append(errs, errors.New("max body bytes must be positive"))
	}
	if c.BodyTime <= 0 {
		errs = append(errs, errors.New("body time must be positive"))
	}
	if c.StallTime <= 0 {
		errs = append(errs, errors.New("stall time must be positive"))
	}
	return errors.Join(errs...)
}

// Deps is what the door needs.
type Deps struct {
	// Engine answers those who are let in. It must read only.
	Engine http.Handler
	Tokens Tokens
	// FromThisMachine reports whether a request comes from this machine, was
	// meant for it by name, and went through no proxy.
	FromThisMachine func(*http.Request) bool
	Metrics         *Metrics
	Log             *slog.Logger
}

// Door is the endpoint, an http.Handler.
type Door struct {
	cfg  Config
	deps Deps
}

// New returns a door, or the faults of its configuration.
func New(cfg Config, deps Deps) (*Door, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Door{cfg: cfg, deps: deps}, nil
}

// ServeHTTP answers one request. What is refused has the form of ClickHouse's
// exceptions, which its clients show.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	d.deps.Metrics.under.Inc()
	out := &patient{ResponseWriter: w, control: http.NewResponseController(w), stall: d.cfg.StallTime}
	defer func() {
		d.deps.Metrics.under.Dec()
		broken := recover()
		d.deps.Metrics.count(out, broken != nil, time.Since(began))
		if broken != nil {
			panic(broken) // http.ErrAbortHandler: the server breaks the connection off
		}
	}()
	guard(out.Header())
	if fault := d.refusal(r); fault != nil {
		fault.write(out)
		return
	}
	body, fault := d.readBody(out, r)
	if fault != nil {
		fault.write(out)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	d.deps.Engine.ServeHTTP(out, r)
}

// guard keeps a browser from making anything of an answer that a page of
// another site has asked for.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
}

// readBody reads the whole body, which is a query: a client that sends it
// slowly or without end holds nothing but its connection.
func (d *Door) readBody(out *patient, r *http.Request) ([]byte, *refusal) {
	// Where there is no such deadline, as in a test without a socket, the
	// server's own times are all there is.
	_ = out.control.SetReadDeadline(time.Now().Add(d.cfg.BodyTime))
	defer func() { _ = out.control.SetReadDeadline(time.Time{}) }()
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, d.cfg.MaxBodyBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "TOO_MANY_ROWS_OR_BYTES",
			"a query has at most %d bytes", d.cfg.MaxBodyBytes)
	case err != nil:
		return nil, refuse(http.StatusRequestTimeout, codeTimeout, "TIMEOUT_EXCEEDED", "the query did not come whole in %s", d.cfg.BodyTime)
	}
	return body, nil
}

// patient writes the answer, counts it, and gives up on a client that takes
// nothing of it.
type patient struct {
	http.ResponseWriter

	control *http.ResponseController
	stall   time.Duration
	status  int
	bytes   int64
}

// Unwrap lets http.ResponseController find the writer.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader keeps the status.
func (p *patient) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
	p.ResponseWriter.WriteHeader(status)
}

// Write writes b within the time a client may stall.
func (p *patient) Write(b []byte) (int, error) {
	if p.status == 0 {
		p.status = http.StatusOK
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(p.stall)) // as in readBody
	n, err := p.ResponseWriter.Write(b)
	p.bytes += int64(n)
	return n, err
}
