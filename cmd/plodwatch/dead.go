package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// deadCmd looks after the messages that were set aside.
type deadCmd struct {
	List  deadListCmd  `cmd:"" help:"List the messages that were set aside."`
	Show  deadShowCmd  `cmd:"" help:"Show what one of them is."`
	Retry deadRetryCmd `cmd:"" help:"Queue them again where they came from."`
	Drop  deadDropCmd  `cmd:"" help:"Remove them for good."`
}

// deadRow is a message that was set aside. Its keys are stable. It holds
// neither the message's bytes nor any name of a file.
type deadRow struct {
	ID        uint64    `json:"id"`
	Kind      string    `json:"kind"` // export, session, outcome, download or unknown
	Reason    string    `json:"reason"`
	Delivered uint64    `json:"delivered"` // how often it had been handed out
	Time      time.Time `json:"time"`      // RFC 3339, UTC
	Bytes     int       `json:"bytes"`     // of the message

	Athlete   schema.AthleteID  `json:"athlete_id,omitempty"`
	ExportID  *schema.ExportID  `json:"export_id,omitempty"`
	Source    schema.Source     `json:"source,omitempty"`     // of an export
	FileBytes *int64            `json:"file_bytes,omitempty"` // of an export
	SessionID *schema.SessionID `json:"session_id,omitempty"` // of a session
	Samples   *int              `json:"samples,omitempty"`    // of a session
	Outcome   schema.Outcome    `json:"outcome,omitempty"`    // of an outcome
	Host      string            `json:"host,omitempty"`       // of a download
	Unread    bool              `json:"unreadable,omitempty"` // the message cannot be read as what its queue holds
	Done      string            `json:"done,omitempty"`       // queued_again or dropped
	Error     string            `json:"error,omitempty"`      // why it is still there
}

// deadRowOf says what a message is.
func deadRowOf(l *streams.DeadLetter, codec *wire.Codec) deadRow {
	row := deadRow{ID: l.ID, Kind: "unknown", Reason: l.Reason, Delivered: l.Delivered, Time: l.At, Bytes: len(l.Data)}
	var err error
	switch l.Stage() {
	case "exports":
		row.Kind = "export"
		var job *schema.Job
		if job, err = wire.DecodeJob(l.Data); err == nil {
			row.Athlete, row.ExportID, row.Source, row.FileBytes = job.Athlete, &job.Export, job.Source, &job.Bytes
		}
	case "samples":
		row.Kind = "session"
		var env *schema.Envelope
		if env, err = codec.DecodeSession(l.Data); err == nil {
			n := env.Session.Samples.Len()
			row.Athlete, row.ExportID, row.SessionID, row.Samples = env.Athlete, &env.Export, &env.ID, &n
		}
	case "outcomes":
		row.Kind = "outcome"
		var out *schema.ExportOutcome
		if out, err = wire.DecodeOutcome(l.Data); err == nil {
			row.Athlete, row.ExportID, row.Source, row.Outcome = out.Job.Athlete, &out.Job.Export, out.Job.Source, out.Outcome
		}
	case "pulls":
		row.Kind = "download"
		row.Athlete, row.Host, err = pull.PeekOrder(l.Data)
	}
	row.Unread = err != nil
	return row
}

// what says in words what a message is.
func (r *deadRow) what() string {
	short := func(id *schema.ExportID) string { return id.String()[:12] }
	switch {
	case r.Unread:
		return "cannot be read"
	case r.Kind == "export":
		return fmt.Sprintf("export %s, by %s, %s bytes", short(r.ExportID), r.Source, count(*r.FileBytes))
	case r.Kind == "session":
		return fmt.Sprintf("session %s, %s samples", r.SessionID, count(*r.Samples))
	case r.Kind == "outcome":
		return fmt.Sprintf("export %s, by %s: %s", short(r.ExportID), r.Source, r.Outcome)
	case r.Kind == "download":
		return "from " + r.Host
	}
	return "-"
}

// withHost opens the whole pipeline for f.
func (a *app) withHost(ctx context.Context, command string, f func(context.Context, host) error) error {
	first, second, stop := signals(ctx)
	defer stop()
	h, err := a.openHost(first, wholePipeline, command)
	if err != nil {
		return err
	}
	return errors.Join(f(first, h), h.close(second))
}

type deadListCmd struct {
	JSON bool `help:"Print one JSON object a line."`
}

// Help says more than fits a line.
func (c *deadListCmd) Help() string {
	return `A message that failed five times, or that nobody can read, is set aside so that all others
go on. It stays for 90 days.

Examples:
  plodwatch dead list
  plodwatch dead list --json | jq -r 'select(.kind == "export") | .id'`
}

// Run lists.
func (c *deadListCmd) Run(ctx context.Context, a *app) error {
	return a.withHost(ctx, "dead", func(ctx context.Context, h host) error {
		all, err := h.dead(ctx, nil)
		if err != nil {
			return err
		}
		if c.JSON {
			return printDeadJSON(a, all)
		}
		if len(all) == 0 {
			fmt.Fprintln(a.stderr, "Nothing was set aside.")
			return nil
		}
		t := newTable(a.stdout, "id", "set aside", "kind", "athlete", "what", "why")
		for i := range all {
			r := &all[i]
			t.row(strconv.FormatUint(r.ID, 10), localTime(r.Time), r.Kind, dash(string(r.Athlete)), r.what(), r.Reason)
		}
		return t.flush()
	})
}

