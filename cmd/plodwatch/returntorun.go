package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// returnToRunCmd leads through a return to running.
type returnToRunCmd struct {
	Start    returnStartCmd    `cmd:"" help:"Begin a return to running, or its next phase."`
	Stop     returnStopCmd     `cmd:"" help:"End a return to running." example:"plodwatch return-to-run stop me --on 2026-06-01"`
	Remove   returnRemoveCmd   `cmd:"" help:"Take back a start or an end that was a mistake." example:"plodwatch return-to-run remove me 2026-05-20"`
	Show     returnShowCmd     `cmd:"" help:"Show the weeks, what they were judged, and what the next allows."`
	Protocol returnProtocolCmd `cmd:"" help:"Show the protocols, or put another in."`
}

type returnStartCmd struct {
	Athlete         string   `arg:"" help:"The athlete." complete:"athlete"`
	Protocol        string   `help:"Protocol, see return-to-run protocol list." default:"overtraining" placeholder:"NAME"`
	Phase           int      `help:"Phase of the protocol, from 1." default:"1"`
	From            string   `required:"" help:"First local day of the phase." placeholder:"YYYY-MM-DD"`
	BaselineKm      *float64 `name:"baseline-km-week" help:"Volume before, km of running a week." placeholder:"KM" xor:"baseline"`
	BaselineMinutes *float64 `name:"baseline-minutes-week" help:"Volume before, minutes of training a week." placeholder:"MIN" xor:"baseline"`
	JSON            bool     `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *returnStartCmd) Help() string {
	return `Weeks are counted from the first day of the phase. A phase lasts until the next one starts or
the return stops. Without a volume before, that of the 12 weeks before the return's first phase
is computed.

Examples:
  plodwatch return-to-run start me --phase 1 --from 2026-03-02
  plodwatch return-to-run start me --phase 2 --from 2026-05-25 --baseline-km-week 60
  plodwatch return-to-run start anna --protocol mild --from 2026-03-02`
}

// Run stores the start.
func (c *returnStartCmd) Run(ctx context.Context, a *app) error {
	from, err := schema.ParseDay(c.From)
	if err != nil {
		return err
	}
	r := diary.Return{
		Athlete: schema.AthleteID(c.Athlete), From: from, Protocol: c.Protocol, Phase: c.Phase,
		BaselineKm: c.BaselineKm, BaselineMinutes: c.BaselineMinutes,
	}
	if c.Phase < 1 {
		return fmt.Errorf("phase %d: need 1 or more; return-to-run stop ends a return", c.Phase)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	var phase store.PhaseOfProtocol
	var stored store.ReturnPhase
	err = a.withWriter(ctx, "return-to-run start", func(h host) error {
		var err error
		if phase, err = findPhase(ctx, h, c.Protocol, c.Phase); err != nil {
			return err
		}
		if err := h.store().WriteReturn(ctx, r, time.Now()); err != nil {
			return err
		}
		list, err := h.store().Returns(ctx, r.Athlete)
		for i := range list {
			if dayText(list[i].FromDay) == from.String() {
				stored = list[i]
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, returnPhaseJSON(&stored))
	}
	fmt.Fprintf(a.stdout, "Phase %d of %s for %s from %s on: %s\n%s\nVolume before: %s.\n",
		c.Phase, c.Protocol, c.Athlete, from, phase.Name, phase.Text, baselineText(&stored))
	return nil
}

func findPhase(ctx context.Context, h host, protocol string, number int) (store.PhaseOfProtocol, error) {
	all, err := h.store().Protocols(ctx)
	if err != nil {
		return store.PhaseOfProtocol{}, err
	}
	for i := range all {
		if all[i].Protocol == protocol && int(all[i].Phase) == number {
			return all[i], nil
		}
	}
	return store.PhaseOfProtocol{}, fmt.Errorf("phase %d of the protocol %s: there is none; plodwatch return-to-run protocol list shows them", number, protocol)
}

func baselineText(r *store.ReturnPhase) string {
	switch r.VolumeUnit {
	case "km":
		return fmt.Sprintf("%.0f km a week (%s)", *r.BaselineKm, r.BaselineSource)
	case "minutes":
		return fmt.Sprintf("%.0f minutes a week (%s)", *r.BaselineMinutes, r.BaselineSource)
	}
	return "not known: there is no session in the 12 weeks before, and none is set"
}

func returnPhaseJSON(r *store.ReturnPhase) any {
	return struct {
		From       string `json:"from_day"`
		To         any    `json:"to_day"`
		ReturnFrom string `json:"return_from"`
		*store.ReturnPhase
	}{dayText(r.FromDay), dayOrNone(r.ToDay), dayText(r.ReturnFrom), r}
}

// returnDay is what commands about one day of a return have.
type returnDay struct {
	Athlete string `arg:"" help:"The athlete." complete:"athlete"`
	JSON    bool   `help:"Print JSON."`
}

func (c *returnDay) done(a *app, day schema.Day, field, text string) error {
	if c.JSON {
		return printJSON(a.stdout, map[string]string{"athlete_id": c.Athlete, field: day.String()})
	}
	fmt.Fprintf(a.stdout, text+"\n", c.Athlete, day)
	return nil
}

type returnStopCmd struct {
	returnDay
	On string `help:"First local day without it; default: today." placeholder:"YYYY-MM-DD"`
}

// Run stores the end.
func (c *returnStopCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	var day schema.Day
	err = a.withWriter(ctx, "return-to-run stop", func(h host) error {
		var err error
		if c.On == "" {
			day, err = today(ctx, h, id)
		} else {
			day, err = schema.ParseDay(c.On)
		}
		if err != nil {
			return err
		}
		list, err := h.store().Returns(ctx, id)
		if err != nil {
			return err
		}
		for i := range list {
			if goesOn(&list[i], day) {
				return h.store().WriteReturn(ctx, diary.Return{Athlete: id, From: day}, time.Now())
			}
		}
		return fmt.Errorf("stop the return of %s on %s: there is none on the day before", id, day)
	})
	if err != nil {
		return err
	}
	return c.done(a, day, "stopped_on", "The return to running of %s ends before %s.")
}

// goesOn reports whether a phase began before a day and has no end before it.
func goesOn(r *store.ReturnPhase, day schema.Day) bool {
	before := (day - 1).String()
	return dayText(r.FromDay) <= before && (r.ToDay == nil || dayText(*r.ToDay) >= before)
}

type returnRemoveCmd struct {
	returnDay
	Date string `arg:"" help:"Day of the start or end, YYYY-MM-DD."`
}

// Run takes the start or end back.
func (c *returnRemoveCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	day, err := schema.ParseDay(c.Date)
	if err != nil {
		return err
	}
	err = a.withWriter(ctx, "return-to-run remove", func(h host) error {
		return h.store().RemoveReturn(ctx, id, day, time.Now())
	})
	if err != nil {
		return err
	}
	return c.done(a, day, "removed", "Nothing of a return to running of %s starts or ends on %s any more.")
}

type returnShowCmd struct {
	Athlete  string `arg:"" help:"The athlete." complete:"athlete"`
	Sessions bool   `help:"Show the sessions instead of the weeks."`
	JSON     bool   `help:"Print one JSON object a week or session."`
}

// Help says more than fits a line.
func (c *returnShowCmd) Help() string {
	return `A week passes when days, volume, heart rate under the cap and hard time keep to the phase. The
cap is the lower of 120 bpm and 60 % of max HR.

Examples:
  plodwatch return-to-run show me
  plodwatch return-to-run show me --sessions
  plodwatch return-to-run show me --json | jq 'select(.outcome == "fail") | .reasons'`
}

// Run prints the weeks or sessions.
func (c *returnShowCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.Athlete)
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		if _, err := h.store().RefreshReturns(ctx, []schema.AthleteID{id}, time.Now()); err != nil {
			return err
		}
		phases, err := h.store().Returns(ctx, id)
		if err != nil {
			return err
		}
		if len(phases) == 0 && !c.JSON {
			fmt.Fprintf(a.stdout, "%s is in no return to running; plodwatch return-to-run start %s --from DATE begins one.\n", id, id)
			return nil
		}
		if c.Sessions {
			list, err := h.store().ReturnSessions(ctx, id)
			if err != nil {
				return err
			}
			return c.printSessions(a, list)
		}
		weeks, err := h.store().ReturnWeeks(ctx, id)
		if err != nil {
			return err
		}
		return c.printWeeks(a, phases, weeks)
	})
}

func (c *returnShowCmd) printWeeks(a *app, phases []store.ReturnPhase, weeks []store.ReturnToRunWeek) error {
	if c.JSON {
		for i := range weeks {
			err := printJSON(a.stdout, struct {
				From string `json:"week_from"`
				To   string `json:"week_to"`
				*store.ReturnToRunWeek
			}{dayText(weeks[i].WeekFrom), dayText(weeks[i].WeekTo), &weeks[i]})
			if err != nil {
				return err
			}
		}
		return nil
	}
	for i := range phases {
		p := &phases[i]
		until := "on"
		if p.ToDay != nil {
			until = "to " + dayText(*p.ToDay)
		}
		fmt.Fprintf(a.stdout, "Phase %d of %s from %s %s, volume before: %s\n", p.Phase, p.Protocol, dayText(p.FromDay), until, baselineText(p))
	}
	if len(weeks) == 0 {
		fmt.Fprintln(a.stdout, "It has not begun yet.")
		return nil
	}
	fmt.Fprintln(a.stdout)
	t := newTable(a.stdout, "phase", "week", "from", "days", "volume", "over the cap", "hard", "outcome", "why")
	for i := range weeks {
		w := &weeks[i]
		volume := "-"
		if w.VolumePct != nil {
			volume = fmt.Sprintf("%.0f %%", *w.VolumePct)
		}
		outcome := w.Outcome
		if !w.Complete {
			outcome += " so far"
		}
		t.row(whole(w.Phase), whole(w.Week), dayText(w.WeekFrom), fmt.Sprintf("%d of %d", w.Days, w.DaysAllowed), volume,
			minutes(w.OverCapS), fmt.Sprintf("%d of %d", w.HardSessions, w.HardSessionsMost), outcome, strings.Join(append(w.Reasons, w.NotJudged...), "; "))
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\nNext week: %s.\n", weeks[len(weeks)-1].NextWeek)
	return nil
}

func (c *returnShowCmd) printSessions(a *app, list []store.ReturnSession) error {
	if c.JSON {
		for i := range list {
			err := printJSON(a.stdout, struct {
				Day string `json:"day"`
				*store.ReturnSession
			}{dayText(list[i].Day), &list[i]})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "No sessions.")
		return nil
	}
	t := newTable(a.stdout, "session", "day", "phase", "week", "sport", "time", "over the cap", "longest", "hard", "outcome", "why")
	for i := range list {
		s := &list[i]
		hard := ""
		if s.Hard {
			hard = "hard"
		}
		t.row(s.SessionID.String()[:8], dayText(s.Day), whole(s.Phase), whole(s.Week), s.Sport, clock(s.Minutes*60),
			minutes(s.OverCapS), minutes(s.LongestOverCapS), hard, s.Outcome, s.Reason)
	}
	return t.flush()
}

// whole writes a small number.
func whole[T uint8 | uint16](n T) string { return strconv.Itoa(int(n)) }

// returnProtocolCmd shows and changes the protocols.
type returnProtocolCmd struct {
	List   protocolListCmd   `cmd:"" help:"Show the protocols." example:"plodwatch return-to-run protocol list"`
	Import protocolImportCmd `cmd:"" help:"Put a protocol in, or other phases into one."`
}

type protocolListCmd struct {
	JSON bool `help:"Print one JSON object a phase."`
}

// Run prints the phases of all protocols.
func (c *protocolListCmd) Run(ctx context.Context, a *app) error {
	return a.withWriter(ctx, "return-to-run protocol list", func(h host) error {
		all, err := h.store().Protocols(ctx)
		if err != nil {
			return err
		}
		for i := range all {
			if c.JSON {
				err = errors.Join(err, printJSON(a.stdout, &all[i]))
			} else {
				fmt.Fprintf(a.stdout, "%s %d, %s\n  %s\n", all[i].Protocol, all[i].Phase, all[i].Name, all[i].Text)
			}
		}
		return err
	})
}

type protocolImportCmd struct {
	File string `arg:"" name:"csv" help:"Table with a header and a phase a line; - reads standard input." complete:"file"`
	JSON bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *protocolImportCmd) Help() string {
	return `Columns: protocol, phase, name, days_per_week, and any of weeks, sports, volume_from_pct,
volume_to_pct, cap_rule (none, session, week), under_cap_share, rpe_from, rpe_below,
hard_rpe_from, hard_rpe_below, hard_share_from, hard_share_to, hard_sessions,
hard_sessions_later, hard_later_from, text. A phase replaces the one of the same number.

Exit codes: 0 all lines taken, 1 usage or environment, 2 some lines left out.

Examples:
  plodwatch query --format CSVWithNames 'SELECT * FROM return_phases' > phases.csv
  plodwatch return-to-run protocol import phases.csv`
}

// Run stores the phases that make sense.
func (c *protocolImportCmd) Run(ctx context.Context, a *app) error {
	t, err := readTable(c.File, diary.ReadProtocol)
	if err != nil {
		return err
	}
	if len(t.Rows) > 0 {
		err = a.withWriter(ctx, "return-to-run protocol import", func(h host) error {
			return h.store().WritePhases(ctx, t.Rows, time.Now())
		})
		if err != nil {
			return err
		}
	}
	return sayTable(a, t, "phases", c.JSON)
}
