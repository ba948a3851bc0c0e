package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"plodwatch/analyze/store"
)

// pathQuery is where SQL is asked.
const pathQuery = "/a/{athlete}/query"

// What a table of an answer shows; downloads hold all.
const (
	queryRows  = 500
	queryBytes = 4 << 20
	queryCell  = 400 // characters
)

// maxSQL bounds a statement, in bytes.
const maxSQL = 64 << 10

// queryPatience is a little more than the engine gives a statement.
const queryPatience = 35 * time.Second

// queryData is what the page of queries shows.
type queryData struct {
	Allowed  bool // the visitor may ask
	Here     bool // this process can ask
	SQL      string
	Examples []example
	Answer   *answerTable
	Fault    string
	Views    []viewRow
}

// viewRow is a view that can be asked.
type viewRow struct {
	Name    string   `ch:"name"`
	Comment string   `ch:"comment"`
	Columns []string `ch:"columns"`
}

const viewsSQL = `SELECT t.name AS name, any(t.comment) AS comment, groupArray(c.name) AS columns
	FROM system.tables AS t INNER JOIN (SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position) AS c ON c.table = t.name
	WHERE t.database = currentDatabase() AND t.engine = 'View' GROUP BY t.name ORDER BY t.name`

// answerTable is the beginning of an answer, as text.
type answerTable struct {
	Columns []column
	Rows    [][]cell
	Cut     bool // there are more rows
	Took    string
}

// column is a column of an answer.
type column struct {
	Name, Type string
	Number     bool
}

// cell is one value.
type cell struct {
	Text string
	Null bool
	Cut  bool // the value is longer
}

// download is a format in which an answer can be taken away.
type download struct{ format, mime, ext string }

func downloads() map[string]download {
	return map[string]download{
		"csv":     {"CSVWithNames", "text/csv; charset=utf-8; header=present", "csv"},
		"json":    {"JSONEachRow", "application/x-ndjson", "jsonl"},
		"parquet": {"Parquet", "application/vnd.apache.parquet", "parquet"},
	}
}

// query asks SQL: a GET shows the form, a POST asks.
func (w *Web) query(v *visit) error {
	data := &queryData{Allowed: v.visitor.MayChange && v.visitor.All, Here: w.deps.Queries != nil, Examples: examplesFor(string(v.athlete))}
	if !data.Allowed {
		v.status = http.StatusForbidden
		return v.render("query", "Query", data)
	}
	if v.r.Method == http.MethodPost && data.Here {
		if err := v.r.ParseForm(); err != nil {
			return err
		}
		data.SQL = strings.TrimSpace(v.r.PostForm.Get("sql"))
		if d, ok := downloads()[v.r.PostForm.Get("as")]; ok {
			err := w.download(v, data.SQL, d)
			if err == nil {
				return nil
			}
			data.Fault = err.Error()
		} else {
			w.answer(v, data)
		}
		if data.Fault != "" {
			v.status = http.StatusUnprocessableEntity
		}
	} else {
		data.SQL = data.Examples[0].SQL
		for _, e := range data.Examples {
			if e.ID == v.r.URL.Query().Get("example") {
				data.SQL = e.SQL
			}
		}
	}
	if err := v.sql(&data.Views, viewsSQL, store.Parameters{}); err != nil {
		return err
	}
	return v.render("query", "Query", data)
}

// checkSQL refuses what need not be asked.
func checkSQL(sql string) error {
	switch {
	case sql == "":
		return inputError("There is nothing to ask.")
	case len(sql) > maxSQL:
		return inputError("A statement may have 64 KiB.")
	}
	return nil
}

// answer fills in the beginning of the answer, or what is wrong.
func (w *Web) answer(v *visit, data *queryData) {
	if err := checkSQL(data.SQL); err != nil {
		data.Fault = err.Error()
		return
	}
	ctx, cancel := context.WithTimeout(v.r.Context(), queryPatience)
	defer cancel()
	began := w.deps.Now()
	var lines firstLines
	err := w.deps.Queries.Query(ctx, &lines, data.SQL, "JSONCompactEachRowWithNamesAndTypes")
	if err != nil && !lines.full {
		data.Fault = sqlFault(ctx, err)
		return
	}
	table, err := lines.table()
	if err != nil {
		data.Fault = err.Error()
		return
	}
	table.Took = fmt.Sprintf("%.2f s", w.deps.Now().Sub(began).Seconds())
	data.Answer = table
}

