package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

var sqlLine = regexp.MustCompile(`SQL for other tools, read only: (https?://\S+)\n`)

// upSQL starts a daemon that answers outside tools in SQL, and returns where.
func (p *person) upSQL(args ...string) (d *daemon, address string) {
	p.t.Helper()
	d = p.up(append([]string{"--sql-listen", "127.0.0.1:0"}, args...)...)
	m := sqlLine.FindStringSubmatch(d.stderr.String())
	if m == nil {
		within(p.t, patience, func() string {
			if m = sqlLine.FindStringSubmatch(d.stderr.String()); m == nil {
				return "the daemon does not say where SQL is answered"
			}
			return ""
		})
	}
	return d, m[1]
}

// TestEndToEndSQL: the programs with which people ask read the tables of a
// running daemon, and none of them changes anything.
func TestEndToEndSQL(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	runs := corpus(t)
	p.imports(exitOK, filepath.Dir(runs[0].path))
	before := p.sums()
	d, address := p.upSQL()
	for _, part := range []struct {
		name string
		run  func(t *testing.T, address string, has sums)
	}{
		{"curl", sqlByCurl},
		{"clickhouse-go over a socket, as Grafana's plugin uses it", sqlByDriver},
		{"the client for Node", sqlByNode},
		{"what other tools ask first", sqlReplayed},
		{"hostile statements", sqlHostile},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, address, before) })
	}
	for result, least := range map[string]float64{"answered": 20, "refused": 100, "unauthorized": 0, "failed": 1} {
		if got := d.metric(fmt.Sprintf("plodwatch_sql_requests_total{result=%q}", result)); got < least {
			t.Errorf("%v requests %s, want %v at least", got, result, least)
		}
	}
	d.stop(os.Interrupt)
	if after := p.sums(); after != before {
		t.Errorf("%+v, before it was %+v", after, before)
	}
}

func sqlByCurl(t *testing.T, address string, has sums) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed (apt-get install curl)")
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{fmt.Sprintln(has.Sessions), []string{address + "/?query=SELECT+count()+FROM+sessions"}},
		{fmt.Sprintln(has.Samples), []string{"--data-binary", "SELECT count() FROM samples", address}},
		{"\"sport\",\"n\"\n", []string{"-G", address, "--data-urlencode", "query=SELECT sport, count() AS n FROM sessions GROUP BY sport FORMAT CSVWithNames"}},
		{"PAR1", []string{"--data-binary", "SELECT day, trimp FROM load_daily FORMAT Parquet", address}},
		{"Ok.\n", []string{address + "/ping"}},
		{"only this machine is served", []string{"-H", "Host: evil.example", address + "/?query=SELECT+1"}},
	} {
		out, err := exec.CommandContext(t.Context(), curl, append([]string{"--silent", "--show-error"}, c.args...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("curl %q: %v %.300s, want %q", c.args, err, out, c.want)
		}
	}
}

// sqlByDriver uses database/sql, gzip and settings as Grafana's data source
// does: a ping first, then the health check's query.
func sqlByDriver(t *testing.T, address string, has sums) {
	db := clickhouse.OpenDB(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{strings.TrimPrefix(address, "http://")},
		Auth:        clickhouse.Auth{Database: "plodwatch", Username: "default"},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP},
		Settings:    clickhouse.Settings{"limit": 1_000_000},
	})
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience) // becomes max_execution_time
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		t.Fatal(err)
	}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil || !strings.HasPrefix(version, "26.") {
		t.Fatalf("version %q: %v", version, err)
	}
	rows, err := db.QueryContext(clickhouse.Context(ctx, clickhouse.WithQueryID("a-panel")),
		"SELECT toStartOfInterval(toDateTime(started_at), INTERVAL 86400 second) AS time, count() AS n FROM sessions WHERE started_at >= toDateTime(0) GROUP BY time ORDER BY time")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var total int64
	for rows.Next() {
		var at any
		var n uint64
		if err := rows.Scan(&at, &n); err != nil {
			t.Fatal(err)
		}
		total += int64(n)
	}
	if err := rows.Err(); err != nil || total != has.Sessions {
		t.Errorf("%d sessions, want %d: %v", total, has.Sessions, err)
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO sessions_versions (athlete_id) VALUES ('x')"); err == nil || !strings.Contains(err.Error(), "only reads") {
		t.Errorf("an insert: %v", err)
	}
}

