package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"plodwatch/analyze/sqldoor"
	"plodwatch/analyze/web"
)

// TestReferenceHTTP: the doors, from the description that the gate serves and
// that its own tests compare with what it does, from the page's own table, and
// from what the endpoint for SQL answers.
func TestReferenceHTTP(t *testing.T) {
	settleEnvironment(t)
	parser, _ := parserOf(t)
	var listens []string
	for _, n := range parser.Model.Leaves(true) {
		for _, f := range n.Flags {
			if f.Name == "listen" && slices.Contains([]string{"up", "gate", "ingest", "analyze", "web"}, n.Path()) {
				listens = append(listens, fmt.Sprintf("`plodwatch %s` at `%s`", n.Path(), f.Default))
			}
		}
	}
	slices.Sort(listens)
	p := newPage("HTTP", "Unless `--listen` says otherwise, these answer:\n"+strings.Join(listens, ",\n")+".\nWithout a token only this machine is served; a token goes as `Authorization: Bearer TOKEN`, or as the password of Basic.\n`GET /api/openapi.yaml` has requests, answers and errors of uploads in full.")
	uploadAddresses(t, p)
	p.printf("\n## The process itself: every part\n")
	p.table("method", "path", "what it does")
	p.row(http.MethodGet, "`/metrics`", "[metrics](metrics.md) for Prometheus; a token from elsewhere")
	p.row(http.MethodGet, "`/livez`", "200 while the process lives")
	p.row(http.MethodGet, "`/readyz`", "200 when it can take work, else 503 and what is missing: the disk, the tables, NATS")
	p.printf("\n## The daily log: `up`\n")
	p.table("method", "path", "what it does")
	p.row(http.MethodPost, "`/v1/log`", "entries of the daily log as JSON")
	pageAddresses(p)
	sqlEndpoint(t, p)
	compareReference(t, "http.md", p.String())
}

func uploadAddresses(t *testing.T, p *page) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "ingest", "upload", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	p.printf("\n## Uploads: `up`, `gate`\n")
	p.table("method", "path", "what it does")
	for _, path := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(api.Paths[path])) {
			var op struct {
				Summary string `yaml:"summary"`
			}
			node := api.Paths[path][method]
			if !slices.Contains([]string{"get", "put", "post", "delete", "options"}, method) {
				continue
			}
			if err := node.Decode(&op); err != nil || op.Summary == "" {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			p.row(strings.ToUpper(method), code(path), op.Summary)
		}
	}
}

func pageAddresses(p *page) {
	p.printf("\n## The page: `up`, `web`\n\nAnswers are HTML where nothing else is said. Who is not signed in is led to `/sign-in`; programs, and whatever is no\n`GET`, get 401. What is there and not for the asker looks like what is not there: 404. While the tables are away\nit is 503 with `Retry-After`. Forms of other sites are refused with 403. `web` has no files to hand in, messages set aside,\nsettings to store or SQL.\n")
	p.table("method", "path", "what is there", "for whom")
	for _, a := range web.Addresses() {
		p.row(a.Method, code(a.Path), a.About, a.For)
	}
}

// sqlAsked is a request to the endpoint for SQL.
type sqlAsked struct {
	what, method, path, body string
	header                   map[string]string
	wants                    string // the answer; "" for refusals
}

// sqlSaid is what it answers.
type sqlSaid struct {
	status int
	header http.Header
	text   string
}

// sqlDo asks, and wants the answer that is expected.
func sqlDo(t *testing.T, address string, a *sqlAsked) sqlSaid {
	t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Logf("%s: %v", a.what, err) // broken off
	}
	if a.wants != "" && (string(text) != a.wants || resp.StatusCode != http.StatusOK) {
		t.Errorf("%s: %d %q, want %q", a.what, resp.StatusCode, text, a.wants)
	}
	return sqlSaid{resp.StatusCode, resp.Header, string(text)}
}

