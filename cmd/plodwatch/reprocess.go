package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// reprocessCmd has stored originals decoded again.
type reprocessCmd struct {
	Since         string `help:"Those taken on this local day or later." placeholder:"DATE"`
	Format        string `help:"Those of this format: fit, gpx, tcx, or zip (unpacks archives again)." enum:",fit,gpx,tcx,zip" default:"" placeholder:"FORMAT"`
	DecoderBefore uint32 `help:"Those read by a decoder of a lower version, or by none." placeholder:"N"`
	Athlete       string `help:"Those of this athlete." placeholder:"ID" complete:"athlete"`
	DryRun        bool   `help:"Only say how many there are."`
	JSON          bool   `help:"Print the result as JSON."`
}

// Help says more than fits a line.
func (c *reprocessCmd) Help() string {
	return `Decodes stored originals again, all of them or those that fit all the flags. New results
take the place of the old; what an older decoder read never takes that of a newer. Archives
are left alone, for their files are exports of their own, unless --format zip asks for them
or nothing came out of them the first time.

Exit codes: 0 all queued, 1 usage or environment, 2 some have no original any more.

Examples:
  plodwatch reprocess --format fit --decoder-before 4
  plodwatch reprocess --athlete anna --since 2026-01-01 --dry-run`
}

// reprocessOptions are the options as they cross the socket.
type reprocessOptions struct {
	SinceMs       int64            `json:"since_ms"`
	Format        schema.Format    `json:"format"`
	DecoderBefore uint32           `json:"decoder_before"`
	Athlete       schema.AthleteID `json:"athlete"`
	DryRun        bool             `json:"dry_run"`
}

// reprocessReply says what was queued. Its keys are stable.
type reprocessReply struct {
	Exports int   `json:"exports"` // that fit the flags
	Bytes   int64 `json:"bytes"`
	Queued  int   `json:"queued"`
	Waiting int   `json:"waiting"` // were in the queue already
	Missing int   `json:"missing"` // have no original any more
}

// Run queues and, when nobody else does, waits for the work.
func (c *reprocessCmd) Run(ctx context.Context, a *app) error {
	opts := reprocessOptions{Format: schema.Format(c.Format), DecoderBefore: c.DecoderBefore, DryRun: c.DryRun}
	if c.Athlete != "" {
		athlete, err := schema.ParseAthleteID(c.Athlete)
		if err != nil {
			return err
		}
		opts.Athlete = athlete
	}
	if c.Since != "" {
		at, err := time.ParseInLocation(time.DateOnly, c.Since, time.Local)
		if err != nil {
			return fmt.Errorf("read --since %q: need a day such as 2026-01-31", c.Since)
		}
		opts.SinceMs = at.UnixMilli()
	}
	return a.withHost(ctx, "reprocess", func(ctx context.Context, h host) error {
		got, err := h.reprocess(ctx, opts)
		if err != nil {
			return err
		}
		_, remote := h.(*remoteHost)
		if c.JSON {
			err = printJSON(a.stdout, got)
		} else {
			got.print(a, opts.DryRun, remote)
		}
		if err == nil && got.Queued+got.Waiting > 0 {
			err = h.settle(ctx)
		}
		if err == nil && got.Missing > 0 {
			err = errRejected
		}
		return err
	})
}

func (r *reprocessReply) print(a *app, dry, remote bool) {
	if dry {
		fmt.Fprintf(a.stdout, "%s exports (%s bytes) would be decoded again.\n", count(r.Exports), count(r.Bytes))
	} else {
		fmt.Fprintf(a.stdout, "%s exports (%s bytes): %s queued, %s were waiting already.\n",
			count(r.Exports), count(r.Bytes), count(r.Queued), count(r.Waiting))
		if remote && r.Queued > 0 {
			fmt.Fprintln(a.stdout, "The running plodwatch decodes them.")
		}
	}
	if r.Missing > 0 {
		fmt.Fprintf(a.stdout, "%s have no original any more; plodwatch reconcile names them.\n", count(r.Missing))
	}
}

func (h *localHost) reprocess(ctx context.Context, opts reprocessOptions) (reprocessReply, error) {
	var out reprocessReply
	if h.intake == nil {
		return out, fmt.Errorf("plodwatch %s: %w", h.command, errNoQueues)
	}
	var jobs []schema.Job // listed before the first is queued, which changes the list
	filter := store.LedgerFilter{Athlete: opts.Athlete, SinceMs: opts.SinceMs, Format: opts.Format, DecoderBefore: opts.DecoderBefore}
	err := h.st.Ledger(ctx, filter, func(r *store.LedgerRow) error {
		if r.Format == schema.FormatArchive && opts.Format != schema.FormatArchive && len(r.Members) > 0 {
			return nil
		}
		jobs = append(jobs, r.Job)
		out.Exports++
		out.Bytes += r.Job.Bytes
		return nil
	})
	if err != nil {
		return out, err
	}
	for i := range jobs {
		switch _, _, err := h.blobs.Stat(ctx, jobs[i].Export); {
		case errors.Is(err, fs.ErrNotExist):
			out.Missing++
			continue
		case err != nil:
			return out, err
		}
		if opts.DryRun {
			continue
		}
		waited, err := h.requeue(ctx, jobs[i])
		if err != nil {
			return out, err
		}
		if waited {
			out.Waiting++
		} else {
			out.Queued++
		}
	}
	return out, nil
}

func (h *remoteHost) reprocess(ctx context.Context, opts reprocessOptions) (reprocessReply, error) {
	var out reprocessReply
	body, err := json.Marshal(opts)
	if err != nil {
		return out, fmt.Errorf("write options: %w", err)
	}
	err = h.call(ctx, http.MethodPost, pathReprocess, bytes.NewReader(body), &out)
	return out, err
}
