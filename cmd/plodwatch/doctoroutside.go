package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema/streams"
	"plodwatch/schema/tables"
)

// checkPort looks whether addr can be listened on.
func (d *doctor) checkPort(ctx context.Context, addr string) {
	check := "listen " + addr
	if d.Part == "up" || d.Part == "gate" {
		if err := d.app.checkListen(addr); err != nil {
			d.broken(check, err.Error(), "")
			return
		}
	} else if _, err := listenHost(addr); err != nil {
		d.broken(check, err.Error(), "")
		return
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		l.Close()
		d.sound(check, "is free")
	case !errors.Is(err, syscall.EADDRINUSE):
		d.broken(check, err.Error(), "choose an address of this machine and a port above 1023 with --listen")
	case !isPlodwatch(ctx, addr):
		d.broken(check, "is taken by another program", "end that one, or choose another port with --listen")
	case d.holder != nil && d.Part == "up" || d.Part != "up":
		d.sound(check, "a running plodwatch listens there")
	default:
		d.doubt(check, "is taken by a plodwatch that does not hold "+d.dir, "choose another port with --listen, or its --data")
	}
}

// isPlodwatch reports whether a plodwatch answers at addr.
func isPlodwatch(ctx context.Context, addr string) bool {
	client := &http.Client{Timeout: holderGlance, Transport: &http.Transport{
		// Only to see who is there; nothing is told.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}}
	defer client.CloseIdleConnections()
	for _, scheme := range []string{"http://", "https://"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+addr+"/livez", http.NoBody)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 16))
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && string(body) == "ok\n" {
			return true
		}
	}
	return false
}

// natsNeeds returns the name of the part at the NATS server, and the streams
// that it works with.
func (d *doctor) natsNeeds() (role string, names []string) {
	names = d.app.blobStreams()
	switch d.Part {
	case "gate":
		return roleGate, append(names, streams.Exports)
	case "ingest":
		return roleWorker, append(names, streams.Exports, streams.Samples, streams.Outcomes)
	case "analyze":
		return roleAnalyzer, []string{streams.Samples, streams.Outcomes, streams.Events}
	}
	return roleAdmin, append(names, streams.Exports, streams.Samples, streams.Outcomes, streams.Events, streams.Dead)
}

// checkNATS connects to the external NATS server, if one is given.
func (d *doctor) checkNATS(ctx context.Context) {
	if d.app.NATS == "" {
		if d.Part != "up" {
			d.broken("nats", "plodwatch "+d.Part+" needs a NATS server", "give --nats URL")
		}
		return
	}
	role, names := d.natsNeeds()
	var refused refusal
	conn, err := d.app.connectNATS(role, nats.Timeout(d.Timeout), nats.MaxReconnects(0), nats.ErrorHandler(refused.note))
	switch {
	case errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired):
		d.broken("nats", "the server refuses the sign-in: "+err.Error(),
			"check --nats-user and --nats-password-file (or --nats-creds, --nats-nkey) against the server's configuration")
		return
	case err != nil:
		d.broken("nats", "cannot be reached: "+err.Error(), "check --nats, the network and the server's log")
		return
	}
	defer conn.Close()
	says := fmt.Sprintf("version %s answers", conn.ConnectedServerVersion())
	if most := natsd.DefaultConfig("").MaxPayload; conn.MaxPayload() < int64(most) {
		d.doubt("nats", fmt.Sprintf("%s; its max_payload of %d bytes is too little for sessions of several days", says, conn.MaxPayload()), "set max_payload: 8MB at the server")
	} else {
		d.sound("nats", says)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	d.checkStreams(ctx, conn, &refused, names)
	d.checkRights(ctx, conn, &refused, role)
}

func (d *doctor) checkStreams(ctx context.Context, conn *nats.Conn, refused *refusal, names []string) {
	js, err := jetstream.New(conn)
	if err != nil {
		d.broken("streams", err.Error(), "")
		return
	}
	for _, name := range names {
		one, cancel := context.WithTimeout(ctx, holderGlance)
		_, err := js.Stream(one, name)
		cancel()
		switch {
		case err == nil:
			continue
		case errors.Is(err, jetstream.ErrStreamNotFound):
			d.broken("streams", "the server has no stream "+name, "run plodwatch migrate with the same --nats and --blobs")
		case refused.text() != "":
			d.broken("streams", "the server refuses: "+refused.text(), "give this user the permissions of deploy/nats/plodwatch.conf")
		case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
			d.broken("streams", "the server has no JetStream for this account", "enable jetstream at the server")
		default:
			d.broken("streams", "stream "+name+": "+err.Error(), "look at the server's log; a cluster may be electing")
		}
		return
	}
	d.sound("streams", strings.Join(names, ", ")+" are there")
}

// checkRights publishes a message that nobody reads, as /readyz does.
func (d *doctor) checkRights(ctx context.Context, conn *nats.Conn, refused *refusal, role string) {
	publisher, err := streams.NewPublisher(conn, streams.PublisherConfig{})
	if err != nil {
		d.broken("permissions", err.Error(), "")
		return
	}
	defer publisher.Close()
	err = streams.Probe(ctx, publisher, role)
	switch {
	case err == nil:
		d.sound("permissions", "may publish as "+role)
	case refused.text() != "":
		d.broken("permissions", "the server refuses: "+refused.text(), "give this user the permissions of deploy/nats/plodwatch.conf, or name the part with --part")
	default:
		d.broken("permissions", err.Error(), "look at the server's log: streams that are missing, a full disk and a missing permission look the same")
	}
}