// sqlEndpoint asks a running daemon in SQL and writes down what it answers.
func sqlEndpoint(t *testing.T, p *page) {
	t.Helper()
	person := newPerson(t)
	person.do(exitOK, "migrate")
	d, address := person.upSQL()
	p.printf("\n## SQL for other programs: `up --sql-listen`\n\nClickHouse's HTTP protocol, read only, at an address of its own: [how to use it](../howto/sql.md).\n")
	p.table("method", "path", "what it does")
	p.row("GET, HEAD", code("/?query=SQL"), "the answer to one statement")
	p.row(http.MethodPost, code("/"), "the same, the statement in the body")
	p.row(http.MethodGet, code("/ping"), "`Ok.`, to everybody; so is `/` without a statement, to who may ask")
	sqlDo(t, address, &sqlAsked{what: "ping", path: "/ping", wants: "Ok.\n"})
	sqlDo(t, address, &sqlAsked{what: "post", method: http.MethodPost, path: "/", body: "SELECT 7", wants: "7\n"})

	p.printf("\nIn the address:\n")
	p.table("parameter", "meaning")
	for _, a := range []sqlAsked{
		{what: "`query`|the statement; a body is put behind it", path: "/?query=SELECT", method: http.MethodPost, body: "7", wants: "7\n"},
		{what: "`database`|default `plodwatch`", path: "/?database=system&query=SELECT+currentDatabase()", wants: "system\n"},
		{what: "`default_format`|where the statement has no FORMAT; default TabSeparated", path: "/?default_format=CSV&query=SELECT+'a'", wants: "\"a\"\n"},
		{what: "`param_NAME`|a value for `{NAME:TYPE}` in the statement", path: "/?param_x=7&query=" + url.QueryEscape("SELECT {x:UInt8}"), wants: "7\n"},
		{what: "`max_result_rows` and other limits|less than [those of the endpoint](../howto/sql.md#limits)", path: "/?max_result_rows=5&query=SELECT+7", wants: "7\n"},
	} {
		sqlDo(t, address, &a)
		name, meaning, _ := strings.Cut(a.what, "|")
		p.row(name, meaning)
	}
	secret := sqlAccess(t, p, person, address)
	sqlHeaders(t, p, address, secret)
	d.stop(os.Interrupt)
}

// sqlAccess writes down the statuses: first without tokens, then with.
func sqlAccess(t *testing.T, p *page, person *person, address string) (secret string) {
	t.Helper()
	p.printf("\nErrors have ClickHouse's form, `Code: N. DB::Exception: ... (NAME)`, and its number in `X-ClickHouse-Exception-Code`:\n")
	p.table("status", "number and name", "when, for example")
	type refused struct {
		status int
		line   string
	}
	var all []refused
	note := func(status int, a sqlAsked) {
		t.Helper()
		said := sqlDo(t, address, &a)
		number := said.header.Get("X-ClickHouse-Exception-Code")
		name := regexp.MustCompile(`\(([A-Z_]+)\)\s*(?:\(version [^)]*\))?\s*$`).FindStringSubmatch(said.text)
		if said.status != status || number == "" || name == nil {
			t.Fatalf("%s: %d, want %d: %q %s", a.what, said.status, status, number, said.text)
		}
		all = append(all, refused{status, fmt.Sprintf("%s %s|%s", number, name[1], a.what)})
	}
	note(http.StatusForbidden, sqlAsked{what: "it is not one statement that the engine can read", path: "/?query=SELECT+FROM+WHERE"})
	note(http.StatusNotFound, sqlAsked{what: "there is no such table", path: "/?query=SELECT+*+FROM+nothing"})
	note(http.StatusBadRequest, sqlAsked{what: "there is no such column", path: "/?query=SELECT+nothing"})
	note(http.StatusForbidden, sqlAsked{what: "it would write", method: http.MethodPost, path: "/", body: "DROP TABLE sessions_versions"})
	note(http.StatusInternalServerError, sqlAsked{what: "a setting that outsiders may not change", path: "/?readonly=0&query=SELECT+1"})
	note(http.StatusNotFound, sqlAsked{what: "any other path", path: "/elsewhere"})
	note(http.StatusNotImplemented, sqlAsked{what: "any other method", method: http.MethodPut, path: "/", body: "SELECT 1"})
	note(http.StatusForbidden, sqlAsked{what: "a page of another site asks", path: "/?query=SELECT+1", header: map[string]string{"Origin": "https://other.example"}})
	note(http.StatusBadRequest, sqlAsked{what: "a token stands in the address", path: "/?query=SELECT+1&password=x"})
	note(http.StatusRequestEntityTooLarge, sqlAsked{what: "the answer has more rows than are allowed", path: "/?max_result_rows=5&query=SELECT+number+FROM+numbers(100000)"})
	note(http.StatusRequestTimeout, sqlAsked{what: "it takes longer than is allowed", path: "/?max_execution_time=1&query=SELECT+sum(cityHash64(number))+FROM+numbers(1000000000000)"})
	note(http.StatusRequestEntityTooLarge, sqlAsked{what: fmt.Sprintf("the body is larger than %d MiB", sqldoor.DefaultConfig().MaxBodyBytes>>20), method: http.MethodPost, path: "/", body: strings.Repeat(" ", int(sqldoor.DefaultConfig().MaxBodyBytes)+1)})
	token := func(role string) string {
		return strings.TrimSpace(person.do(exitOK, "token", "add", "--athlete", "me", "--role", role).stdout)
	}
	secret = token("admin")
	note(http.StatusUnauthorized, sqlAsked{what: "no token, or a wrong one", path: "/?query=SELECT+1"})
	note(http.StatusForbidden, sqlAsked{what: "a token for one athlete", path: "/?query=SELECT+1", header: map[string]string{"Authorization": "Bearer " + token("read")}})
	slices.SortStableFunc(all, func(a, b refused) int { return a.status - b.status })
	for _, r := range all {
		number, when, _ := strings.Cut(r.line, "|")
		p.row(strconv.Itoa(r.status), number, when)
	}
	return secret
}

