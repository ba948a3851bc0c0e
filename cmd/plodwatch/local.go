package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plodwatch/analyze"
	"plodwatch/analyze/feed"
	"plodwatch/analyze/place"
	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/fitfile"
	"plodwatch/ingest/gpxfile"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/tcxfile"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// localHost is the pipeline in this process, over embedded or external
// engines.
type localHost struct {
	app     *app
	dir     string
	lock    *os.File
	command string
	parts   parts // what it offers
	grace   time.Duration

	reg      *prometheus.Registry
	engine   *chdb.Engine // nil with an external ClickHouse
	st       *store.Store
	migrated int
	analyzer *analyze.Analyzer

	natsd     *natsd.Server // nil with an external NATS
	conn      *nats.Conn
	js        jetstream.JetStream
	publisher *streams.Publisher
	blobs     *blobs.Dir
	intake    *jobs.Intake
	jobs      *jobs.Metrics

	stages     *stages
	stopSocket func(context.Context)
}

// open starts what is needed, the end of the pipeline first.
func (h *localHost) open(ctx context.Context, need parts) error {
	h.reg = prometheus.NewRegistry()
	h.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	h.stages = newStages(h.app.log, h.grace)
	if err := h.openStore(ctx); err != nil {
		return err
	}
	if need >= storeAndAnalyzer {
		if err := h.startAnalyzer(ctx); err != nil {
			return err
		}
	}
	if need >= wholePipeline {
		if err := h.openQueues(ctx); err != nil {
			return err
		}
		if err := h.startFeed(ctx); err != nil {
			return err
		}
		if err := h.startWorkers(ctx); err != nil {
			return err
		}
	}
	socket, err := socketPath(h.dir)
	if err != nil {
		return err
	}
	h.stopSocket, err = serveHolder(ctx, socket, holderHandler(h))
	return err
}

func (h *localHost) openStore(ctx context.Context) error {
	cfg := store.Config{URL: h.app.ClickHouse}
	if cfg.URL == "" {
		engine, err := chdb.Open(chdb.Config{Path: filepath.Join(h.dir, "clickhouse")})
		if err != nil {
			return err
		}
		h.engine = engine
		cfg.RoundTripper = engine.RoundTripper()
	}
	st, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	h.st = st
	h.migrated, err = st.Migrate(ctx)
	return err
}

