package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/schema"
)

// host is what the commands work with: the engines and the pipeline, here or
// in the process that holds the data directory.
type host interface {
	keeper

	// store reads and writes the tables.
	store() *store.Store
	// query writes the answer of one read-only query in a ClickHouse format.
	query(ctx context.Context, w io.Writer, sql, format string) error
	// accept takes one export; again queues it even if it was taken before.
	accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader, again bool) (ingest.Receipt, error)
	// pending says how much work waits in the queues.
	pending(ctx context.Context) (queues, error)
	// setSettings stores dated settings and returns how many sessions were
	// analyzed again.
	setSettings(ctx context.Context, s schema.Settings) (int, error)
	// writeLog stores entries of the daily log that came in by a door of
	// package store, and makes the signs of their athletes anew.
	writeLog(ctx context.Context, entries []diary.Entry, door string) error
	// choose stores what a person said of a session that may be a copy, and
	// returns of how many sessions the verdict has changed.
	choose(ctx context.Context, c analyze.DuplicateChoice) (int, error)
	// settleCopies decides now which of an athlete's sessions are copies.
	settleCopies(ctx context.Context, athlete schema.AthleteID) error
	// close stops what was started here; when ctx ends it no longer waits for
	// work in hand.
	close(ctx context.Context) error
}

// parts says how much of the pipeline a command needs.
type parts int

const (
	onlyStore        parts = iota // the tables
	storeAndAnalyzer              // and what re-analyses sessions
	wholePipeline                 // and queues, blobs, workers and feeds
)

// holderPatience is how long a command waits for another that holds the data
// directory and does not answer: it is about to start or to end. After
// holderNotice the command says so.
const (
	holderPatience = time.Minute
	holderNotice   = 3 * time.Second
	holderPause    = 100 * time.Millisecond
)

// openHost opens what a command needs: from the process that holds the data
// directory when there is one, here otherwise.
func (a *app) openHost(ctx context.Context, need parts, command string) (host, error) {
	return a.openHostWith(ctx, need, func(dir string, lock *os.File) (host, error) {
		h := &localHost{pipeline: newPipeline(a, dir, 30*time.Second), lock: lock, command: command, parts: need}
		return h.opened(ctx, h.open(ctx, need))
	})
}

// openHostWith is openHost for who opens something else when nobody holds the
// data directory. hold owns the lock.
func (a *app) openHostWith(ctx context.Context, need parts, hold func(dir string, lock *os.File) (host, error)) (host, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	started, said := time.Now(), false
	for {
		lock, err := lockData(dir)
		if err == nil {
			return hold(dir, lock)
		}
		if !errors.Is(err, errHeld) {
			return nil, err
		}
		h, err := a.joinHolder(ctx, dir, need)
		if err == nil {
			return h, nil
		}
		if !errors.Is(err, errNoAnswer) || time.Since(started) > holderPatience {
			return nil, err
		}
		if !said && time.Since(started) > holderNotice {
			said = true
			fmt.Fprintln(a.stderr, "waiting for another plodwatch that holds the data directory to start or to end")
		}
		if !pause(ctx, holderPause) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// pause waits and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// holderGone reports whether h is in a process that does not answer any more.
func holderGone(ctx context.Context, h host) bool {
	r, ok := h.(*remoteHost)
	if !ok || ctx.Err() != nil {
		return false
	}
	_, err := r.status(ctx)
	return err != nil
}

// withStore runs f with a host that can read the tables. Reading before
// anything was stored says so instead of showing empty tables. When the
// process that held the data directory has ended before f printed anything, f
// runs again.
func (a *app) withStore(ctx context.Context, f func(host) error) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); errors.Is(err, os.ErrNotExist) && a.ClickHouse == "" {
		return fmt.Errorf("no data in %s yet; plodwatch import --data %s PATH... takes files in", dir, dir)
	}
	out := &touched{w: a.stdout}
	a.stdout = out
	for started := time.Now(); ; {
		h, err := a.openHost(ctx, onlyStore, "query")
		if err != nil {
			return err
		}
		err = f(h)
		again := err != nil && !out.yes && time.Since(started) < holderPatience && holderGone(ctx, h)
		if err = errors.Join(err, h.close(ctx)); !again {
			return err
		}
	}
}

// touched remembers whether anything was written.
type touched struct {
	w   io.Writer
	yes bool
}

// Write writes.
func (t *touched) Write(p []byte) (int, error) {
	t.yes = true
	return t.w.Write(p)
}

// joinHolder connects to the process that holds dir. One that offers less than
// is needed, such as a query, soon ends: the error wraps errNoAnswer.
func (a *app) joinHolder(ctx context.Context, dir string, need parts) (host, error) {
	r, err := dialHolder(ctx, dir, holderAnswer)
	if err != nil {
		return nil, err
	}
	if st, err := r.status(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	} else if st.Parts < need {
		return nil, fmt.Errorf("plodwatch %s (process %d) holds %s and cannot do this itself: %w", st.Command, st.PID, dir, errNoAnswer)
	}
	cfg := a.storeConfig()
	if a.ClickHouse == "" {
		cfg.RoundTripper = prefixed{prefix: pathClickHouse, next: r.client.Transport}
	}
	h := &remoteHost{remote: r, external: a.ClickHouse}
	if h.st, err = store.Open(ctx, cfg); err == nil {
		return h, nil
	}
	if holderGone(ctx, h) {
		err = fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return nil, fmt.Errorf("open the tables of the running plodwatch: %w", err)
}

// prefixed sends requests to paths below prefix.
type prefixed struct {
	prefix string
	next   http.RoundTripper
}

// RoundTrip sends a copy of req with the prefix before its path.
func (p prefixed) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host = "http", "plodwatch"
	req.URL.Path = p.prefix + trimSlash(req.URL.Path)
	return p.next.RoundTrip(req)
}

func trimSlash(s string) string {
	for s != "" && s[0] == '/' {
		s = s[1:]
	}
	return s
}

// remoteHost is a host in another process.
type remoteHost struct {
	*remote

	st       *store.Store
	external string // URL of an external ClickHouse, "" when embedded
}

func (h *remoteHost) store() *store.Store { return h.st }

func (h *remoteHost) query(ctx context.Context, w io.Writer, sql, format string) error {
	if h.external != "" {
		return queryExternal(ctx, h.st, w, sql, format)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, queryURL("http://plodwatch"+pathReadOnly, format), stringBody(sql))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the running plodwatch: %w", err)
	}
	return copyAnswer(w, resp)
}

func (h *remoteHost) pending(ctx context.Context) (queues, error) {
	st, err := h.status(ctx)
	return st.Queues, err
}

func (h *remoteHost) close(context.Context) error {
	h.client.CloseIdleConnections()
	return h.st.Close()
}
