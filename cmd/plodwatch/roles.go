package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/pull"
	"plodwatch/ingest/upload"
	"plodwatch/schema/streams"
)

// roleFlags are the flags of each part that runs as a process of its own.
type roleFlags struct {
	Grace time.Duration `help:"How long each part may finish its work in hand when stopping." default:"30s"`

	CheckConfig bool `name:"check-config" help:"Check flags, environment and settings file, and end."`
}

// ingestCmd decodes files as a process of its own.
type ingestCmd struct {
	roleFlags
	hookFlags
	folderFlags
	reconcileFlags

	Listen  string `help:"Address for metrics and health." default:"127.0.0.1:8021" placeholder:"HOST:PORT"`
	Workers int    `help:"Files that are decoded at the same time (default: as many as there are processors)." placeholder:"N"`
	Memory  int64  `help:"Memory that files in work may take together, MiB." default:"512" placeholder:"MIB"`
	Athlete string `help:"Whose files lie in the watched folder itself." default:"me" placeholder:"ID" complete:"athlete"`
}

// Help says more than fits a line.
func (c *ingestCmd) Help() string {
	return `Decodes the files whose jobs wait on an external NATS server and queues their sessions
for plodwatch analyze. Several may run at once, on several machines; they share a directory
for the files (--data) with the gates, or keep them in NATS (--blobs nats). What a process that is killed had in hand goes to
another. With --folder it takes files from a watched folder, too (--after delete then needs
--clickhouse); one folder has one process. With the --hook flags it downloads what signed
messages to the gates ask for.

With --clickhouse one of all that run compares what is kept, at its start and daily, and
queues again what is missing (plodwatch reconcile); when it ends, another does.

Streams are made by plodwatch migrate. plodwatch up has the workers built in.

Examples:
  plodwatch ingest --nats nats://10.0.0.5:4222 --data /srv/plodwatch
  plodwatch ingest --nats nats://10.0.0.5:4222 --workers 8 --memory 2048 --listen 127.0.0.1:0
  plodwatch ingest --nats nats://10.0.0.5:4222 --blobs nats`
}

// Run works until a signal.
func (c *ingestCmd) Run(ctx context.Context, a *app) error {
	limits, cfg, err := c.limits()
	if err != nil {
		return err
	}
	watched, err := c.folderConfig(a, c.Athlete)
	if err != nil {
		return err
	}
	hook, err := c.hookConfig()
	if err != nil {
		return err
	}
	if err := c.checkReconcile(); err != nil {
		return err
	}
	if err := a.needNATS("workers of their own take jobs from it"); err != nil {
		return err
	}
	r := &roleProcess{name: "ingest", role: roleWorker, listen: c.Listen, roleFlags: c.roleFlags}
	r.start = func(ctx context.Context) ([]probe, error) {
		return r.startIngest(ctx, limits, cfg, watched, hook, c.ReconcileEvery)
	}
	return r.run(ctx, a)
}

// limits returns what the flags say about the workers.
func (c *ingestCmd) limits() (ingest.Config, jobs.Config, error) {
	limits, cfg := ingest.DefaultConfig(), jobs.DefaultConfig()
	limits.MemoryBytes = c.Memory << 20
	if cfg.Workers = c.Workers; c.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	return limits, cfg, errors.Join(limits.Validate(), cfg.Validate())
}

