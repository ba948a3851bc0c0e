package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/schema/streams"
)

// natsConf is the server configuration that is shipped.
var natsConf = filepath.Join("..", "..", "deploy", "nats", "plodwatch.conf")

// setNATSPasswords sets what the configuration takes from the environment: for
// all tests, which run side by side. Each server gets a store of its own.
func setNATSPasswords(store string) error {
	err := os.Setenv("PLODWATCH_NATS_STORE", store)
	for _, name := range natsRoles() {
		err = errors.Join(err, os.Setenv("PLODWATCH_"+strings.ToUpper(name)+"_PASSWORD", "secret"+name))
	}
	return err
}

func natsRoles() []string {
	return []string{roleAdmin, roleGate, roleWorker, roleAnalyzer, roleWeb, rolePusher}
}

// natsUsers returns the option of each user of the configuration.
func natsUsers() map[string]nats.Option {
	users := map[string]nats.Option{}
	for _, name := range natsRoles() {
		users[name] = nats.UserInfo(name, "secret"+name)
	}
	return users
}

// guardedNATS starts a server with the shipped configuration.
func guardedNATS(t *testing.T) (*natsProcess, map[string]nats.Option) {
	t.Helper()
	users := natsUsers()
	return startNATS(t, []string{"-c", natsConf}, users[roleAdmin]), users
}

// signedAs returns a person who connects as a user of the server.
func (p *person) signedAs(role string) *person {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret"+role+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	q := *p
	q.flags = append([]string{"--nats-user", role, "--nats-password-file", file}, p.flags...)
	return &q
}

func TestNATSConfigurationIsSound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a NATS server")
	}
	binary, err := e2e.nats()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary, "-t", "-c", natsConf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "is valid") {
		t.Errorf("nats-server -t: %v\n%s", err, out)
	}
}

// TestEndToEndPermissions: every part works as its own user of the shipped
// configuration, on blobs in a directory and in the server; the page hears of
// what comes in, and shows it.
func TestEndToEndPermissions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	for _, where := range []string{"dir", "nats"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			server, _ := guardedNATS(t)
			p := newPerson(t)
			p.flags = []string{"--nats", server.url(), "--clickhouse", clickHouse(t)}
			p.env = append(p.env, "PLODWATCH_BLOBS="+where)
			p.signedAs(roleAdmin).do(exitOK, "migrate")
			elsewhere := p.signedAs(roleWorker)
			if where == "nats" {
				elsewhere.data = filepath.Join(t.TempDir(), "elsewhere") // no disk is shared
			}
			gate, worker, analyzer := p.signedAs(roleGate).role("gate"), elsewhere.role("ingest"), p.signedAs(roleAnalyzer).role("analyze")
			page := p.signedAs(roleWeb).role("web")
			all := []*daemon{gate, worker, analyzer, page}
			for _, d := range all {
				d.ready()
			}
			told := page.told("me", "outcome", "session")
			data := readAll(t, corpus(t)[:2])
			takenBy(t, func() *daemon { return gate }, zipped(t, "a.fit", data[0]))
			file := filepath.Join(t.TempDir(), "b.fit")
			writeFile(t, file, data[1])
			p.signedAs(rolePusher).do(exitOK, "push", "--athlete", "anna", file)
			if got := p.signedAs(rolePusher).do(exitOK, "push", "--athlete", "anna", file).stdout; !strings.Contains(got, "duplicate") {
				t.Errorf("pushed again: %s", got)
			}
			want := sums{}
			for _, r := range corpus(t)[:2] {
				want.add(int64(r.Samples), r.HRSum)
			}
			q := p.signedAs(roleAdmin).quiet()
			within(t, patience, func() string {
				if got := q.sums(); got != want {
					return "stored are other sums"
				}
				return ""
			})
			told()
			page.showsSession("me")
			for _, name := range []string{streams.Exports, streams.Samples, streams.Outcomes, streams.Dead} {
				within(t, patience, func() string {
					if messages(t, server.jetStream(), name) != 0 {
						return "messages wait in " + name
					}
					return ""
				})
			}
			for _, d := range all {
				if strings.Contains(strings.ToLower(d.stderr.String()), "permission") {
					t.Errorf("the server refuses what a part needs:\n%s", d.stderr)
				}
				d.end()
			}
		})
	}
}

