package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEndToEndOutage: while an import runs, ClickHouse is killed and stays
// away, then NATS. The import finishes by itself, and what is stored equals
// what was written into the files. PLODWATCH_CHAOS_FILES, _CLICKHOUSE_S and
// _NATS_S make it longer.
func TestEndToEndOutage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	files := chaosSetting(t, "FILES", 100)
	clickhouseAway := time.Duration(chaosSetting(t, "CLICKHOUSE_S", 3)) * time.Second
	natsAway := time.Duration(chaosSetting(t, "NATS_S", 3)) * time.Second
	dir := filepath.Join(t.TempDir(), "files")
	all, err := writeCorpus(dir, files, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := sums{}
	for _, f := range all {
		want.add(int64(f.Samples), f.HRSum)
	}
	w := &world{t: t, p: newPerson(t), names: map[string]*victim{}}
	w.startNATS(1)
	address := w.startClickHouse()
	natsServer, clickhouse := w.victims[0], w.victims[1]
	w.p.flags = []string{"--nats", w.urls[0], "--clickhouse", "http://" + address}
	w.p.do(exitOK, "migrate")

	cmd := w.p.command(t.Context(), "import", "--json", "--data", w.p.data, dir)
	var stdout, stderr safeBuffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stored := func() int {
		got, err := post(t, address, "/?database=plodwatch", strings.NewReader("SELECT count() FROM sessions_versions FINAL"), nil)
		if err != nil {
			return -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(got.body))
		if err != nil {
			return -1
		}
		return n
	}
	reach := func(n int) {
		t.Helper()
		within(t, patience, func() string {
			select {
			case err := <-ended:
				t.Fatalf("the import ended too early: %v\n%s\n%s", err, &stdout, &stderr)
			default:
			}
			if got := stored(); got < n {
				return fmt.Sprintf("%d sessions stored, waiting for %d", got, n)
			}
			return ""
		})
	}
	outage := func(v *victim, away time.Duration) {
		t.Helper()
		v.kill()
		t.Logf("%s away after %.1f s, for %s", v.role, time.Since(began).Seconds(), away)
		pause(t.Context(), away)
		v.start()
		within(t, patience, func() string {
			if !v.ready() {
				return v.role + " is not back"
			}
			return ""
		})
	}
	reach(1)
	before := stored()
	outage(clickhouse, clickhouseAway)
	reach(before)
	outage(natsServer, natsAway)
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("the import failed: %v\n%s", err, &stderr)
		}
	case <-time.After(2 * patience):
		t.Fatalf("the import does not end\n%s", &stderr)
	}
	var res importResult
	if err := json.Unmarshal([]byte(stdout.String()), &res); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files in %.1f s, %d sessions when ClickHouse went", files, time.Since(began).Seconds(), before)
	if res.SessionsAdded != want.Sessions || res.SamplesAdded != want.Samples {
		t.Errorf("import says %+v, the files hold %+v", res, want)
	}
	if got := w.p.sums(); got != want {
		t.Errorf("stored are %+v, the files hold %+v", got, want)
	}
}
