package chdb_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// serve puts a handler on a socket and returns its address and a client that
// decodes nothing by itself.
func serve(t *testing.T, h http.Handler) (string, *http.Client) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return srv.URL, &http.Client{Transport: tr}
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func ask(t *testing.T, client *http.Client, method, address string, body io.Reader, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

func query(address, sql string, more ...string) string {
	v := url.Values{"query": {sql}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return address + "/?" + v.Encode()
}

func TestHTTPAnswersAsClickHouseDoes(t *testing.T) {
	address, client := serve(t, engine.Handler())
	for name, c := range map[string]struct {
		method, url, body string
		header            []string
		status            int
		want, format      string
		code              string
	}{
		"ping":              {http.MethodGet, address + "/ping", "", nil, 200, "Ok.\n", "", ""},
		"root":              {http.MethodGet, address + "/", "", nil, 200, "Ok.\n", "", ""},
		"text in the body":  {http.MethodPost, address + "/", "SELECT 1, 'a'", nil, 200, "1\ta\n", "TabSeparated", ""},
		"text in the URL":   {http.MethodGet, query(address, "SELECT 2"), "", nil, 200, "2\n", "TabSeparated", ""},
		"text in both":      {http.MethodPost, query(address, "SELECT"), "3", nil, 200, "3\n", "TabSeparated", ""},
		"a FORMAT clause":   {http.MethodGet, query(address, "SELECT 1 AS a FORMAT JSONEachRow"), "", nil, 200, "{\"a\":1}\n", "JSONEachRow", ""},
		"a wished format":   {http.MethodGet, query(address, "SELECT 1 AS a", "default_format", "CSVWithNames"), "", nil, 200, "\"a\"\n1\n", "CSVWithNames", ""},
		"format by header":  {http.MethodGet, query(address, "SELECT 1 AS a"), "", []string{"X-ClickHouse-Format", "TSVWithNames"}, 200, "a\n1\n", "TSVWithNames", ""},
		"a column format":   {http.MethodGet, query(address, "SELECT 1 AS format, format AS x"), "", nil, 200, "1\t1\n", "TabSeparated", ""},
		"a parameter":       {http.MethodGet, query(address, "SELECT {a:String}, {n:Int8}", "param_a", "x\\ty", "param_n", "-3"), "", nil, 200, "x\\ty\t-3\n", "TabSeparated", ""},
		"a setting":         {http.MethodGet, query(address, "SELECT getSetting('max_block_size')", "max_block_size", "12"), "", nil, 200, "12\n", "TabSeparated", ""},
		"a database":        {http.MethodGet, query(address, "SELECT currentDatabase()", "database", "system"), "", nil, 200, "system\n", "TabSeparated", ""},
		"our database":      {http.MethodGet, query(address, "SELECT currentDatabase()"), "", nil, 200, "plodwatch\n", "TabSeparated", ""},
		"an unknown table":  {http.MethodGet, query(address, "SELECT * FROM nope"), "", nil, 404, "", "", "60"},
		"bad syntax":        {http.MethodPost, address, "SELEKT", nil, 400, "", "", "62"},
		"no text":           {http.MethodPost, address, " -- nothing\n", nil, 400, "", "", "62"},
		"an unknown base":   {http.MethodPost, address + "/?database=nope", "SELECT 1", nil, 404, "", "", "81"},
		"an unknown method": {http.MethodPut, address, "SELECT 1", nil, 501, "", "", "48"},
		"an odd setting":    {http.MethodGet, query(address, "SELECT 1", "a=1;b", "1"), "", nil, 404, "", "", "115"},
		"a GET that writes": {http.MethodGet, query(address, "CREATE TABLE gotten (n Int8) ENGINE = Memory"), "", nil, 500, "", "", "164"},
		"two statements":    {http.MethodPost, address, "SELECT 1; SELECT 2", nil, 400, "", "", "62"},
		"readonly stays":    {http.MethodGet, query(address, "SET readonly = 0"), "", nil, 500, "", "", "164"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, client, c.method, c.url, strings.NewReader(c.body), c.header...)
			if got.err != nil || got.status != c.status || got.header.Get("X-ClickHouse-Exception-Code") != c.code {
				t.Fatalf("%d code %s %v: %s", got.status, got.header.Get("X-ClickHouse-Exception-Code"), got.err, got.body)
			}
			if c.code == "" && (got.body != c.want || got.header.Get("X-ClickHouse-Format") != c.format) {
				t.Errorf("%q in %s, want %q in %s", got.body, got.header.Get("X-ClickHouse-Format"), c.want, c.format)
			}
			if c.code != "" && !strings.HasPrefix(got.body, "Code: "+c.code+". DB::Exception: ") {
				t.Errorf("the error reads %q", got.body)
			}
		})
	}
}

