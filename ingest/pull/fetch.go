package pull

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// fetch downloads a file and hands it to the intake.
func (p *Puller) fetch(ctx context.Context, o order) (ingest.Receipt, *faultError) {
	u, reason := p.cfg.Rules.parse(o.URL) // the rules may have changed since it was queued
	if reason != "" {
		return ingest.Receipt{}, &faultError{reason: reason, permanent: true}
	}
	ctx, done := context.WithTimeoutCause(ctx, p.cfg.TotalTimeout, &faultError{reason: reasonTimeout})
	defer done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return ingest.Receipt{}, &faultError{reason: reasonURL, permanent: true}
	}
	req.Header.Set("User-Agent", "plodwatch")
	resp, err := p.client.Do(req)
	if err != nil {
		return ingest.Receipt{}, faultOf(ctx, err)
	}
	defer resp.Body.Close()
	if f := faultOfStatus(resp, time.Now()); f != nil {
		return ingest.Receipt{}, f
	}
	b := &body{from: resp.Body, idle: p.cfg.IdleTimeout, cancel: cancel}
	defer func() { p.deps.Metrics.bytes.Add(float64(b.count)) }()
	return p.hand(ctx, o.Athlete, b, resp.ContentLength)
}

// hand hands a body to the intake. size is what the server says it has, or -1.
func (p *Puller) hand(ctx context.Context, athlete schema.AthleteID, b *body, size int64) (ingest.Receipt, *faultError) {
	b.limit = p.cfg.MaxBytes
	head := make([]byte, ingest.SniffBytes)
	n, err := io.ReadFull(b, head)
	if err != nil && !errors.Is(err, io.EOF) && (b.err != nil || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return ingest.Receipt{}, faultOf(ctx, err)
	}
	head = head[:n]
	if ingest.Sniff(head) == ingest.KindFIT {
		b.limit = p.cfg.MaxFITBytes
	}
	if max(size, b.count) > b.limit {
		return ingest.Receipt{}, &faultError{reason: reasonTooLarge, permanent: true}
	}
	receipt, err := p.deps.Intake.Accept(ctx, athlete, schema.SourceUpload, io.MultiReader(bytes.NewReader(head), b))
	switch {
	case err == nil:
		return receipt, nil
	case b.err != nil:
		return ingest.Receipt{}, faultOf(ctx, b.err)
	case errors.Is(err, ingest.ErrNotNow):
		return ingest.Receipt{}, &faultError{reason: reasonBusy}
	case ctx.Err() != nil:
		return ingest.Receipt{}, faultOf(ctx, err)
	}
	p.deps.Log.ErrorContext(ctx, "intake does not take a download", "error", err)
	return ingest.Receipt{}, &faultError{reason: reasonIntake}
}

// body reads an answer's body, no further than a limit, and not for ever while
// nothing comes.
type body struct {
	from   io.Reader
	idle   time.Duration
	cancel context.CancelCauseFunc // ends the download
	limit  int64
	count  int64 // bytes read
	err    error // why reading ended, when not with the end of the file
}

// Read reads the body.
func (b *body) Read(to []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	timer := time.AfterFunc(b.idle, func() { b.cancel(&faultError{reason: reasonTimeout}) })
	n, err := b.from.Read(to)
	timer.Stop()
	b.count += int64(n)
	if b.count > b.limit {
		err = &faultError{reason: reasonTooLarge, permanent: true}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
