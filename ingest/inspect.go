package ingest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"plodwatch/schema"
)

// Inspected is what Inspect found in a file or in one member of a zip.
type Inspected struct {
	// Name is the member's path inside the zip, "" for the file itself. It may
	// hold personal data: show it to whoever owns the file, log it never.
	Name string
	// Index is the position in the directory of the zip, -1 for the file
	// itself.
	Index int
	// Depth is 0 for the file itself, 1 for its members, 2 for those of a zip
	// in it.
	Depth int
	// Job is as a worker would get it; only Export, Bytes, Parent and Depth
	// are set, and Source for members.
	Job schema.Job
	// Payload is the identity of the innermost bytes (see
	// schema.SessionIDOf). For a zip it is the zip's own.
	Payload schema.ExportID
	// Outcome is what a worker would publish, without times and sessions' ids.
	Outcome schema.ExportOutcome
	// Recording is nil for zips and for what could not be decoded at all.
	Recording *schema.Recording
	// Refusal is the reason of an outcome that is skipped or rejected.
	Refusal *schema.Refusal
}

// Inspect decodes the file r of size bytes (-1 when not known) as a Worker
// would, but stores and publishes nothing. It calls each for every member that
// a worker would take out of a zip, in the order of its directory, and then for
// the file itself; an error of each ends it. When r is an io.ReaderAt zips are read in place, else they are
// copied to a temporary file. Errors are those of r, ctx and each; a bad file
// is no error.
func Inspect(ctx context.Context, cfg Config, decoders map[schema.Format]Decoder, r io.Reader, size int64, each func(*Inspected) error) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("check ingest configuration: %w", err)
	}
	in := &inspection{unpacker: unpacker{cfg: cfg, decoders: decoders}, each: each}
	return in.file(ctx, r, size, &Inspected{Index: -1})
}

type inspection struct {
	unpacker
	each func(*Inspected) error
}

func (in *inspection) file(ctx context.Context, r io.Reader, size int64, found *Inspected) error {
	br, kind, err := sniffed(r)
	if err != nil {
		return fmt.Errorf("read export: %w", err)
	}
	if kind == KindZip && found.Job.Depth < maxArchiveDepth {
		return in.zip(ctx, r, br, found)
	}
	c, err := in.read(ctx, br, size)
	if err != nil {
		return err
	}
	if kind == KindZip {
		c.refusal = tooDeep()
	}
	found.Job.Export, found.Job.Bytes, found.Payload = c.export, c.bytes, c.payload
	found.Recording, found.Refusal = c.rec, c.refusal
	found.Outcome = c.outcome(found.Job)
	return in.each(found)
}

func tooDeep() *schema.Refusal {
	return schema.Skip(schema.ReasonNested, "a zip inside zips inside a zip")
}

func (in *inspection) zip(ctx context.Context, r, br io.Reader, found *Inspected) error {
	whole := &hashing{r: br, hash: sha256.New()}
	ra, ok := r.(io.ReaderAt)
	if ok {
		if _, err := io.Copy(io.Discard, whole); err != nil {
			return fmt.Errorf("read export: %w", err)
		}
	} else {
		file, _, done, err := in.spool(whole)
		if err != nil {
			return err
		}
		defer done()
		ra = file
	}
	found.Job.Export, found.Job.Bytes = whole.sum(), whole.n
	found.Payload = found.Job.Export

	e, err := in.expand(ctx, ra, whole.n, func(m *member) error {
		inside := &Inspected{Name: m.name, Index: m.index, Depth: found.Depth + 1}
		inside.Job = memberJob(found.Job)
		err := in.file(ctx, m.r, -1, inside)
		if r := m.refused(); r != nil { // its bytes are not known to the end
			inside.Refusal = r
			inside.Outcome = schema.ExportOutcome{Job: inside.Job, Format: schema.FormatUnknown, Outcome: r.Outcome, Reason: r.Reason, Detail: r.Detail}
			return in.each(inside)
		}
		found.Outcome.Members = append(found.Outcome.Members, inside.Job.Export)
		return err
	})
	if found.Refusal = schema.AsRefusal(err); found.Refusal == nil && err != nil {
		return err
	}
	members := found.Outcome.Members
	found.Outcome = archiveOutcome(found.Job, e, found.Refusal)
	found.Outcome.Members = members
	return in.each(found)
}

// memberJob is the job of a member of an archive, without what depends on its
// bytes.
func memberJob(parent schema.Job) schema.Job {
	return schema.Job{
		Athlete: parent.Athlete, Source: schema.SourceArchive, ReceivedMs: parent.ReceivedMs,
		Parent: parent.Export, Depth: parent.Depth + 1,
	}
}
