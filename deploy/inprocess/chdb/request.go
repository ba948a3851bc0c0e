package chdb

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxStatementBytes bounds the text of a statement that is not an INSERT with
// data; the data itself has no bound.
const maxStatementBytes = 16 << 20

// request is an HTTP request in ClickHouse's terms.
type request struct {
	text        string // ?query=
	body        io.Reader
	closeBody   func()
	database    string
	format      string // what the client wants where the text names none
	queryID     string
	settings    map[string]string
	params      []param
	readOnly    bool // GET
	compress    bool // the answer in ClickHouse's own frames
	method      string
	level       string
	encoding    string // of the answer, from Accept-Encoding
	newestTypes bool   // the client's protocol has a serialization byte per column
	hello       bool   // it speaks clickhouse-go's protocol versions
	whole       bool   // wait_end_of_query
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// serializationRevision is the protocol version from which a column's type is
// followed by a byte (DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION).
const serializationRevision = 54454

// parseRequest reads everything but the body.
func parseRequest(r *http.Request) (*request, error) {
	req := &request{settings: map[string]string{}, closeBody: func() {}}
	req.readOnly = r.Method == http.MethodGet || r.Method == http.MethodHead
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "the URL's query cannot be read: %v", err)
	}
	req.body = r.Body
	if r.Body == nil {
		req.body = http.NoBody
	}
	if err = req.decodeBody(r, values); err != nil {
		return nil, err
	}
	if err = req.readForm(r, values); err != nil {
		req.closeBody()
		return nil, err
	}
	req.database = r.Header.Get("X-ClickHouse-Database")
	req.format = r.Header.Get("X-ClickHouse-Format")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err = req.take(name, values.Get(name)); err != nil {
			req.closeBody()
			return nil, err
		}
	}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	req.encoding = acceptable(r.Header.Get("Accept-Encoding"))
	return req, nil
}

// take puts one parameter of the URL where it belongs; what has no meaning of
// its own is a setting.
func (req *request) take(name, value string) error {
	switch name {
	case "query":
		req.text = value
	case "database":
		req.database = value
	case "default_format":
		if req.format == "" {
			req.format = value
		}
	case "query_id":
		req.queryID = value
	case "compress":
		req.compress = value == "1" || value == "true"
	case "network_compression_method":
		req.method = value
	case "network_zstd_compression_level":
		req.level = value
	case "wait_end_of_query":
		req.whole = value == "1" || value == "true"
	case "client_protocol_version":
		req.hello = true
		version, err := strconv.Atoi(value)
		req.newestTypes = err == nil && version >= serializationRevision
	case "decompress", "user", "password", "quota_key", "stacktrace", "role", "session_id", "session_timeout",
		"session_check", "close_session", "buffer_size", "http_make_head_request":
		// Either handled elsewhere or without a meaning in process: there is one
		// user, and every request has a session of its own.
	default:
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			req.params = append(req.params, param{p, value})
			return nil
		}
		if !settingName.MatchString(name) {
			return refuse(codeUnknownSetting, "UNKNOWN_SETTING", "%q is not the name of a setting", name)
		}
		req.settings[name] = value
	}
	return nil
}

// decodeBody undoes Content-Encoding, then ClickHouse's own frames.
func (req *request) decodeBody(r *http.Request, values url.Values) error {
	bad := func(err error) error {
		return refuse(codeCannotDecompress, "CANNOT_DECOMPRESS", "the request's body is not %s: %v", r.Header.Get("Content-Encoding"), err)
	}
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(req.body)
		if err != nil {
			return bad(err)
		}
		req.body = z
	case "deflate":
		z, err := zlib.NewReader(req.body)
		if err != nil {
			return bad(err)
		}
		req.body = z
	case "br":
		req.body = brotli.NewReader(req.body)
	case "lz4":
		req.body = lz4.NewReader(req.body)
	case "zstd":
		z, err := zstd.NewReader(req.body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return bad(err)
		}
		req.body, req.closeBody = z, z.Close
	default:
		return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "content encoding %q is not known; use gzip, deflate, br, lz4 or zstd", enc)
	}
	if d := values.Get("decompress"); d == "1" || d == "true" {
		req.body = compress.NewReader(req.body)
	}
	return nil
}

// readForm takes the query and its parameters out of a form; some clients send
// long ones like that.
func (req *request) readForm(r *http.Request, values url.Values) error {
	kind, attrs, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || attrs["boundary"] == "" {
		return nil //nolint:nilerr // any other type, or none, is a plain body
	}
	form, err := multipartValues(req.body, attrs["boundary"])
	if err != nil {
		return err
	}
	for name, value := range form {
		values.Set(name, value)
	}
	req.body = http.NoBody
	return nil
}

// acceptable picks the encoding of the answer that the client offers.
func acceptable(header string) string {
	offered := map[string]bool{}
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.ReplaceAll(weight, " ", "") != "q=0" {
			offered[strings.ToLower(strings.TrimSpace(name))] = true
		}
	}
	for _, enc := range []string{"zstd", "lz4", "br", "gzip", "deflate"} {
		if offered[enc] {
			return enc
		}
	}
	return ""
}

// statement reads the text: what the URL holds, else the beginning of the body.
// data is what an INSERT is to read.
func (req *request) statement() (st statement, data io.Reader, err error) {
	head := req.text
	if head != "" {
		head += "\n"
		if st = parseStatement(req.text); st.insert {
			return st, io.MultiReader(strings.NewReader(st.sql[st.dataFrom:]), req.body), nil
		}
	}
	// The first piece tells an INSERT with data, however long, from all else.
	first := make([]byte, insertChunk)
	n, err := fill(req.body, first)
	head += string(first[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		return st, nil, err
	}
	ended := err != nil
	if st = parseStatement(head); st.insert && (!ended || !st.values) {
		return st, io.MultiReader(strings.NewReader(head[st.dataFrom:]), req.body), nil
	}
	if st.insert { // short VALUES: the engine reads them best itself
		st.insert = false
	}
	if ended {
		return st, nil, nil //nolint:nilerr // the error was the end of the body
	}
	rest, err := io.ReadAll(io.LimitReader(req.body, maxStatementBytes))
	if err != nil {
		return st, nil, err
	}
	if len(rest) == maxStatementBytes {
		return st, nil, refuse(codeSyntax, "SYNTAX_ERROR", "the statement is longer than %d bytes", maxStatementBytes)
	}
	return parseStatement(head + string(rest)), nil, nil
}
