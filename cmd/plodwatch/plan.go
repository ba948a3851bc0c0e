package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// planCmd keeps what days were planned to be.
type planCmd struct {
	Easy     planEasyCmd     `cmd:"" help:"Plan days as easy." example:"plodwatch plan easy me 2026-03-02 2026-03-04"`
	Moderate planModerateCmd `cmd:"" help:"Plan days as moderate." example:"plodwatch plan moderate me 2026-03-05"`
	Hard     planHardCmd     `cmd:"" help:"Plan days as hard." example:"plodwatch plan hard me 2026-03-06"`
	Race     planRaceCmd     `cmd:"" help:"Plan days as races." example:"plodwatch plan race me 2026-04-19"`
	Rest     planRestCmd     `cmd:"" help:"Plan days as rest." example:"plodwatch plan rest me 2026-03-07"`
	Clear    planClearCmd    `cmd:"" help:"Take plans back." example:"plodwatch plan clear me 2026-03-01"`
	Import   planImportCmd   `cmd:"" help:"Take in a table of plans."`
	List     planListCmd     `cmd:"" help:"Show plans." example:"plodwatch plan list --athlete me"`
}

// planDays is what all commands that plan days have.
type planDays struct {
	Athlete string   `arg:"" help:"The athlete." complete:"athlete"`
	Dates   []string `arg:"" name:"date" help:"Local days, YYYY-MM-DD."`
	JSON    bool     `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *planDays) Help() string {
	return `A session on a day planned as easy that was not easy is an easy-day violation. Days without
a plan are judged by what the sessions look like.`
}

type (
	planEasyCmd     struct{ planDays }
	planModerateCmd struct{ planDays }
	planHardCmd     struct{ planDays }
	planRaceCmd     struct{ planDays }
	planRestCmd     struct{ planDays }
	planClearCmd    struct{ planDays }
)

// Run stores the plans.
func (c *planEasyCmd) Run(ctx context.Context, a *app) error { return c.plan(ctx, a, diary.IntentEasy) }

// Run stores the plans.
func (c *planModerateCmd) Run(ctx context.Context, a *app) error {
	return c.plan(ctx, a, diary.IntentModerate)
}

// Run stores the plans.
func (c *planHardCmd) Run(ctx context.Context, a *app) error { return c.plan(ctx, a, diary.IntentHard) }

// Run stores the plans.
func (c *planRaceCmd) Run(ctx context.Context, a *app) error { return c.plan(ctx, a, diary.IntentRace) }

// Run stores the plans.
func (c *planRestCmd) Run(ctx context.Context, a *app) error { return c.plan(ctx, a, diary.IntentRest) }

// Run takes the plans back.
func (c *planClearCmd) Run(ctx context.Context, a *app) error { return c.plan(ctx, a, "") }

func (c *planDays) plan(ctx context.Context, a *app, intent diary.Intent) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	var plans []diary.Plan
	for _, text := range c.Dates {
		day, err := schema.ParseDay(text)
		if err != nil {
			return err
		}
		plans = append(plans, diary.Plan{Athlete: id, Day: day, Intent: intent})
	}
	err = a.withWriter(ctx, "plan", func(h host) error {
		return h.store().WritePlans(ctx, plans, store.FromCommand, time.Now())
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, map[string]any{"athlete_id": id, "intent": intent, "days": c.Dates})
	}
	if intent == "" {
		fmt.Fprintf(a.stdout, "%d days of %s have no plan any more.\n", len(plans), id)
		return nil
	}
	fmt.Fprintf(a.stdout, "%d days of %s planned as %s.\n", len(plans), id, intent)
	return nil
}

type planImportCmd struct {
	File    string `arg:"" name:"csv" help:"Table with a header, separated by commas, semicolons or tabs; - reads standard input." complete:"file"`
	Athlete string `help:"Whose plans they are, for lines without an athlete." default:"me" placeholder:"ID" complete:"athlete"`
	JSON    bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *planImportCmd) Help() string {
	return `Columns: date, intent (easy, moderate, hard, race or rest), and athlete. A line that cannot be
understood is reported with its number and left out.

Exit codes: 0 all lines taken, 1 usage or environment, 2 some lines left out.

Examples:
  printf 'date,intent\n2026-03-02,easy\n2026-03-03,hard\n' | plodwatch plan import -`
}

// Run stores the lines that make sense.
func (c *planImportCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	t, err := readTable(c.File, func(r io.Reader) (*diary.Table[diary.Plan], error) { return diary.ReadPlans(r, id) })
	if err != nil {
		return err
	}
	if len(t.Rows) > 0 {
		err = a.withWriter(ctx, "plan import", func(h host) error {
			return h.store().WritePlans(ctx, t.Rows, store.FromCSV, time.Now())
		})
		if err != nil {
			return err
		}
	}
	return sayTable(a, t, "days", c.JSON)
}

type planListCmd struct {
	rangeFlags
	JSON bool `help:"Print one JSON object a day."`
}

// Run prints the plans, oldest first.
func (c *planListCmd) Run(ctx context.Context, a *app) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		plans, err := h.store().Plans(ctx, f)
		if err != nil {
			return err
		}
		if c.JSON {
			for i := range plans {
				err := printJSON(a.stdout, struct {
					Day string `json:"day"`
					*store.PlannedDay
				}{dayText(plans[i].Day), &plans[i]})
				if err != nil {
					return err
				}
			}
			return nil
		}
		if len(plans) == 0 {
			fmt.Fprintln(a.stdout, "Nothing is planned; plodwatch plan easy ATHLETE DATE plans something.")
			return nil
		}
		t := newTable(a.stdout, "day", "athlete", "plan")
		for i := range plans {
			t.row(dayText(plans[i].Day), plans[i].Athlete, plans[i].Intent)
		}
		return t.flush()
	})
}
