package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// tableFormat is the ClickHouse format of a table for people.
const tableFormat = "PrettyCompactNoEscapesMonoBlock"

// queryCmd runs one read-only SQL query.
type queryCmd struct {
	SQL    string `arg:"" help:"The query; - reads it from standard input."`
	Format string `help:"ClickHouse output format, for example CSVWithNames, Parquet, JSONEachRow." placeholder:"NAME"`
	JSON   bool   `help:"Print one JSON object a row."`
}

// Help says more than fits a line.
func (c *queryCmd) Help() string {
	return `Only reading is allowed: one statement, no table functions that reach files or the
network, limits on time, memory and rows.

Examples:
  plodwatch query 'SELECT * FROM sessions ORDER BY started_at DESC LIMIT 5'
  plodwatch query --format CSVWithNames 'SELECT day, low_s FROM ...' > out.csv
  plodwatch query 'DESCRIBE intensity'`
}

// Run prints the answer.
func (c *queryCmd) Run(ctx context.Context, a *app) error {
	sql := c.SQL
	if sql == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
		if err != nil {
			return fmt.Errorf("read query: %w", err)
		}
		sql = string(b)
	}
	format := tableFormat
	switch {
	case c.Format != "" && c.JSON:
		return errors.New("give either --format or --json")
	case c.Format != "":
		format = c.Format
	case c.JSON:
		format = "JSONEachRow"
	}
	return a.withStore(ctx, func(h host) error {
		if format == tableFormat {
			return h.query(ctx, &harmless{w: a.stdout}, sql, format)
		}
		return h.query(ctx, a.stdout, sql, format)
	})
}

// queryURL is the request line of a query to ClickHouse's HTTP protocol.
func queryURL(base, format string) string {
	q := url.Values{"default_format": {format}}
	return base + "?" + q.Encode()
}

// copyAnswer writes a 200 answer's body to w, and turns any other into an
// error.
func copyAnswer(w io.Writer, resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // whatever came of it is said
		return errors.New(strings.TrimSpace(string(text)))
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// directAnswer is an http.ResponseWriter that passes a 200 body through to w
// as it comes and keeps anything else as an error's text.
type directAnswer struct {
	header http.Header
	status int
	w      io.Writer
	text   bytes.Buffer
	err    error
}

func newDirectAnswer(w io.Writer) *directAnswer {
	return &directAnswer{header: http.Header{}, status: http.StatusOK, w: w}
}

// Header returns the header map.
func (d *directAnswer) Header() http.Header { return d.header }

// WriteHeader keeps the status.
func (d *directAnswer) WriteHeader(status int) { d.status = status }

// Write passes p on, or keeps it when the status is not 200.
func (d *directAnswer) Write(p []byte) (int, error) {
	if d.status != http.StatusOK {
		return d.text.Write(p)
	}
	n, err := d.w.Write(p)
	if err != nil {
		d.err = err
	}
	return n, err
}

func (d *directAnswer) failure() error {
	if d.status != http.StatusOK {
		return errors.New(strings.TrimSpace(d.text.String()))
	}
	return d.err
}
