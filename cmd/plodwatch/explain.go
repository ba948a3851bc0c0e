package main

import (
	"context"
	"fmt"

	"plodwatch/analyze"
	"plodwatch/analyze/place"
	"plodwatch/analyze/report"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// explainCmd says how a session's figures came about.
type explainCmd struct {
	ID   string `arg:"" help:"The session's id, or its beginning." complete:"session"`
	JSON bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *explainCmd) Help() string {
	return `Works the session out again from its stored samples and says: each rule of the verdict
with its numbers, the settings and where they come from, seconds per zone beside those of
the watch, every stretch that does not count and why, and whether all of it agrees with
what is stored. Times of day are local.

Examples:
  plodwatch explain 3f2a
  plodwatch explain 3f2a --json | jq '.excluded[] | select(.cause == "gap")'`
}

// Run prints the explanation.
func (c *explainCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(h host) error {
		found, err := oneSession(ctx, h, c.ID)
		if err != nil {
			return err
		}
		key := analyze.SessionKey{Athlete: schema.AthleteID(found.Athlete), ID: schema.SessionID(found.SessionID)}
		x, err := analyze.Explain(ctx, h.store(), place.New(), key)
		if err != nil {
			return err
		}
		out := report.Explain(x)
		if c.JSON {
			return printJSON(a.stdout, out)
		}
		return out.WriteText(a.stdout)
	})
}

// oneSession finds the session whose id begins with prefix.
func oneSession(ctx context.Context, h host, prefix string) (*store.Summary, error) {
	found, err := h.store().FindSession(ctx, prefix)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("find session %s: there is none; plodwatch sessions lists them", prefix)
	case len(found) > 1:
		return nil, fmt.Errorf("find session %s: %d sessions begin so; give more of the id", prefix, len(found))
	}
	return &found[0], nil
}
