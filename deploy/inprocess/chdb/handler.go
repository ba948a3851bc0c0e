package chdb

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// handler speaks ClickHouse's HTTP protocol.
type handler struct {
	e    *Engine
	gate *gate // nil: everything is allowed
}

// Handler returns the engine as an HTTP server that speaks ClickHouse's
// protocol, with every right the engine itself has; see ReadOnlyHandler for one
// that outsiders may reach. A request ends with its context: the statement is
// killed.
//
// Sessions (session_id) and external tables are not supported. An answer that
// breaks in the middle carries the exception and is then broken off with
// http.ErrAbortHandler.
func (e *Engine) Handler() http.Handler { return &handler{e: e} }

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-ClickHouse-Server-Display-Name", "plodwatch")
	head.Set("X-ClickHouse-Timezone", h.e.zone)
	if strings.HasSuffix(r.URL.Path, "/ping") {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	out := newOutput(w)
	if err := h.serve(r, out); err != nil {
		out.fail(err)
	}
}

func (h *handler) serve(r *http.Request, out *output) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return refuse(codeNotImplemented, "NOT_IMPLEMENTED", "method %s is not supported; use GET or POST", r.Method)
	}
	if h.gate != nil && !h.gate.admits(r) {
		return refuse(codeAuthFailed, "AUTHENTICATION_FAILED", "a token is required")
	}
	if r.Method != http.MethodPost && !r.URL.Query().Has("query") {
		out.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		return out.write([]byte("Ok.\n"))
	}
	ctx, leave, err := h.e.enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	req, err := parseRequest(r)
	if err != nil {
		return err
	}
	defer req.closeBody()
	st, data, err := req.statement()
	if err != nil {
		return err
	}
	if req.queryID != "" {
		out.w.Header().Set("X-ClickHouse-Query-Id", req.queryID)
	}
	if req.hello && strings.TrimSpace(st.sql) == helloQuery {
		return h.hello(req, out)
	}
	if st.verb == "" {
		return refuse(codeSyntax, "SYNTAX_ERROR", "Empty query")
	}
	if h.gate != nil {
		return h.gate.run(ctx, req, st, out)
	}
	return h.run(ctx, req, st, data, out)
}

// run gives a statement a connection, which goes back only after a good end.
func (h *handler) run(ctx context.Context, req *request, st statement, data io.Reader, out *output) error {
	s := session{database: req.database, settings: req.settings, last: map[string]string{}}
	if s.database == "" {
		s.database = h.e.cfg.Database
	}
	if v, ok := s.settings["readonly"]; ok {
		s.last["readonly"] = v
		delete(s.settings, "readonly")
	} else if req.readOnly {
		s.last["readonly"] = "2"
	}
	c, err := h.e.pool.get(s)
	if err != nil {
		return err
	}
	end := h.e.pool.killWhenDone(ctx, c)
	err = h.answer(c, req, st, data, out)
	if killed := end(); killed || err != nil || !st.keepsSession() {
		c.close()
	} else {
		h.e.pool.put(c)
	}
	if err != nil {
		return err
	}
	return out.finish()
}

// answer runs a statement on a connection and writes what it gives.
func (h *handler) answer(c *conn, req *request, st statement, data io.Reader, out *output) error {
	if st.insert {
		return insertData(c, req, st, data, out)
	}
	readOnly := false
	if st.verb != "INSERT" {
		class, err := c.classify(st.sql, c.database)
		if err != nil {
			return err
		}
		if class.statements > 1 {
			return refuse(codeSyntax, "SYNTAX_ERROR", "Multi-statements are not allowed")
		}
		readOnly = class.readOnly
	}
	return rows(c, req, st, readOnly, out)
}

func insertData(c *conn, req *request, st statement, data io.Reader, out *output) error {
	counted, err := c.insert(st.head, st.format, req.params, data)
	if err != nil {
		return err
	}
	out.summary(counted)
	return nil
}

// rows runs anything but an INSERT with data.
func rows(c *conn, req *request, st statement, readOnly bool, out *output) error {
	format := st.format
	if format == "" {
		format = req.format
	}
	if err := out.shape(req, format); err != nil {
		return err
	}
	var err error
	streamed := readOnly && st.selects() && streams(format) && !req.whole
	if streamed {
		err = c.streamQuery(st.sql, format, req.params, out.write)
	} else {
		err = c.query(st.sql, format, req.params, func(b []byte, counted stats) error {
			out.summary(counted)
			return out.write(b)
		})
	}
	if err != nil || out.started || !st.shows() || !strings.EqualFold(format, "Native") {
		return err
	}
	return out.write(emptyBlock(c, req, st))
}

// emptyBlock is a block without rows, for the engine writes none where there
// are no rows, and clients learn the columns from it. It is nil when the columns
// cannot be told.
func emptyBlock(c *conn, req *request, st statement) []byte {
	var lines [][]string
	read := func(b []byte, _ stats) error {
		for line := range strings.Lines(string(b)) {
			var cells []string
			if err := json.Unmarshal([]byte(line), &cells); err != nil {
				return err
			}
			lines = append(lines, cells)
		}
		return nil
	}
	var names, types []string
	if st.selects() {
		if c.query("DESCRIBE TABLE (\n"+st.bare()+"\n)", "JSONCompactEachRow", req.params, read) != nil {
			return nil
		}
		for _, cells := range lines {
			names, types = append(names, cells[0]), append(types, cells[1])
		}
	} else {
		if c.query(st.bare(), "JSONCompactEachRowWithNamesAndTypes", req.params, read) != nil || len(lines) != 2 {
			return nil
		}
		names, types = lines[0], lines[1]
	}
	b := binary.AppendUvarint(nil, uint64(len(names)))
	b = binary.AppendUvarint(b, 0)
	for i := range names {
		b = appendText(appendText(b, names[i]), types[i])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// helloQuery is clickhouse-go's first query over HTTP.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// hello answers the driver's first query, which it decodes in the newest form of
// its protocol. The revision 0 that it reads here makes it decode all that
// follows in the oldest, which is the engine's own Native.
func (h *handler) hello(req *request, out *output) error {
	if err := out.shape(req, "Native"); err != nil {
		return err
	}
	b := []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0} // block info: no overflow, no bucket
	b = append(b, 4, 1)                             // columns, rows
	column := func(name, kind string) {
		b = appendText(appendText(b, name), kind)
		if req.newestTypes {
			b = append(b, 0) // no custom serialization
		}
	}
	column("displayName()", "String")
	b = appendText(b, "plodwatch")
	column("version()", "String")
	b = appendText(b, h.e.version)
	column("revision()", "UInt32")
	b = append(b, 0, 0, 0, 0)
	column("timezone()", "String")
	b = appendText(b, h.e.zone)
	if err := out.write(b); err != nil {
		return err
	}
	return out.finish()
}
