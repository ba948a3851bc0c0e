package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema/streams"
)

// clickHouse serves an engine of its own over HTTP, as a server elsewhere
// would.
func clickHouse(t *testing.T) string {
	t.Helper()
	e2e.engine.Lock() // a process has one engine at a time
	t.Cleanup(e2e.engine.Unlock)
	engine, err := chdb.Open(chdb.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(engine.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// hasten makes the server give what a killed process had in hand to another
// after two seconds.
func hasten(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	for _, c := range streams.DefaultLayout().Consumers() {
		c.Config.AckWait = 2 * time.Second
		if _, err := js.UpdateConsumer(t.Context(), c.Stream, c.Config); err != nil {
			t.Fatal(err)
		}
	}
}

// kill ends a process as a power cut would.
func (d *daemon) kill() {
	d.p.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.p.t.Fatal(err)
	}
	<-d.done
}

// ready waits until /readyz says so.
func (d *daemon) ready() {
	d.p.t.Helper()
	within(d.p.t, patience, func() string {
		if code, body := d.get("/readyz"); code != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s\n%s", code, body, d.stderr)
		}
		return ""
	})
}

// of returns what is known of some of the views.
func (c contents) of(views ...string) contents {
	some := contents{}
	for _, v := range views {
		some[v] = c[v]
	}
	return some
}

// differs says in one line where other does, or "".
func (c contents) differs(other contents) string {
	var lines []string
	for view, was := range c {
		if other[view] != was {
			lines = append(lines, fmt.Sprintf("%s: %s, want %s", view, other[view], was))
		}
	}
	return strings.Join(lines, "; ")
}

// takenBy uploads a file until it is taken.
func takenBy(t *testing.T, gate func() *daemon, data []byte) {
	t.Helper()
	within(t, patience, func() string {
		got, err := post(t, gate().address, "/api/v3/uploads", bytes.NewReader(data), nil)
		if err != nil {
			return err.Error()
		}
		if got.status != http.StatusCreated {
			return fmt.Sprintf("%d %s", got.status, got.body)
		}
		return ""
	})
}

// TestEndToEndRoles: two gates, two of ingest and two of analyze over servers
// of others, one of each killed in the middle and started again, bring the
// same rows as an import in one process.
func TestEndToEndRoles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	runs := corpus(t)
	embedded := newPerson(t)
	embedded.imports(exitOK, filepath.Dir(runs[0].path))
	views := []string{"samples_and_copies", "sessions_and_copies", "intensity_and_copies"}
	want, sum := embedded.everything().of(views...), embedded.sums()

	server := newNATS(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url(), "--clickhouse", clickHouse(t)}
	for _, role := range []string{"gate", "ingest", "analyze"} {
		if got := p.do(exitUsage, role, "--listen", "127.0.0.1:0").stderr; !strings.Contains(got, "run plodwatch migrate") {
			t.Errorf("%s without streams says %q", role, got)
		}
	}
	p.do(exitOK, "migrate")
	js := server.jetStream()
	hasten(t, js)

	watched := t.TempDir()
	args := map[string][]string{"ingest": {"--workers", "2", "--memory", "256"}}
	all := map[string][]*daemon{}
	for _, role := range []string{"analyze", "ingest", "gate"} {
		for range 2 {
			all[role] = append(all[role], p.role(role, args[role]...))
		}
	}
	for _, same := range all {
		for _, d := range same {
			d.ready()
		}
	}
	again := func(role string) {
		all[role][0].kill()
		all[role][0] = p.role(role, args[role]...)
	}
	for i, r := range runs {
		data, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		takenBy(t, func() *daemon { return all["gate"][i%2] }, data)
		switch i {
		case 5:
			again("ingest")
		case 10:
			again("analyze")
		case 15:
			again("gate")
		case 20:
			again("ingest")
			again("analyze")
		}
	}
	q := p.quiet()
	within(t, patience, func() string {
		if got := q.sums(); got != sum {
			return fmt.Sprintf("stored are %+v, want %+v", got, sum)
		}
		return want.differs(q.everything())
	})
	for _, name := range []string{streams.Exports, streams.Samples, streams.Outcomes} {
		within(t, patience, func() string {
			if n := messages(t, js, name); n != 0 {
				return fmt.Sprintf("%d messages wait in %s", n, name)
			}
			return ""
		})
	}
	if n := messages(t, js, streams.Dead); n != 0 {
		t.Errorf("%d messages were set aside", n)
	}

	// The folder as a door, deleting what has become rows.
	door := p.role("ingest", "--folder", watched, "--after", "delete", "--settle", "100ms")
	data, err := os.ReadFile(filepath.Join(activities(), "easy_run.fit"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(watched, "run.fit"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, patience, func() string {
		if _, err := os.Stat(filepath.Join(watched, "run.fit")); err == nil {
			return "the file is still in the folder"
		}
		return ""
	})
	if got := q.sums().Sessions; got != sum.Sessions+1 {
		t.Errorf("%d sessions, want %d", got, sum.Sessions+1)
	}
	door.end()
	for _, role := range []string{"gate", "ingest", "analyze"} {
		for _, d := range all[role] {
			if code, body := d.get("/metrics"); code != http.StatusOK || !strings.Contains(body, "plodwatch_") {
				t.Errorf("%s: /metrics: %d", role, code)
			}
			d.end()
		}
	}
}

// TestRolesWaitForTheirEngines: a part that is started before the servers
// waits for them, and says so.
func TestRolesWaitForTheirEngines(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	server := newNATS(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url(), "--clickhouse", clickHouse(t)}
	p.do(exitOK, "migrate")
	server.stop()
	up := make(chan *daemon, 2)
	for _, role := range []string{"ingest", "analyze"} {
		d := p.begin(role)
		within(t, patience, func() string {
			if !strings.Contains(d.stderr.String(), "waiting for the NATS server") {
				return "it says " + d.stderr.String()
			}
			return ""
		})
		up <- d
	}
	server.start()
	for range 2 {
		d := <-up
		d.awaitUp()
		d.ready()
		d.end()
	}
}

// TestRolesCheckTheirConfig: faults are named before anything starts.
func TestRolesCheckTheirConfig(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "nats://127.0.0.1:1"
	for _, test := range []struct {
		name string
		exit int
		says string
		args []string
	}{
		{"ingest sound", exitOK, "sound", []string{"ingest", "--nats", url}},
		{"analyze sound", exitOK, "sound", []string{"analyze", "--nats", url, "--clickhouse", "http://127.0.0.1:1"}},
		{"gate with a password", exitOK, "sound", []string{"gate", "--nats", url, "--nats-user", "gate", "--nats-password-file", file}},
		{"ingest without NATS", exitUsage, "need --nats", []string{"ingest"}},
		{"analyze without NATS", exitUsage, "need --nats", []string{"analyze", "--clickhouse", "http://127.0.0.1:1"}},
		{"analyze without ClickHouse", exitUsage, "need --clickhouse", []string{"analyze", "--nats", url}},
		{"no workers", exitUsage, "workers: -1", []string{"ingest", "--nats", url, "--workers=-1"}},
		{"no memory", exitUsage, "memory_bytes", []string{"ingest", "--nats", url, "--memory", "0"}},
		{"address", exitUsage, "--listen", []string{"ingest", "--nats", url, "--listen", "nowhere"}},
		{"user alone", exitUsage, "need both --nats-user", []string{"ingest", "--nats", url, "--nats-user", "worker"}},
		{"two passwords", exitUsage, "only one of", []string{"gate", "--nats", url, "--nats-user", "x", "--nats-password", "y", "--nats-password-file", file}},
		{"two identities", exitUsage, "only one of", []string{"gate", "--nats", url, "--nats-nkey", file, "--nats-creds", file}},
		{"certificate alone", exitUsage, "need both --nats-cert", []string{"ingest", "--nats", url, "--nats-cert", file}},
		{"file that is missing", exitUsage, "no such file", []string{"ingest", "--nats", url, "--nats-ca", file + "x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := p.do(test.exit, append(test.args, "--check-config")...)
			if !strings.Contains(got.stdout+got.stderr, test.says) {
				t.Errorf("it says %q %q, want %q", got.stdout, got.stderr, test.says)
			}
		})
	}
	for _, role := range []string{"ingest", "analyze"} {
		if got := p.run(role, "--help").stdout; !strings.Contains(got, "Example") {
			t.Errorf("help of %s has no examples:\n%s", role, got)
		}
	}
}
