package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"plodwatch/schema"
)

// ErrBlobChanged is wrapped by Handle's error when the stored bytes of an
// export are not those of its identity.
var ErrBlobChanged = errors.New("stored export does not match its identity")

// errBlob is wrapped by errors of the blob store.
var errBlob = errors.New("blob store")

// Deps are the things a Worker works with. All but Now are required.
type Deps struct {
	Decoders  map[schema.Format]Decoder
	Blobs     Blobs
	Publisher Publisher
	Metrics   *Metrics
	Log       *slog.Logger
	Now       func() time.Time // for the outcome's time; default time.Now
}

// Worker decodes exports. It keeps no state between jobs and is safe for
// concurrent use: as many jobs as its memory limit allows run at once, the
// others wait inside Handle.
type Worker struct {
	unpacker
	deps   Deps
	memory *semaphore.Weighted
}

// NewWorker returns a Worker, or an error that names every fault of cfg and
// every missing dependency.
func NewWorker(cfg Config, deps Deps) (*Worker, error) {
	faults := []error{cfg.Validate()}
	for _, d := range []struct {
		name    string
		missing bool
	}{
		{"decoders", len(deps.Decoders) == 0},
		{"blobs", deps.Blobs == nil},
		{"publisher", deps.Publisher == nil},
		{"metrics", deps.Metrics == nil},
		{"log", deps.Log == nil},
	} {
		if d.missing {
			faults = append(faults, fmt.Errorf("%s: missing", d.name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make worker: %w", err)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Worker{
		unpacker: unpacker{cfg: cfg, decoders: deps.Decoders},
		deps:     deps,
		memory:   semaphore.NewWeighted(cfg.MemoryBytes),
	}, nil
}

// Handle works on one job to the end. It returns nil when the export's outcome
// has been published and acknowledged, whatever the outcome is: the job is
// done. An error that wraps ErrNotNow means later, context errors mean that
// ctx ended, and any other error is a fault of ours or of the store: the job
// should be tried again a few times and then be set aside.
func (w *Worker) Handle(ctx context.Context, job schema.Job) error {
	start := time.Now()
	done, err := w.work(ctx, job)
	if err != nil {
		w.deps.Metrics.failures.WithLabelValues(failureKind(err)).Inc()
		return fmt.Errorf("handle export %s: %w", job.Export, err)
	}
	out := &done.out
	w.deps.Metrics.finished(out, done.samples)
	w.deps.Log.LogAttrs(ctx, slog.LevelInfo, "export done",
		slog.String("export_id", job.Export.String()), slog.String("athlete_id", string(job.Athlete)),
		slog.String("source", string(job.Source)), slog.String("format", string(out.Format)),
		slog.String("outcome", string(out.Outcome)), slog.String("reason", string(out.Reason)),
		slog.Int64("bytes", job.Bytes), slog.Int("sessions", len(out.Sessions)), slog.Int("samples", done.samples),
		slog.Int("members", len(out.Members)), slog.Duration("took", time.Since(start)))
	return nil
}

// memoryOf estimates the memory that decoding takes: columns, and for FIT the
// file; a gzipped file unpacks to several times its size.
func (w *Worker) memoryOf(kind Kind, size int64) int64 {
	const least, factor, gzipFactor = 1 << 20, 4, 16
	f := int64(factor)
	if kind == KindGzip {
		f = gzipFactor
	}
	return min(max(least, min(size, w.cfg.MaxPayloadBytes)*f), w.cfg.MemoryBytes)
}

func failureKind(err error) string {
	switch {
	case errors.Is(err, ErrNotNow):
		return failureNotNow
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return failureStopped
	case errors.Is(err, ErrBlobChanged), errors.Is(err, errBlob):
		return failureBlob
	}
	return failureOther
}

// finished is a job whose outcome has been acknowledged.
type finished struct {
	out     schema.ExportOutcome
	samples int
}

// work decodes, publishes, and waits until everything is acknowledged.
func (w *Worker) work(ctx context.Context, job schema.Job) (*finished, error) {
	blob, size, err := w.deps.Blobs.Open(ctx, job.Export)
	if err != nil {
		return nil, fmt.Errorf("open: %w: %w", errBlob, err)
	}
	defer blob.Close() //nolint:errcheck // read only
	batch := w.deps.Publisher.Begin()
	var done *finished
	if size > w.cfg.MaxExportBytes {
		done = &finished{}
		done.out = (&content{
			format:  schema.FormatUnknown,
			refusal: schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("more than %d bytes", w.cfg.MaxExportBytes)),
		}).outcome(job)
	} else if done, err = w.open(ctx, batch, job, blob, size); err != nil {
		return nil, err
	}
	done.out.FinishedMs = w.deps.Now().UnixMilli()
	if err := batch.PublishOutcome(ctx, &done.out); err != nil {
		return nil, fmt.Errorf("publish outcome: %w", err)
	}
	if err := batch.Flush(ctx); err != nil {
		return nil, fmt.Errorf("wait for acknowledgements: %w", err)
	}
	return done, nil
}

// open looks at the content and does what is right for its kind.
func (w *Worker) open(ctx context.Context, batch Batch, job schema.Job, blob io.Reader, size int64) (*finished, error) {
	br, kind, err := sniffed(blob)
	if err != nil {
		return nil, fmt.Errorf("read: %w: %w", errBlob, err)
	}
	if kind == KindZip && job.Depth < maxArchiveDepth {
		return w.archive(ctx, batch, job, blob, br, size)
	}
	need := w.memoryOf(kind, size)
	if err := w.memory.Acquire(ctx, need); err != nil {
		return nil, fmt.Errorf("wait for memory: %w", err)
	}
	defer w.memory.Release(need)
	c, err := w.read(ctx, br, size)
	if err != nil {
		return nil, err
	}
	if c.export != job.Export {
		return nil, fmt.Errorf("%w: found %s", ErrBlobChanged, c.export)
	}
	if kind == KindZip {
		c.refusal = tooDeep()
	}
	if c.panic != "" {
		w.deps.Log.ErrorContext(ctx, "decoder panicked", "export_id", job.Export.String(), "format", string(c.format), "panic", c.panic)
	}
	if c.decode > 0 {
		w.deps.Metrics.decode.WithLabelValues(string(c.format)).Observe(c.decode.Seconds())
	}
	done := &finished{out: c.outcome(job)}
	if c.refusal != nil {
		return done, nil
	}
	return done, w.sessions(ctx, batch, job, c, done)
}

// sessions publishes the sessions of a recording. Those that do not fit a
// message are left out, which the outcome then says.
func (w *Worker) sessions(ctx context.Context, batch Batch, job schema.Job, c *content, done *finished) error {
	tooLarge := 0
	for i := range c.rec.Sessions {
		env := &schema.Envelope{
			Athlete: job.Athlete, Export: job.Export, Format: c.rec.Format,
			ID:             schema.SessionIDOf(job.Athlete, c.payload, c.rec.Sessions[i].Ordinal),
			DecoderVersion: c.rec.DecoderVersion,
			Salvaged:       c.rec.Outcome == schema.OutcomeSalvaged,
			ReceivedMs:     job.ReceivedMs,
			Session:        c.rec.Sessions[i],
		}
		err := batch.PublishSession(ctx, env)
		switch {
		case errors.Is(err, ErrSessionTooLarge):
			tooLarge++
			continue
		case err != nil:
			return fmt.Errorf("publish session %d: %w", i, err)
		}
		done.out.Sessions = append(done.out.Sessions, env.ID)
		done.samples += env.Session.Samples.Len()
	}
	if tooLarge > 0 {
		done.out.Outcome, done.out.Reason = schema.OutcomeSalvaged, schema.ReasonSessionTooLarge
		if len(done.out.Sessions) == 0 {
			done.out.Outcome = schema.OutcomeRejected
		}
		done.out.Detail = fmt.Sprintf("%d of %d sessions do not fit a message", tooLarge, len(c.rec.Sessions))
	}
	return nil
}

// archive stores the members of a zip and asks for their decoding.
func (w *Worker) archive(ctx context.Context, batch Batch, job schema.Job, blob, br io.Reader, size int64) (*finished, error) {
	whole := &hashing{r: br, hash: sha256.New()}
	ra, ok := blob.(io.ReaderAt)
	if ok {
		if _, err := io.Copy(io.Discard, whole); err != nil {
			return nil, fmt.Errorf("read: %w: %w", errBlob, err)
		}
	} else {
		file, n, done, err := w.spool(whole)
		if err != nil {
			return nil, err
		}
		defer done()
		ra, size = file, n
	}
	if found := whole.sum(); found != job.Export {
		return nil, fmt.Errorf("%w: found %s", ErrBlobChanged, found)
	}
	seen := map[schema.ExportID]bool{}
	var members []schema.ExportID
	e, err := w.expand(ctx, ra, size, func(m *member) error {
		inside := memberJob(job)
		id, n, _, err := w.deps.Blobs.Put(ctx, m.r)
		if err != nil {
			return fmt.Errorf("store member %d: %w: %w", m.index, errBlob, err)
		}
		if seen[id] {
			return nil
		}
		seen[id] = true
		members = append(members, id)
		inside.Export, inside.Bytes = id, n
		if err := batch.PublishJob(ctx, inside); err != nil {
			return fmt.Errorf("publish job of member %d: %w", m.index, err)
		}
		return nil
	})
	refusal := schema.AsRefusal(err)
	if refusal == nil && err != nil {
		return nil, err
	}
	done := &finished{out: archiveOutcome(job, e, refusal)}
	done.out.Members = members
	return done, nil
}
