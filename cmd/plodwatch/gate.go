package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/pull"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// servingFlags are the flags of whatever serves people elsewhere.
type servingFlags struct {
	TLSCert      string   `name:"tls-cert" help:"Serve HTTPS with this certificate (PEM); read again when it changes." placeholder:"FILE" type:"path"`
	TLSKey       string   `name:"tls-key" help:"Its private key (PEM)." placeholder:"FILE" type:"path"`
	TrustedProxy []string `help:"Addresses of proxies whose X-Forwarded-For is believed; what comes from them needs a token." placeholder:"CIDR"`
}

// gateFlags are the flags of whatever serves uploads.
type gateFlags struct {
	servingFlags

	MaxFIT        int64   `name:"max-fit" help:"Largest FIT file that is taken, MiB." default:"64" placeholder:"MIB"`
	MaxUpload     int64   `name:"max-upload" help:"Largest file of any other kind that is taken, MiB." default:"256" placeholder:"MIB"`
	UploadRate    float64 `help:"Uploads a second and token, on average." default:"100"`
	UploadBurst   int     `help:"Uploads of a token at once before the rate counts." default:"200"`
	UploadsAtOnce int     `help:"Uploads of a token that may be under way." default:"32"`
}

// config returns the gate's configuration.
func (f *gateFlags) config(athlete string) (upload.Config, error) {
	cfg := upload.DefaultConfig()
	cfg.MaxFITBytes, cfg.MaxBytes = f.MaxFIT<<20, f.MaxUpload<<20
	cfg.Rate, cfg.Burst, cfg.Concurrency = f.UploadRate, f.UploadBurst, f.UploadsAtOnce
	cfg.DefaultAthlete = schema.AthleteID(athlete)
	var err error
	if cfg.TrustedProxies, err = f.trustedProxies(); err != nil {
		return cfg, err
	}
	if err := f.checkTLS(); err != nil {
		return cfg, err
	}
	return cfg, cfg.Validate()
}

func (f *servingFlags) checkTLS() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return errors.New("need both --tls-cert and --tls-key, or neither")
	}
	return nil
}