// localTime writes an instant as people here read it.
func localTime(at time.Time) string { return at.Local().Format("2006-01-02 15:04") }

func printDeadJSON(a *app, all []deadRow) error {
	for i := range all {
		if err := printJSON(a.stdout, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

type deadShowCmd struct {
	ID   uint64 `arg:"" help:"Number of the message, by dead list."`
	JSON bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *deadShowCmd) Help() string {
	return `Says what the message is, not what is in it.

Examples:
  plodwatch dead show 3`
}

// Run shows one.
func (c *deadShowCmd) Run(ctx context.Context, a *app) error {
	return a.withHost(ctx, "dead", func(ctx context.Context, h host) error {
		all, err := h.dead(ctx, []uint64{c.ID})
		if err != nil {
			return err
		}
		if c.JSON {
			return printDeadJSON(a, all)
		}
		return showDead(a, &all[0])
	})
}

func showDead(a *app, r *deadRow) error {
	t := newTable(a.stdout, "message", strconv.FormatUint(r.ID, 10))
	t.row("kind", r.Kind)
	t.row("why", r.Reason)
	t.row("handed out", fmt.Sprintf("%d times", r.Delivered))
	t.row("set aside", localTime(r.Time))
	t.row("size", count(r.Bytes)+" bytes")
	if r.Unread {
		t.row("content", "cannot be read")
	}
	if r.Athlete != "" {
		t.row("athlete", string(r.Athlete))
	}
	if r.ExportID != nil {
		t.row("export", r.ExportID.String())
	}
	if r.Source != "" {
		t.row("source", string(r.Source))
	}
	if r.FileBytes != nil {
		t.row("file", count(*r.FileBytes)+" bytes")
	}
	if r.SessionID != nil {
		t.row("session", r.SessionID.String())
		t.row("samples", count(*r.Samples))
	}
	if r.Outcome != "" {
		t.row("outcome", string(r.Outcome))
	}
	if r.Host != "" {
		t.row("host", r.Host)
	}
	return t.flush()
}

type deadRetryCmd struct {
	IDs  []uint64 `arg:"" name:"id" optional:"" help:"Numbers of messages, by dead list."`
	All  bool     `help:"All that were set aside."`
	JSON bool     `help:"Print one JSON object a line."`
}

// Help says more than fits a line.
func (c *deadRetryCmd) Help() string {
	return `Queues messages again where they came from; one that fails once more is set aside once
more. A message is removed here only when its queue has it.

Exit codes: 0 all queued, 1 usage or environment, 2 some could not be queued.

Examples:
  plodwatch dead retry 3 4
  plodwatch dead retry --all`
}

// Run queues again.
func (c *deadRetryCmd) Run(ctx context.Context, a *app) error {
	return a.deadDo(ctx, deadRetry, c.IDs, c.All, c.JSON)
}

type deadDropCmd struct {
	IDs  []uint64 `arg:"" name:"id" optional:"" help:"Numbers of messages, by dead list."`
	All  bool     `help:"All that were set aside."`
	JSON bool     `help:"Print one JSON object a line."`
}

// Help says more than fits a line.
func (c *deadDropCmd) Help() string {
	return `Removes messages that were set aside and overwrites their bytes. The export that they came
from stays where it is: plodwatch reprocess has it decoded again.

Exit codes: 0 all removed, 1 usage or environment, 2 some could not be removed.

Examples:
  plodwatch dead drop 3
  plodwatch dead drop --all`
}

// Run drops.
func (c *deadDropCmd) Run(ctx context.Context, a *app) error {
	return a.deadDo(ctx, deadDrop, c.IDs, c.All, c.JSON)
}

// What can be done with messages that were set aside.
const (
	deadRetry = "retry"
	deadDrop  = "drop"
)

// deadDo retries or drops messages and prints what it did.
func (a *app) deadDo(ctx context.Context, action string, ids []uint64, all, asJSON bool) error {
	if all == (len(ids) > 0) {
		return errors.New("need the numbers of messages (plodwatch dead list shows them), or --all")
	}
	return a.withHost(ctx, "dead", func(ctx context.Context, h host) error {
		rows, err := h.deadDo(ctx, action, ids)
		if err != nil {
			return err
		}
		failed := 0
		for i := range rows {
			if rows[i].Error != "" {
				failed++
			}
		}
		if asJSON {
			err = printDeadJSON(a, rows)
		} else {
			err = printDeadDone(a, rows)
		}
		if err == nil && action == deadRetry && failed < len(rows) {
			err = h.settle(ctx)
		}
		if err == nil && failed > 0 {
			err = errRejected
		}
		return err
	})
}

func printDeadDone(a *app, rows []deadRow) error {
	if len(rows) == 0 {
		fmt.Fprintln(a.stderr, "Nothing was set aside.")
		return nil
	}
	t := newTable(a.stdout, "id", "kind", "what", "result")
	for i := range rows {
		r := &rows[i]
		result := strings.ReplaceAll(r.Done, "_", " ")
		if r.Error != "" {
			result = r.Error
		}
		t.row(strconv.FormatUint(r.ID, 10), r.Kind, r.what(), result)
	}
	return t.flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
