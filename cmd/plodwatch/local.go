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

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/jobs"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// localHost is the pipeline in this process, over embedded or external
// engines.
type localHost struct {
	pipeline

	lock    *os.File
	command string
	parts   parts // what it offers

	engine   *chdb.Engine // nil with an external ClickHouse
	migrated int
	natsd    *natsd.Server // nil with an external NATS

	stopSocket func(context.Context)
}

// open starts what is needed, the end of the pipeline first.
func (h *localHost) open(ctx context.Context, need parts) error {
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
		h.startSweeper(ctx)
		if err := h.startFeed(ctx); err != nil {
			return err
		}
		if err := h.startWorkers(ctx, ingest.DefaultConfig(), jobs.DefaultConfig()); err != nil {
			return err
		}
	}
	return h.answer(ctx)
}

// provision opens tables and queues, and makes or updates them.
func (h *localHost) provision(ctx context.Context) error {
	if err := h.openStore(ctx); err != nil {
		return err
	}
	if err := h.openQueues(ctx); err != nil {
		return err
	}
	return h.answer(ctx)
}

// opened returns h, or what went wrong while it was opened and closes it.
func (h *localHost) opened(ctx context.Context, err error) (host, error) {
	if err != nil {
		return nil, errors.Join(err, h.close(ctx))
	}
	return h, nil
}

// answer has the other commands served.
func (h *localHost) answer(ctx context.Context) error {
	socket, err := socketPath(h.dir)
	if err != nil {
		return err
	}
	h.stopSocket, err = serveHolder(ctx, socket, holderHandler(h))
	return err
}

// The engines' directories in that of the data.
const (
	tablesName = "clickhouse"
	queuesName = "nats"
)

func (h *localHost) openStore(ctx context.Context) error {
	err := h.openTables(ctx)
	if err == nil && h.engine != nil {
		err = h.sayBroken(ctx)
	}
	if err != nil && h.app.ClickHouse == "" {
		return h.ofDirectory(ctx, tablesName, err)
	}
	return err
}

func (h *localHost) openTables(ctx context.Context) error {
	cfg := h.app.storeConfig()
	if cfg.URL == "" {
		engine, err := chdb.Open(chdb.Config{Path: filepath.Join(h.dir, tablesName)})
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

// Waiting times for a lost worker or analyzer. In this process nobody else can
// hold a message, so after a crash they only delay the restart.
const (
	embeddedWorkerAckWait   = 10 * time.Second
	embeddedAnalyzerAckWait = 15 * time.Second
)

// openQueues connects to NATS and makes or updates the streams.
func (h *localHost) openQueues(ctx context.Context) error {
	err := h.openStreams(ctx)
	if err != nil && h.app.NATS == "" {
		return h.ofDirectory(ctx, queuesName, err)
	}
	if err != nil {
		return err
	}
	h.reg.MustRegister(newQueueGauge(h.js, queuesOfAll()...))
	return h.openIntake()
}

func (h *localHost) openStreams(ctx context.Context) error {
	layout := streams.DefaultLayout()
	var err error
	if h.app.NATS == "" {
		layout.WorkerAckWait, layout.AnalyzerAckWait = embeddedWorkerAckWait, embeddedAnalyzerAckWait
		cfg := natsd.DefaultConfig(filepath.Join(h.dir, queuesName))
		cfg.ReserveBytes, cfg.Logger = layout.TotalBytes(), h.app.log
		if h.natsd, err = natsd.Open(cfg); err != nil { //nolint:contextcheck // the server outlives the call that opens it
			return err
		}
		h.conn, err = h.natsd.Connect(streams.ConnectOptions(roleAdmin, h.app.log)...)
	} else {
		h.conn, err = h.app.connectNATS(roleAdmin)
	}
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	if h.js, err = jetstream.New(h.conn); err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	layout.Replicas = h.app.replicas(h.conn)
	if err := streams.Provision(ctx, h.js, layout); err != nil {
		return err
	}
	return h.provisionBlobs(ctx, layout.Replicas)
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
	errs = append(errs, h.pipeline.close(ctx))
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