func (f *servingFlags) trustedProxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range f.TrustedProxy {
		p, err := prefixOf(text)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// prefixOf reads an address or a range of addresses.
func prefixOf(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Prefix(ip.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("read --trusted-proxy %q: need an address or a range such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

// gateParts is what a gate is made of, besides its configuration.
type gateParts struct {
	intake  *jobs.Intake
	blobs   blobStore
	conn    *nats.Conn
	ledger  upload.Ledger
	records string // directory
	hook    http.Handler
	reg     *prometheus.Registry
}

// newGate makes the gate.
func (a *app) newGate(cfg upload.Config, p *gateParts) (*upload.Gate, error) {
	file, err := a.tokenFile()
	if err != nil {
		return nil, err
	}
	records, err := upload.OpenRecords(p.records)
	if err != nil {
		return nil, err
	}
	return upload.New(cfg, upload.Deps{
		Intake: p.intake, Records: records, Ledger: p.ledger, Tokens: file, Hook: p.hook,
		Ready: func(context.Context) error {
			if !p.conn.IsConnected() {
				return fmt.Errorf("the queue is away: %w", ingest.ErrBusy)
			}
			return p.blobs.CheckDisk()
		},
		Now: time.Now, Metrics: upload.NewMetrics(p.reg), Log: a.log,
	})
}

// storeLedger tells the gate what the tables know.
type storeLedger struct {
	open func(context.Context) (*store.Store, error)
}

// Fates returns what is known of an athlete's exports.
func (l storeLedger) Fates(ctx context.Context, athlete schema.AthleteID, ids []schema.ExportID) (map[schema.ExportID]upload.Fate, error) {
	st, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	fates, err := st.Fates(ctx, athlete, ids)
	if err != nil {
		return nil, ledgerFault(err)
	}
	all := make(map[schema.ExportID]upload.Fate, len(fates))
	for id, f := range fates {
		known := upload.Fate{
			Format: f.Format, Outcome: f.Outcome, Reason: f.Reason, Detail: f.Detail, Complete: f.Complete, Members: f.Members,
		}
		for _, s := range f.Sessions {
			known.Sessions = append(known.Sessions, upload.FateSession(s))
		}
		all[id] = known
	}
	return all, nil
}

// Lookup finds an export by the number of its upload.
func (l storeLedger) Lookup(ctx context.Context, athlete schema.AthleteID, number int64) (schema.AthleteID, schema.ExportID, bool, error) {
	st, err := l.open(ctx)
	if err != nil {
		return "", schema.ExportID{}, false, err
	}
	owner, export, found, err := st.FindUpload(ctx, athlete, number)
	return owner, export, found, ledgerFault(err)
}

// ledgerFault says in the words of ingest that the tables are away.
func ledgerFault(err error) error {
	if errors.Is(err, analyze.ErrNotNow) {
		return fmt.Errorf("%w: %w", ingest.ErrNotNow, err)
	}
	return err
}

// gateCmd is the gate as a process of its own.
type gateCmd struct {
	gateFlags
	hookFlags

	Listen  string        `help:"Address for uploads, metrics and health." default:"127.0.0.1:8020" placeholder:"HOST:PORT"`
	Athlete string        `help:"Whose files come without a token, from this machine." default:"me" placeholder:"ID" complete:"athlete"`
	Grace   time.Duration `help:"How long uploads under way may go on when stopping." default:"30s"`

	CheckConfig bool `name:"check-config" help:"Check flags, environment and settings file, and end."`
}

// Help says more than fits a line.
func (c *gateCmd) Help() string {
	return `Takes uploads, by HTTP and from the inbox on NATS, and queues them on an external NATS
server, for the workers (plodwatch ingest). Several gates may run at once. They share a
directory for the files (--data) with the workers, or else give --blobs nats. What became of an upload is asked of
--clickhouse, or else of the plodwatch that holds the data directory. plodwatch up has the
gate built in.

Tokens are made with plodwatch token add; without any only this machine is served. With
the --hook flags it takes signed messages, too; the files are downloaded by a plodwatch up
or ingest with the same flags.

Examples:
  plodwatch gate --nats nats://10.0.0.5:4222 --data /srv/plodwatch
  plodwatch gate --nats nats://10.0.0.5:4222 --listen 0.0.0.0:8443 --tls-cert c.pem --tls-key k.pem`
}

// Run serves until a signal.
func (c *gateCmd) Run(ctx context.Context, a *app) error {
	cfg, err := c.config(c.Athlete)
	if err != nil {
		return err
	}
	hook, err := c.hookConfig()
	if err != nil {
		return err
	}
	if err := a.needNATS("a gate of its own hands uploads to workers elsewhere"); err != nil {
		return err
	}
	if err := a.checkListen(c.Listen); err != nil {
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
	g := &gateProcess{pipeline: newPipeline(a, dir, c.Grace)}
	if err := g.open(ctx, cfg, hook); err != nil {
		return errors.Join(err, g.close(second))
	}
	g.stages.start(ctx, stage{name: "http", run: func(ctx context.Context) error {
		return serveOutside(ctx, listener, g.handler(), c.Grace)
	}})
	fmt.Fprintf(a.stderr, "plodwatch gate is up: %s://%s\n", c.scheme(), listener.Addr())
	failed := g.stages.wait(first)
	g.stopping.Store(true)
	return errors.Join(failed, g.close(second))
}

// gateProcess is a gate without the rest of the pipeline.
type gateProcess struct {
	pipeline

	stopping atomic.Bool
	tables   *lazyStore
	gate     *upload.Gate
}

func (g *gateProcess) open(ctx context.Context, cfg upload.Config, hookCfg *pull.HookConfig) error {
	g.tables = newLazyStore(g.app, g.dir)
	err := g.connect(roleGate)
	if err != nil {
		return err
	}
	// While the server is away or electing, uploads are answered with "later".
	if g.conn.IsConnected() {
		if err := g.checkStreams(ctx, append(g.app.blobStreams(), streams.Exports)...); err != nil && !streams.Transient(err) {
			return err
		}
	}
	if err := g.openIntake(); err != nil {
		return err
	}
	hook, err := g.app.newHook(hookCfg, g.publisher, pull.NewMetrics(g.reg))
	if err != nil {
		return err
	}
	g.gate, err = g.app.newGate(cfg, &gateParts{
		intake: g.intake, blobs: g.blobs, conn: g.conn, ledger: storeLedger{g.tables.open},
		records: filepath.Join(g.dir, "uploads"), hook: hook, reg: g.reg,
	})
	if err != nil {
		return err
	}
	return g.startInbox(ctx)
}

func (g *gateProcess) handler() http.Handler {
	probes := []probe{g.blobsProbe(), g.natsProbe(roleGate)}
	return withGate(outsideHandler(g.reg, &g.stopping, probes, g.gate.MayLook, plainDoors(uploadDoors)), g.gate)
}

func (g *gateProcess) close(giveUp context.Context) error {
	return errors.Join(g.pipeline.close(giveUp), g.tables.close())
}

// lazyStore opens the tables when they are first asked: the external ones, or
// those of the process that holds the data directory, which may come later
// and go.
type lazyStore struct {
	app *app
	dir string

	turn   chan struct{} // is full while somebody uses what is below
	st     *store.Store
	client *http.Client
}

func newLazyStore(a *app, dir string) *lazyStore {
	return &lazyStore{app: a, dir: dir, turn: make(chan struct{}, 1)}
}

// open returns the tables. It waits no longer than ctx, also for others that
// wait for a server that hangs.
func (l *lazyStore) open(ctx context.Context) (*store.Store, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: wait for the tables: %w", ingest.ErrNotNow, ctx.Err())
	}
	if l.st != nil {
		return l.st, nil
	}
	cfg := l.app.storeConfig()
	if cfg.URL == "" {
		r, err := dialHolder(ctx, l.dir, holderAnswer)
		if err != nil {
			return nil, fmt.Errorf("%w: no tables to ask (--clickhouse, or a plodwatch that holds the data directory): %w", ingest.ErrNotNow, err)
		}
		l.client = r.client
		cfg.RoundTripper = prefixed{prefix: pathClickHouse, next: r.client.Transport}
	}
	st, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, ledgerFault(err)
	}
	l.st = st
	return st, nil
}

func (l *lazyStore) close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.st == nil {
		return nil
	}
	err := l.st.Close()
	if l.client != nil {
		l.client.CloseIdleConnections()
	}
	return err
}

// withGate adds the gate's doors to what is served outside.
func withGate(outside http.Handler, gate *upload.Gate) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", outside)
	for _, path := range upload.Paths() {
		mux.Handle(path, gate)
	}
	return upload.Tidy(mux)
}

// checkListen refuses addresses that others can reach while there are no
// tokens: everything would be open to whoever can.
func (a *app) checkListen(addr string) error {
	host, err := listenHost(addr)
	if err != nil || loopbackOnly(host) {
		return err
	}
	file, err := a.tokenFile()
	if err != nil {
		return err
	}
	some, err := file.Any()
	if err != nil {
		return err
	}
	if !some {
		return fmt.Errorf("refuse to listen on %s: it can be reached from outside and there are no tokens yet; "+
			"make one first (plodwatch token add --athlete ID), or listen on 127.0.0.1", addr)
	}
	return nil
}

func (f *servingFlags) scheme() string {
	if f.TLSCert != "" {
		return "https"
	}
	return "http"
}