// sqlFault writes an error of a statement for who wrote it.
func sqlFault(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "It took longer than 30 seconds and was stopped. Ask for less: a LIMIT, one athlete, fewer days."
	}
	return stackTrace.ReplaceAllString(err.Error(), "")
}

// stackTrace is what the engine adds for its own developers.
var stackTrace = regexp.MustCompile(`(?s)\s*\(version [0-9.]+[^)]*\)\s*$|,? Stack trace.*$`)

// errEnough ends an answer of which nothing more is shown.
var errEnough = errors.New("enough rows")

// firstLines keeps the beginning of an answer that comes in lines.
type firstLines struct {
	buf   bytes.Buffer
	lines int
	full  bool
}

// Write keeps p, or says that it is enough.
func (f *firstLines) Write(p []byte) (int, error) {
	if f.full {
		return 0, errEnough
	}
	f.buf.Write(p)
	f.lines += bytes.Count(p, []byte{'\n'})
	if f.lines > queryRows+2 || f.buf.Len() > queryBytes { // names and types
		f.full = true
		return len(p), errEnough
	}
	return len(p), nil
}

// table reads the lines: names, types, and rows of values.
func (f *firstLines) table() (*answerTable, error) {
	t := &answerTable{Cut: f.full}
	read := bufio.NewReader(&f.buf)
	var names, types []string
	for n := 0; len(t.Rows) < queryRows; n++ {
		line, err := read.ReadBytes('\n')
		if errors.Is(err, io.EOF) && (f.full || len(bytes.TrimSpace(line)) == 0) {
			break // the last line is cut, or there is none
		}
		switch n {
		case 0:
			err = json.Unmarshal(line, &names)
		case 1:
			if err = json.Unmarshal(line, &types); err == nil {
				err = t.head(names, types)
			}
		default:
			err = t.add(line)
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
	}
	return t, nil
}

var numberType = regexp.MustCompile(`^(Nullable\(|LowCardinality\()*(U?Int|Float|Decimal|BFloat)`)

func (t *answerTable) head(names, types []string) error {
	if len(names) != len(types) {
		return errors.New("names and types do not match")
	}
	for i := range names {
		t.Columns = append(t.Columns, column{names[i], types[i], numberType.MatchString(types[i])})
	}
	return nil
}

func (t *answerTable) add(line []byte) error {
	var values []json.RawMessage
	if err := json.Unmarshal(line, &values); err != nil {
		return err
	}
	row := make([]cell, 0, len(values))
	for _, raw := range values {
		var c cell
		var text string
		switch {
		case string(raw) == "null":
			c.Null = true
		case json.Unmarshal(raw, &text) == nil:
			c.Text = text
		default:
			c.Text = string(raw)
		}
		if runes := []rune(c.Text); len(runes) > queryCell {
			c.Text, c.Cut = string(runes[:queryCell]), true
		}
		row = append(row, c)
	}
	t.Rows = append(t.Rows, row)
	return nil
}

// download writes the whole answer as a file. It returns an error only while
// nothing has been written.
func (w *Web) download(v *visit, sql string, d download) error {
	if err := checkSQL(sql); err != nil {
		return err
	}
	out := &fileWriter{w: v.w, kind: d}
	if err := w.deps.Queries.Query(v.r.Context(), out, sql, d.format); err != nil {
		if out.began {
			panic(http.ErrAbortHandler) // a file that is cut off must not look whole
		}
		return errors.New(sqlFault(v.r.Context(), err))
	}
	out.begin()
	return nil
}

// fileWriter sends an answer as a file, the headers with its first byte.
type fileWriter struct {
	w     http.ResponseWriter
	kind  download
	began bool
}

func (f *fileWriter) begin() {
	if f.began {
		return
	}
	f.began = true
	f.w.Header().Set("Content-Type", f.kind.mime)
	f.w.Header().Set("Content-Disposition", `attachment; filename="plodwatch.`+f.kind.ext+`"`)
}

// Write sends p.
func (f *fileWriter) Write(p []byte) (int, error) {
	f.begin()
	return f.w.Write(p)
}