func (r *roleProcess) startIngest(ctx context.Context, limits ingest.Config, cfg jobs.Config, watched folder.Config, hook *pull.HookConfig, every time.Duration) ([]probe, error) {
	names := append(r.app.blobStreams(), streams.Exports, streams.Samples, streams.Outcomes, streams.Dead, streams.Leases)
	if hook != nil {
		names = append(names, streams.Pulls)
	}
	if err := r.awaitStreams(ctx, names...); err != nil {
		return nil, err
	}
	r.reg.MustRegister(newQueueGauge(r.js, streams.Exports, streams.Dead))
	if err := r.openIntake(); err != nil {
		return nil, err
	}
	r.startSweeper(ctx)
	if err := r.startWorkers(ctx, limits, cfg); err != nil {
		return nil, err
	}
	if _, err := r.startHook(ctx, hook); err != nil {
		return nil, err
	}
	r.tables = newLazyStore(r.app, r.dir)
	if err := r.startFolder(ctx, watched, queryableIn(r.tables.open)); err != nil {
		return nil, err
	}
	if err := r.startReconcile(ctx, every); err != nil {
		return nil, err
	}
	return []probe{r.blobsProbe(), r.natsProbe(r.role)}, nil
}

// analyzeCmd writes rows as a process of its own.
type analyzeCmd struct {
	roleFlags

	Listen string `help:"Address for metrics and health." default:"127.0.0.1:8022" placeholder:"HOST:PORT"`
}

// Help says more than fits a line.
func (c *analyzeCmd) Help() string {
	return `Takes decoded sessions from an external NATS server, computes their intensity and
writes the rows to an external ClickHouse; derives again what changed settings call for, and
announces what happened on NATS. Several may run at once, on several machines. What a
process that is killed had in hand goes to another.

Streams and tables are made by plodwatch migrate. plodwatch up has the analyzer built in.

Examples:
  plodwatch analyze --nats nats://10.0.0.5:4222 --clickhouse http://10.0.0.6:8123/plodwatch`
}

// Run works until a signal.
func (c *analyzeCmd) Run(ctx context.Context, a *app) error {
	if err := a.needNATS("an analyzer of its own takes sessions from it"); err != nil {
		return err
	}
	if a.ClickHouse == "" {
		return errors.New("need --clickhouse URL: an analyzer of its own writes to a server that others reach, too; plodwatch up has everything built in")
	}
	if err := a.storeConfig().Validate(); err != nil {
		return err
	}
	r := &roleProcess{name: "analyze", role: roleAnalyzer, listen: c.Listen, roleFlags: c.roleFlags}
	r.start = r.startAnalyze
	return r.run(ctx, a)
}

func (r *roleProcess) startAnalyze(ctx context.Context) ([]probe, error) {
	if err := r.awaitStreams(ctx, streams.Samples, streams.Outcomes, streams.Events); err != nil {
		return nil, err
	}
	r.reg.MustRegister(newQueueGauge(r.js, streams.Samples, streams.Outcomes))
	if err := r.awaitTables(ctx); err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{
		func(context.Context) error { return r.openPublisher() }, r.startAnalyzer, r.startFeed, r.startAnnouncer,
	} {
		if err := start(ctx); err != nil {
			return nil, err
		}
	}
	return []probe{r.storeProbe(), r.natsProbe(r.role)}, nil
}

// roleProcess is a part of the pipeline in a process of its own, beside others
// of its kind. It holds no lock on the data directory.
type roleProcess struct {
	pipeline
	roleFlags

	name, role string // of the command; at the NATS server
	listen     string
	// start waits for the engines, starts the stages and returns what readiness
	// depends on.
	start func(ctx context.Context) ([]probe, error)

	tables   *lazyStore // of who only asks them
	stopping atomic.Bool
	probes   atomic.Pointer[[]probe] // nil until start has returned
}

// errStarting says that the engines have not answered yet.
var errStarting = errors.New("the engines have not answered yet")

