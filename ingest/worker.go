package ingest

import (
	"context"
	"errors"
	"log/slog"

	"plodwatch/schema"
)

// Deps are the things a Worker works with. All are required.
type Deps struct {
	Decoders  map[schema.Format]Decoder
	Blobs     Blobs
	Publisher Publisher
	Metrics   *Metrics
	Log       *slog.Logger
}

// Worker decodes exports. It keeps no state between jobs and is safe for
// concurrent use.
type Worker struct {
	cfg  Config
	deps Deps
}

// NewWorker returns a Worker, or an error that names every fault of cfg and
// every missing dependency.
func NewWorker(cfg Config, deps Deps) (*Worker, error) {
	return &Worker{cfg: cfg, deps: deps}, cfg.Validate()
}

// Handle works on one job to the end. It returns nil when the export's outcome
// has been published and acknowledged, whatever the outcome is: the job is
// done. An error that wraps ErrNotNow means later, context errors mean that
// ctx ended, and any other error is a fault of ours: the job should be tried
// again a few times and then be set aside.
func (w *Worker) Handle(ctx context.Context, job schema.Job) error {
	return errors.ErrUnsupported
}