// sqlHeaders writes down the headers that are read, after they have worked, and
// those of an answer.
func sqlHeaders(t *testing.T, p *page, address, secret string) {
	t.Helper()
	p.printf("\nHeaders of a request:\n")
	p.table("header", "meaning")
	for _, h := range []struct{ name, value, meaning, query, wants string }{
		{"Authorization", "Bearer " + secret, "`Bearer TOKEN`; or Basic, the token as the password of any user", "SELECT 7", "7\n"},
		{"X-ClickHouse-Key", secret, "the token", "SELECT 7", "7\n"},
		{"X-ClickHouse-Database", "system", "like `database`", "SELECT currentDatabase()", "system\n"},
		{"X-ClickHouse-Format", "CSV", "like `default_format`", "SELECT 'a'", "\"a\"\n"},
		{"Accept-Encoding", "gzip", "zstd, lz4, br, gzip or deflate", "SELECT 7", ""},
	} {
		header := map[string]string{"Authorization": "Bearer " + secret}
		if h.name == "X-ClickHouse-Key" {
			header = map[string]string{}
		}
		header[h.name] = h.value
		said := sqlDo(t, address, &sqlAsked{what: h.name, path: "/?query=" + url.QueryEscape(h.query), header: header, wants: h.wants})
		if h.name == "Accept-Encoding" && said.header.Get("Content-Encoding") != h.value {
			t.Errorf("the answer is in %q", said.header.Get("Content-Encoding"))
		}
		p.row(code(h.name), h.meaning)
	}
	p.printf("\nHeaders of an answer, besides those of every HTTP server:\n")
	p.table("header", "meaning")
	meanings := map[string]string{
		"X-Clickhouse-Format":              "the format of the answer",
		"X-Clickhouse-Query-Id":            "the `query_id` of the request",
		"X-Clickhouse-Timezone":            "the time zone of the engine",
		"X-Clickhouse-Server-Display-Name": "`plodwatch`",
		"X-Clickhouse-Exception-Tag":       "marks an error that comes in the middle of an answer, which is then broken off",
	}
	said := sqlDo(t, address, &sqlAsked{what: "headers", path: "/?query_id=q1&query=SELECT+7", header: map[string]string{"X-ClickHouse-Key": secret}, wants: "7\n"})
	for _, name := range slices.Sorted(maps.Keys(said.header)) {
		if strings.HasPrefix(name, "X-Clickhouse-") {
			if meanings[name] == "" {
				t.Errorf("header %s has no meaning in this test", name)
			}
			p.row(code(strings.Replace(name, "X-Clickhouse", "X-ClickHouse", 1)), meanings[name])
		}
	}
}
