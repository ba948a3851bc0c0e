package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"plodwatch/schema"
	"plodwatch/schema/reconcile"
)

// reconcileCmd compares everything that is kept.
type reconcileCmd struct {
	Fix           bool   `help:"Bring back what can be, and wait for it."`
	Deep          bool   `help:"Read every stored original and compare it with its SHA-256."`
	Folder        string `help:"Compare this folder, too; what is missing here is taken from it." placeholder:"DIR" type:"path"`
	FolderAthlete string `help:"Whose files lie in the folder itself." default:"me" placeholder:"ID" complete:"athlete"`
	Owner         string `help:"Whose the originals are that nobody is known to have handed in." placeholder:"ID" complete:"athlete"`
	JSON          bool   `help:"Print one JSON object a line: what is missing, then a summary."`
}

// Help says more than fits a line.
func (c *reconcileCmd) Help() string {
	return `Compares the folder (if given), the stored originals, the marks of what was taken, the
queues, and the tables' exports, sessions and samples. What is in the queues counts as
being worked on, not as missing. plodwatch up does this by itself at its start and daily,
with --fix and without --deep.

What can come back: whatever has its original, or lies in an archive that has, or in the
folder. Settings, the daily log and plans are in the tables only; keep a backup.

Exit codes: 0 nothing is missing (any more), 1 usage or environment, 2 something is missing.

Examples:
  plodwatch reconcile
  plodwatch reconcile --fix --folder ~/watch
  plodwatch reconcile --deep --json | jq -r 'select(.kind == "damaged") | .export_id'`
}

// reconcileOptions are the options as they cross the socket.
type reconcileOptions struct {
	Fix           bool             `json:"fix"`
	Forget        bool             `json:"forget"` // marks of what is lost or unknown
	Wait          bool             `json:"wait"`
	Deep          bool             `json:"deep"`
	Folder        string           `json:"folder"`
	FolderAthlete schema.AthleteID `json:"folder_athlete"`
	Owner         schema.AthleteID `json:"owner"`
}

// reconcileEvent is one of a progress message, something that is missing, the
// summary and an error.
type reconcileEvent struct {
	Progress string            `json:"progress,omitempty"`
	Missing  *missingRow       `json:"missing,omitempty"`
	Summary  *reconcileSummary `json:"summary,omitempty"`
	Failure  *failure          `json:"failure,omitempty"`
}

// missingRow is one thing that is missing. Its keys are stable.
type missingRow struct {
	Kind     reconcile.Kind    `json:"kind"`
	Why      string            `json:"why"`
	Athlete  schema.AthleteID  `json:"athlete_id,omitempty"`
	Export   *schema.ExportID  `json:"export_id,omitempty"`
	Format   schema.Format     `json:"format,omitempty"`
	Session  *schema.SessionID `json:"session_id,omitempty"`
	Have     *uint64           `json:"samples,omitempty"`          // of a session that lacks samples
	Want     *uint64           `json:"samples_expected,omitempty"` // of the same
	File     string            `json:"file,omitempty"`             // in the folder
	CanFix   bool              `json:"can_fix"`
	Done     string            `json:"done,omitempty"` // queued, archive_queued, taken_from_folder or mark_forgotten
	Restored bool              `json:"restored"`
	Error    string            `json:"error,omitempty"` // why it could not be done
}

// reconcileSummary is how much was compared and what is missing. Its keys are
// stable.
type reconcileSummary struct {
	Originals int                    `json:"originals"`
	Exports   int                    `json:"exports"`
	Marks     int                    `json:"marks"`
	Files     int                    `json:"files"`
	InFlight  int                    `json:"in_flight"`
	Missing   map[reconcile.Kind]int `json:"missing"`
	Restored  int                    `json:"restored_count"`
	Remain    int                    `json:"remain_count"` // missing and not restored

	// TablesEmpty says that there are marks and no exports: the tables were lost.
	TablesEmpty bool `json:"tables_empty"`
}

// rowsPerKind is how much of each kind a table shows.
const rowsPerKind = 20

