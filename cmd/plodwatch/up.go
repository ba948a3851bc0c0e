package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// upCmd runs everything in one process.
type upCmd struct {
	gateFlags
	hookFlags

	Listen  string        `help:"Address for uploads, metrics and health." default:"127.0.0.1:8020" placeholder:"HOST:PORT"`
	Folder  string        `help:"Watch this folder; a subfolder's name is the athlete." placeholder:"DIR" type:"path"`
	Athlete string        `help:"Whose files lie in the folder itself." default:"me" placeholder:"ID"`
	After   string        `help:"What happens to a file that was taken: keep, move or delete." enum:"keep,move,delete" default:"keep"`
	Settle  time.Duration `help:"A file is taken when its size and time have not changed for so long." default:"2s"`
	Rescan  time.Duration `help:"Look through the whole folder this often." default:"30s"`
	Grace   time.Duration `help:"How long each part may finish its work in hand when stopping." default:"30s"`

	CheckConfig bool `name:"check-config" help:"Check flags, environment and settings file, and end."`
}

// Help says more than fits a line.
func (c *upCmd) Help() string {
	return `Ctrl-C stops taking files, finishes the work in hand and ends; a second Ctrl-C does not
wait. Nothing that was taken is lost either way.

Examples:
  plodwatch up --folder ~/watch
  plodwatch up --folder /srv/watch --after move --log-level info`
}

// Run runs until a signal or until a part fails.
func (c *upCmd) Run(ctx context.Context, a *app) error {
	cfg, err := c.folderConfig(a)
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
	if err := a.checkListen(c.Listen); err != nil {
		return err
	}
	if c.CheckConfig {
		fmt.Fprintln(a.stdout, "The configuration is sound.")
		return nil
	}
	listener, err := listenOutside(ctx, c.Listen, &c.gateFlags)
	if err != nil {
		return err
	}
	defer listener.Close()
	first, second, stop := signals(ctx)
	defer stop()
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
	outside := withGate(withLog(outsideHandler(local.reg, &stopping, local.probes(), gate), local), gate)
	local.stages.start(ctx, stage{name: "http", run: func(ctx context.Context) error {
		return serveOutside(ctx, listener, outside, c.Grace)
	}})
	if err := local.startAnnouncer(ctx); err != nil {
		return errors.Join(err, h.close(second))
	}
	if err := local.startInbox(ctx); err != nil {
		return errors.Join(err, h.close(second))
	}
	if err := c.startFolder(ctx, local, cfg); err != nil {
		return errors.Join(err, h.close(second))
	}
	fmt.Fprintf(a.stderr, "plodwatch is up: data in %s, %s, %s://%s\n", local.dir, c.watching(), c.scheme(), listener.Addr())
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

func (c *upCmd) watching() string {
	if c.Folder == "" {
		return "no folder watched (--folder DIR)"
	}
	return "watching " + c.Folder
}

func (c *upCmd) folderConfig(a *app) (folder.Config, error) {
	dir, err := a.dataDir()
	if err != nil {
		return folder.Config{}, err
	}
	athlete, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return folder.Config{}, err
	}
	cfg := folder.DefaultConfig(c.Folder)
	cfg.DefaultAthlete, cfg.After = athlete, folder.After(c.After)
	cfg.Settle, cfg.Rescan = c.Settle, c.Rescan
	cfg.StateFile = filepath.Join(dir, "folder.state")
	if c.Folder == "" {
		return cfg, nil
	}
	return cfg, cfg.Validate()
}

func (c *upCmd) startFolder(ctx context.Context, h *localHost, cfg folder.Config) error {
	if c.Folder == "" {
		return nil
	}
	f, err := folder.New(cfg, folder.Deps{
		Acceptor: folderDoor{h}, Queryable: h.queryable,
		Metrics: folder.NewMetrics(h.reg), Log: h.app.log,
	})
	if err != nil {
		return err
	}
	h.stages.start(ctx, stage{name: "folder", run: f.Run})
	return nil
}

// folderDoor hands files of the watched folder to the intake.
type folderDoor struct{ h *localHost }

// Accept takes one export.
func (d folderDoor) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	return d.h.accept(ctx, athlete, source, r, false)
}

// queryable reports whether an export that was taken has its row and its
// sessions, and so have the members of an archive.
func (h *localHost) queryable(ctx context.Context, athlete schema.AthleteID, export schema.ExportID) (bool, error) {
	for ids := []schema.ExportID{export}; len(ids) > 0; {
		known, err := h.st.KnownExports(ctx, athlete, ids)
		if err != nil {
			return false, err
		}
		var members []schema.ExportID
		for _, id := range ids {
			k, ok := known[id]
			if !ok || k.Missing > 0 {
				return false, nil
			}
			members = append(members, k.Members...)
		}
		ids = members
	}
	return true, nil
}

// probes are what /readyz asks.
func (h *localHost) probes() []probe {
	return []probe{
		{name: "clickhouse", ask: h.st.Ping},
		{name: "nats", ask: func(ctx context.Context) error { return streams.Probe(ctx, h.publisher, "readyz") }},
		{name: "disk", ask: func(context.Context) error { return h.blobs.CheckDisk() }},
	}
}

// newGate makes the gate of this process. The hook may be nil.
func (h *localHost) newGate(cfg upload.Config, hook http.Handler) (*upload.Gate, error) {
	tables := func(context.Context) (*store.Store, error) { return h.st, nil }
	return h.app.newGate(cfg, &gateParts{
		intake: h.intake, blobs: h.blobs, conn: h.conn, ledger: storeLedger{tables},
		records: filepath.Join(h.dir, "uploads"), hook: hook, reg: h.reg,
	})
}
