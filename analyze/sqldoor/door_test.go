package sqldoor_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"plodwatch/analyze/sqldoor"
	"plodwatch/deploy/inprocess/chdb"
)

// engine is shared: a process holds one.
var engine *chdb.Engine

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sqldoor")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	engine, err = chdb.Open(chdb.Config{Path: filepath.Join(dir, "engine")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(engine.Close(), goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// secrets are tokens by what they open. An error stands for a file that cannot
// be read.
type secrets struct {
	known map[string]sqldoor.Bearer
	err   error
}

func (s secrets) Any() (bool, error) { return len(s.known) > 0, s.err }

func (s secrets) Bearer(secret string) (sqldoor.Bearer, error) { return s.known[secret], s.err }

// serve serves a door on a socket.
func serve(t *testing.T, cfg sqldoor.Config, tokens sqldoor.Tokens, here bool) (address string, reg *prometheus.Registry) {
	t.Helper()
	reg = prometheus.NewRegistry()
	door, err := sqldoor.New(cfg, sqldoor.Deps{
		Engine: engine.ReadOnlyHandler(nil), Tokens: tokens, FromThisMachine: func(*http.Request) bool { return here },
		Metrics: sqldoor.NewMetrics(reg), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(door)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), reg
}

func TestWhoMayAsk(t *testing.T) {
	some := secrets{known: map[string]sqldoor.Bearer{"all": sqldoor.Everyone, "anna": sqldoor.Athlete}}
	for _, c := range []struct {
		name   string
		tokens secrets
		here   bool
		path   string
		header []string
		status int
		says   string
	}{
		{"this machine, no tokens", secrets{}, true, "/", nil, 200, "1\n"},
		{"elsewhere, no tokens", secrets{}, false, "/", nil, 401, "plodwatch token add --role admin"},
		{"this machine, tokens", some, true, "/", nil, 401, "a token is needed"},
		{"bearer", some, false, "/", []string{"Authorization", "Bearer all"}, 200, "1\n"},
		{"bearer in small letters", some, false, "/", []string{"Authorization", "bearer  all "}, 200, "1\n"},
		{"basic", some, false, "/", []string{"Authorization", "Basic eDphbGw="}, 200, "1\n"},
		{"key", some, false, "/", []string{"X-ClickHouse-User", "x", "X-ClickHouse-Key", "all"}, 200, "1\n"},
		{"an empty basic password and a key", some, false, "/", []string{"Authorization", "Basic eDo=", "X-ClickHouse-Key", "all"}, 200, "1\n"},
		{"in the address", some, true, "/?password=all", nil, 400, "ends up in logs"},
		{"an empty password in the address", secrets{}, true, "/?user=default&password=", nil, 200, "1\n"},
		{"for one athlete", some, true, "/", []string{"Authorization", "Bearer anna"}, 403, "for one athlete"},
		{"unknown", some, true, "/", []string{"Authorization", "Bearer other"}, 401, "no such token"},
		{"unknown while there are none", secrets{}, true, "/", []string{"Authorization", "Bearer other"}, 401, "no such token"},
		{"unreadable tokens", secrets{err: io.ErrUnexpectedEOF}, true, "/", nil, 503, "cannot be read"},
		{"unreadable tokens and one brought", secrets{err: io.ErrUnexpectedEOF}, true, "/", []string{"Authorization", "Bearer all"}, 503, "cannot be read"},
		{"ping", some, false, "/ping", nil, 200, "Ok."},
		{"another path", some, false, "/play", []string{"Authorization", "Bearer all"}, 404, "queries go to /"},
		{"a page of another site", some, true, "/", []string{"Authorization", "Bearer all", "Sec-Fetch-Site", "cross-site"}, 403, "other sites"},
		{"a page of another port", some, true, "/", []string{"Authorization", "Bearer all", "Origin", "http://127.0.0.1:1"}, 403, "other sites"},
		{"a page of no site", some, true, "/ping", []string{"Origin", "null"}, 403, "other sites"},
		{"typed in", secrets{}, true, "/", []string{"Sec-Fetch-Site", "none"}, 200, "1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _ := serve(t, sqldoor.DefaultConfig(), c.tokens, c.here)
			status, header, body := ask(t, "http://"+address+c.path, "SELECT 1", c.header...)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want %d and %q", status, body, c.status, c.says)
			}
			if c.status != 200 && (!strings.HasPrefix(body, "Code: ") || header.Get("X-ClickHouse-Exception-Code") == "") {
				t.Errorf("no exception of ClickHouse's: %s", body)
			}
			if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("a browser could use it: %v", header)
			}
		})
	}
}

func ask(t *testing.T, address, sql string, header ...string) (status int, answered http.Header, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestEveryRequestIsCounted(t *testing.T) {
	cfg := sqldoor.DefaultConfig()
	cfg.MaxBodyBytes = 1000
	address, reg := serve(t, cfg, secrets{}, true)
	for _, sql := range []string{
		"SELECT 1", "SELECT 2", "SELECT no_such", "DROP TABLE x", "SELECT 1 SETTINGS readonly = 0",
		"SELECT groupArray(number) FROM numbers(100000000)", "SELECT '" + strings.Repeat("x", 1000) + "'",
	} {
		ask(t, "http://"+address+"/", sql)
	}
	ask(t, "http://"+address+"/", "SELECT 1", "X-ClickHouse-Key", "unknown")
	want := `
# HELP plodwatch_sql_requests_total Requests of outside SQL tools, by what came of them.
# TYPE plodwatch_sql_requests_total counter
plodwatch_sql_requests_total{result="answered"} 2
plodwatch_sql_requests_total{result="broken_off"} 0
plodwatch_sql_requests_total{result="failed"} 1
plodwatch_sql_requests_total{result="refused"} 2
plodwatch_sql_requests_total{result="too_much"} 2
plodwatch_sql_requests_total{result="unauthorized"} 1
# HELP plodwatch_sql_requests_under_way Requests under way, those that wait for their turn included.
# TYPE plodwatch_sql_requests_under_way gauge
plodwatch_sql_requests_under_way 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "plodwatch_sql_requests_total", "plodwatch_sql_requests_under_way"); err != nil {
		t.Error(err)
	}
}

// TestASlowClientIsCutOff: neither one that does not send its query nor one
// that does not read its answer keeps what it holds.
func TestASlowClientIsCutOff(t *testing.T) {
	cfg := sqldoor.DefaultConfig()
	cfg.BodyTime, cfg.StallTime = 100*time.Millisecond, 100*time.Millisecond
	for _, c := range []struct{ name, request, result string }{
		{"query does not come", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nSELECT", "too_much"},
		{"answer is not read", "GET /?query=SELECT+repeat('x',1000)+FROM+numbers(200000) HTTP/1.1\r\nHost: x\r\n\r\n", "broken_off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, reg := serve(t, cfg, secrets{}, true)
			var d net.Dialer
			conn, err := d.DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(time.Minute)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for counted(t, reg, c.result) == 0 {
				if time.Now().After(deadline) {
					t.Fatal("the client still holds what it held")
				}
				<-tick.C
			}
		})
	}
}

// counted returns how many requests had a result.
func counted(t *testing.T, reg *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "plodwatch_sql_requests_total" && m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestConfigNamesAllFaults(t *testing.T) {
	err := sqldoor.Config{}.Validate()
	for _, want := range []string{"body bytes", "body time", "stall time"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
