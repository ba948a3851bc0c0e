package main

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema/streams"
)

// natsServer starts the server of the nats-server module as a process of its
// own, on a free port of the loopback address, and returns its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary, err := e2e.nats()
	if err != nil {
		t.Fatal(err)
	}
	var log safeBuffer
	cmd := exec.CommandContext(t.Context(), binary, "-a", "127.0.0.1", "-p", "-1", "-js", "-sd", filepath.Join(dir, "js"), "--ports_file_dir", dir)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Errorf("nats-server: %v", err)
			}
		}
	})
	var ports struct {
		NATS []string `json:"nats"`
	}
	within(t, patience, func() string {
		found, err := filepath.Glob(filepath.Join(dir, "*.ports"))
		if err != nil || len(found) == 0 {
			return "nats-server names no ports: " + log.String()
		}
		data, err := os.ReadFile(found[0])
		if err != nil || json.Unmarshal(data, &ports) != nil || len(ports.NATS) == 0 {
			return "no ports in " + string(data)
		}
		return ""
	})
	return ports.NATS[0]
}

// wantThrough wants so many jobs and sessions to have gone through the streams
// of the server, and none to be left in them.
func wantThrough(t *testing.T, url string, jobs, sessions uint64) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{streams.Exports: jobs, streams.Samples: sessions, streams.Outcomes: jobs, streams.Dead: 0} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		state := s.CachedInfo().State
		if state.LastSeq != want || state.Msgs != 0 {
			t.Errorf("stream %s: %d messages went through and %d are left, want %d and 0", name, state.LastSeq, state.Msgs, want)
		}
	}
}

// TestEndToEndExternal: over a NATS server and a ClickHouse of others the same
// files give the same rows.
func TestEndToEndExternal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	runs := corpus(t)
	folder := filepath.Dir(runs[0].path)
	embedded := newPerson(t)
	first := embedded.imports(exitOK, folder, activities())
	want, sum := embedded.everything(), embedded.sums()
	jobs := uint64(first.Files)

	t.Run("NATS", func(t *testing.T) {
		url := natsServer(t)
		p := newPerson(t)
		p.flags = []string{"--nats", url}
		if got := p.imports(exitOK, folder, activities()); got.outcomes() != first.outcomes() {
			t.Errorf("outcomes %s, embedded %s", got.outcomes(), first.outcomes())
		}
		want.same(t, p.everything())
		wantThrough(t, url, jobs, uint64(sum.Sessions))
		wantOwn(t, p.data, "clickhouse")
	})

	e2e.engine.Lock()
	defer e2e.engine.Unlock()
	engine, err := chdb.Open(chdb.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(engine.Handler())
	defer server.Close()

	t.Run("ClickHouse and NATS", func(t *testing.T) {
		url := natsServer(t)
		p := newPerson(t)
		p.flags = []string{"--nats", url, "--clickhouse", server.URL}
		if got := p.imports(exitOK, folder, activities()); got.outcomes() != first.outcomes() {
			t.Errorf("outcomes %s, embedded %s", got.outcomes(), first.outcomes())
		}
		want.same(t, p.everything())
		if got := p.sums(); got != sum {
			t.Errorf("stored are %+v, embedded %+v", got, sum)
		}
		wantThrough(t, url, jobs, uint64(sum.Sessions))
		wantOwn(t, p.data)
		if again := p.imports(exitOK, folder); again.SessionsAdded != 0 || again.SamplesAdded != 0 {
			t.Errorf("second import: %+v", again)
		}
		externalCommands(p, sum.Sessions, int64(len(rows[struct{}](p, "SELECT session_id FROM duplicates"))))
		d := p.up()
		externalCommands(p, sum.Sessions, int64(len(rows[struct{}](p, "SELECT session_id FROM duplicates"))))
		d.stop(os.Interrupt)
	})
}

// wantOwn wants the data directory to hold only what is ours to keep: the
// originals, and the engines that are not external.
func wantOwn(t *testing.T, data string, engines ...string) {
	t.Helper()
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	own := " blobs lock plodwatch.sock " + strings.Join(engines, " ") + " "
	for _, e := range entries {
		if !strings.Contains(own, " "+e.Name()+" ") {
			t.Errorf("%s lies in the data directory", e.Name())
		}
	}
}

// externalCommands runs commands that read and change an external ClickHouse.
func externalCommands(p *person, sessions, copies int64) {
	t := p.t
	t.Helper()
	type listed struct {
		ID string `json:"session_id"`
	}
	all := decodeLines[listed](t, p.do(exitOK, "sessions", "--json", "--limit", "0").stdout)
	if int64(len(all)) != sessions-copies {
		t.Fatalf("%d sessions listed, want %d", len(all), sessions-copies)
	}
	if got := p.do(exitOK, "session", all[0].ID).stdout; !strings.Contains(got, all[0].ID) {
		t.Errorf("session: %s", got)
	}
	if got := p.do(exitOK, "query", "SELECT 6 * 7 AS answer, NULL AS nothing").stdout; !strings.Contains(got, "42") || !strings.Contains(got, "NULL") {
		t.Errorf("a table: %s", got)
	}
	for _, maxHR := range []string{"189", "192"} {
		var set struct {
			Reanalysed int64 `json:"reanalysed"`
		}
		out := p.do(exitOK, "athlete", "set", "me", "--max-hr", maxHR, "--json").stdout
		if err := json.Unmarshal([]byte(out), &set); err != nil || set.Reanalysed != sessions {
			t.Errorf("athlete set: %s, want %d sessions (%v)", out, sessions, err)
		}
	}
	type used struct {
		HRMax float64 `json:"m"`
		N     int64   `json:"n"`
	}
	got := rows[used](p, "SELECT hr_max AS m, count() AS n FROM intensity_and_copies GROUP BY hr_max")
	if len(got) != 1 || got[0] != (used{192, sessions}) {
		t.Errorf("after athlete set: %+v", got)
	}
	for _, sql := range []string{
		"INSERT INTO samples_versions (athlete_id) VALUES ('me')", "DROP TABLE samples_versions", "SYSTEM RELOAD DICTIONARIES",
		"SELECT 1 SETTINGS readonly = 0", "SELECT nonsense", "SELECT 1; SELECT 2",
		"SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
	} {
		if out := p.do(exitUsage, "query", sql); out.stderr == "" || out.stdout != "" {
			t.Errorf("%s: printed %q, said %q", sql, out.stdout, out.stderr)
		}
	}
}
