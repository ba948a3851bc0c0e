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
		if parent, err := l.around(ctx, f.Job); err != nil || parent != nil {
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

// archive is what is known of an archive: its job, nil when nothing is, and
// whether its original is whole.
type archive struct {
	job   *schema.Job
	whole bool
}

// around returns the job of the nearest archive around an export whose
// original is whole, nil when there is none.
func (l *looker) around(ctx context.Context, job *schema.Job) (*schema.Job, error) {
	athlete, at := job.Athlete, job.Parent
	for range 4 { // archives are not deeper
		if at == (schema.ExportID{}) {
			break
		}
		a, err := l.archive(ctx, athlete, at)
		if err != nil {
			return nil, err
		}
		if a.job == nil || a.whole {
			return a.job, nil
		}
		at = a.job.Parent
	}
	return nil, nil //nolint:nilnil // no archive and nothing wrong
}

// archive finds out about an archive, once: it may have thousands of members.
func (l *looker) archive(ctx context.Context, athlete schema.AthleteID, export schema.ExportID) (*archive, error) {
	id := schema.JobIDOf(athlete, export)
	if a := l.archives[id]; a != nil {
		return a, nil
	}
	a := &archive{}
	row, err := l.src.Row(ctx, athlete, export)
	if err == nil && row != nil {
		a.job = &row.Job
	} else if err == nil {
		a.job, err = l.src.Marked(id)
	}
	if err == nil && a.job != nil {
		a.whole, err = l.whole(ctx, export)
	}
	if err != nil {
		return nil, err
	}
	l.archives[id] = a
	return a, nil
}

func (l *looker) whole(ctx context.Context, id schema.ExportID) (bool, error) {
	if l.damaged[id] {
		return false, nil
	}
	info, err := l.src.Blob(ctx, id)
	return info != nil, err
}