// refusal keeps the first thing that the server refused: to who asks, it looks
// like a timeout.
type refusal struct {
	mu   sync.Mutex
	said string
}

func (r *refusal) note(_ *nats.Conn, _ *nats.Subscription, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == "" && errors.Is(err, nats.ErrPermissionViolation) {
		r.said = err.Error()
	}
}

func (r *refusal) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said
}

// checkTables opens the tables, wherever they are, and looks at their version
// and newest row.
func (d *doctor) checkTables(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, max(d.Timeout, time.Minute))
	defer cancel()
	switch {
	case d.app.ClickHouse != "":
		d.externalTables(ctx)
	case d.Part == "analyze":
		d.broken("clickhouse", "plodwatch analyze needs a ClickHouse server", "give --clickhouse URL")
	case d.Part != "up" || !d.engine || d.held && d.holder == nil:
		return // not needed, or said already
	case d.holder != nil:
		d.tablesOfHolder(ctx)
	default:
		d.ownTables(ctx)
	}
}

func (d *doctor) externalTables(ctx context.Context) {
	st, err := store.Open(ctx, store.Config{
		URL: d.app.ClickHouse, Cluster: d.app.Cluster, MustExist: true, DialTimeout: d.Timeout, ReadTimeout: d.Timeout,
	})
	switch {
	case errors.Is(err, store.ErrNotMigrated):
		d.broken("clickhouse", err.Error(), "run plodwatch migrate with the same --clickhouse")
		return
	case err != nil:
		d.broken("clickhouse", err.Error(), "check --clickhouse (host, port, user, password), the network and the server's log")
		return
	}
	defer st.Close()
	d.judgeTables(ctx, st, true)
}

func (d *doctor) tablesOfHolder(ctx context.Context) {
	h, err := d.app.joinHolder(ctx, d.dir, onlyStore)
	if err != nil {
		d.broken("tables", err.Error(), "look at the log of the running plodwatch")
		return
	}
	d.judgeTables(ctx, h.store(), false)
	if err := h.close(ctx); err != nil {
		d.doubt("tables", err.Error(), "")
	}
}

// ownTables opens the engine's data, if there are any.
func (d *doctor) ownTables(ctx context.Context) {
	dir := filepath.Join(d.dir, "clickhouse")
	if storeFault(dir) != "" {
		return // not there, or said already
	}
	lock, err := lockData(d.dir)
	if err != nil {
		d.doubt("tables", err.Error(), "ask again")
		return
	}
	defer lock.Close()
	engine, err := chdb.Open(chdb.Config{Path: dir})
	if err != nil {
		d.broken("tables", "the engine cannot open its data: "+err.Error(), "restore a backup, or move "+dir+" away and run plodwatch reconcile --fix")
		return
	}
	defer engine.Close()
	st, err := store.Open(ctx, store.Config{RoundTripper: engine.RoundTripper()})
	if err != nil {
		d.broken("tables", err.Error(), "restore a backup, or move "+dir+" away and run plodwatch reconcile --fix")
		return
	}
	defer st.Close()
	d.judgeTables(ctx, st, false)
}

// The ClickHouse that plodwatch is tested with; older ones may lack functions
// and defaults that its views rely on.
const testedYear, testedMonth = 26, 7

// judgeTables looks at tables that are open.
func (d *doctor) judgeTables(ctx context.Context, st *store.Store, external bool) {
	if external {
		const check = "clickhouse"
		var release string
		if err := st.Conn().QueryRow(ctx, "SELECT version()").Scan(&release); err != nil {
			d.broken(check, err.Error(), "look at the server's log")
			return
		}
		if olderThanTested(release) {
			d.doubt(check, fmt.Sprintf("version %s is older than the %d.%d that plodwatch is tested with", release, testedYear, testedMonth), "update the server")
		} else {
			d.sound(check, "version "+release+" answers")
		}
	}
	switch err := st.CheckTables(ctx); {
	case errors.Is(err, tables.ErrNewerDatabase):
		d.broken("tables", err.Error(), "use the newer plodwatch that made them")
		return
	case errors.Is(err, store.ErrNotMigrated) && external:
		d.broken("tables", err.Error(), "run plodwatch migrate with the same --clickhouse")
		return
	case errors.Is(err, store.ErrNotMigrated):
		d.doubt("tables", err.Error(), "the next start updates them")
		return
	case err != nil:
		d.broken("tables", err.Error(), "look at the server's log")
		return
	}
	d.sound("tables", "they are those of this version")
	d.compareClock(ctx, st)
}

// compareClock compares the clock with the newest row.
func (d *doctor) compareClock(ctx context.Context, st *store.Store) {
	var newest time.Time
	if err := st.Conn().QueryRow(ctx, "SELECT max(analyzed_at) FROM exports").Scan(&newest); err != nil {
		d.broken("tables", "the newest row cannot be read: "+err.Error(), "look at the log")
		return
	}
	if ahead := newest.Sub(d.now); ahead > time.Minute {
		d.doubt("clock", fmt.Sprintf("the newest row was written %s in the future", ahead.Round(time.Second)),
			"set this machine's clock (NTP): until then what is analyzed again does not replace what is there")
	}
}

// olderThanTested reports whether a ClickHouse release is older than the one
// that plodwatch is tested with.
func olderThanTested(release string) bool {
	year, rest, _ := strings.Cut(release, ".")
	month, _, _ := strings.Cut(rest, ".")
	y, errY := strconv.Atoi(year)
	m, errM := strconv.Atoi(month)
	return errY == nil && errM == nil && (y < testedYear || y == testedYear && m < testedMonth)
}
