package main

import (
	"context"
	"fmt"
	"io"

	"plodwatch/analyze"
	"plodwatch/analyze/place"
	"plodwatch/analyze/report"
	"plodwatch/schema"
)

// whatIfCmd compares what is stored with what other settings would give.
type whatIfCmd struct {
	ID string `arg:"" help:"The athlete." complete:"athlete"`
	settingsFlags
	TimeZone string   `name:"time-zone" help:"IANA time zone for sessions that tell no local time, for example Europe/Oslo." placeholder:"ZONE"`
	From     string   `help:"First local day the facts would hold for; default: from the very beginning." placeholder:"YYYY-MM-DD"`
	Unset    []string `help:"Facts to forget, as with athlete set." placeholder:"NAME,..."`
	JSON     bool     `help:"Print JSON, with all sessions that are covered."`
}

// Help says more than fits a line.
func (c *whatIfCmd) Help() string {
	return `Takes what athlete set takes, and shows which sessions and weeks would get another verdict,
class or low share, by pace as well where a threshold pace is set. Nothing is stored;
athlete set with the same flags analyzes exactly the sessions that are covered here.

Examples:
  plodwatch what-if me --max-hr 186
  plodwatch what-if anna --zone-model friel7 --lthr 168 --from 2026-03-01
  plodwatch what-if me --threshold-pace 4:30
  plodwatch what-if me --max-hr 186 --json | jq '.sessions[] | select(.changed)'`
}

// Run prints the comparison.
func (c *whatIfCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.ID)
	if err != nil {
		return err
	}
	set := athleteSetCmd{settingsFlags: c.settingsFlags, TimeZone: c.TimeZone, From: c.From, Unset: c.Unset}
	return a.withStore(ctx, func(h host) error {
		settings, err := set.next(ctx, h, id)
		if err != nil {
			return err
		}
		changes, err := analyze.WhatIf(ctx, h.store(), place.New(), settings, progressTo(a.stderr, "sessions compared"))
		if err != nil {
			return err
		}
		tallies, startsOn, err := h.store().Tallies(ctx, id)
		if err != nil {
			return err
		}
		out := report.Compare(settings, changes, analyze.WeekChanges(tallies, startsOn, changes))
		if c.JSON {
			return printJSON(a.stdout, out)
		}
		fmt.Fprintf(a.stdout, "What if these held for %s from %s on: %s\n", id, out.ValidFrom, describe(&settings))
		return out.WriteText(a.stdout)
	})
}

// manySessions is from how many on a command says how far it is.
const manySessions = 200

// progressTo writes a line to w now and then when there is much to do.
func progressTo(w io.Writer, what string) analyze.Progress {
	told := 0
	return func(done, total int) {
		if total < manySessions || done-told < total/10 && done < total {
			return
		}
		told = done
		fmt.Fprintf(w, "%s of %s %s\n", count(done), count(total), what)
	}
}
