package ingest

import "plodwatch/schema"

// outcome says what became of an export that is no zip.
func (c *content) outcome(job schema.Job) schema.ExportOutcome {
	out := schema.ExportOutcome{Job: job, Format: c.format}
	if rec := c.rec; rec != nil {
		out.Format, out.DecoderVersion = rec.Format, rec.DecoderVersion
		out.Outcome, out.Reason = rec.Outcome, rec.Reason
		out.Records = int64(rec.Raw.Records)
		out.Flags = allFlags(rec)
	}
	if r := c.refusal; r != nil {
		out.Outcome, out.Reason, out.Detail = r.Outcome, r.Reason, r.Detail
	}
	return out
}

// allFlags returns the flags of the file and of its sessions.
func allFlags(rec *schema.Recording) []schema.Flag {
	var flags []schema.Flag
	for _, f := range rec.Flags {
		flags = schema.AddFlag(flags, f)
	}
	for i := range rec.Sessions {
		for _, f := range rec.Sessions[i].Flags {
			flags = schema.AddFlag(flags, f)
		}
	}
	return flags
}

// archiveOutcome says what became of a zip; e is nil when it was refused.
func archiveOutcome(job schema.Job, e *expansion, r *schema.Refusal) schema.ExportOutcome {
	out := schema.ExportOutcome{Job: job, Format: schema.FormatArchive}
	if r != nil {
		out.Outcome, out.Reason, out.Detail = r.Outcome, r.Reason, r.Detail
		return out
	}
	out.Outcome, out.Reason, out.Flags = e.outcome()
	out.Detail = e.detail()
	return out
}
