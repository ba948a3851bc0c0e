package reconcile

import (
	"context"

	"plodwatch/schema"
)

// remedies decides for each finding how what is missing can come back.
func (l *looker) remedies(ctx context.Context) error {
	for i := range l.res.Findings {
		f := &l.res.Findings[i]
		if f.Job == nil {
			continue
		}
		if err := l.remedy(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// remedy tries what is nearest: the original, the archive that it came out of,
// the folder.
func (l *looker) remedy(ctx context.Context, f *Finding) error {
	if f.Kind != NotTaken {
		whole, err := l.whole(ctx, f.Export)
		if err != nil {
			return err
		}
		if whole {
			f.Remedy = Queue
			return nil
		}
		if parent, err := l.archive(ctx, f.Job); err != nil || parent != nil {
			f.Remedy, f.Job = Queue, parent
			return err
		}
	}
	if l.files[f.Export] {
		f.Remedy = FromFolder
		if f.Kind == NoBlob || f.Kind == Damaged {
			f.Job = nil // with the original there is nothing to be done
		}
		return nil
	}
	f.Job = nil
	return nil
}

// archive returns the job of the nearest archive around an export whose
// original is whole, nil when there is none.
func (l *looker) archive(ctx context.Context, job *schema.Job) (*schema.Job, error) {
	athlete, at := job.Athlete, job.Parent
	for range 4 { // archives are not deeper
		if at == (schema.ExportID{}) {
			return nil, nil //nolint:nilnil // no archive and nothing wrong
		}
		var parent *schema.Job
		row, err := l.src.Row(ctx, athlete, at)
		if err != nil {
			return nil, err
		}
		if row != nil {
			parent = &row.Job
		} else if parent, err = l.src.Marked(schema.JobIDOf(athlete, at)); err != nil || parent == nil {
			return nil, err
		}
		whole, err := l.whole(ctx, at)
		if err != nil {
			return nil, err
		}
		if whole {
			return parent, nil
		}
		at = parent.Parent
	}
	return nil, nil //nolint:nilnil // as above
}

func (l *looker) whole(ctx context.Context, id schema.ExportID) (bool, error) {
	if l.damaged[id] {
		return false, nil
	}
	info, err := l.src.Blob(ctx, id)
	return info != nil, err
}
