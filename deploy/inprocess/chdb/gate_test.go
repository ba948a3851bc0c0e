package chdb_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// hostile statements try to read, write or reach what is not theirs. The
// endpoint for outside tools is tried with the same ones.
func hostile(t *testing.T, secret, target string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "hostile.json"))
	must(t, err)
	var list []string
	must(t, json.Unmarshal(data, &list))
	for i, s := range list {
		list[i] = strings.NewReplacer("SECRET", secret, "TARGET", target).Replace(s)
	}
	return list
}

func TestGateRefusesWhatDoesNotOnlyRead(t *testing.T) {
	dir := t.TempDir()
	secret, target := filepath.Join(dir, "secret.csv"), filepath.Join(dir, "out.csv")
	must(t, os.WriteFile(secret, []byte("hush-hush\n"), 0o600))
	conn := connect(t, engine.RoundTripper())
	table(t, conn, "guarded", "n UInt64")
	must(t, conn.Exec(t.Context(), "INSERT INTO guarded VALUES (41)"))
	address, client := serve(t, engine.ReadOnlyHandler(nil))
	list := hostile(t, secret, target)
	if len(list) < 100 {
		t.Fatalf("only %d statements", len(list))
	}
	for _, sql := range list {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			got := ask(t, client, method, query(address, sql, "param_d", "system", "param_t", "stack_trace"), nil)
			code := got.header.Get("X-ClickHouse-Exception-Code")
			if got.status == http.StatusOK || code == "" || !strings.HasPrefix(got.body, "Code: "+code+". DB::Exception: ") || strings.Contains(got.body, "hush") {
				t.Errorf("%s %s\n%d %s", method, sql, got.status, got.body)
			}
			if code == "1002" {
				t.Errorf("%s: the error has no number of ClickHouse's: %s", sql, got.body)
			}
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was written")
	}
	var n uint64
	must(t, conn.QueryRow(t.Context(), "SELECT sum(n) FROM guarded").Scan(&n))
	if n != 41 {
		t.Errorf("the table holds %d, want 41", n)
	}
}

func TestGateRefusesSettingsThatLiftLimits(t *testing.T) {
	address, client := serve(t, engine.ReadOnlyHandler(nil))
	for _, setting := range []string{
		"readonly", "allow_ddl", "result_overflow_mode", "timeout_overflow_mode", "format_schema", "allow_introspection_functions",
		"format_template_resultset", "max_rows_to_read_leaf", "implicit_select", "no_such_setting",
	} {
		got := ask(t, client, http.MethodPost, query(address, "SELECT 1", setting, "0"), nil)
		if got.header.Get("X-ClickHouse-Exception-Code") != "164" {
			t.Errorf("%s: %d %s", setting, got.status, got.body)
		}
	}
	for setting, want := range map[string]string{"max_execution_time": "30", "max_memory_usage": "200000000", "max_result_rows": "50000"} {
		for asked, want := range map[string]string{"0": want, "999999999999": want, "7": "7"} {
			got := ask(t, client, http.MethodPost, query(address, "SELECT toUInt64(getSetting('"+setting+"'))", setting, asked), nil)
			if strings.TrimSpace(got.body) != want {
				t.Errorf("%s=%s: %d %s, want %s", setting, asked, got.status, got.body, want)
			}
		}
	}
}

func TestGateStopsWhatTakesTooMuch(t *testing.T) {
	address, client := serve(t, engine.ReadOnlyHandler(nil))
	for sql, c := range map[string]struct{ seconds, code string }{
		"SELECT number FROM numbers(60000) FORMAT Null":             {"0", "396"},
		"SELECT number FROM numbers(60000)":                         {"0", "396"},
		"SELECT groupArray(number) FROM numbers(100000000)":         {"0", "241"},
		"SELECT repeat('x', 1000) FROM numbers(40000)":              {"0", "396"},
		"SELECT repeat('x', 1000) FROM numbers(40000) FORMAT JSON":  {"0", "396"},
		"SELECT sum(cityHash64(number)) FROM numbers(100000000000)": {"1", "159"},
	} {
		got := ask(t, client, http.MethodPost, query(address, sql, "max_execution_time", c.seconds), nil)
		if got.header.Get("X-ClickHouse-Exception-Code") != c.code && !strings.Contains(got.body, "\r\nCode: "+c.code+".") {
			t.Errorf("%s: %d %.300s, want %s", sql, got.status, got.body, c.code)
		}
		if got.status == http.StatusOK && got.err == nil {
			t.Errorf("%s: the cut answer looks whole", sql)
		}
	}
}

// TestGateGivesAsManyRowsAsAreWanted: a client may ask for fewer rows than there
// are, as JDBC does; the gate's own limit stays an error.
func TestGateGivesAsManyRowsAsAreWanted(t *testing.T) {
	address, client := serve(t, engine.ReadOnlyHandler(nil))
	for _, c := range []struct{ rows, mode, code string }{
		{"200", "break", ""}, {"200", "throw", "396"}, {"0", "break", "396"}, {"50000", "break", "396"}, {"200", "nothing", "164"},
	} {
		got := ask(t, client, http.MethodPost, query(address, "SELECT number FROM numbers(100000)",
			"max_result_rows", c.rows, "result_overflow_mode", c.mode, "max_block_size", "100"), nil)
		if lines := strings.Count(got.body, "\n"); c.code == "" && (got.status != http.StatusOK || lines < 200 || lines > 400) {
			t.Errorf("%+v: %d, %d lines", c, got.status, lines)
		}
		if code := got.header.Get("X-ClickHouse-Exception-Code"); c.code != "" && code != c.code && !strings.Contains(got.body, "\r\nCode: "+c.code+".") {
			t.Errorf("%+v: %d %.200s", c, got.status, got.body)
		}
	}
}

