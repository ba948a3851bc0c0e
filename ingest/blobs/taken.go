package blobs

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"plodwatch/schema"
)

// mark is what a file below taken/ holds: the job as it was queued last.
type mark struct {
	Athlete    schema.AthleteID `json:"athlete"`
	Export     schema.ExportID  `json:"export"`
	Source     schema.Source    `json:"source"`
	Bytes      int64            `json:"bytes"`
	ReceivedMs int64            `json:"received_ms"`
	Parent     *schema.ExportID `json:"parent,omitempty"`
	Depth      int              `json:"depth,omitempty"`
}

// Taken reports whether MarkTaken was called for job.
func (d *Dir) Taken(job schema.JobID) bool {
	return exists(d.marker(job))
}

// MarkTaken remembers that job was queued, in place of what was remembered of
// it. The mark is not forced to the disk: a power cut may take those of the
// last half minute. That alone costs nothing: the job is queued once more when
// it is handed in again, and its results replace themselves. Only who loses the
// queues and the tables besides has to say whose the export was. (Measured:
// forcing file and directory takes 0.28 ms where a Put takes 0.58 ms and the
// mark 0.1 ms; on a disk that turns it doubles the time of an upload.)
func (d *Dir) MarkTaken(job *schema.Job) error {
	data, err := EncodeMark(job)
	if err != nil {
		return err
	}
	temp, err := d.createTemp()
	if err != nil {
		return diskFault("mark job as taken", err)
	}
	_, err = temp.Write(append(data, '\n'))
	if err == nil {
		err = renameInto(temp.Name(), d.marker(job.ID()))
	}
	if err != nil {
		return errors.Join(diskFault("mark job as taken", err), temp.Close(), remove(temp.Name()))
	}
	return temp.Close()
}

// renameInto renames a file and makes the directory for it when it is missing.
func renameInto(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Marked returns the job that was marked as taken, or nil when the mark does
// not say: it was made by an older version, or by one whose power failed. An
// unknown job is an error that wraps fs.ErrNotExist.
func (d *Dir) Marked(id schema.JobID) (*schema.Job, error) {
	data, err := os.ReadFile(d.marker(id))
	if err != nil {
		return nil, fmt.Errorf("read mark: %w", err)
	}
	return DecodeMark(id, data), nil
}

// EncodeMark writes what a mark says of a job.
func EncodeMark(job *schema.Job) ([]byte, error) {
	m := mark{
		Athlete: job.Athlete, Export: job.Export, Source: job.Source,
		Bytes: job.Bytes, ReceivedMs: job.ReceivedMs, Depth: job.Depth,
	}
	if job.Parent != (schema.ExportID{}) {
		m.Parent = &job.Parent
	}
	data, err := json.Marshal(&m)
	if err != nil {
		return nil, fmt.Errorf("mark job as taken: %w", err)
	}
	return data, nil
}

// DecodeMark reads what EncodeMark wrote of the job of this identity; nil when
// it does not say.
func DecodeMark(id schema.JobID, data []byte) *schema.Job {
	var m mark
	if err := json.Unmarshal(data, &m); err != nil {
		return nil // empty or torn: the mark stands, but says nothing
	}
	job := &schema.Job{
		Athlete: m.Athlete, Export: m.Export, Source: m.Source,
		Bytes: m.Bytes, ReceivedMs: m.ReceivedMs, Depth: m.Depth,
	}
	if m.Parent != nil {
		job.Parent = *m.Parent
	}
	if job.ID() != id {
		return nil // as above
	}
	return job
}

// Unmark forgets that a job was taken, so that it can be handed in again as if
// it never had been. One that is not marked is no error.
func (d *Dir) Unmark(id schema.JobID) error {
	if err := remove(d.marker(id)); err != nil {
		return fmt.Errorf("remove mark: %w", err)
	}
	return nil
}

// Marks calls fn for the identity of every job that is marked as taken, in
// their order, those included that are marked while it goes on or not. It ends
// with the first error of fn, which comes back as it is, or of ctx.
func (d *Dir) Marks(ctx context.Context, fn func(schema.JobID) error) error {
	for i := range 256 {
		entries, err := os.ReadDir(filepath.Join(d.cfg.Dir, takenName, hex.EncodeToString([]byte{byte(i)})))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("list marks: %w", err)
		}
		for _, entry := range entries {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("list marks: %w", err)
			}
			id, err := schema.ParseJobID(entry.Name())
			if err != nil || id.String() != entry.Name() {
				continue
			}
			if err := fn(id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dir) marker(job schema.JobID) string {
	return filepath.Join(d.cfg.Dir, takenName, hex.EncodeToString(job[:1]), job.String())
}
