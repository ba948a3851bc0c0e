package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// sessionsCmd lists sessions.
type sessionsCmd struct {
	Athlete string `help:"Only this athlete's sessions." placeholder:"ID" complete:"athlete"`
	Sport   string `help:"Only this sport, for example running." placeholder:"SPORT"`
	From    string `help:"From this local day on." placeholder:"YYYY-MM-DD"`
	To      string `help:"Up to this local day." placeholder:"YYYY-MM-DD"`
	Limit   int    `help:"Only the latest so many; 0 = all." default:"50"`
	JSON    bool   `help:"Print one JSON object a session."`
}

// Help says more than fits a line.
func (c *sessionsCmd) Help() string {
	return `low/mod/high are shares of the time with usable heart rate; above 60 % is time at or
above 60 % of max HR. A session that cannot be judged shows the reason instead.

Examples:
  plodwatch sessions --sport running --from 2026-01-01
  plodwatch sessions --limit 0 --json | jq .session_id`
}

func (c *sessionsCmd) filter() (store.ListFilter, error) {
	f := store.ListFilter{Sport: schema.Sport(c.Sport), Limit: c.Limit}
	if c.Athlete != "" {
		id, err := schema.ParseAthleteID(c.Athlete)
		if err != nil {
			return f, err
		}
		f.Athlete = id
	}
	for _, day := range []struct {
		text string
		to   **schema.Day
	}{{c.From, &f.From}, {c.To, &f.To}} {
		if day.text == "" {
			continue
		}
		d, err := schema.ParseDay(day.text)
		if err != nil {
			return f, err
		}
		*day.to = &d
	}
	return f, nil
}

// Run prints the sessions, oldest first.
func (c *sessionsCmd) Run(ctx context.Context, a *app) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		list, err := h.store().List(ctx, f)
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
		return printSessions(a, list, f.Limit)
	})
}

func printSessions(a *app, list []store.Summary, limit int) error {
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "No sessions.")
		return nil
	}
	t, coloured := newTable(a.stdout, "session", "started", "sport", "time", "km", "HR avg/max", "of max", "low/mod/high", "above 60 %", "class", "verdict"), a.colours()
	for i := range list {
		s := &list[i]
		t.row(s.SessionID.String()[:8], localStart(s), sportName(s), clock(s.TimerS), kilometres(s.DistanceM),
			heartRates(s), maxUsed(s), shares(s), minutes(s.Above60S), orDash(s.SessionClass), s.Verdict)
		if coloured && s.Verdict != "ok" {
			t.last(missingColour, s.Verdict)
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if limit > 0 && len(list) == limit {
		fmt.Fprintf(a.stdout, "The latest %d sessions; --limit 0 shows all.\n", limit)
	}
	return nil
}

func localStart(s *store.Summary) string {
	return s.StartedAt.Add(time.Duration(s.UTCOffsetS) * time.Second).UTC().Format("2006-01-02 15:04")
}

func sportName(s *store.Summary) string {
	if s.SubSport == "" || s.SubSport == "generic" {
		return s.Sport
	}
	return s.Sport + "/" + s.SubSport
}

func kilometres(m *float64) string {
	if m == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *m/1000)
}

func heartRates(s *store.Summary) string {
	if s.HRAvg == nil || s.HRMax == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f/%d", *s.HRAvg, *s.HRMax)
}

func maxUsed(s *store.Summary) string {
	if s.HRMaxUsed == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %s", *s.HRMaxUsed, s.HRMaxSource)
}

// shares writes low/moderate/high in percent, or a dash when there is no
// answer; the verdict says why.
func shares(s *store.Summary) string {
	if s.LowShare == nil || s.LowS == nil || s.ModerateS == nil || s.HighS == nil {
		return "-"
	}
	sum := *s.LowS + *s.ModerateS + *s.HighS
	if sum <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f/%.0f/%.0f %%", 100**s.LowS/sum, 100**s.ModerateS/sum, 100**s.HighS/sum)
}

