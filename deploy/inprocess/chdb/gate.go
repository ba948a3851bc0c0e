package chdb

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gate lets reading statements through and nothing else. The engine alone would
// read any file and URL and stop the process, so there are four layers, each of
// which refuses most of what the others do:
//
//  1. the engine's parser must call it one statement that only reads, and its
//     first word must be one of those that show or select;
//  2. it runs on a connection of its own, with the limits set first and
//     readonly=1 last, so that it can change no setting;
//  3. users.xml grants no file, URL or other database (see rights);
//  4. the functions and tables in its syntax tree, as the parser sees them, must
//     not be among those that reach out (see forbidden and dangerous).
type gate struct {
	e    *Engine
	auth func(*http.Request) bool
}

// ReadOnlyHandler returns the engine as an HTTP server for outside tools, which
// may read the tables and nothing else: no file, no URL, no setting that lifts a
// limit, one statement per request. What is refused gets ClickHouse's error 497
// or 164. Limits are those of Config.Outside.
//
// auth decides who may ask; nil lets everybody in. Where a request comes from
// is the caller's to check.
func (e *Engine) ReadOnlyHandler(auth func(*http.Request) bool) http.Handler {
	return &handler{e: e, gate: &gate{e: e, auth: auth}}
}

func (g *gate) admits(r *http.Request) bool { return g.auth == nil || g.auth(r) }

func denied(format string, args ...any) error {
	return refuse(codeAccessDenied, "ACCESS_DENIED", "this endpoint only reads: "+format, args...)
}

// run puts a statement through all layers and answers it.
func (g *gate) run(ctx context.Context, req *request, st statement, out *output) error {
	if st.insert || !st.shows() || st.verb == "CHECK" {
		return denied("a statement that begins with %s is refused", st.verb)
	}
	text, own := liftSettings(st.sql)
	if len(own) > 0 {
		st = parseStatement(text)
		maps.Copy(req.settings, own)
	}
	settings, err := g.settings(req.settings)
	if err != nil {
		return err
	}
	if err := g.turn(ctx); err != nil {
		return err
	}
	defer func() { <-g.e.turns }()
	s := session{database: req.database, settings: settings, last: map[string]string{"readonly": "1"}}
	if s.database == "" {
		s.database = g.e.cfg.Database
	}
	if err = g.examine(req, st, s.database); err != nil {
		return err
	}
	c, err := g.e.pool.dial(s)
	if err != nil {
		return err
	}
	defer c.close()
	end := g.e.pool.killWhenDone(ctx, c)
	defer end()
	out.limit = g.e.cfg.Outside.MaxResultBytes
	if err := rows(c, req, st, true, out); err != nil {
		return err
	}
	return out.finish()
}

// turn waits until fewer than Config.Outside.MaxConcurrent statements run, for
// as long as one of them may take.
func (g *gate) turn(ctx context.Context) error {
	limit := g.e.cfg.Outside
	timer := time.NewTimer(limit.MaxExecutionTime)
	defer timer.Stop()
	select {
	case g.e.turns <- struct{}{}:
		return nil
	case <-timer.C:
		return refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"%d queries run already, and no turn came in %s", limit.MaxConcurrent, limit.MaxExecutionTime)
	case <-ctx.Done():
		return refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "no turn came before the request ended")
	}
}

// examine is the first and the fourth layer. It parses on a connection of its
// own, which the client's limits on results do not touch, and runs nothing.
func (g *gate) examine(req *request, st statement, database string) error {
	c, err := g.e.pool.dial(session{database: database, settings: parserLimits(), last: map[string]string{"readonly": "1"}})
	if err != nil {
		return err
	}
	defer c.close()
	class, err := c.classify(st.sql, database)
	if err != nil {
		return err
	}
	if class.statements != 1 {
		return denied("it takes one statement, not %d", class.statements)
	}
	if !class.readOnly {
		return denied("the statement changes something or writes a file")
	}
	syntax, err := c.value("EXPLAIN AST "+st.sql[:st.end], req.params)
	if err != nil {
		return err
	}
	above := "" // the kind of node in the line before
	for line := range strings.Lines(syntax) {
		parent := above
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, _, _ = strings.Cut(name, " ")
		above = kind
		switch {
		case kind == "Set" && parent == "Explain": // indexes = 1 and the like, which say what is to be explained
		case kind == "Set": // readonly=1 guards the outermost one only
			return refuse(codeReadOnly, "READONLY", "Cannot modify settings in readonly mode: a SETTINGS clause may stand at the very end only")
		case kind == "Function" && g.e.forbidden[strings.ToLower(name)]:
			return denied("the function %s is refused", name)
		case strings.HasSuffix(kind, "Identifier") && dangerous(name):
			return denied("the table %s is refused", name)
		}
	}
	return nil
}

// dangerous tells the tables that must not be read, whatever database they are
// said to be in. Grants cannot do it: the engine in process asks for none on
// system tables. system.stack_trace sends a signal to every thread of this
// process; the others tell about the machine, not about the data.
func dangerous(table string) bool {
	switch strings.ToLower(table[strings.LastIndexByte(table, '.')+1:]) {
	case "stack_trace", "server_settings", "disks", "certificates", "remote_data_paths", "zookeeper", "zookeeper_connection":
		return true
	}
	return false
}

