package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/analyze"
	"plodwatch/analyze/place"
	"plodwatch/analyze/store"
	"plodwatch/analyze/web"
	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// webCmd is the page as a process of its own.
type webCmd struct {
	servingFlags

	Listen  string        `help:"Address for the page, metrics and health." default:"127.0.0.1:8023" placeholder:"HOST:PORT"`
	Athlete string        `help:"Who is shown first to this machine." default:"me" placeholder:"ID" complete:"athlete"`
	Grace   time.Duration `help:"How long answers under way may take when stopping." default:"30s"`

	CheckConfig bool `name:"check-config" help:"Check flags, environment and settings file, and end."`
}

// Help says more than fits a line.
func (c *webCmd) Help() string {
	return `Shows the page over --clickhouse, or else over the plodwatch that holds the data directory.
With --nats pages are fresh while files come in, otherwise when they are loaded. It only
looks, and makes and revokes tokens: files, settings and SQL are for plodwatch up. Several
may run at once; who signs in at one is signed in there alone. Its user at the NATS server
needs to subscribe to plodwatch.v1.events.> and plodwatch.v1.outcomes.*, nothing else.

Examples:
  plodwatch web --clickhouse clickhouse://10.0.0.7:9000/plodwatch --nats nats://10.0.0.5:4222
  plodwatch web --data /srv/plodwatch --listen 0.0.0.0:8443 --tls-cert c.pem --tls-key k.pem`
}

// Run serves until a signal.
func (c *webCmd) Run(ctx context.Context, a *app) error {
	proxies, err := c.trustedProxies()
	if err == nil {
		err = errors.Join(c.checkTLS(), a.checkListen(c.Listen))
	}
	if err != nil {
		return err
	}
	if _, err := schema.ParseAthleteID(c.Athlete); err != nil {
		return err
	}
	if c.CheckConfig {
		fmt.Fprintln(a.stdout, "The configuration is sound.")
		return nil
	}
	listener, err := listenOutside(ctx, a.log, c.Listen, &c.servingFlags)
	if err != nil {
		return err
	}
	defer listener.Close()
	first, second, stop := signals(ctx)
	defer stop()
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	w := &webProcess{pipeline: newPipeline(a, dir, c.Grace)}
	file, err := a.tokenFile()
	if err != nil {
		return err
	}
	page, err := w.open(schema.AthleteID(c.Athlete), proxies, file)
	if err != nil {
		return errors.Join(err, w.close(second))
	}
	handler := w.handler(page, proxies, file)
	w.stages.start(ctx, stage{name: "http", run: func(ctx context.Context) error {
		return withPage(ctx, page, func(ctx context.Context) error { return serveOutside(ctx, listener, handler, c.Grace) })
	}})
	fmt.Fprintf(a.stderr, "plodwatch web is up: %s://%s\n", c.scheme(), listener.Addr())
	failed := w.stages.wait(first)
	w.stopping.Store(true)
	return errors.Join(failed, w.close(second))
}

// webProcess is the page without the rest of the pipeline.
type webProcess struct {
	pipeline

	stopping atomic.Bool
	tables   *lazyStore
}

func (w *webProcess) open(own schema.AthleteID, proxies upload.Proxies, file *tokens.File) (*web.Web, error) {
	w.tables = newLazyStore(w.app, w.dir)
	var err error
	if w.app.NATS != "" {
		if w.conn, err = w.app.connectNATS(roleWeb, nats.RetryOnFailedConnect(true)); err != nil {
			return nil, fmt.Errorf("connect to nats: %w", err)
		}
	}
	cfg := web.DefaultConfig()
	cfg.Version = version
	return web.New(cfg, web.Deps{
		Tables: w.openTables, Access: pageAccess{origins: proxies, tokens: file, own: own},
		Places: place.New(), Conn: w.conn, Tokens: pageTokens{file}, Log: w.app.log,
	})
}

// openTables opens the tables when they are first asked. That they are away is
// said in the words of analyze.
func (w *webProcess) openTables(ctx context.Context) (*store.Store, error) {
	st, err := w.tables.open(ctx)
	if errors.Is(err, ingest.ErrNotNow) {
		err = fmt.Errorf("%w: %w", analyze.ErrNotNow, err)
	}
	return st, err
}

// handler serves the page, and metrics and health beside it.
func (w *webProcess) handler(page *web.Web, proxies upload.Proxies, file *tokens.File) http.Handler {
	mayLook := func(r *http.Request) bool { return proxies.MayLook(r, file) }
	tables := probe{name: "tables", ask: func(ctx context.Context) error {
		st, err := w.tables.open(ctx)
		if err != nil {
			return err
		}
		return st.Ping(ctx)
	}}
	return outsideHandler(w.reg, &w.stopping, []probe{tables}, mayLook, page.Handler())
}

func (w *webProcess) close(giveUp context.Context) error {
	return errors.Join(w.pipeline.close(giveUp), w.tables.close())
}