func (h *localHost) startAnalyzer(ctx context.Context) error {
	an, err := analyze.New(analyze.DefaultConfig(), analyze.Deps{
		Store: h.st, Metrics: analyze.NewMetrics(h.reg), Places: place.New(), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.analyzer = an
	h.stages.start(ctx, stage{name: "analyzer", run: an.Run})
	return nil
}

// Waiting times for a lost worker or analyzer. In this process nobody else can
// hold a message, so after a crash they only delay the restart.
const (
	embeddedWorkerAckWait   = 10 * time.Second
	embeddedAnalyzerAckWait = 15 * time.Second
)

func (h *localHost) openQueues(ctx context.Context) error {
	layout := streams.DefaultLayout()
	opts := streams.ConnectOptions("plodwatch", h.app.log)
	var err error
	if h.app.NATS == "" {
		layout.WorkerAckWait, layout.AnalyzerAckWait = embeddedWorkerAckWait, embeddedAnalyzerAckWait
		cfg := natsd.DefaultConfig(filepath.Join(h.dir, "nats"))
		cfg.ReserveBytes, cfg.Logger = layout.TotalBytes(), h.app.log
		if h.natsd, err = natsd.Open(cfg); err != nil { //nolint:contextcheck // the server outlives the call that opens it
			return err
		}
		h.conn, err = h.natsd.Connect(opts...)
	} else {
		if h.app.NATSCreds != "" {
			opts = append(opts, nats.UserCredentials(h.app.NATSCreds))
		}
		h.conn, err = nats.Connect(h.app.NATS, opts...)
	}
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	if h.js, err = jetstream.New(h.conn); err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	if err := streams.Provision(ctx, h.js, layout); err != nil {
		return err
	}
	if h.publisher, err = streams.NewPublisher(h.conn, streams.PublisherConfig{}); err != nil {
		return err
	}
	if h.blobs, err = blobs.Open(blobs.DefaultConfig(filepath.Join(h.dir, "blobs"))); err != nil {
		return err
	}
	h.jobs = jobs.NewMetrics(h.reg)
	h.intake, err = jobs.NewIntake(jobs.IntakeDeps{
		Blobs: h.blobs, Ledger: h.blobs, Publisher: h.publisher, Now: time.Now, Metrics: h.jobs, Log: h.app.log,
	})
	return err
}

func (h *localHost) startFeed(ctx context.Context) error {
	codec, err := wire.NewCodec()
	if err != nil {
		return err
	}
	f, err := feed.New(feed.DefaultConfig(), feed.Deps{
		JetStream: h.js, Publisher: h.publisher, Codec: codec, Analyzer: h.analyzer,
		Metrics: feed.NewMetrics(h.reg), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.stages.start(ctx, stage{name: "feed", run: f.Run})
	return nil
}

func decoders() map[schema.Format]ingest.Decoder {
	return map[schema.Format]ingest.Decoder{
		schema.FormatFIT: fitfile.Decoder{},
		schema.FormatGPX: gpxfile.Decoder{},
		schema.FormatTCX: tcxfile.Decoder{},
	}
}

func (h *localHost) startWorkers(ctx context.Context) error {
	pub, err := jobs.NewPublisher(jobs.PublisherDeps{
		Publisher: h.publisher, Ledger: h.blobs, Metrics: h.jobs, Log: h.app.log,
	})
	if err != nil {
		return err
	}
	worker, err := ingest.NewWorker(ingest.DefaultConfig(), ingest.Deps{
		Decoders: decoders(), Blobs: h.blobs, Publisher: pub,
		Metrics: ingest.NewMetrics(h.reg), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	runner, err := jobs.NewRunner(jobs.DefaultConfig(), jobs.Deps{
		JetStream: h.js, Handler: worker, Publisher: h.publisher,
		Metrics: h.jobs, Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.stages.start(ctx, stage{name: "workers", run: runner.Run})
	return nil
}

func (h *localHost) store() *store.Store { return h.st }

func (h *localHost) query(ctx context.Context, w io.Writer, sql, format string) error {
	if h.engine == nil {
		return queryExternal(ctx, h.st, w, sql, format)
	}
	return askHandler(ctx, h.engine.ReadOnlyHandler(nil), w, sql, format)
}

// askHandler runs a query through an HTTP handler in this process.
func askHandler(ctx context.Context, gate http.Handler, w io.Writer, sql, format string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, queryURL("http://plodwatch/", format), stringBody(sql))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // net/http's own sentinel, compared as it does
			err = errors.New("the answer broke off: the query failed on the way")
		} else if p != nil {
			panic(p)
		}
	}()
	answer := newDirectAnswer(w)
	gate.ServeHTTP(answer, req)
	return answer.failure()
}

func stringBody(s string) io.Reader { return strings.NewReader(s) }

func (h *localHost) accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader, again bool) (ingest.Receipt, error) {
	if h.intake == nil {
		return ingest.Receipt{}, fmt.Errorf("plodwatch %s holds the data directory and takes no files: %w", h.command, ingest.ErrNotNow)
	}
	if again {
		return h.intake.AcceptAgain(ctx, athlete, source, r)
	}
	return h.intake.Accept(ctx, athlete, source, r)
}

func (h *localHost) pending(ctx context.Context) (queues, error) {
	var q queues
	if h.js == nil {
		return q, nil
	}
	if err := h.stages.dead(); err != nil {
		return q, err
	}
	for _, s := range []struct {
		stream string
		to     *uint64
	}{{streams.Exports, &q.Exports}, {streams.Samples, &q.Samples}, {streams.Outcomes, &q.Outcomes}} {
		st, err := h.js.Stream(ctx, s.stream)
		if err != nil {
			return q, fmt.Errorf("look at stream %s: %w", s.stream, err)
		}
		*s.to = st.CachedInfo().State.Msgs
	}
	return q, nil
}

func (h *localHost) setSettings(ctx context.Context, s schema.Settings) (int, error) {
	if h.analyzer == nil {
		return 0, fmt.Errorf("plodwatch %s holds the data directory and changes no settings; try again: %w", h.command, ingest.ErrNotNow)
	}
	return h.analyzer.SetSettings(ctx, s, nil)
}

// close stops from the front of the pipeline: socket, workers, feed, analyzer,
// then the engines.
func (h *localHost) close(ctx context.Context) error {
	var errs []error
	if h.stopSocket != nil {
		h.stopSocket(ctx)
	}
	if h.stages != nil {
		errs = append(errs, h.stages.stop(ctx))
	}
	if h.publisher != nil {
		h.publisher.Close()
	}
	if h.conn != nil {
		h.conn.Close()
	}
	if h.natsd != nil {
		errs = append(errs, h.natsd.Close(ctx))
	}
	if h.st != nil {
		errs = append(errs, h.st.Close())
	}
	if h.engine != nil {
		errs = append(errs, h.engine.Close())
	}
	errs = append(errs, h.lock.Close())
	return errors.Join(errs...)
}