// tableFunctions of the engine that make rows out of nothing or of a query.
func harmless(tableFunction string) bool {
	switch tableFunction {
	case "numbers", "numbers_mt", "zeros", "zeros_mt", "generateseries", "generate_series", "primes",
		"values", "sqlstandardvalues", "null", "view", "format":
		return true
	}
	return false
}

// forbidden lists, in lower case, the functions that reach out of the database:
// every table function that is not known to be harmless, and the scalar ones
// that read files, run models, ask services or dictionaries, tell about the
// machine, or only hold a turn.
func forbidden(c *conn) (map[string]bool, error) {
	names, err := c.value(`SELECT name FROM system.table_functions
UNION DISTINCT SELECT name FROM system.functions
WHERE name ILIKE 'ai%' OR name ILIKE 'dict%' OR name ILIKE '%filesystem%' OR name ILIKE 'catboost%'
   OR name ILIKE 'addressTo%' OR name ILIKE 'sleep%' OR name ILIKE 'fuzz%'
   OR name IN ('file', 'demangle', 'joinGet', 'joinGetOrNull', 'showCertificate', 'getClientHTTPHeader', 'getServerPort', 'getServerSetting', 'serverUUID', 'hostName', 'FQDN', 'evalMLMethod', 'buildId', 'isMergeTreePartCoveredBy')`, nil)
	if err != nil {
		return nil, fmt.Errorf("list the functions to refuse: %w", err)
	}
	set := map[string]bool{}
	for name := range strings.Lines(names) {
		if name = strings.ToLower(strings.TrimSpace(name)); !harmless(name) {
			set[name] = true
		}
	}
	if !set["file"] || !set["url"] || !set["catboostevaluate"] {
		return nil, fmt.Errorf("list the functions to refuse: the engine named only %d", len(set))
	}
	return set, nil
}

// settings is the second layer: what a client may ask for, within the limits.
func (g *gate) settings(asked map[string]string) (map[string]string, error) {
	limit := g.e.cfg.Outside
	bounds := map[string]uint64{
		"max_execution_time": uint64(limit.MaxExecutionTime / time.Second),
		"max_memory_usage":   limit.MaxMemoryBytes,
		"max_result_rows":    limit.MaxResultRows,
		"max_result_bytes":   limit.MaxResultBytes,
	}
	settings := map[string]string{
		"result_overflow_mode":               "throw",
		"timeout_overflow_mode":              "throw",
		"max_bytes_before_external_group_by": strconv.FormatUint(limit.MaxMemoryBytes/2, 10),
		"max_bytes_before_external_sort":     strconv.FormatUint(limit.MaxMemoryBytes/2, 10),
	}
	maps.Copy(settings, parserLimits())
	overflow := "throw"
	for name, value := range asked {
		switch {
		case bounds[name] > 0:
			v, err := strconv.ParseFloat(value, 64)
			if err != nil || v < 0 {
				return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "%s=%q is not a number", name, value)
			}
			if v >= 1 && v < float64(bounds[name]) { // 0 means no limit: ours stays
				bounds[name] = uint64(v)
			}
		case name == "readonly":
			if value != "1" && value != "2" {
				return nil, refuse(codeReadOnly, "READONLY", "Cannot modify 'readonly' setting in readonly mode")
			}
		case name == "result_overflow_mode" && (value == "break" || value == "throw"):
			overflow = value
		case clientMaySet(name):
			settings[name] = value
		default:
			return nil, refuse(codeReadOnly, "READONLY", "Cannot modify '%s' setting in readonly mode", name)
		}
	}
	// A client may have its own number of rows and no more, as JDBC's setMaxRows
	// asks for it; what our limit cuts off is an error.
	if bounds["max_result_rows"] < limit.MaxResultRows {
		settings["result_overflow_mode"] = overflow
	}
	formatted := make(map[string]string, len(bounds))
	for name, v := range bounds {
		formatted[name] = strconv.FormatUint(v, 10)
	}
	maps.Copy(settings, formatted)
	return settings, nil
}

// parserLimits bound the text itself.
func parserLimits() map[string]string {
	return map[string]string{
		"allow_ddl": "0", "max_query_size": "262144", "max_ast_depth": "500", "max_ast_elements": "20000",
	}
}

// clientMaySet lists the settings by which tools shape an answer; none of them
// lifts a limit or names a file.
func clientMaySet(name string) bool {
	switch name {
	case "max_block_size", "max_threads", "join_use_nulls", "final", "extremes", "output_format_json_quote_64bit_integers",
		"output_format_json_quote_denormals", "output_format_json_quote_decimals", "output_format_json_named_tuples_as_objects",
		"output_format_native_write_json_as_string", "date_time_output_format", "date_time_input_format", "session_timezone",
		"format_csv_delimiter", "output_format_csv_crlf_end_of_line", "output_format_write_statistics",
		"output_format_tsv_crlf_end_of_line", "output_format_pretty_max_rows",
		"enable_http_compression", "http_zlib_compression_level", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
		"http_write_exception_in_output_format", "log_comment", "async_insert", "wait_for_async_insert", "limit", "offset":
		return true
	}
	return false
}
