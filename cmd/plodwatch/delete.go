package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// deleteCmd takes exports away.
type deleteCmd struct {
	IDs     []string `arg:"" name:"id" help:"Exports or sessions, by their ids or beginnings of them." complete:"session"`
	Athlete string   `help:"Only exports of this athlete." placeholder:"ID" complete:"athlete"`
	Yes     bool     `help:"Do not ask."`
	JSON    bool     `help:"Print one JSON object for each athlete."`
}

// Help says more than fits a line.
func (c *deleteCmd) Help() string {
	return `Takes a file away with all its sessions, from the tables, the queues and the stored
originals; an archive with the files that came out of it. The original stays when another
athlete has handed in the same one. If a copy of a session is stored, the next best counts
from then on.

A file that still lies in a watched folder is taken again: remove it there first. What only
must not count is better dropped: plodwatch duplicates drop SESSION.

Exit codes: 0 nothing is left, 1 usage or environment, 2 something is left.

Examples:
  plodwatch delete 3f2a9c01
  plodwatch delete --yes 3f2a9c01 77ab0d52`
}

// shortestID is the least of an id that names something to delete.
const shortestID = 4

// Run finds what is meant, asks, and deletes it.
func (c *deleteCmd) Run(ctx context.Context, a *app) error {
	athlete := schema.AthleteID(c.Athlete)
	if c.Athlete != "" {
		if _, err := schema.ParseAthleteID(c.Athlete); err != nil {
			return err
		}
	}
	return a.withHost(ctx, "delete", func(ctx context.Context, h host) error {
		found, err := c.find(ctx, h, athlete)
		if err != nil {
			return err
		}
		sessions := 0
		for i := range found {
			sessions += len(found[i].Sessions)
		}
		if err := a.confirm(c.Yes, fmt.Sprintf("Delete %s and %s for good?", plural(len(found), "export"), plural(sessions, "session"))); err != nil {
			return err
		}
		left := 0
		for _, opts := range byAthlete(found) {
			report, err := h.erase(ctx, opts)
			if err != nil {
				return err
			}
			left += len(report.Left)
			if err := report.print(a, c.JSON); err != nil {
				return err
			}
		}
		if left > 0 {
			return errRejected
		}
		return nil
	})
}

// find returns the exports that are meant, each once.
func (c *deleteCmd) find(ctx context.Context, h host, athlete schema.AthleteID) ([]store.Taken, error) {
	var all []store.Taken
	seen := map[schema.JobID]bool{}
	for _, id := range c.IDs {
		if len(id) < shortestID {
			return nil, fmt.Errorf("find %q: give at least %d characters of the id", id, shortestID)
		}
		found, err := h.store().FindExports(ctx, athlete, id, 2)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, fmt.Errorf("find %s: no export or session begins so; plodwatch sessions lists sessions", id)
		case len(found) > 1:
			return nil, fmt.Errorf("find %s: several exports, or sessions of several, begin so; give more of the export's id, or --athlete", id)
		}
		one := &found[0]
		if job := schema.JobIDOf(one.Athlete, one.Export); !seen[job] {
			seen[job] = true
			all = append(all, *one)
		}
	}
	for i := range all {
		parent, err := schema.ParseExportID(all[i].Parent)
		if err == nil && !seen[schema.JobIDOf(all[i].Athlete, parent)] {
			return nil, fmt.Errorf("export %s came out of archive %s, which would bring it back: delete that, with all its files, or have it not count: plodwatch duplicates drop SESSION",
				all[i].Export.String()[:12], parent.String()[:12])
		}
	}
	return all, nil
}

// byAthlete divides exports, in their order.
func byAthlete(found []store.Taken) []eraseOptions {
	var all []eraseOptions
	at := map[schema.AthleteID]int{}
	for i := range found {
		athlete := found[i].Athlete
		if _, ok := at[athlete]; !ok {
			at[athlete] = len(all)
			all = append(all, eraseOptions{Athlete: athlete})
		}
		opts := &all[at[athlete]]
		opts.Exports = append(opts.Exports, found[i].Export)
	}
	return all
}

// athleteDeleteCmd takes an athlete away.
type athleteDeleteCmd struct {
	ID   string `arg:"" help:"The athlete." complete:"athlete"`
	Yes  bool   `help:"Do not ask."`
	JSON bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *athleteDeleteCmd) Help() string {
	return `Takes everything of a person away: originals that nobody else has handed in, what was
remembered of uploads, tokens, messages that wait or were set aside, and every row of every
table, in all its versions. Then it searches: the tables by query, and every file of the
data directory for the ids of the athlete, the exports, the jobs and the sessions, and prints
what is left. Servers elsewhere are asked, their files are not searched.

Backups, copies of the disk and what listeners have been told are not touched. Whoever has a
token of the role admin, or whose files lie in a watched folder, can bring the athlete back.

Exit codes: 0 nothing is left, 1 usage or environment, 2 something is left.

Examples:
  plodwatch athlete delete anna
  plodwatch athlete delete anna --yes --json`
}

// Run asks and deletes.
func (c *athleteDeleteCmd) Run(ctx context.Context, a *app) error {
	id, err := schema.ParseAthleteID(c.ID)
	if err != nil {
		return err
	}
	if err := a.confirm(c.Yes, fmt.Sprintf("Delete everything of %s for good?", id)); err != nil {
		return err
	}
	return a.withHost(ctx, "athlete delete", func(ctx context.Context, h host) error {
		report, err := h.erase(ctx, eraseOptions{Athlete: id, All: true})
		if err != nil {
			return err
		}
		if err := report.print(a, c.JSON); err != nil {
			return err
		}
		if len(report.Left) > 0 {
			return errRejected
		}
		return nil
	})
}

// confirm asks at a terminal, unless the answer was given with the command.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) { //nolint:gosec // descriptors are small
		return errors.New("this cannot be undone: confirm with --yes")
	}
	fmt.Fprint(a.stderr, question+" (yes/no) ")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); err != nil || answer != "yes" && answer != "y" {
		return errors.New("nothing was deleted")
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

func (r *eraseReport) print(a *app, asJSON bool) error {
	if asJSON {
		return printJSON(a.stdout, r)
	}
	var rows uint64
	for _, n := range r.Rows {
		rows += n
	}
	fmt.Fprintf(a.stdout, "Deleted of %s: %s, %s, %s of %s, %s, %s, %s, %s.\n", r.Athlete,
		plural(r.Exports, "export"), plural(r.Sessions, "session"), plural(int(rows), "row"), plural(len(r.Rows), "table"), //nolint:gosec // fits
		plural(r.Originals, "original"), plural(r.Records, "upload record"), plural(r.Tokens, "token"), plural(r.Messages, "message"))
	if r.Shared > 0 {
		fmt.Fprintf(a.stdout, "Kept: %s that other athletes have handed in, too.\n", plural(r.Shared, "original"))
	}
	if r.Again > 0 {
		fmt.Fprintf(a.stdout, "Decoded again, because the same session is in them: %s.\n", plural(r.Again, "export"))
	}
	if len(r.Left) == 0 {
		fmt.Fprintln(a.stdout, "Searched: nothing left.")
		return nil
	}
	t := newTable(a.stdout, "left in", "what")
	for _, l := range r.Left {
		t.row(l.Where, l.What)
	}
	return t.flush()
}
