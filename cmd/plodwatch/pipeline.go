package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plodwatch/analyze"
	"plodwatch/analyze/feed"
	"plodwatch/analyze/place"
	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs/bucket"
	"plodwatch/ingest/fitfile"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/gpxfile"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// pipeline is what every process that takes part in the pipeline is made of.
// Which parts it has depends on its role; the others are nil.
type pipeline struct {
	app    *app
	dir    string // of the data
	reg    *prometheus.Registry
	stages *stages

	st       *store.Store
	analyzer *analyze.Analyzer

	conn      *nats.Conn
	js        jetstream.JetStream
	publisher *streams.Publisher
	blobs     blobStore
	bucket    *bucket.Bucket // the blobs, when they are in NATS
	intake    *jobs.Intake
	jobs      *jobs.Metrics
}

// newPipeline returns a pipeline without parts.
func newPipeline(a *app, dir string, grace time.Duration) pipeline {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return pipeline{app: a, dir: dir, reg: reg, stages: newStages(a.log, grace)}
}

// connect connects to the external NATS server in a role. The server may come
// later.
func (p *pipeline) connect(role string) error {
	var err error
	if p.conn, err = p.app.connectNATS(role, nats.RetryOnFailedConnect(true)); err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	if p.js, err = jetstream.New(p.conn); err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	return nil
}

// openPublisher makes what publishes over the connection.
func (p *pipeline) openPublisher() (err error) {
	p.publisher, err = streams.NewPublisher(p.conn, streams.PublisherConfig{})
	return err
}

// openIntake opens the blobs and makes what takes exports in over the
// connection.
func (p *pipeline) openIntake() error {
	err := p.openPublisher()
	if err != nil {
		return err
	}
	if err := p.openBlobs(); err != nil {
		return err
	}
	p.jobs = jobs.NewMetrics(p.reg)
	p.intake, err = jobs.NewIntake(jobs.IntakeDeps{
		Blobs: p.blobs, Ledger: p.blobs, Publisher: p.publisher, Now: time.Now, Metrics: p.jobs, Log: p.app.log,
	})
	return err
}

func (p *pipeline) startAnalyzer(ctx context.Context) error {
	an, err := analyze.New(analyze.DefaultConfig(), analyze.Deps{
		Store: p.st, Metrics: analyze.NewMetrics(p.reg), Places: place.New(), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.analyzer = an
	p.stages.start(ctx, stage{name: "analyzer", run: an.Run})
	return nil
}

func (p *pipeline) startFeed(ctx context.Context) error {
	codec, err := wire.NewCodec()
	if err != nil {
		return err
	}
	f, err := feed.New(feed.DefaultConfig(), feed.Deps{
		JetStream: p.js, Publisher: p.publisher, Codec: codec, Analyzer: p.analyzer,
		Metrics: feed.NewMetrics(p.reg), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.stages.start(ctx, stage{name: "feed", run: f.Run})
	return nil
}

func decoders() map[schema.Format]ingest.Decoder {
	return map[schema.Format]ingest.Decoder{
		schema.FormatFIT: fitfile.Decoder{},
		schema.FormatGPX: gpxfile.Decoder{},
		schema.FormatTCX: tcxfile.Decoder{},
	}
}

func (p *pipeline) startWorkers(ctx context.Context, limits ingest.Config, cfg jobs.Config) error {
	pub, err := jobs.NewPublisher(jobs.PublisherDeps{
		Publisher: p.publisher, Ledger: p.blobs, Metrics: p.jobs, Log: p.app.log,
	})
	if err != nil {
		return err
	}
	worker, err := ingest.NewWorker(limits, ingest.Deps{
		Decoders: decoders(), Blobs: p.blobs, Publisher: pub,
		Metrics: ingest.NewMetrics(p.reg), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	runner, err := jobs.NewRunner(cfg, jobs.Deps{
		JetStream: p.js, Handler: worker, Publisher: p.publisher,
		Metrics: p.jobs, Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.stages.start(ctx, stage{name: "workers", run: runner.Run})
	return nil
}

// startFolder watches the folder of cfg, if it names one.
func (p *pipeline) startFolder(ctx context.Context, cfg folder.Config, in queryable) error {
	if cfg.Dir == "" {
		return nil
	}
	f, err := folder.New(cfg, folder.Deps{
		Acceptor: p.intake, Queryable: in, Metrics: folder.NewMetrics(p.reg), Log: p.app.log,
	})
	if err != nil {
		return err
	}
	p.stages.start(ctx, stage{name: "folder", run: f.Run})
	return nil
}

// close stops the stages, the front of the pipeline first, then the
// connection. The tables stay open.
func (p *pipeline) close(giveUp context.Context) error {
	err := p.stages.stop(giveUp)
	if p.publisher != nil {
		p.publisher.Close()
	}
	if p.bucket != nil {
		p.bucket.Close()
	}
	if p.conn != nil {
		p.conn.Close()
	}
	return err
}

// natsProbe asks whether the queue takes messages.
func (p *pipeline) natsProbe(instance string) probe {
	return probe{name: "nats", ask: func(ctx context.Context) error { return streams.Probe(ctx, p.publisher, instance) }}
}

// blobsProbe asks whether there is room for files.
func (p *pipeline) blobsProbe() probe {
	return probe{name: "disk", ask: func(context.Context) error { return p.blobs.CheckDisk() }}
}

// storeProbe asks whether the tables are there.
func (p *pipeline) storeProbe() probe { return probe{name: "clickhouse", ask: p.st.Ping} }

// checkStreams returns an error that says what to do when a stream is not
// there.
func (p *pipeline) checkStreams(ctx context.Context, names ...string) error {
	for _, name := range names {
		_, err := p.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("the NATS server has no stream %s: run plodwatch migrate with the same --nats and --blobs", name)
		}
		if err != nil {
			return fmt.Errorf("look at stream %s: %w", name, err)
		}
	}
	return nil
}
