package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest/upload"
)

// upCmd runs everything in one process.
type upCmd struct {
	gateFlags
	hookFlags
	folderFlags
	reconcileFlags
	sqlFlags

	Listen  string        `help:"Address for the page, uploads, metrics and health." default:"127.0.0.1:8020" placeholder:"HOST:PORT"`
	Athlete string        `help:"Whose files lie in the folder itself." default:"me" placeholder:"ID" complete:"athlete"`
	Grace   time.Duration `help:"How long each part may finish its work in hand when stopping." default:"30s"`

	CheckConfig bool `name:"check-config" help:"Check flags, environment and settings file, and end."`
}

// Help says more than fits a line.
func (c *upCmd) Help() string {
	return `Ctrl-C stops taking files, finishes the work in hand and ends; a second Ctrl-C does not
wait. Nothing that was taken is lost either way.

Examples:
  plodwatch up --folder ~/watch
  plodwatch up --folder /srv/watch --after move --log-level info
  plodwatch up --sql-listen 127.0.0.1:8123   # Grafana, DBeaver, notebooks, curl`
}

// Run runs until a signal or until a part fails.
func (c *upCmd) Run(ctx context.Context, a *app) error {
	cfg, err := c.folderConfig(a, c.Athlete)
	if err != nil {
		return err
	}
	gateCfg, err := c.config(c.Athlete)
	if err != nil {
		return err
	}
	hookCfg, err := c.hookConfig()
	if err != nil {
		return err
	}
	if err := errors.Join(a.checkListen(c.Listen), c.checkReconcile(), c.checkSQL(a)); err != nil {
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
	sqlListener, err := c.listenSQL(ctx, a.log, &c.servingFlags)
	if err != nil {
		return err
	}
	defer sqlListener.Close()
	first, second, stop := signals(ctx)
	defer stop()
	dir, err := a.dataDir()
	if err == nil {
		err = a.awaitRoom(first, dir)
	}
	if err != nil {
		return err
	}
	h, err := a.openHost(first, wholePipeline, "up")
	if first.Err() != nil && h == nil {
		return errors.New("interrupted before it was up")
	}
	if err != nil {
		return err
	}
	local, ok := h.(*localHost)
	if !ok {
		return errors.Join(errors.New("another plodwatch holds the data directory already"), h.close(second))
	}
	local.stages.grace = c.Grace
	var stopping atomic.Bool
	hook, err := local.startHook(ctx, hookCfg)
	if err != nil {
		return errors.Join(err, h.close(second))
	}
	gate, err := local.newGate(gateCfg, hook)
	if err != nil {
		return errors.Join(err, h.close(second))
	}
	page, err := local.newPage(gate, c.Athlete)
	if err != nil {
		return errors.Join(err, h.close(second))
	}
	outside := outsideHandler(local.reg, &stopping, local.probes(), gate.MayLook, page.Handler())
	outside = withGate(withLog(outside, local, gate.FromThisMachine), gate)
	local.stages.start(ctx, stage{name: "http", run: func(ctx context.Context) error {
		return withPage(ctx, page, func(ctx context.Context) error { return serveOutside(ctx, listener, outside, c.Grace) })
	}})
	if err := local.startSQL(ctx, sqlListener, gate.FromThisMachine, c.Grace); err != nil {
		return errors.Join(err, h.close(second))
	}
	if err := local.startAnnouncer(ctx); err != nil {
		return errors.Join(err, h.close(second))
	}
	if err := local.startInbox(ctx); err != nil {
		return errors.Join(err, h.close(second))
	}
	if err := local.startFolder(ctx, cfg, queryableIn(local.tables)); err != nil {
		return errors.Join(err, h.close(second))
	}
	local.startReconcile(ctx, c.ReconcileEvery)
	fmt.Fprintf(a.stderr, "plodwatch is up: data in %s, %s, %s://%s\n", local.dir, c.watching(), c.scheme(), listener.Addr())
	c.saySQL(a.stderr, c.scheme(), sqlListener)
	failed := local.stages.wait(first)
	stopping.Store(true)
	if failed == nil {
		fmt.Fprintln(a.stderr, "stopping: finishing the work in hand (Ctrl-C again to not wait)")
	}
	err = errors.Join(failed, h.close(second))
	if err == nil {
		fmt.Fprintln(a.stderr, "stopped")
	}
	return err
}

// tables returns the tables, which are open.
func (h *localHost) tables(context.Context) (*store.Store, error) { return h.st, nil }

// probes are what /readyz asks: the disk first, for without room the others
// fail, too, and later.
func (h *localHost) probes() []probe {
	return []probe{h.blobsProbe(), h.storeProbe(), h.natsProbe("readyz")}
}

// newGate makes the gate of this process. The hook may be nil.
func (h *localHost) newGate(cfg upload.Config, hook http.Handler) (*upload.Gate, error) {
	return h.app.newGate(cfg, &gateParts{
		intake: h.intake, blobs: h.blobs, conn: h.conn, ledger: storeLedger{h.tables},
		records: filepath.Join(h.dir, "uploads"), hook: hook, reg: h.reg,
	})
}
