package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// entriesPerRequest keeps a request with entries of the log far below
// maxLogBody.
const entriesPerRequest = 500

// writeLog stores entries of the daily log and makes the athletes' signs anew.
func (h *localHost) writeLog(ctx context.Context, entries []diary.Entry, door string) error {
	if err := h.st.WriteLog(ctx, entries, door, time.Now()); err != nil {
		return err
	}
	return refreshSigns(ctx, h.st, athletesIn(entries))
}

// athletesIn lists the athletes of entries, each once.
func athletesIn(entries []diary.Entry) []schema.AthleteID {
	var all []schema.AthleteID
	for i := range entries {
		all = append(all, entries[i].Athlete)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func refreshSigns(ctx context.Context, st *store.Store, athletes []schema.AthleteID) error {
	_, err := st.RefreshSigns(ctx, athletes, time.Now())
	return err
}

// withWriter runs f with a host that may write what people write down; a data
// directory that is not there yet is made.
func (a *app) withWriter(ctx context.Context, command string, f func(host) error) error {
	h, err := a.openHost(ctx, onlyStore, command)
	if err != nil {
		return err
	}
	return errors.Join(f(h), h.close(ctx))
}

// today is the calendar day it is for an athlete: by the time zone set last,
// else by that of this machine.
func today(ctx context.Context, h host, id schema.AthleteID) (schema.Day, error) {
	dated, err := settingsOf(ctx, h, id)
	if err != nil {
		return 0, err
	}
	zone := time.Local
	for i := range dated {
		if dated[i].TimeZone == "" {
			continue
		}
		if l, err := time.LoadLocation(dated[i].TimeZone); err == nil {
			zone = l
		}
	}
	return dayIn(time.Now(), zone), nil
}

func dayIn(at time.Time, zone *time.Location) schema.Day {
	_, offset := at.In(zone).Zone()
	return schema.DayOf(at.UnixMilli(), int32(offset)) //nolint:gosec // less than a day
}

// dayText writes the day of a Date32 column, which comes as midnight UTC.
func dayText(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// dayOrNone writes a day, null without one.
func dayOrNone(t *time.Time) any {
	if t == nil {
		return nil
	}
	return dayText(*t)
}

// readTable opens a table, - for standard input, and reads it.
func readTable[T any](path string, read func(io.Reader) (*diary.Table[T], error)) (*diary.Table[T], error) {
	if path == "-" {
		return read(os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the table: %w", err)
	}
	defer f.Close()
	return read(f)
}

// tableResult is what `--json` says of a table that was imported.
type tableResult struct {
	Stored  int         `json:"stored"`
	Faults  []tableLine `json:"faults"`
	Ignored []string    `json:"ignored_columns"`
}

type tableLine struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// sayTable says what became of a table, and returns errRejected when lines were
// left out.
func sayTable[T any](a *app, t *diary.Table[T], what string, asJSON bool) error {
	res := tableResult{Stored: len(t.Rows), Faults: []tableLine{}, Ignored: t.Ignored}
	for _, f := range t.Faults {
		res.Faults = append(res.Faults, tableLine{Line: f.Line, Error: f.Err.Error()})
		if !asJSON {
			fmt.Fprintln(a.stderr, f)
		}
	}
	if asJSON {
		if err := printJSON(a.stdout, res); err != nil {
			return err
		}
	} else {
		for _, column := range t.Ignored {
			fmt.Fprintf(a.stderr, "column %q means nothing here\n", column)
		}
		fmt.Fprintf(a.stdout, "%d %s stored, %d lines left out.\n", res.Stored, what, len(res.Faults))
	}
	if len(res.Faults) > 0 {
		return errRejected
	}
	return nil
}

// rangeFlags choose rows by athlete and day.
type rangeFlags struct {
	Athlete string `help:"Only this athlete." placeholder:"ID" complete:"athlete"`
	From    string `help:"From this local day on." placeholder:"YYYY-MM-DD"`
	To      string `help:"Up to this local day." placeholder:"YYYY-MM-DD"`
	Limit   int    `help:"Only the latest so many; 0 = all." default:"50"`
}

func (r *rangeFlags) filter() (store.ListFilter, error) {
	c := sessionsCmd{Athlete: r.Athlete, From: r.From, To: r.To, Limit: r.Limit}
	return c.filter()
}