func minutes(s *float64) string {
	if s == nil {
		return "-"
	}
	return clock(*s)
}

func orDash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

// sessionCmd shows one session.
type sessionCmd struct {
	ID   string `arg:"" help:"The session's id, or its beginning." complete:"session"`
	JSON bool   `help:"Print JSON."`
}

// Run prints the session.
func (c *sessionCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(h host) error {
		found, err := oneSession(ctx, h, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(a.stdout, found)
		}
		return printSession(a, found)
	})
}

func printSession(a *app, s *store.Summary) error {
	t := newTable(a.stdout, "session", s.SessionID.String())
	t.row("athlete", s.Athlete)
	t.row("sport", sportName(s))
	t.row("started", localStart(s)+fmt.Sprintf(" (UTC%+.2g h)", float64(s.UTCOffsetS)/3600))
	t.row("elapsed / timer / moving", clock(s.ElapsedS)+" / "+clock(s.TimerS)+" / "+clock(s.MovingS))
	t.row("distance", kilometres(s.DistanceM)+" km")
	if s.PaceSPerKm != nil {
		t.row("pace", clock(*s.PaceSPerKm)+" per km")
	}
	t.row("heart rate avg/max", heartRates(s))
	t.row("usable heart rate", fmt.Sprintf("%.0f %% of the timer time", 100*s.HRCoverage))
	t.row("max HR used", maxUsed(s))
	t.row("low/mod/high", shares(s))
	t.row("above 60 % of max HR", minutes(s.Above60S))
	if s.CapBPM != nil {
		t.row("at or over the cap", fmt.Sprintf("%s (cap %g bpm)", minutes(s.OverCapS), *s.CapBPM))
	}
	t.row("class / label", orDash(s.SessionClass)+" / "+s.Label)
	t.row("verdict", s.Verdict)
	t.row("flags", strings.Join(s.Flags, " "))
	t.row("export", s.ExportID)
	if err := t.flush(); err != nil {
		return err
	}
	return printZones(a, s)
}

func printZones(a *app, s *store.Summary) error {
	if s.LowShare == nil || len(s.ZoneS) != len(s.ZoneBounds)+1 || len(s.ZoneBounds) == 0 {
		return nil
	}
	total := 0.0
	for _, v := range s.ZoneS {
		total += v
	}
	if total <= 0 {
		return nil
	}
	fmt.Fprintln(a.stdout)
	t := newTable(a.stdout, "zone", "from", "time", "share", "")
	for i, v := range s.ZoneS {
		name, from := "below", "-"
		if i > 0 {
			name, from = strconv.Itoa(i), fmt.Sprintf("%g bpm", s.ZoneBounds[i-1])
		}
		t.row(name, from, clock(v), fmt.Sprintf("%.1f %%", 100*v/total), strings.Repeat("#", int(40*v/total+0.5)))
	}
	return t.flush()
}

// migrateCmd makes the tables and streams.
type migrateCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run opens tables and streams, which migrates them, and says what was applied.
// Nothing works on them here: others may.
func (c *migrateCmd) Run(ctx context.Context, a *app) error {
	h, err := a.openHostWith(ctx, wholePipeline, func(dir string, lock *os.File) (host, error) {
		h := &localHost{pipeline: newPipeline(a, dir, 30*time.Second), lock: lock, command: "migrate", parts: onlyStore}
		return h.opened(ctx, h.provision(ctx))
	})
	if errors.Is(err, errHeld) {
		return errors.New("the data directory is held by a running plodwatch, which has migrated it already")
	}
	if err != nil {
		return err
	}
	applied := 0
	if l, ok := h.(*localHost); ok {
		applied = l.migrated
	}
	if err := h.close(ctx); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, map[string]int{"migrations_applied": applied})
	}
	fmt.Fprintf(a.stdout, "Tables and streams are up to date; %d migrations applied.\n", applied)
	return nil
}