func TestGateLetsReadersRead(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	must(t, conn.Exec(t.Context(), "CREATE TABLE open_book (k UInt32, v UInt64, z Array(UInt32), file String) ENGINE = ReplacingMergeTree(v) ORDER BY k"))
	defer func() { must(t, conn.Exec(t.Context(), "DROP TABLE open_book SYNC")) }()
	must(t, conn.Exec(t.Context(), "INSERT INTO open_book VALUES (1, 1, [1,2], 'a'), (2, 1, [], 'url(x)')"))
	must(t, conn.Exec(t.Context(), "INSERT INTO open_book VALUES (1, 2, [3], 'b')"))
	address, client := serve(t, engine.ReadOnlyHandler(nil))
	for sql, want := range map[string]string{
		"SELECT k, v, z, file FROM open_book FINAL ORDER BY k":                                                           "1\t2\t[3]\tb\n2\t1\t[]\turl(x)\n",
		"SELECT count() FROM open_book AS a JOIN open_book AS b USING (k)":                                               "5\n",
		"SELECT sum(x) FROM open_book ARRAY JOIN z AS x":                                                                 "6\n",
		"WITH m AS (SELECT max(v) AS v FROM open_book) SELECT v FROM m;":                                                 "2\n",
		"SELECT sum(v) OVER (ORDER BY k) FROM open_book FINAL ORDER BY k":                                                "2\n3\n",
		"SELECT 'file(''x''); DROP TABLE t' /* url() */ -- s3()":                                                         "file(\\'x\\'); DROP TABLE t\n",
		"SELECT file FROM open_book WHERE file = 'a' SETTINGS max_threads = 1 FORMAT CSV":                                "\"a\"\n",
		"SHOW TABLES LIKE 'open_%'":                                                                                      "open_book\n",
		"SELECT arrayMap(x -> x + 1, [1, 2]), quantile(0.5)(number), format('{}!', 'a') FROM numbers(3)":                 "[2,3]\t1\ta!\n",
		"SELECT {a:String}, {n:Identifier} FROM open_book WHERE k = 2":                                                   "x\t1\n",
		"SELECT * FROM values('a Int8, b String', (1, 'x'))":                                                             "1\tx\n",
		"EXISTS TABLE open_book":                                                                                         "1\n",
		"SELECT toUInt64(getSetting('max_execution_time')) SETTINGS max_execution_time = 10":                             "10\n",
		"SELECT toUInt64(getSetting('max_execution_time')) SETTINGS max_execution_time = 0":                              "30\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                                                                                "1\n1\n",
		"FROM open_book SELECT count()":                                                                                  "3\n",
		"SELECT toStartOfWeek(toDate('2026-11-22'), 1) AS w FORMAT JSONEachRow":                                          "{\"w\":\"2026-11-16\"}\n",
		"SELECT name FROM system.columns WHERE database = 'plodwatch' AND table = 'open_book' ORDER BY position LIMIT 1": "k\n",
	} {
		got := ask(t, client, http.MethodPost, query(address, sql, "param_a", "x", "param_n", "v"), nil)
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%s\n%d %q, want %q", sql, got.status, got.body, want)
		}
	}
	for _, sql := range []string{
		"EXPLAIN indexes = 1 SELECT * FROM open_book WHERE k = 1", "EXPLAIN SYNTAX oneline = 1 SELECT 1 SETTINGS max_threads = 1",
		"DESCRIBE TABLE open_book", "SHOW CREATE TABLE open_book", "SHOW DATABASES", "EXPLAIN SELECT * FROM open_book",
		"EXPLAIN PIPELINE SELECT sum(v) FROM open_book", "SELECT version()", "SELECT * FROM open_book FORMAT JSON", "SELECT * FROM open_book FORMAT Parquet",
	} {
		if got := ask(t, client, http.MethodGet, query(address, sql), nil); got.status != http.StatusOK || got.body == "" {
			t.Errorf("%s: %d %s", sql, got.status, got.body)
		}
	}
}

func TestGateAsksForAToken(t *testing.T) {
	address, client := serve(t, engine.ReadOnlyHandler(func(r *http.Request) bool {
		return r.Header.Get("Authorization") == "Bearer right"
	}))
	for token, status := range map[string]int{"right": http.StatusOK, "wrong": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := ask(t, client, method, query(address, "SELECT 1"), nil, "Authorization", "Bearer "+token)
			if got.status != status || status != http.StatusOK && got.header.Get("X-ClickHouse-Exception-Code") != "516" {
				t.Errorf("%s with token %q: %d %s", method, token, got.status, got.body)
			}
		}
	}
}

func TestClientReadsThroughTheGate(t *testing.T) {
	address, _ := serve(t, engine.ReadOnlyHandler(nil))
	conn := connect(t, http.DefaultTransport, compressed(clickhouse.CompressionLZ4), func(o *clickhouse.Options) {
		o.Addr = []string{strings.TrimPrefix(address, "http://")}
	})
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	var sum uint64
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // the driver asks for as much, the gate gives its own limit
	defer cancel()
	must(t, conn.QueryRow(ctx, "SELECT sum(number) FROM numbers(?)", 10).Scan(&sum))
	if sum != 45 {
		t.Errorf("sum %d, want 45", sum)
	}
	if err := conn.Exec(t.Context(), "DROP TABLE x"); err == nil || !strings.Contains(err.Error(), "only reads") {
		t.Errorf("a drop: %v", err)
	}
}
