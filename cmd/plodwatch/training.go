package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// reportCmd shows an athlete's weeks.
type reportCmd struct {
	Athlete string `arg:"" optional:"" help:"The athlete; may be left out when there is only one." complete:"athlete"`
	Weeks   int    `help:"So many weeks up to the last one with a session." default:"12"`
	To      string `help:"No later week than that of this local day." placeholder:"YYYY-MM-DD"`
	HTML    string `name:"html" help:"Write a page to this file instead, complete in itself; - for standard output." placeholder:"FILE" type:"path"`
	JSON    bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *reportCmd) Help() string {
	return `Weeks with low, moderate and high intensity by time and by sessions, hours, distance, shape
and verdict; easy days that were not easy, warnings, load, and a return to run. A week that
cannot be judged says why. Bars have colours on a terminal unless NO_COLOR is set.

Examples:
  plodwatch report
  plodwatch report anna --weeks 26 --html anna.html
  plodwatch report anna --to 2026-03-31
  plodwatch report anna --json | jq '.weeks[] | {week, low_share, verdict}'`
}

// Run prints or writes the report.
func (c *reportCmd) Run(ctx context.Context, a *app) error {
	if c.Weeks < 1 || c.Weeks > 1000 {
		return fmt.Errorf("--weeks %d: need 1 to 1000", c.Weeks)
	}
	if c.JSON && c.HTML != "" {
		return errors.New("--json and --html: choose one")
	}
	until, err := optionalDay(c.To)
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		id, err := onlyAthlete(ctx, h, c.Athlete)
		if err != nil {
			return err
		}
		o, err := h.store().Overview(ctx, id, c.Weeks, until)
		if err != nil {
			return err
		}
		facts, err := factsOf(ctx, h, id, o)
		if err != nil {
			return err
		}
		r := report.ForWeeks(id, o, facts)
		switch {
		case c.JSON:
			return printJSON(a.stdout, r)
		case c.HTML == "-":
			return r.WriteHTML(a.stdout)
		case c.HTML != "":
			return writePage(a, c.HTML, r)
		}
		return r.WriteText(a.stdout, lookOf(a))
	})
}

// optionalDay reads a day; nil when none is given.
func optionalDay(text string) (*schema.Day, error) {
	if text == "" {
		return nil, nil
	}
	day, err := schema.ParseDay(text)
	if err != nil {
		return nil, err
	}
	return &day, nil
}

// writePage writes the page whole or not at all.
func writePage(a *app, path string, r *report.Weeks) error {
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		return err
	}
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil { //nolint:gosec // a page to be shown
		return fmt.Errorf("write the report: %w", err)
	}
	fmt.Fprintf(a.stdout, "The report is in %s.\n", path)
	return nil
}

// onlyAthlete reads a name, or finds the only athlete there is.
func onlyAthlete(ctx context.Context, h host, name string) (schema.AthleteID, error) {
	if name != "" {
		return schema.ParseAthleteID(name)
	}
	all, err := h.store().Athletes(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errors.New("there are no sessions yet; plodwatch import PATH... takes files in")
	case len(all) == 1:
		return all[0], nil
	}
	return "", fmt.Errorf("which of the %d athletes? plodwatch athlete list names them", len(all))
}

// factsOf puts the settings that hold in the weeks of o into words.
func factsOf(ctx context.Context, h host, id schema.AthleteID, o *store.Overview) ([]report.Facts, error) {
	dated, err := settingsOf(ctx, h, id)
	if err != nil || len(o.Weeks) == 0 {
		return nil, err
	}
	from, to := o.Weeks[0].Start, o.Weeks[len(o.Weeks)-1].End
	var facts []report.Facts
	for i := range dated {
		ends := i+1 < len(dated) && dated[i+1].ValidFrom.String() <= from
		if !ends && dated[i].ValidFrom.String() <= to {
			facts = append(facts, report.Facts{From: dated[i].ValidFrom.String(), Words: describe(&dated[i])})
		}
	}
	return facts, nil
}

// lookOf says what the terminal can show.
func lookOf(a *app) report.Look {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	look := report.Look{Unicode: strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8"), Colour: a.colours()}
	return look
}