func TestInsertsOverHTTP(t *testing.T) {
	address, client := serve(t, engine.Handler())
	conn := connect(t, engine.RoundTripper())
	long := strings.Repeat("(7,'x;y'),", 200_000)
	for name, c := range map[string]struct {
		url, body, want string
		header          []string
	}{
		"body behind a query":  {query(address, "INSERT INTO poured FORMAT CSV"), "1,\"a\"\n2,b\n", "2\t3", nil},
		"values behind it":     {query(address, "INSERT INTO poured VALUES"), "(1,'a'), (5,'c')", "2\t6", nil},
		"data in the text":     {address, "INSERT INTO poured (s, n) FORMAT JSONEachRow\n{\"n\":4,\"s\":\"FORMAT\"}\n", "1\t4", nil},
		"values in the text":   {address, "INSERT INTO poured VALUES (1, concat('a', 'b')), (3, 'c;')", "2\t4", nil},
		"many values in it":    {address, "INSERT INTO poured VALUES " + long + "(7,'z')", "200001\t1400007", nil},
		"of a select":          {address, "INSERT INTO poured SELECT number, 'x' FROM numbers(4)", "4\t6", nil},
		"gzip":                 {query(address, "INSERT INTO poured FORMAT TSV"), zipped(t, "8\ta\n"), "1\t8", []string{"Content-Encoding", "gzip"}},
		"zstd":                 {query(address, "INSERT INTO poured FORMAT TSV"), zstded(t, "9\ta\n"), "1\t9", []string{"Content-Encoding", "zstd"}},
		"lz4":                  {query(address, "INSERT INTO poured FORMAT TSV"), lz4ed(t, "6\ta\n"), "1\t6", []string{"Content-Encoding", "lz4"}},
		"by the wished format": {query(address, "INSERT INTO poured FORMAT TSV", "default_format", "CSV"), "3\ta\n", "1\t3", nil},
	} {
		t.Run(name, func(t *testing.T) {
			table(t, conn, "poured", "n UInt64, s String")
			got := ask(t, client, http.MethodPost, c.url, strings.NewReader(c.body), c.header...)
			if got.status != http.StatusOK || got.body != "" || got.err != nil {
				t.Fatalf("%d %v: %s", got.status, got.err, got.body)
			}
			sum := ask(t, client, http.MethodPost, address, strings.NewReader("SELECT count(), sum(n) FROM poured"))
			if strings.TrimSpace(sum.body) != c.want {
				t.Errorf("stored %q, want %q", sum.body, c.want)
			}
			written, _, _ := strings.Cut(c.want, "\t")
			if s := got.header.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"written_rows":"`+written+`"`) {
				t.Errorf("the summary is %s, want %s rows written", s, written)
			}
		})
	}
	got := ask(t, client, http.MethodPost, query(address, "INSERT INTO nowhere FORMAT TSV"), strings.NewReader("1\n"), "Content-Encoding", "gzip")
	if got.status != http.StatusBadRequest || got.header.Get("X-ClickHouse-Exception-Code") != "271" {
		t.Errorf("a body that is not gzip: %d %s", got.status, got.body)
	}
}

func zipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, s)
	must(t, errors.Join(err, w.Close()))
	return b.String()
}

func zstded(t *testing.T, s string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	must(t, err)
	defer func() { must(t, w.Close()) }()
	return string(w.EncodeAll([]byte(s), nil))
}

func lz4ed(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	_, err := io.WriteString(w, s)
	must(t, errors.Join(err, w.Close()))
	return b.String()
}

func TestAnswersAreCompressedAsAsked(t *testing.T) {
	address, client := serve(t, engine.Handler())
	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"lz4":  func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		got := ask(t, client, http.MethodPost, address, strings.NewReader("SELECT 1000000 + number FROM numbers(300000)"), "Accept-Encoding", encoding)
		if got.header.Get("Content-Encoding") != encoding {
			t.Fatalf("%s: the answer is encoded as %q", encoding, got.header.Get("Content-Encoding"))
		}
		r, err := open(strings.NewReader(got.body))
		must(t, err)
		plain, err := io.ReadAll(r)
		must(t, err)
		if n := bytes.Count(plain, []byte{'\n'}); n != 300_000 || len(plain) <= len(got.body) {
			t.Errorf("%s: %d lines, %d of %d bytes", encoding, n, len(got.body), len(plain))
		}
	}
}

func TestBrokenAnswerNeverLooksWhole(t *testing.T) {
	address, client := serve(t, engine.Handler())
	sql := "SELECT number, throwIf(number = 300000, 'cut here') FROM numbers(1000000) SETTINGS max_threads = 1, max_block_size = 1000"
	got := ask(t, client, http.MethodPost, address, strings.NewReader(sql))
	if got.status != http.StatusOK || got.err == nil {
		t.Fatalf("%d, the body ended with %v, want 200 and an error", got.status, got.err)
	}
	tag := got.header.Get("X-ClickHouse-Exception-Tag")
	if !strings.Contains(got.body, "\r\n__exception__\r\n"+tag+"\r\nCode: 395. DB::Exception: cut here") {
		t.Errorf("the body ends in %q", got.body[max(0, len(got.body)-300):])
	}
	got = ask(t, client, http.MethodPost, address+"/?wait_end_of_query=1", strings.NewReader(sql))
	if got.status == http.StatusOK || got.header.Get("X-ClickHouse-Exception-Code") != "395" {
		t.Errorf("when told to wait for the end: %d %s", got.status, got.body)
	}
}

// heapBytes is what the Go heap holds after a collection.
func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestLargeResultStreamsInBoundedMemory(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	// 480 MB of answer under a limit of 100 MB for the query.
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": 100_000_000}))
	before := heapBytes()
	stream, err := conn.QueryFormat(ctx, "RowBinary", "SELECT number, number FROM numbers(30000000)")
	must(t, err)
	var most uint64
	total, piece := int64(0), make([]byte, 1<<20)
	for reads := 0; ; reads++ {
		n, err := io.ReadFull(stream, piece)
		total += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		must(t, err)
		if reads%200 == 0 {
			most = max(most, heapBytes())
		}
	}
	must(t, stream.Close())
	if total != 480_000_000 {
		t.Errorf("%d bytes came, want 480 MB", total)
	}
	if most > before+64<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, most)
	}
}

func TestFormCarriesQueryAndParameters(t *testing.T) {
	address, client := serve(t, engine.Handler())
	form := func(parts string) answer {
		body := strings.ReplaceAll(parts, "\n", "\r\n")
		return ask(t, client, http.MethodPost, address, strings.NewReader(body), "Content-Type", "multipart/form-data; boundary=xx")
	}
	got := form("--xx\nContent-Disposition: form-data; name=\"query\"\n\nSELECT {a:Array(UInt8)}\n--xx\nContent-Disposition: form-data; name=\"param_a\"\n\n[1,2]\n--xx--\n")
	if got.status != http.StatusOK || got.body != "[1,2]\n" {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = form("--xx\nContent-Disposition: form-data; name=\"ext\"; filename=\"x\"\n\n1\n--xx--\n")
	if got.header.Get("X-ClickHouse-Exception-Code") != "48" {
		t.Errorf("an external table: %d %s", got.status, got.body)
	}
}

func TestNothingOfARequestIsLeftForTheNext(t *testing.T) {
	address, client := serve(t, engine.Handler())
	for _, sql := range []string{
		"CREATE TEMPORARY TABLE left_over (a UInt8)",
		"CREATE TABLE kept_connection (a UInt8) ENGINE = Memory",
		"ALTER TABLE kept_connection ADD COLUMN b UInt8",
		"SET max_threads = 1",
		"USE system",
	} {
		if got := ask(t, client, http.MethodPost, query(address, sql), nil); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", sql, got.status, got.body)
		}
	}
	if got := ask(t, client, http.MethodPost, query(address, "SELECT * FROM left_over"), nil); got.status == http.StatusOK {
		t.Error("a temporary table outlives its request")
	}
	for sql, want := range map[string]string{
		"SELECT currentDatabase() = 'system'":                                "0\n",
		"SELECT changed FROM system.settings WHERE name = 'max_threads'":     "0\n",
		"SELECT count() FROM system.columns WHERE table = 'kept_connection'": "2\n",
	} {
		if got := ask(t, client, http.MethodPost, query(address, sql), nil); got.body != want {
			t.Errorf("%s: %q, want %q", sql, got.body, want)
		}
	}
	if got := ask(t, client, http.MethodPost, query(address, "DROP TABLE kept_connection SYNC"), nil); got.status != http.StatusOK {
		t.Error(got.body)
	}
}