// Run compares and prints.
func (c *reconcileCmd) Run(ctx context.Context, a *app) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	return a.withHost(ctx, "reconcile", func(ctx context.Context, h host) error {
		var rows []*missingRow
		var sum *reconcileSummary
		err := h.reconcile(ctx, opts, func(e *reconcileEvent) error {
			switch {
			case e.Progress != "":
				fmt.Fprintln(a.stderr, e.Progress)
			case e.Missing != nil && c.JSON:
				return printJSON(a.stdout, e.Missing)
			case e.Missing != nil:
				rows = append(rows, e.Missing)
			case e.Summary != nil:
				sum = e.Summary
			}
			return nil
		})
		if err == nil && sum == nil {
			err = errors.New("the running plodwatch ended before the comparison did")
		}
		if err != nil {
			return err
		}
		if c.JSON {
			err = printJSON(a.stdout, struct {
				Kind string `json:"kind"`
				*reconcileSummary
			}{"summary", sum})
		} else {
			err = printReconciled(a, rows, sum, c.Fix)
		}
		if err == nil && sum.Remain > 0 {
			err = errRejected
		}
		return err
	})
}

func (c *reconcileCmd) options() (reconcileOptions, error) {
	opts := reconcileOptions{Fix: c.Fix, Forget: c.Fix, Wait: c.Fix, Deep: c.Deep, Folder: c.Folder}
	var err error
	if opts.FolderAthlete, err = schema.ParseAthleteID(c.FolderAthlete); err != nil {
		return opts, err
	}
	if c.Owner != "" {
		if opts.Owner, err = schema.ParseAthleteID(c.Owner); err != nil {
			return opts, err
		}
	}
	if c.Folder != "" {
		if opts.Folder, err = filepath.Abs(c.Folder); err != nil {
			return opts, fmt.Errorf("find folder: %w", err)
		}
	}
	return opts, nil
}

// printReconciled prints what is missing, a part of each kind, and the sum.
func printReconciled(a *app, rows []*missingRow, sum *reconcileSummary, fix bool) error {
	if len(rows) > 0 {
		t := newTable(a.stdout, "missing", "athlete", "export", "what", "result")
		shown := map[reconcile.Kind]int{}
		for i, r := range rows {
			if shown[r.Kind]++; shown[r.Kind] <= rowsPerKind {
				t.row(strings.ReplaceAll(string(r.Kind), "_", " "), dash(string(r.Athlete)), r.shortExport(), r.Why, r.result(fix))
			}
			if last := i+1 == len(rows) || rows[i+1].Kind != r.Kind; last && shown[r.Kind] > rowsPerKind {
				t.row("...", "", "", count(shown[r.Kind]-rowsPerKind)+" more; --json lists all", "")
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout)
	}
	compared := fmt.Sprintf("%s exports, %s originals, %s marks", count(sum.Exports), count(sum.Originals), count(sum.Marks))
	if sum.Files > 0 {
		compared += fmt.Sprintf(", %s files of the folder", count(sum.Files))
	}
	fmt.Fprintf(a.stdout, "Compared: %s.\n", compared)
	if sum.InFlight > 0 {
		fmt.Fprintf(a.stdout, "Being worked on, and not counted as missing: %s.\n", count(sum.InFlight))
	}
	switch {
	case len(rows) == 0:
		fmt.Fprintln(a.stdout, "Nothing is missing.")
	case fix:
		fmt.Fprintf(a.stdout, "Missing: %s. Restored: %s. Still missing: %s.\n", count(len(rows)), count(sum.Restored), count(sum.Remain))
	default:
		fmt.Fprintf(a.stdout, "Missing: %s, of which --fix can restore %s.\n", count(len(rows)), count(canFix(rows)))
	}
	if sum.TablesEmpty {
		fmt.Fprintln(a.stdout, "The tables were empty: settings, the daily log and plans that were in them do not come back from here.")
	}
	return nil
}

func canFix(rows []*missingRow) int {
	n := 0
	for _, r := range rows {
		if r.CanFix {
			n++
		}
	}
	return n
}

func (r *missingRow) shortExport() string {
	if r.Export == nil {
		return "-"
	}
	return r.Export.String()[:12]
}

// result says what was done, or can be.
func (r *missingRow) result(fix bool) string {
	switch {
	case r.Error != "":
		return r.Error
	case !fix && r.CanFix:
		return "--fix restores it"
	case r.Restored:
		return map[string]string{
			"queued": "decoded again", "archive_queued": "unpacked again", "taken_from_folder": "taken from the folder",
			"mark_forgotten": "mark removed",
		}[r.Done]
	case r.Done == "mark_forgotten":
		return "cannot be restored; can be handed in again"
	case r.Done != "":
		return "tried, and still missing"
	}
	switch r.Kind {
	case reconcile.NoBlob, reconcile.Damaged, reconcile.Lost:
		return "cannot be restored (or from --folder DIR)"
	case reconcile.Unowned:
		return "cannot be restored (or with --owner ID)"
	}
	return "cannot be restored"
}
