package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/place"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

// checkCmd decodes files and shows what they hold; nothing is stored.
type checkCmd struct {
	Files []string `arg:"" help:"Files, folders or archives." complete:"file"`
	settingsFlags
	JSON bool `help:"Print one JSON object a file."`
}

// Help says more than fits a line.
func (c *checkCmd) Help() string {
	return `Shows what plodwatch reads out of a file and how it judges it, without a data directory.
Max HR comes from --max-hr, else from the file, else from the highest heart rate in it.

Exit codes: 0 all read, 1 usage or environment, 2 some files rejected.

Examples:
  plodwatch check run.fit
  plodwatch check --json --max-hr 190 *.fit | jq '.sessions[].above60_s'`
}

// Run checks the files in the order given.
func (c *checkCmd) Run(ctx context.Context, a *app) error {
	settings, err := c.settings(schema.DefaultAthlete)
	if err != nil {
		return err
	}
	for _, p := range c.Files {
		if _, err := os.Lstat(p); err != nil {
			return fmt.Errorf("check: %w", err)
		}
	}
	run := &checkRun{app: a, settings: settings, json: c.JSON, decoders: decoders(), places: place.New()}
	err = folder.Walk(ctx, c.Files, folder.WalkOptions{}, func(f folder.File) error { return run.file(ctx, f) })
	if err != nil {
		return err
	}
	if run.rejected {
		return errRejected
	}
	return nil
}

// checkRun is one run of check.
type checkRun struct {
	app      *app
	settings schema.Settings
	json     bool
	decoders map[schema.Format]ingest.Decoder
	places   analyze.Places
	rejected bool
}

func (r *checkRun) file(ctx context.Context, f folder.File) error {
	if f.Reason != schema.ReasonNone {
		return r.print(&fileReport{File: f.Path, Format: schema.FormatUnknown, Outcome: f.Outcome(), Reason: f.Reason})
	}
	file, err := f.Open()
	if refusal := schema.AsRefusal(err); refusal != nil {
		return r.print(&fileReport{File: f.Path, Format: schema.FormatUnknown, Outcome: refusal.Outcome, Reason: refusal.Reason})
	}
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer file.Close()
	body := &fileReader{file: file}
	err = ingest.Inspect(ctx, ingest.DefaultConfig(), r.decoders, body, f.Size, func(in *ingest.Inspected) error {
		report, err := r.report(f.Path, in)
		if err != nil {
			return err
		}
		return r.print(report)
	})
	if err != nil && body.err != nil {
		return r.print(&fileReport{File: f.Path, Format: schema.FormatUnknown, Outcome: schema.OutcomeRejected, Reason: schema.ReasonUnreadable})
	}
	return err
}

// ReadAt reads at an offset, so that archives are read in place.
func (f *fileReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// report turns what was found in a file or a member into its report.
func (r *checkRun) report(path string, in *ingest.Inspected) (*fileReport, error) {
	out := &fileReport{
		File: path, ExportID: in.Job.Export.String(),
		Format: in.Outcome.Format, Outcome: in.Outcome.Outcome, Reason: in.Outcome.Reason, Detail: in.Outcome.Detail,
		Flags: in.Outcome.Flags,
	}
	if in.Name != "" {
		out.File += "!" + in.Name
	}
	if in.Recording == nil {
		return out, nil
	}
	out.Raw = in.Recording.Raw
	if in.Refusal != nil {
		return out, nil //nolint:nilerr // the report says it
	}
	for i := range in.Recording.Sessions {
		s := &in.Recording.Sessions[i]
		if err := analyze.Locate(r.places, s); err != nil {
			return nil, fmt.Errorf("find the time zone of a position: %w", err)
		}
		m := intensity.Measure(s)
		res := intensity.Derive(m, s, intensity.Inputs{
			Settings:      r.settings,
			ObservedHRMax: m.ObservedHRMax,
		})
		out.Sessions = append(out.Sessions, reportSession(s, m, &res))
	}
	return out, nil
}

func (r *checkRun) print(f *fileReport) error {
	r.rejected = r.rejected || f.Outcome == schema.OutcomeRejected
	if f.Flags == nil {
		f.Flags = []schema.Flag{}
	}
	if f.Sessions == nil {
		f.Sessions = []sessionReport{}
	}
	if r.json {
		return printJSON(r.app.stdout, f)
	}
	return printFile(r.app.stdout, f)
}

// printFile writes a report for people.
func printFile(w io.Writer, f *fileReport) error {
	fmt.Fprintf(w, "%s: %s", shownName(f.File), f.Outcome)
	if f.Reason != schema.ReasonNone {
		fmt.Fprintf(w, " (%s: %s)", f.Reason, schema.ReasonText(f.Reason))
	}
	fmt.Fprintln(w)
	if f.Detail != "" {
		fmt.Fprintln(w, "  "+f.Detail)
	}
	for i := range f.Sessions {
		if err := printReport(w, &f.Sessions[i]); err != nil {
			return err
		}
	}
	return nil
}

func printReport(w io.Writer, s *sessionReport) error {
	name := string(s.Sport)
	if s.SubSport != "" && s.SubSport != "generic" {
		name += "/" + s.SubSport
	}
	t := newTable(w, "  "+name, s.StartedAt.Format("2006-01-02 15:04:05 UTC"))
	t.row("  elapsed", clock(s.ElapsedS)+fmt.Sprintf("  = paused %s + gap %s + no HR %s + rejected HR %s + counted %s",
		clock(s.Budget.PausedS), clock(s.Budget.GapS), clock(s.Budget.NoHRS), clock(s.Budget.RejectedHRS), clock(s.Budget.ClassifiedS)))
	t.row("  distance", kilometres(s.DistanceM)+" km, moving "+clock(s.MovingS))
	if s.HRAvg != nil {
		t.row("  heart rate", fmt.Sprintf("average %.1f, highest %d bpm", *s.HRAvg, *s.HRMax))
	}
	if s.HRMaxUsed != nil {
		t.row("  max HR used", fmt.Sprintf("%.0f bpm (%s)", *s.HRMaxUsed, s.HRMaxSource))
	}
	if s.LowS != nil {
		t.row("  low/mod/high", clock(*s.LowS)+" / "+clock(*s.ModerateS)+" / "+clock(*s.HighS))
	}
	if s.Above60S != nil {
		t.row("  above 60 %", clock(*s.Above60S))
		t.row("  over the cap", fmt.Sprintf("%s (cap %g bpm)", clock(*s.OverCapS), *s.CapBPM))
	}
	t.row("  verdict", string(s.Verdict))
	return t.flush()
}
