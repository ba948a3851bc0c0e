package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// exportCmd writes views as files.
type exportCmd struct {
	Dir     string `arg:"" help:"An empty or new folder." type:"path"`
	Parquet bool   `help:"Write Parquet files." xor:"format" required:""`
	CSV     bool   `name:"csv" help:"Write CSV files with a header." xor:"format" required:""`
	Athlete string `help:"Only this athlete." placeholder:"ID" complete:"athlete"`
	JSON    bool   `help:"Print one JSON object a file."`
}

// Help says more than fits a line.
func (c *exportCmd) Help() string {
	return `Writes sessions, intensity, samples, exports, settings and the tables by days and weeks,
as plodwatch query shows them: a folder for each view, a file in it for each athlete, of
samples one a month. With an external ClickHouse only CSV is written; Parquet comes from its
own client.

Examples:
  plodwatch export --parquet ~/training
  plodwatch export --csv --athlete anna ~/anna
  duckdb -c "SELECT * FROM '~/training/sessions/*.parquet'"`
}

// exportedViews are the views that are written, with a column of time to order
// and divide by.
var exportedViews = [...]struct{ view, order string }{
	{"sessions", "started_at"},
	{"intensity", "session_id"},
	{"exports", "received_at"},
	{"athlete_settings", "valid_from"},
	{"athlete_days", "day"},
	{"load_daily", "day"},
	{"weekly_intensity", "week"},
	{"daily_log", "day"},
	{"warnings", "day"},
}

// exportedFile is a file that was written. Its keys are stable.
type exportedFile struct {
	File  string `json:"file"` // in the folder
	Bytes int64  `json:"bytes"`
}

// Run writes the files.
func (c *exportCmd) Run(ctx context.Context, a *app) error {
	if c.Athlete != "" {
		if _, err := schema.ParseAthleteID(c.Athlete); err != nil {
			return err
		}
	}
	if entries, err := os.ReadDir(c.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", c.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at folder: %w", err)
	}
	if c.Parquet && a.ClickHouse != "" {
		return errors.New("with an external ClickHouse only --csv is written; for Parquet ask the server by its own client, once for each view: " +
			`clickhouse client --database plodwatch --query "SELECT * FROM sessions FORMAT Parquet" > sessions.parquet`)
	}
	return a.withStore(ctx, func(h host) error {
		athletes := []schema.AthleteID{schema.AthleteID(c.Athlete)}
		if c.Athlete == "" {
			var err error
			if athletes, err = h.store().Athletes(ctx); err != nil {
				return err
			}
		}
		var files []exportedFile
		for _, athlete := range athletes {
			more, err := c.athlete(ctx, h, athlete)
			if err != nil {
				return err
			}
			files = append(files, more...)
			fmt.Fprintf(a.stderr, "%s: %s\n", athlete, plural(len(more), "file"))
		}
		var size int64
		for i := range files {
			size += files[i].Bytes
			if c.JSON {
				if err := printJSON(a.stdout, files[i]); err != nil {
					return err
				}
			}
		}
		if !c.JSON {
			fmt.Fprintf(a.stdout, "Written to %s: %s of %s, %s bytes.\n", c.Dir, plural(len(files), "file"), plural(len(athletes), "athlete"), count(size))
		}
		return nil
	})
}

func (c *exportCmd) athlete(ctx context.Context, h host, athlete schema.AthleteID) ([]exportedFile, error) {
	var files []exportedFile
	write := func(view, name, where, order string) error {
		f, err := c.write(ctx, h, filepath.Join(view, name), "SELECT * FROM "+view+" WHERE athlete_id = '"+string(athlete)+"'"+where+" ORDER BY "+order)
		files = append(files, f)
		return err
	}
	for _, v := range exportedViews {
		if err := write(v.view, string(athlete), "", v.order); err != nil {
			return nil, err
		}
	}
	months, err := exportMonths(ctx, h, athlete)
	if err != nil {
		return nil, err
	}
	for _, month := range months {
		// The sessions' starts, so that the months that a session spans have one file.
		where := fmt.Sprintf(" AND session_id IN (SELECT session_id FROM sessions WHERE athlete_id = '%s' AND toYYYYMM(started_at) = %d)", athlete, month)
		if err := write("samples", fmt.Sprintf("%s-%04d-%02d", athlete, month/100, month%100), where, "session_id, t"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// exportMonths returns the months, as 202601, in which the athlete has sessions.
func exportMonths(ctx context.Context, h host, athlete schema.AthleteID) ([]int, error) {
	var out strings.Builder
	err := h.query(ctx, &out, "SELECT DISTINCT toYYYYMM(started_at) AS month FROM sessions WHERE athlete_id = '"+string(athlete)+"' ORDER BY month", "JSONEachRow")
	if err != nil {
		return nil, err
	}
	var months []int
	for dec := json.NewDecoder(strings.NewReader(out.String())); ; {
		var row struct {
			Month int `json:"month"`
		}
		if err := dec.Decode(&row); errors.Is(err, io.EOF) {
			return months, nil
		} else if err != nil {
			return nil, fmt.Errorf("read months: %w", err)
		}
		months = append(months, row.Month)
	}
}

// write writes the answer of a query to a file, whole or not at all.
func (c *exportCmd) write(ctx context.Context, h host, name, sql string) (f exportedFile, err error) {
	format, suffix := "Parquet", ".parquet"
	if c.CSV {
		format, suffix = "CSVWithNames", ".csv"
	}
	f.File = name + suffix
	path := filepath.Join(c.Dir, f.File)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return f, fmt.Errorf("make folder: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return f, fmt.Errorf("create file: %w", err)
	}
	if c.CSV && externalStore(h) {
		err = writeCSV(ctx, h.store(), file, sql)
	} else {
		err = h.query(ctx, file, sql, format)
	}
	if info, statErr := file.Stat(); statErr == nil {
		f.Bytes = info.Size()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return f, errors.Join(fmt.Errorf("write %s: %w", f.File, err), os.Remove(path))
	}
	return f, nil
}

// writeCSV writes the answer of a query as CSVWithNames does, over any protocol:
// the server writes the lines, which come as rows.
func writeCSV(ctx context.Context, st *store.Store, to io.Writer, sql string) error {
	w := bufio.NewWriter(to)
	var names []string
	err := st.ReadOnly(ctx, "DESCRIBE TABLE ("+sql+")", func(_ []string, values []any) error {
		names = append(names, `"`+texts(values)[0]+`"`)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, strings.Join(names, ","))
	err = st.ReadOnly(ctx, "SELECT formatRowNoNewline('CSV', *) FROM ("+sql+")", func(_ []string, values []any) error {
		_, err := fmt.Fprintln(w, texts(values)[0])
		return err
	})
	return errors.Join(err, w.Flush())
}

// externalStore reports whether the tables are on a server elsewhere.
func externalStore(h host) bool {
	switch h := h.(type) {
	case *localHost:
		return h.engine == nil
	case *remoteHost:
		return h.external != ""
	}
	return false
}
