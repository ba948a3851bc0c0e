package chdb_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// hostile statements try to read, write or reach what is not theirs.
func hostile(secret, target string) []string {
	list := []string{
		"SELECT * FROM file('SECRET', 'LineAsString')",
		"SELECT file('SECRET')",
		"SELECT * FROM `file`('SECRET', LineAsString)",
		"SELECT * FROM /* hidden */ file /* x */ ('SECRET')",
		"SELECT (SELECT line FROM file('SECRET', 'LineAsString', 'line String') LIMIT 1)",
		"WITH x AS (SELECT * FROM file('SECRET', 'LineAsString')) SELECT * FROM x",
		"WITH file('SECRET') AS t SELECT t",
		"SELECT * FROM view(SELECT * FROM file('SECRET', 'LineAsString'))",
		"SELECT * FROM viewIfPermitted(SELECT file('SECRET') AS a ELSE null('a String'))",
		"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('SECRET')))",
		"SELECT * FROM loop(file('SECRET', 'LineAsString')) LIMIT 1",
		"SELECT 1 IN (SELECT * FROM file('SECRET', 'LineAsString'))",
		"SELECT 1 IN file('SECRET', 'LineAsString')",
		"SELECT arrayMap(x -> file(x), ['SECRET'])",
		"SELECT * FROM numbers(1) AS a JOIN file('SECRET', 'LineAsString') AS b ON 1",
		"SELECT * FROM numbers(3) ORDER BY file('SECRET') LIMIT 1",
		"SELECT 'a\n   TableExpression (children 1)\n    ', file('SECRET')",
		"SELECT 1 UNION ALL SELECT length(file('SECRET'))",
		"DESCRIBE TABLE file('SECRET', 'CSV')",
		"EXPLAIN SELECT * FROM file('SECRET', 'LineAsString')",
		"EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd') PARTITION BY 1",
		"SELECT * FROM `SECRET`",
		"SELECT * FROM 'SECRET'",
		"SELECT * FROM fileCluster('default', 'SECRET', 'LineAsString')",
		"SELECT * FROM filesystem('/')",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM urlCluster('default', 'http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM s3('http://127.0.0.1:1/x', 'LineAsString')",
		"SELECT * FROM gcs('http://127.0.0.1:1/x', 'LineAsString')",
		"SELECT * FROM azureBlobStorage('http://127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'LineAsString')",
		"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
		"SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a Int8')",
		"SELECT * FROM redis('127.0.0.1:1', 'k', 'k String, v String')",
		"SELECT * FROM sqlite('SECRET', 'a')",
		"SELECT * FROM odbc('DSN=x', 'a', 'b')",
		"SELECT * FROM jdbc('x', 'a', 'b')",
		"SELECT * FROM remote('127.0.0.1:1', system.one)",
		"SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
		"SELECT * FROM cluster('default', system.one)",
		"SELECT * FROM clusterAllReplicas('default', view(SELECT file('SECRET')))",
		"SELECT * FROM iceberg('http://127.0.0.1:1/x')",
		"SELECT * FROM deltaLakeLocal('SECRET')",
		"SELECT * FROM executable('id', 'TSV', 'a String')",
		"SELECT * FROM eval('SELECT 1')",
		"SELECT * FROM dictionary('d')",
		"SELECT * FROM input('a String')",
		"SELECT * FROM merge('system', '.*')",
		"SELECT dictGet('d', 'a', 1)",
		"SELECT catboostEvaluate('SECRET', 1)",
		"SELECT aiGenerate('c', 'p')",
		"SELECT showCertificate()",
		"SELECT addressToLine(1)",
		"SELECT filesystemAvailable()",
		"SELECT sleep(3)",
		"SELECT * FROM system.stack_trace",
		"SELECT * FROM `system`.`stack_trace`",
		"SELECT * FROM {d:Identifier}.{t:Identifier}",
		"SELECT * FROM {t:Identifier}",
		"SELECT 1 IN system.stack_trace",
		"SELECT * FROM system.server_settings",
		"SELECT 1 INTO OUTFILE 'TARGET'",
		"SELECT 1 INTO OUTFILE 'TARGET' TRUNCATE FORMAT CSV",
		"INSERT INTO guarded VALUES (1)",
		"INSERT INTO guarded FORMAT TSV\n1\n",
		"INSERT INTO guarded SELECT 1",
		"INSERT INTO FUNCTION file('TARGET', 'TSV', 'a Int8') VALUES (1)",
		"WITH 1 AS x INSERT INTO guarded SELECT x",
		"CREATE TABLE t (a Int8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE t (a String) ENGINE = File(CSV, 'SECRET')",
		"CREATE TABLE t (a String) ENGINE = URL('http://127.0.0.1:1/')",
		"CREATE DATABASE d ENGINE = Filesystem('/')",
		"CREATE VIEW v AS SELECT * FROM file('SECRET')",
		"CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(FILE(path 'SECRET' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
		"CREATE FUNCTION f AS x -> x",
		"CREATE USER u",
		"CREATE NAMED COLLECTION c AS a = 1",
		"ATTACH TABLE t FROM 'SECRET' (a Int8) ENGINE = Memory",
		"DETACH TABLE guarded",
		"DROP TABLE guarded",
		"DROP DATABASE plodwatch",
		"TRUNCATE TABLE guarded",
		"RENAME TABLE guarded TO g",
		"EXCHANGE TABLES guarded AND guarded",
		"ALTER TABLE guarded DELETE WHERE 1",
		"DELETE FROM guarded WHERE 1",
		"UPDATE guarded SET n = 1 WHERE 1",
		"OPTIMIZE TABLE guarded FINAL",
		"CHECK TABLE guarded",
		"BACKUP TABLE guarded TO File('x')",
		"RESTORE TABLE guarded FROM File('x')",
		"GRANT ALL ON *.* TO default",
		"REVOKE ALL ON *.* FROM default",
		"KILL QUERY WHERE 1",
		"SYSTEM SHUTDOWN",
		"SYSTEM KILL",
		"SYSTEM FLUSH LOGS",
		"SET readonly = 0",
		"SET max_execution_time = 0",
		"USE system",
		"BEGIN TRANSACTION",
		"EXECUTE AS default SELECT 1",
		"SELECT 1; DROP TABLE guarded",
		"SELECT 1; SELECT 2",
		";;DROP TABLE guarded",
		"-- SELECT\nDROP TABLE guarded",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT 1 SETTINGS max_memory_usage = 0, max_result_rows = 0",
		"SELECT 1 FORMAT Template SETTINGS format_template_resultset = 'SECRET'",
		"SELECT * FROM format(LineAsString, $$x$$) SETTINGS format_schema = 'SECRET'",
		"EXPLAIN AST INSERT INTO guarded VALUES (1)",
		"EXPLAIN PIPELINE INSERT INTO guarded SELECT 1",
		"(DROP TABLE guarded)",
		"SELECT * FROM s3Cluster('default', 'http://127.0.0.1:1/x', 'LineAsString')",
		"SELECT * FROM hudi('http://127.0.0.1:1/x')",
		"SELECT * FROM arrowFlight('127.0.0.1:1', 'x')",
		"SELECT * FROM ytsaurus('http://127.0.0.1:1', 'a', 'b', 'a Int8')",
		"SELECT * FROM icebergLocal('SECRET')",
		"SELECT FILE('SECRET')",
		"SELECT file(concat('SEC', 'RET'))",
		"SELECT * FROM numbers(1) WHERE file('SECRET') != ''",
		"SELECT 1 AS a HAVING length(file('SECRET')) > 0",
		"SELECT count() FROM numbers(1) GROUP BY file('SECRET')",
		"SELECT * FROM numbers(1) LIMIT length(file('SECRET'))",
		"SELECT row_number() OVER (ORDER BY file('SECRET'))",
		"EXPLAIN ESTIMATE SELECT * FROM file('SECRET', 'LineAsString')",
		"EXPLAIN QUERY TREE SELECT file('SECRET')",
		"SELECT * FROM file('/proc/self/environ', 'LineAsString')",
		"UNDROP TABLE guarded",
		"ALTER TABLE guarded FREEZE",
		"ALTER TABLE guarded MODIFY SETTING old_parts_lifetime = 0",
		"ALTER TABLE guarded FETCH PARTITION ID 'all' FROM '/x'",
		"SELECT 1/*; */; DROP TABLE guarded",
		"SELECT '\\\\'; DROP TABLE guarded --'",
		"SELECT 1 \x00; DROP TABLE guarded",
		"\ufeffDROP TABLE guarded",
		"PARALLEL WITH DROP TABLE guarded",
		"SELECT 1 PARALLEL WITH DROP TABLE guarded",
		"FROM file('SECRET', 'LineAsString') SELECT *",
		"VALUES (file('SECRET'))",
		"",
	}
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
	list := hostile(secret, target)
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
		"SELECT file FROM open_book WHERE file = 'a' SETTINGS max_threads = 1 FORMAT CSV":                                "", // readonly=1 lets no setting change
		"SHOW TABLES LIKE 'open_%'":                                                                                      "open_book\n",
		"SELECT arrayMap(x -> x + 1, [1, 2]), quantile(0.5)(number), format('{}!', 'a') FROM numbers(3)":                 "[2,3]\t1\ta!\n",
		"SELECT {a:String}, {n:Identifier} FROM open_book WHERE k = 2":                                                   "x\t1\n",
		"SELECT * FROM values('a Int8, b String', (1, 'x'))":                                                             "1\tx\n",
		"EXISTS TABLE open_book":                                                                                         "1\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                                                                                "1\n1\n",
		"FROM open_book SELECT count()":                                                                                  "3\n",
		"SELECT toStartOfWeek(toDate('2026-11-22'), 1) AS w FORMAT JSONEachRow":                                          "{\"w\":\"2026-11-16\"}\n",
		"SELECT name FROM system.columns WHERE database = 'plodwatch' AND table = 'open_book' ORDER BY position LIMIT 1": "k\n",
	} {
		got := ask(t, client, http.MethodPost, query(address, sql, "param_a", "x", "param_n", "v"), nil)
		if want == "" {
			if got.header.Get("X-ClickHouse-Exception-Code") != "164" {
				t.Errorf("%s: %d %s", sql, got.status, got.body)
			}
			continue
		}
		if got.status != http.StatusOK || got.body != want {
			t.Errorf("%s\n%d %q, want %q", sql, got.status, got.body, want)
		}
	}
	for _, sql := range []string{
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