// TestNATSRefusesWhatARoleMustNotDo tries, as every user, what belongs to the
// others.
func TestNATSRefusesWhatARoleMustNotDo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	server, users := guardedNATS(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url()}
	p.signedAs(roleAdmin).do(exitOK, "migrate")
	const v1, api = "plodwatch.v1.", "$JS.API."
	everyone := []string{
		v1 + "dead.other.1", v1 + "elsewhere", v1 + "leases.other", api + "STREAM.CREATE.MINE", api + "STREAM.UPDATE.EXPORTS", api + "STREAM.DELETE.EXPORTS",
		api + "STREAM.PURGE.EXPORTS", api + "STREAM.PURGE.SAMPLES", api + "STREAM.MSG.GET.SAMPLES", api + "STREAM.MSG.DELETE.EXPORTS",
		api + "STREAM.NAMES", api + "CONSUMER.CREATE.SAMPLES", api + "CONSUMER.DELETE.EXPORTS.worker", api + "DIRECT.GET.DEAD",
		api + "STREAM.DELETE.OBJ_plodwatch-blobs", "$SYS.REQ.SERVER.PING",
	}
	for role, may := range map[string]struct{ publish, subscribe, allowed, hears []string }{
		roleGate: {
			allowed: []string{v1 + "exports.a", v1 + "pulls.a", v1 + "events.probe.gate"},
			hears:   []string{v1 + "inbox.*", "_INBOX_gate.>"},
			publish: []string{
				v1 + "samples.me.a", v1 + "outcomes.a", v1 + "events.analyzed.me", v1 + "dead.exports.a", v1 + "inbox.me", v1 + "leases.reconcile",
				api + "CONSUMER.MSG.NEXT.EXPORTS.worker", api + "CONSUMER.MSG.NEXT.SAMPLES.analyzer", api + "STREAM.INFO.SAMPLES",
				"$JS.ACK.EXPORTS.worker.1.1.1.1.0", api + "STREAM.PURGE.OBJ_plodwatch-blobs", "_INBOX_worker.x",
			},
			subscribe: []string{v1 + "samples.>", v1 + "exports.>", ">", "_INBOX_worker.>", "_INBOX.>", "$JS.>", v1 + "outcomes.*"},
		},
		roleWorker: {
			allowed: []string{v1 + "exports.a", v1 + "samples.me.a", v1 + "outcomes.a", v1 + "dead.exports.a", v1 + "events.probe.worker", v1 + "leases.reconcile"},
			publish: []string{
				v1 + "pulls.a", v1 + "events.analyzed.me", v1 + "dead.samples.a", v1 + "inbox.me", api + "STREAM.MSG.GET.DEAD", api + "STREAM.MSG.DELETE.DEAD",
				api + "CONSUMER.MSG.NEXT.SAMPLES.analyzer", api + "CONSUMER.MSG.NEXT.OUTCOMES.analyzer", "$JS.ACK.SAMPLES.analyzer.1.1.1.1.0",
			},
			subscribe: []string{v1 + "samples.>", v1 + "inbox.*", "_INBOX_gate.>", "_INBOX_analyzer.>", ">"},
		},
		roleAnalyzer: {
			allowed: []string{v1 + "events.analyzed.me", v1 + "dead.samples.a", v1 + "dead.outcomes.a"},
			publish: []string{
				v1 + "exports.a", v1 + "samples.me.a", v1 + "outcomes.a", v1 + "pulls.a", v1 + "inbox.me", v1 + "dead.exports.a", v1 + "leases.reconcile",
				api + "CONSUMER.MSG.NEXT.EXPORTS.worker", "$JS.ACK.EXPORTS.worker.1.1.1.1.0", "$O.plodwatch-blobs.C.x", "$KV.plodwatch-taken.x",
				api + "DIRECT.GET.OBJ_plodwatch-blobs",
			},
			subscribe: []string{v1 + "inbox.*", v1 + "exports.>", "_INBOX_gate.>", ">"},
		},
		roleWeb: {
			hears: []string{streams.EventSubjects, streams.OutcomeSubjects, v1 + "events.session.me"},
			publish: []string{
				v1 + "exports.a", v1 + "samples.me.a", v1 + "outcomes.a", v1 + "pulls.a", v1 + "inbox.me", v1 + "leases.reconcile",
				v1 + "events.session.me", v1 + "events.probe.web", api + "STREAM.INFO.EVENTS", api + "INFO", api + "DIRECT.GET.EVENTS",
				api + "CONSUMER.CREATE.EVENTS", "$JS.ACK.OUTCOMES.analyzer.1.1.1.1.0", "$O.plodwatch-blobs.C.x", "_INBOX_gate.x",
			},
			subscribe: []string{v1 + "samples.>", v1 + "exports.>", v1 + "inbox.*", v1 + "dead.>", v1 + ">", ">", "$O.>", "_INBOX_gate.>", "_INBOX_web.>"},
		},
		rolePusher: {
			allowed: []string{v1 + "inbox.me"},
			publish: []string{
				v1 + "exports.a", v1 + "samples.me.a", v1 + "events.probe.pusher", api + "STREAM.INFO.EXPORTS", api + "INFO",
				"$O.plodwatch-blobs.C.x", "$KV.plodwatch-taken.x",
			},
			subscribe: []string{v1 + "inbox.*", v1 + "events.>", "_INBOX_gate.>", ">"},
		},
	} {
		t.Run(role, func(t *testing.T) {
			r := newRefusals(t, server.url(), users[role])
			for _, subject := range append(may.publish, everyone...) {
				if !r.of(func(c *nats.Conn) error { return c.Publish(subject, nil) }) {
					t.Errorf("may publish %s", subject)
				}
			}
			for _, subject := range may.subscribe {
				if !r.of(func(c *nats.Conn) error { _, err := c.SubscribeSync(subject); return err }) {
					t.Errorf("may subscribe to %s", subject)
				}
			}
			for _, subject := range may.hears {
				if r.of(func(c *nats.Conn) error { _, err := c.SubscribeSync(subject); return err }) {
					t.Errorf("may not subscribe to %s", subject)
				}
			}
			for _, subject := range may.allowed {
				if r.of(func(c *nats.Conn) error { return c.Publish(subject, nil) }) {
					t.Errorf("may not publish %s", subject)
				}
			}
		})
	}
	if conn, err := nats.Connect(server.url()); err == nil {
		conn.Close()
		t.Error("the server takes strangers")
	}
}

// refusals says what the server refuses a connection.
type refusals struct {
	t    *testing.T
	conn *nats.Conn
	said chan string
}

func newRefusals(t *testing.T, url string, user nats.Option) *refusals {
	t.Helper()
	r := &refusals{t: t, said: make(chan string, 64)}
	conn, err := nats.Connect(url, user, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		r.said <- err.Error()
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	r.conn = conn
	return r
}

// of reports whether the server refuses what do asks for. Refusals come in
// order; one that is certain marks the end.
func (r *refusals) of(do func(*nats.Conn) error) bool {
	r.t.Helper()
	const mark = "certainly.not.allowed"
	if err := errors.Join(do(r.conn), r.conn.Publish(mark, nil), r.conn.Flush()); err != nil {
		r.t.Fatal(err)
	}
	for refused := false; ; refused = true {
		select {
		case text := <-r.said:
			if strings.Contains(text, mark) {
				return refused
			}
		case <-time.After(patience):
			r.t.Fatal("the server does not answer")
		}
	}
}
