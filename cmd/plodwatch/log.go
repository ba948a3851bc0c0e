package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// logCmd keeps the daily log.
type logCmd struct {
	Add    logAddCmd    `cmd:"" help:"Write down how an athlete is on a day."`
	Import logImportCmd `cmd:"" help:"Take in a table with a day a line."`
	List   logListCmd   `cmd:"" help:"Show the log beside its baselines."`
	Remove logRemoveCmd `cmd:"" help:"Take back what was written for a day." example:"plodwatch log remove me 2026-03-01"`
}

type logAddCmd struct {
	Athlete   string   `arg:"" help:"The athlete." complete:"athlete"`
	Date      string   `help:"Local day; default: today." placeholder:"YYYY-MM-DD"`
	RestingHR *float64 `name:"resting-hr" help:"Resting heart rate, bpm." placeholder:"BPM"`
	HRV       *float64 `name:"hrv" help:"Heart rate variability as the device gives it, ms." placeholder:"MS"`
	Sleep     *float64 `name:"sleep-hours" help:"Hours of sleep in the night before." placeholder:"HOURS"`
	Energy    string   `help:"Energy: 1 (exhausted) to 5, 4/5, a word, a colour or a face." placeholder:"TEXT"`
	Note      string   `help:"Anything else." placeholder:"TEXT"`
	JSON      bool     `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *logAddCmd) Help() string {
	return `What is not given stays as it was written for that day before. Energy is understood in
English and some other languages, as a colour from red to green, and as a face; how it was
written is kept.

Examples:
  plodwatch log add me --resting-hr 52 --energy good
  plodwatch log add anna --date 2026-03-01 --energy 🙁 --sleep-hours 5.5 --note "late train"`
}

func (c *logAddCmd) entry(ctx context.Context, h host) (diary.Entry, error) {
	e := diary.Entry{Athlete: schema.AthleteID(c.Athlete), RestingHR: c.RestingHR, HRV: c.HRV, SleepH: c.Sleep, Note: c.Note}
	if c.Energy != "" {
		energy, err := diary.ParseEnergy(c.Energy)
		if err != nil {
			return e, err
		}
		e.Energy = &energy
	}
	if err := e.Validate(); err != nil {
		return e, err
	}
	var err error
	if c.Date == "" {
		e.Day, err = today(ctx, h, e.Athlete)
	} else {
		e.Day, err = schema.ParseDay(c.Date)
	}
	return e, err
}

// Run stores the entry and shows the day as it stands now.
func (c *logAddCmd) Run(ctx context.Context, a *app) error {
	return a.withWriter(ctx, "log add", func(h host) error {
		e, err := c.entry(ctx, h)
		if err != nil {
			return err
		}
		if err := h.writeLog(ctx, []diary.Entry{e}, store.FromCommand); err != nil {
			return err
		}
		days, err := h.store().DailyLog(ctx, store.ListFilter{Athlete: e.Athlete, From: &e.Day, To: &e.Day})
		if err != nil {
			return err
		}
		return printLog(a, days, c.JSON)
	})
}

type logImportCmd struct {
	File    string `arg:"" name:"csv" help:"Table with a header, separated by commas, semicolons or tabs; - reads standard input." complete:"file"`
	Athlete string `help:"Whose log it is, for lines without an athlete." default:"me" placeholder:"ID" complete:"athlete"`
	JSON    bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *logImportCmd) Help() string {
	return `Columns: date, and any of resting_hr, hrv, sleep_h, energy, note, athlete. A line that
cannot be understood is reported with its number and left out.

Exit codes: 0 all lines taken, 1 usage or environment, 2 some lines left out.

Examples:
  printf 'date,resting_hr,energy\n2026-03-01,52,🙂\n2026-03-02,55,tired\n' | plodwatch log import -`
}

// Run stores the lines that make sense.
func (c *logImportCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	t, err := readTable(c.File, func(r io.Reader) (*diary.Table[diary.Entry], error) { return diary.ReadLog(r, id) })
	if err != nil {
		return err
	}
	if len(t.Rows) > 0 {
		err = a.withWriter(ctx, "log import", func(h host) error { return h.writeLog(ctx, t.Rows, store.FromCSV) })
		if err != nil {
			return err
		}
	}
	return sayTable(a, t, "days", c.JSON)
}

type logListCmd struct {
	rangeFlags
	JSON bool `help:"Print one JSON object a day."`
}

// Help says more than fits a line.
func (c *logListCmd) Help() string {
	return `Resting HR and energy stand beside the difference of their 7-day mean from the mean of the
28 days before; ! marks one that is adverse. A pattern to look at, not a diagnosis.

Examples:
  plodwatch log list --athlete anna --from 2026-03-01
  plodwatch query "SELECT day, signal, pattern FROM warnings ORDER BY day DESC LIMIT 10"`
}

// Run prints the days, oldest first.
func (c *logListCmd) Run(ctx context.Context, a *app) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		days, err := h.store().DailyLog(ctx, f)
		if err != nil {
			return err
		}
		return printLog(a, days, c.JSON)
	})
}

func printLog(a *app, days []store.LogDay, asJSON bool) error {
	if asJSON {
		for i := range days {
			err := printJSON(a.stdout, struct {
				Day string `json:"day"`
				*store.LogDay
			}{dayText(days[i].Day), &days[i]})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if len(days) == 0 {
		fmt.Fprintln(a.stdout, "Nothing is logged; plodwatch log add ATHLETE --resting-hr BPM writes something down.")
		return nil
	}
	t := newTable(a.stdout, "day", "athlete", "resting HR", "7 d", "HRV", "7 d", "sleep", "energy", "7 d", "note")
	for i := range days {
		d := &days[i]
		resting := number(d.RestingHR, "%.0f")
		if d.RestingHRSource == "file" {
			resting += " (file)"
		}
		energy := d.EnergyAsWritten
		if d.Energy != nil && energy != whole(*d.Energy) {
			energy = fmt.Sprintf("%d %s", *d.Energy, energy)
		}
		t.row(dayText(d.Day), d.Athlete, resting, change(d.RestingHRChange, d.RestingHRFlag), number(d.HRV, "%.0f"), change(d.HRVChange, nil),
			number(d.SleepH, "%.1f h"), orDash(&energy), change(d.EnergyChange, d.EnergyFlag), strings.Join(strings.Fields(d.Note), " "))
	}
	return t.flush()
}

func number(v *float64, format string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

// change writes a difference from a baseline, with ! when it is adverse.
func change(v *float64, adverse *bool) string {
	text := number(v, "%+.1f")
	if adverse != nil && *adverse {
		text += " !"
	}
	return text
}

type logRemoveCmd struct {
	Athlete string `arg:"" help:"The athlete." complete:"athlete"`
	Date    string `arg:"" help:"Local day, YYYY-MM-DD."`
	JSON    bool   `help:"Print JSON."`
}

// Run takes the day's entries back.
func (c *logRemoveCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	day, err := schema.ParseDay(c.Date)
	if err != nil {
		return err
	}
	err = a.withWriter(ctx, "log remove", func(h host) error {
		have, err := h.store().DailyLog(ctx, store.ListFilter{Athlete: id, From: &day, To: &day})
		if err != nil {
			return err
		}
		if len(have) == 0 {
			return fmt.Errorf("remove the log of %s on %s: there is none", id, day)
		}
		return errors.Join(h.store().RemoveLog(ctx, id, day, time.Now()), refreshSigns(ctx, h.store(), []schema.AthleteID{id}))
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, map[string]string{"athlete_id": string(id), "day": day.String(), "removed": "log"})
	}
	fmt.Fprintf(a.stdout, "What was written for %s on %s is taken back.\n", id, day)
	return nil
}