// nodeClient installs the client for Node at the versions of its lock file into
// the user's cache, and returns the program that asks.
func nodeClient(t *testing.T) (node, program string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed (20 or later, with npm)")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	out, err := exec.CommandContext(t.Context(), "bash", filepath.Join("..", "..", ".tools", "npm.sh"), "clickhouse-client").CombinedOutput()
	if err != nil {
		t.Skipf("the client for Node cannot be installed (make clickhouse-client): %v\n%s", err, out)
	}
	lines := strings.Fields(string(out))
	return node, filepath.Join(lines[len(lines)-1], "ask.mjs")
}

func sqlByNode(t *testing.T, address string, has sums) {
	node, program := nodeClient(t)
	out, err := exec.CommandContext(t.Context(), node, program, address).Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var got struct {
		Ping, PingBySelect        bool
		Streamed                  int64
		Sports, Mine              []struct{ Sessions int64 }
		Drop, Insert, File, Limit struct{ Code string }
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !got.Ping || !got.PingBySelect || got.Streamed != has.Samples || len(got.Sports) == 0 || len(got.Mine) != 1 || got.Mine[0].Sessions != has.Sessions {
		t.Errorf("%s, want %+v", out, has)
	}
	if got.Drop.Code != "497" || got.Insert.Code != "497" || got.File.Code != "497" || got.Limit.Code != "164" {
		t.Errorf("not refused: %s", out)
	}
}

// toolRequests is what a tool asks, as its sources say.
type toolRequests struct {
	Tool     string
	Requests []struct {
		Method, Path, Body string
		Headers            map[string]string
		Want               string // in the answer; a|b: one of them
		Refused            string // ClickHouse's number instead
	}
}

func sqlReplayed(t *testing.T, address string, _ sums) {
	data, err := os.ReadFile(filepath.Join("testdata", "sqltools.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tools []toolRequests
	if err := json.Unmarshal(data, &tools); err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		t.Run(tool.Tool, func(t *testing.T) {
			for _, r := range tool.Requests {
				method := r.Method
				if method == "" {
					method = http.MethodPost
				}
				status, code, body := sqlAsk(t, method, address+r.Path, r.Body, r.Headers)
				ok := status == http.StatusOK && r.Refused == ""
				if r.Refused != "" {
					ok = code == r.Refused
				}
				said := r.Want == ""
				for want := range strings.SplitSeq(r.Want, "|") {
					said = said || strings.Contains(body, want)
				}
				if !ok || !said {
					t.Errorf("%s %.150s: %d %.300q, want %q%s", r.Path, r.Body, status, body, r.Want, r.Refused)
				}
			}
		})
	}
}

// sqlAsk sends one request and returns status, exception and body.
func sqlAsk(t *testing.T, method, address, body string, header map[string]string) (status int, code, text string) {
	t.Helper()
	said := sqlDo(t, address, &sqlAsked{what: body, method: method, body: body, header: header})
	return said.status, said.header.Get("X-ClickHouse-Exception-Code"), said.text
}

// sqlHostile sends the statements that the engine's gate is tried with.
func sqlHostile(t *testing.T, address string, _ sums) {
	dir := t.TempDir()
	secret, target := filepath.Join(dir, "secret.csv"), filepath.Join(dir, "out.csv")
	writeFile(t, secret, []byte("hush-hush\n"))
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "inprocess", "chdb", "testdata", "hostile.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil || len(list) < 100 {
		t.Fatalf("%d statements: %v", len(list), err)
	}
	for _, sql := range list {
		sql = strings.NewReplacer("SECRET", secret, "TARGET", target, "guarded", "sessions_versions").Replace(sql)
		status, code, body := sqlAsk(t, http.MethodPost, address+"/?param_d=system&param_t=stack_trace", sql, nil)
		if status == http.StatusOK || code == "" || strings.Contains(body, "hush") {
			t.Errorf("%s\n%d %s", sql, status, body)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was written")
	}
}