// run runs the process until a signal or until a part fails.
func (r *roleProcess) run(ctx context.Context, a *app) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if _, err := listenHost(r.listen); err != nil {
		return err
	}
	if r.CheckConfig {
		fmt.Fprintln(a.stdout, "The configuration is sound.")
		return nil
	}
	r.pipeline = newPipeline(a, dir, r.Grace)
	listener, err := listenOutside(ctx, a.log, r.listen, &servingFlags{})
	if err != nil {
		return err
	}
	defer listener.Close()
	first, second, stop := signals(ctx)
	defer stop()
	if err := r.begin(first, listener); err != nil {
		if first.Err() != nil {
			err = errors.New("interrupted before it was up")
		}
		return errors.Join(err, r.close(second))
	}
	fmt.Fprintf(a.stderr, "plodwatch %s is up: http://%s\n", r.name, listener.Addr())
	failed := r.stages.wait(first)
	r.stopping.Store(true)
	return errors.Join(failed, r.close(second))
}

// begin serves health from the start on, connects, and starts the work.
func (r *roleProcess) begin(ctx context.Context, listener net.Listener) error {
	file, err := r.app.tokenFile()
	if err != nil {
		return err
	}
	mayLook := func(req *http.Request) bool { return upload.Proxies(nil).MayLook(req, file) }
	outside := outsideHandler(r.reg, &r.stopping, []probe{{name: r.name, ask: r.ready}}, mayLook, plainDoors(""))
	r.stages.start(ctx, stage{name: "http", run: func(ctx context.Context) error {
		return serveOutside(ctx, listener, outside, r.Grace)
	}})
	if err := r.connect(r.role); err != nil {
		return err
	}
	probes, err := r.start(ctx)
	if err == nil {
		r.probes.Store(&probes)
	}
	return err
}

// ready asks everything that readiness depends on.
func (r *roleProcess) ready(ctx context.Context) error {
	probes := r.probes.Load()
	if probes == nil {
		return errStarting
	}
	for _, p := range *probes {
		if err := p.ask(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// engineWait is how long a process waits before it asks an engine that does
// not answer again.
const engineWait = time.Second

// await repeats ask until it returns nil or an error for which later is false.
func (r *roleProcess) await(ctx context.Context, what string, ask func(context.Context) error, later func(error) bool) error {
	for said := false; ; said = true {
		err := ask(ctx)
		if err == nil || !later(err) || ctx.Err() != nil {
			return err
		}
		if !said {
			fmt.Fprintf(r.app.stderr, "waiting for %s: %v\n", what, err)
		}
		if !pause(ctx, engineWait) {
			return ctx.Err()
		}
	}
}

// awaitStreams waits for the NATS server. Streams that it does not have are an
// error.
func (r *roleProcess) awaitStreams(ctx context.Context, names ...string) error {
	ask := func(ctx context.Context) error {
		if !r.conn.IsConnected() {
			return errAway
		}
		return r.checkStreams(ctx, names...)
	}
	return r.await(ctx, "the NATS server", ask, func(err error) bool {
		return errors.Is(err, errAway) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders) ||
			errors.Is(err, context.DeadlineExceeded)
	})
}

// errAway says that there is no connection.
var errAway = errors.New("not connected")

// awaitTables waits for ClickHouse. Tables that are not there, or of another
// version, are an error.
func (r *roleProcess) awaitTables(ctx context.Context) error {
	cfg := r.app.storeConfig()
	cfg.MustExist = true
	return r.await(ctx, "ClickHouse", func(ctx context.Context) error {
		st, err := store.Open(ctx, cfg)
		if err == nil {
			if err = st.CheckTables(ctx); err != nil {
				err = errors.Join(err, st.Close())
			}
		}
		if errors.Is(err, store.ErrNotMigrated) {
			return fmt.Errorf("%w: run plodwatch migrate --clickhouse URL", err)
		}
		if err == nil {
			r.st = st
		}
		return err
	}, func(err error) bool { return errors.Is(err, analyze.ErrNotNow) })
}

// close stops the work, then everything else.
func (r *roleProcess) close(giveUp context.Context) error {
	err := r.pipeline.close(giveUp)
	if r.tables != nil {
		err = errors.Join(err, r.tables.close())
	}
	if r.st != nil {
		err = errors.Join(err, r.st.Close())
	}
	return err
}
