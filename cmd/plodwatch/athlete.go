package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// athleteCmd shows and changes what is known about athletes.
type athleteCmd struct {
	Set  athleteSetCmd  `cmd:"" help:"Set facts that hold from a day on; re-analyses the sessions they cover."`
	Show athleteShowCmd `cmd:"" help:"Show an athlete's settings by date." example:"plodwatch athlete show me"`
	List athleteListCmd `cmd:"" help:"List athletes with sessions or settings." example:"plodwatch athlete list"`

	Delete athleteDeleteCmd `cmd:"" help:"Take everything of an athlete away for good, and search for what is left."`
}

type athleteSetCmd struct {
	ID string `arg:"" help:"The athlete." complete:"athlete"`
	settingsFlags
	TimeZone string   `name:"time-zone" help:"IANA time zone for sessions whose file has no offset, for example Europe/Oslo." placeholder:"ZONE"`
	From     string   `help:"First local day the facts hold for; default: from the very beginning." placeholder:"YYYY-MM-DD"`
	Unset    []string `help:"Facts to forget: max-hr, rest-hr, lthr, vt1, vt2, birth-year, sex, zone-model, time-zone, threshold-pace." placeholder:"NAME,..."`
	JSON     bool     `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *athleteSetCmd) Help() string {
	return `Facts that are not given stay as they are on that day. Earlier days keep theirs, and
so do days from the next dated settings on.

Examples:
  plodwatch athlete set me --max-hr 187 --rest-hr 48
  plodwatch athlete set anna --max-hr 181 --from 2026-03-01
  plodwatch athlete set anna --threshold-pace 4:30`
}

// forever is the day from which settings without --from hold: before any watch.
const forever = "1970-01-01"

// Run stores the settings and says how many sessions were analyzed again.
func (c *athleteSetCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.ID)
	if err != nil {
		return err
	}
	h, err := a.openHost(ctx, storeAndAnalyzer, "athlete set")
	if err != nil {
		return err
	}
	set, n, err := c.change(ctx, h, id)
	if err := errors.Join(err, h.close(ctx)); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(a.stdout, map[string]any{"athlete_id": id, "valid_from": set.ValidFrom.String(), "settings": set, "reanalysed": n})
	}
	fmt.Fprintf(a.stdout, "Settings of %s from %s on: %s\nThey cover %d sessions, which were analyzed again.\n", id, set.ValidFrom, describe(&set), n)
	return nil
}

func (c *athleteSetCmd) change(ctx context.Context, h host, id schema.AthleteID) (schema.Settings, int, error) {
	next, err := c.next(ctx, h, id)
	if err != nil {
		return next, 0, err
	}
	n, err := h.setSettings(ctx, next)
	return next, n, err
}

// next lays the given facts over those that hold on the day.
func (c *athleteSetCmd) next(ctx context.Context, h host, id schema.AthleteID) (schema.Settings, error) {
	day := c.From
	if day == "" {
		day = forever
	}
	from, err := schema.ParseDay(day)
	if err != nil {
		return schema.Settings{}, err
	}
	dated, err := settingsOf(ctx, h, id)
	if err != nil {
		return schema.Settings{}, err
	}
	next := schema.Settings{Athlete: id}
	for _, s := range dated {
		if s.ValidFrom <= from {
			next = s
		}
	}
	next.ValidFrom = from
	if err := forget(&next, c.Unset); err != nil {
		return next, err
	}
	c.apply(&next)
	if c.TimeZone != "" {
		next.TimeZone = c.TimeZone
	}
	if err := next.Validate(); err != nil {
		return next, fmt.Errorf("settings: %w", err)
	}
	return next, nil
}

// settingsOf returns an athlete's dated settings, ascending by day.
func settingsOf(ctx context.Context, h host, id schema.AthleteID) ([]schema.Settings, error) {
	all, err := h.store().Settings(ctx, []schema.AthleteID{id})
	if err != nil {
		return nil, err
	}
	out := make([]schema.Settings, 0, len(all[id]))
	for i := range all[id] {
		out = append(out, all[id][i].Settings)
	}
	return out, nil
}

func forget(s *schema.Settings, names []string) error {
	reset := map[string]func(){
		"max-hr": func() { s.HRMax = 0 }, "rest-hr": func() { s.HRRest = 0 }, "lthr": func() { s.LTHR = 0 },
		"vt1": func() { s.VT1 = 0 }, "vt2": func() { s.VT2 = 0 }, "birth-year": func() { s.BirthYear = 0 },
		"sex": func() { s.Sex = schema.SexUnknown }, "time-zone": func() { s.TimeZone = "" },
		"threshold-pace": func() { s.ThresholdPace = 0 },
		"zone-model":     func() { s.ZoneModel, s.CustomBounds = "", nil },
	}
	for _, name := range names {
		f, ok := reset[name]
		if !ok {
			return fmt.Errorf("unset %q: no such fact; see plodwatch athlete set --help", name)
		}
		f()
	}
	return nil
}

// describe writes settings in one line.
func describe(s *schema.Settings) string {
	var parts []string
	for _, v := range []struct {
		name  string
		value float64
	}{{"max HR", s.HRMax}, {"resting HR", s.HRRest}, {"LTHR", s.LTHR}, {"VT1", s.VT1}, {"VT2", s.VT2}, {"born", float64(s.BirthYear)}} {
		if v.value != 0 {
			parts = append(parts, v.name+" "+strconv.FormatFloat(v.value, 'f', -1, 64))
		}
	}
	for _, v := range []string{string(s.Sex), string(s.ZoneModel), s.TimeZone} {
		if v != "" {
			parts = append(parts, v)
		}
	}
	if s.ThresholdPace != 0 {
		parts = append(parts, "threshold pace "+pace(s.ThresholdPace).String()+"/km")
	}
	if len(s.CustomBounds) > 0 {
		parts = append(parts, fmt.Sprint("bounds ", s.CustomBounds))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

type athleteShowCmd struct {
	ID   string `arg:"" help:"The athlete." complete:"athlete"`
	JSON bool   `help:"Print one JSON object for each dated settings."`
}

// Run prints the athlete's dated settings.
func (c *athleteShowCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.ID)
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(h host) error {
		dated, err := settingsOf(ctx, h, id)
		if err != nil {
			return err
		}
		if len(dated) == 0 && !c.JSON {
			fmt.Fprintf(a.stdout, "Nothing is set for %s; plodwatch athlete set %s --max-hr BPM sets something.\n", id, id)
			return nil
		}
		for i := range dated {
			if c.JSON {
				err = printJSON(a.stdout, map[string]any{"athlete_id": id, "valid_from": dated[i].ValidFrom.String(), "settings": dated[i]})
			} else {
				_, err = fmt.Fprintf(a.stdout, "from %s: %s\n", dated[i].ValidFrom, describe(&dated[i]))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

type athleteListCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the athletes.
func (c *athleteListCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(h host) error {
		ids, err := h.store().Athletes(ctx)
		if err != nil {
			return err
		}
		slices.Sort(ids)
		if c.JSON {
			return printJSON(a.stdout, ids)
		}
		for _, id := range ids {
			fmt.Fprintln(a.stdout, id)
		}
		return nil
	})
}
