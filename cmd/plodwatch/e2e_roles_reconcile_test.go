package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema/streams"
)

// hastenLeases makes what a killed process did alone another's after two
// seconds.
func hastenLeases(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	stream, err := js.Stream(t.Context(), streams.Leases)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxAge, cfg.Duplicates = 2*time.Second, 2*time.Second
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// execute runs a statement on an engine that is served over HTTP.
func execute(t *testing.T, url, sql string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s (%v)", sql, resp.StatusCode, body, err)
	}
}

const (
	holdsMetric    = "plodwatch_reconcile_holds"
	requeuedMetric = "plodwatch_reconcile_requeued_total"
)

// comparisons is how often a process has compared and could.
func (d *daemon) comparisons() float64 {
	d.p.t.Helper()
	return d.metric(`plodwatch_reconcile_runs_total{result="clean"}`) + d.metric(`plodwatch_reconcile_runs_total{result="missing"}`)
}

// TestRolesReconcileByThemselves: of two workers over servers of others one
// compares, the other when that is killed; and jobs and rows that were lost come
// back with nobody asking. Every part has its own user's permissions.
func TestRolesReconcileByThemselves(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	for _, where := range []string{"dir", "nats"} {
		t.Run(where, func(t *testing.T) { rolesReconcile(t, where) })
	}
}

func rolesReconcile(t *testing.T, where string) {
	server, _ := guardedNATS(t)
	tables := clickHouse(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url(), "--clickhouse", tables, "--blobs", where, "--log-level", "info"}
	admin := p.signedAs(roleAdmin)
	admin.do(exitOK, "migrate")
	js := server.jetStream()
	hasten(t, js)
	hastenLeases(t, js)
	gate, analyzer := p.signedAs(roleGate).role("gate"), p.signedAs(roleAnalyzer).role("analyze")
	gate.ready()

	want := sums{}
	data := readAll(t, corpus(t)[:6])
	for i, r := range corpus(t)[:6] {
		takenBy(t, func() *daemon { return gate }, data[i])
		want.add(int64(r.Samples), r.HRSum)
	}
	queue, err := js.Stream(t.Context(), streams.Exports)
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Purge(t.Context()); err != nil { // the jobs are lost
		t.Fatal(err)
	}
	q := admin.quiet()
	stored := func() string {
		if got := q.sums(); got != want {
			return fmt.Sprintf("stored are %+v, want %+v", got, want)
		}
		return ""
	}
	worker := p.signedAs(roleWorker)
	workers := []*daemon{worker.role("ingest", "--reconcile-every", "300ms"), worker.role("ingest", "--reconcile-every", "300ms")}
	within(t, patience, stored)

	one, other := workers[0], workers[1]
	if other.metric(holdsMetric) == 1 {
		one, other = other, one
	}
	for after := one.comparisons() + 10; one.comparisons() < after; {
		if a, b := one.metric(holdsMetric), other.metric(holdsMetric); a != 1 || b != 0 {
			t.Fatalf("the first holds %v, the other %v", a, b)
		}
	}
	if n := other.comparisons(); n != 0 {
		t.Errorf("the other has compared %v times", n)
	}
	if n := one.metric(requeuedMetric); n < 6 {
		t.Errorf("%v jobs were queued again, want 6", n)
	}

	one.kill()
	for _, table := range []string{"samples_versions", "sessions_versions", "exports_versions"} {
		execute(t, tables, "TRUNCATE TABLE plodwatch."+table)
	}
	within(t, patience, stored)
	if holds, n := other.metric(holdsMetric), other.metric(requeuedMetric); holds != 1 || n < 6 {
		t.Errorf("after the kill the other holds %v and has queued %v again", holds, n)
	}
	within(t, patience, func() string {
		if _, body := other.get("/metrics"); !bytes.Contains([]byte(body), []byte("\nplodwatch_reconcile_missing 0\n")) {
			return "something is still missing"
		}
		return ""
	})
	for _, d := range []*daemon{gate, analyzer, other} {
		if strings.Contains(strings.ToLower(d.stderr.String()), "permission") {
			t.Errorf("the server refuses what a part needs:\n%s", d.stderr)
		}
		d.end()
	}

	// One that is told to does nothing by itself.
	still := worker.role("ingest", "--reconcile-every", "0")
	still.ready()
	if _, body := still.get("/metrics"); strings.Contains(body, "plodwatch_reconcile_") {
		t.Error("a worker with --reconcile-every 0 compares")
	}
	still.end()
}
