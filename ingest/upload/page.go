package upload

import (
	"context"
	"io"
	"net/http"
	"time"

	"plodwatch/schema"
)

// Refusal says why a file that came by the page was not taken, as the doors
// would answer it.
type Refusal struct { //nolint:errname // an answer first
	Status     int    // of HTTP
	Text       string // for people; holds nothing that was not sent
	RetryAfter time.Duration
	Err        error // cause, may be nil; not for people
}

// Error returns the text and the cause.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return r.Text + ": " + r.Err.Error()
	}
	return r.Text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// pageDoor names the page in metrics and the access log.
const pageDoor = "page"

// Guard puts a handler of the page that takes files behind what every door
// has: metrics, the access log, and a body that must come fast enough.
func (g *Gate) Guard(next http.Handler) http.Handler { return g.watch(pageDoor, next) }

// MaxBytes is the size of the largest file that is taken.
func (g *Gate) MaxBytes() int64 { return g.cfg.MaxBytes }

// patienceForRate is how long a file of a form waits for its turn: a form may
// hold more files at once than an uploader may begin in a second.
const patienceForRate = 10 * time.Second

// TakeFor takes one file for somebody whom the page has let in and who may
// upload for the athlete. by names them in limits. The error is a *Refusal.
func (g *Gate) TakeFor(ctx context.Context, by string, athlete schema.AthleteID, name string, body io.Reader) (Receipt, error) {
	rc, err := g.takeFor(ctx, by, athlete, &file{name: baseName(name), body: clientBody{body}})
	if err == nil {
		return rc, nil
	}
	f := faultOf(err)
	refusal := &Refusal{Status: f.status, Text: f.text, Err: f.err}
	switch f.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		refusal.RetryAfter = time.Duration(g.retryAfter()) * time.Second
	}
	if f.status >= http.StatusInternalServerError {
		g.deps.Log.WarnContext(ctx, "upload not taken", "route", pageDoor, "error", f.err)
	}
	return Receipt{}, refusal
}

func (g *Gate) takeFor(ctx context.Context, by string, athlete schema.AthleteID, f *file) (Receipt, error) {
	leave, err := g.turn(ctx, by)
	if err != nil {
		return Receipt{}, err
	}
	defer leave()
	if err := g.deps.Ready(ctx); err != nil {
		return Receipt{}, err
	}
	return g.accept(ctx, athlete, f)
}

// turn waits until a caller may begin another upload.
func (g *Gate) turn(ctx context.Context, by string) (leave func(), err error) {
	for last := time.Now().Add(patienceForRate); ; {
		leave, wait := g.callers.enter(by)
		if leave != nil {
			return leave, nil
		}
		if time.Now().Add(wait).After(last) {
			return nil, refuse(http.StatusTooManyRequests, "access_token", "exceeded", "too many uploads at once; send it again later")
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// NameOf returns what the client called a file, "" when that is not known.
func (g *Gate) NameOf(athlete schema.AthleteID, export schema.ExportID) string {
	r, err := readRecord(g.deps.Records.path(&Record{Athlete: athlete, Export: export}))
	if err != nil {
		return ""
	}
	return r.Name
}

// clientBody makes errors of reading a part of a form the client's.
type clientBody struct{ r io.Reader }

// Read reads some of the part.
func (b clientBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's own sentinel is never wrapped
		err = asBodyError(err)
	}
	return n, err
}
