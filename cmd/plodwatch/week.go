package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// weekCmd shows training by weeks.
type weekCmd struct {
	Athlete  string `arg:"" optional:"" help:"The athlete; default: everybody." complete:"athlete"`
	Weeks    int    `help:"So many weeks, up to the last one with a session." default:"8"`
	StartsOn string `name:"starts-on" help:"From now on weeks start on this day: of the athlete, or of everybody who has no setting of their own." placeholder:"WEEKDAY"`
	JSON     bool   `help:"Print one JSON object a week."`
}

// Help says more than fits a line.
func (c *weekCmd) Help() string {
	return `low/mod/high are shares of the time whose intensity is known, from summed seconds; easy
counts the easy sessions among those that could be judged. From a low share of 0.80 a week is
ok, from 0.75 borderline, below too_hard; a week that cannot be judged shows the reason.
Broken easy days are sessions meant to be easy that were not.

Examples:
  plodwatch week
  plodwatch week anna --weeks 26
  plodwatch week anna --starts-on sunday
  plodwatch week --json | jq 'select(.verdict == "too_hard")'`
}

// Run prints the weeks, oldest first.
func (c *weekCmd) Run(ctx context.Context, a *app) error {
	if c.Weeks < 1 || c.Weeks > 10_000 {
		return fmt.Errorf("--weeks %d: need 1 to 10000", c.Weeks)
	}
	var id schema.AthleteID
	if c.Athlete != "" {
		var err error
		if id, err = schema.ParseAthleteID(c.Athlete); err != nil {
			return err
		}
	}
	return a.withStore(ctx, func(h host) error {
		if c.StartsOn != "" {
			day, err := parseWeekday(c.StartsOn)
			if err != nil {
				return err
			}
			if err := h.store().SetWeekStart(ctx, id, day, time.Now()); err != nil {
				return err
			}
		}
		list, err := weeksOf(ctx, h, id, c.Weeks)
		if err != nil {
			return err
		}
		if c.JSON {
			for i := range list {
				if err := printJSON(a.stdout, &list[i]); err != nil {
					return err
				}
			}
			return nil
		}
		return printWeeks(a, list, id == "")
	})
}

// weeksOf reads weeks that hold every session stored so far.
func weeksOf(ctx context.Context, h host, id schema.AthleteID, weeks int) ([]store.WeekRow, error) {
	who := []schema.AthleteID{id}
	if id == "" {
		var err error
		if who, err = h.store().Athletes(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := h.store().Refresh(ctx, who); err != nil {
		return nil, err
	}
	return h.store().WeekRows(ctx, id, weeks)
}

// parseWeekday reads the English name of a weekday or its first three letters.
func parseWeekday(text string) (time.Weekday, error) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		name := day.String()
		if strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return day, nil
		}
	}
	return 0, fmt.Errorf("weekday %q: need monday to sunday", text)
}

func printWeeks(a *app, list []store.WeekRow, everybody bool) error {
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "No weeks with sessions.")
		return nil
	}
	header := []string{"week", "from", "sessions", "time", "km", "low/mod/high", "easy", "hard", "shape", "broken easy days", "verdict"}
	if everybody {
		header = append([]string{"athlete"}, header...)
	}
	t, coloured := newTable(a.stdout, header...), a.colours()
	for i := range list {
		w := &list[i]
		cells := []string{
			w.Week, w.Start, strconv.FormatUint(w.Sessions, 10), clock(w.Hours * 3600), kilometresOf(w.DistanceKm), weekShares(w),
			fmt.Sprintf("%d/%d", w.EasySessions, w.EasySessions+w.ModerateSessions+w.HardSessions),
			strconv.FormatUint(w.HardSessions, 10), w.Label, strconv.FormatUint(w.Violations, 10), weekVerdict(w),
		}
		if everybody {
			cells = append([]string{w.Athlete}, cells...)
		}
		t.row(cells...)
		if coloured {
			t.last(verdictColour(w.Verdict), weekVerdict(w))
		}
	}
	return t.flush()
}

func kilometresOf(km *float64) string {
	if km == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *km)
}

// weekShares writes low/moderate/high in percent, or a dash when there is no
// answer; the verdict says why.
func weekShares(w *store.WeekRow) string {
	if w.LowShare == nil || w.ModerateShare == nil || w.HighShare == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f/%.0f/%.0f %%", 100**w.LowShare, 100**w.ModerateShare, 100**w.HighShare)
}

// weekVerdict writes the verdict by time, by pace beside it where runs could be
// judged so, or the reason when there is none.
func weekVerdict(w *store.WeekRow) string {
	verdict := w.Verdict
	if w.Reason != "" {
		verdict = w.Reason
	}
	if w.PaceReason == "" {
		verdict += ", by pace " + w.PaceVerdict
	}
	return verdict
}
