package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// importCmd takes files in and waits until they are analyzed.
type importCmd struct {
	Paths   []string `arg:"" help:"Files, folders and archives; folders at any depth." complete:"file"`
	Athlete string   `help:"Whose files these are." default:"me" placeholder:"ID" complete:"athlete"`
	JSON    bool     `help:"Print the result as JSON."`
}

// Help says more than fits a line.
func (c *importCmd) Help() string {
	return `Files stay where they are; plodwatch keeps its own copy of each under its SHA-256.
Importing the same files again adds nothing. Ctrl-C stops after the work in hand, and
the next import or plodwatch up finishes the rest.

Exit codes: 0 all taken, 1 usage or environment, 2 some files rejected.

Examples:
  plodwatch import ~/garmin-export.zip
  plodwatch import --athlete anna ~/Anna/watch ~/Anna/strava/activities`
}

// acceptAtOnce is how many files are handed in at once; each waits for disk.
const acceptAtOnce = 8

// importFile is one file on its way.
type importFile struct {
	file    folder.File
	reason  schema.Reason // why it could not be taken, "" when it could
	outcome schema.Outcome
	job     schema.Job
	dup     bool
	settled bool // taken, or known not to be
}

// Run imports and prints what became of the files.
func (c *importCmd) Run(ctx context.Context, a *app) error {
	athlete, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	for _, p := range c.Paths {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	first, second, stop := signals(ctx)
	defer stop()
	h, err := a.openHost(first, wholePipeline, "import")
	if first.Err() != nil && h == nil {
		return errors.New("interrupted before anything was taken")
	}
	if err != nil {
		return err
	}
	run := &importRun{app: a, host: h, athlete: athlete, started: time.Now()}
	err = run.do(first, c.Paths)
	if first.Err() != nil {
		err = errors.New("interrupted; what was taken will be finished by the next import or plodwatch up")
	}
	if err := errors.Join(err, run.host.close(second)); err != nil {
		return err
	}
	return run.print(c.JSON)
}

// importRun is one import.
type importRun struct {
	app     *app
	host    host
	athlete schema.AthleteID
	started time.Time

	files         []*importFile
	stuck         stuck
	known         map[schema.ExportID]store.Known
	before, after *store.Counts // nil until counted
}

func (r *importRun) do(ctx context.Context, paths []string) error {
	dir, err := r.app.dataDir()
	if err != nil {
		return err
	}
	err = folder.Walk(ctx, paths, folder.WalkOptions{Exclude: []string{dir}}, func(f folder.File) error {
		r.files = append(r.files, &importFile{file: f, reason: f.Reason, outcome: f.Outcome()})
		return nil
	})
	if err != nil {
		return err
	}
	bar := newProgress(r.app.stderr, len(r.files))
	defer bar.finish()
	for {
		err := r.finish(ctx, bar)
		if err == nil || !holderGone(ctx, r.host) {
			return err
		}
		if err := r.moveOn(ctx); err != nil {
			return err
		}
	}
}

// finish does what is left to do.
func (r *importRun) finish(ctx context.Context, bar *progress) (err error) {
	if r.before == nil {
		before, err := r.count(ctx)
		if err != nil {
			return err
		}
		r.before = before
	}
	if err := r.takeAll(ctx, bar); err != nil {
		return err
	}
	if err := r.await(ctx, bar); err != nil {
		return err
	}
	return r.waitOut(ctx, func() error {
		if err := r.host.settleCopies(ctx, r.athlete); err != nil {
			return err
		}
		r.after, err = r.count(ctx)
		return err
	})
}

// waitOut calls f until a server that was away has answered it, for stuckLimit
// at most. Nothing is lost meanwhile: what was taken waits in the queue.
func (r *importRun) waitOut(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			r.stuck.over()
			return nil
		}
		if ctx.Err() != nil || !mayPass(err) || holderGone(ctx, r.host) {
			return err
		}
		switch say, tooLong := r.stuck.again(time.Now()); {
		case tooLong:
			return fmt.Errorf("a server was away for %s; what was taken is safe, and the next import goes on: %w", stuckLimit, err)
		case say:
			r.app.log.Warn("a server is away, waiting for it", "error", err)
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// mayPass reports whether an error may be gone when the same is asked again.
func mayPass(err error) bool {
	return errors.Is(err, ingest.ErrNotNow) || errors.Is(err, analyze.ErrNotNow) || streams.Transient(err)
}

func (r *importRun) count(ctx context.Context) (*store.Counts, error) {
	c, err := r.host.store().Count(ctx)
	return &c, err
}

// moveOn goes on in this process, or with the next one that holds the data
// directory, after the one that did has ended. What it took is not lost.
func (r *importRun) moveOn(ctx context.Context) error {
	r.app.log.Info("the process that held the data directory has ended, going on without it")
	h, err := r.app.openHost(ctx, wholePipeline, "import")
	if err != nil {
		return err
	}
	old := r.host
	r.host = h
	if err := old.close(ctx); err != nil {
		r.app.log.Debug("connection to the process that has ended", "error", err)
	}
	return nil
}

// takeAll hands in the files, several at once.
func (r *importRun) takeAll(ctx context.Context, bar *progress) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(acceptAtOnce)
	for _, f := range r.files {
		if f.settled {
			continue
		}
		if f.reason != schema.ReasonNone {
			f.settled = true
			bar.took()
			continue
		}
		g.Go(func() error {
			if err := r.take(ctx, f, false); err != nil {
				return err
			}
			f.settled = true
			bar.took()
			return nil
		})
	}
	return g.Wait()
}

// take hands in one file. A file that cannot be read is its own outcome; that
// nothing can be taken at all is an error, after trying again for a while.
func (r *importRun) take(ctx context.Context, f *importFile, again bool) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		rc, err := r.takeOnce(ctx, f, again)
		switch {
		case err == nil:
			f.job = rc.Job
			f.dup = f.dup || rc.Duplicate && !again
			r.stuck.over()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, ingest.ErrNotNow), holderGone(ctx, r.host):
			return err
		}
		switch say, tooLong := r.stuck.again(time.Now()); {
		case tooLong:
			return fmt.Errorf("no file could be taken for %s; what was taken so far is safe: %w", stuckLimit, err)
		case say:
			r.app.log.Warn("cannot take files now, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Between two successes an import may be stuck for stuckLimit; it says so
// every stuckNotice.
const (
	stuckLimit  = 5 * time.Minute
	stuckNotice = 30 * time.Second
)

// stuck is how long nothing could be taken, over all files at once.
type stuck struct {
	mu          sync.Mutex
	since, said time.Time
}

// again counts a failure: whether it is time to say so, and whether it has
// gone on for too long.
func (s *stuck) again(now time.Time) (say, tooLong bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	if say = now.Sub(s.said) >= stuckNotice; say {
		s.said = now
	}
	return say, now.Sub(s.since) >= stuckLimit
}

// over ends it.
func (s *stuck) over() {
	s.mu.Lock()
	s.since = time.Time{}
	s.mu.Unlock()
}

func (r *importRun) takeOnce(ctx context.Context, f *importFile, again bool) (ingest.Receipt, error) {
	file, err := f.file.Open()
	if refusal := schema.AsRefusal(err); refusal != nil {
		f.outcome, f.reason = refusal.Outcome, refusal.Reason
		return ingest.Receipt{}, nil
	}
	if err != nil {
		return ingest.Receipt{}, fmt.Errorf("open file: %w", err)
	}
	defer file.Close()
	body := &fileReader{file: file}
	rc, err := r.host.accept(ctx, r.athlete, schema.SourceImport, body, again)
	if err != nil && body.err != nil {
		f.outcome, f.reason = schema.OutcomeRejected, schema.ReasonUnreadable
		return ingest.Receipt{}, nil //nolint:nilerr // reading the file failed, not the pipeline
	}
	return rc, err
}

// fileReader remembers that reading the file failed, to tell its faults from
// those of the pipeline.
type fileReader struct {
	file *os.File
	err  error
}

// Read reads the file.
func (f *fileReader) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
