package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/blobs/bucket"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
)

// blobsFlags say where the original files are kept.
type blobsFlags struct {
	Blobs      string `help:"Where the original files are kept: dir (in the data directory) or nats (in an object store of the external NATS server, for several machines)." enum:"dir,nats" default:"dir"`
	BlobsLimit int64  `help:"With --blobs nats: the most that they may take, GiB (default: what the server allows)." placeholder:"GIB"`
}

// blobStore keeps the original files, and remembers which jobs were queued.
type blobStore interface {
	ingest.Blobs
	jobs.Ledger
	Has(ctx context.Context, id schema.ExportID) (bool, error)
	Stat(ctx context.Context, id schema.ExportID) (size int64, at time.Time, err error)
	Verify(ctx context.Context, id schema.ExportID) error
	Walk(ctx context.Context, fn func(schema.ExportID) error) error
	WalkPart(ctx context.Context, prefix string, fn func(schema.ExportID) error) error
	Remove(ctx context.Context, id schema.ExportID) error
	CheckDisk() error
	Marked(id schema.JobID) (*schema.Job, error)
	Unmark(id schema.JobID) error
	Marks(ctx context.Context, fn func(schema.JobID) error) error
}

var (
	_ blobStore = (*blobs.Dir)(nil)
	_ blobStore = (*bucket.Bucket)(nil)
)

// openBlobs opens the place that the flags name, over the connection.
func (p *pipeline) openBlobs() error {
	if p.app.Blobs != "nats" {
		dir, err := blobs.Open(blobs.DefaultConfig(filepath.Join(p.dir, "blobs")))
		if err != nil {
			return err
		}
		p.blobs = dir
		return nil
	}
	b, err := bucket.New(p.conn, bucket.DefaultConfig())
	if err != nil {
		return err
	}
	p.bucket, p.blobs = b, b
	return nil
}

// provisionBlobs makes or updates the buckets, when there are to be any.
func (p *pipeline) provisionBlobs(ctx context.Context, replicas int) error {
	if p.app.Blobs != "nats" {
		return nil
	}
	if p.app.BlobsLimit < 0 {
		return fmt.Errorf("--blobs-limit: %d is negative", p.app.BlobsLimit)
	}
	return bucket.Provision(ctx, p.js, bucket.Layout{Replicas: replicas, MaxBytes: p.app.BlobsLimit << 30})
}

// startSweeper removes what puts that were cut off have left in the bucket.
func (p *pipeline) startSweeper(ctx context.Context) {
	if p.bucket == nil {
		return
	}
	p.stages.start(ctx, stage{name: "blobs", run: func(ctx context.Context) error { return p.bucket.Run(ctx, p.app.log) }})
}

// blobStreams are the streams that the blobs need.
func (a *app) blobStreams() []string {
	if a.Blobs != "nats" {
		return nil
	}
	return bucket.Streams()
}
