package reconcile

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"plodwatch/schema"
)

// progressEvery is after how many originals progress is told.
const progressEvery = 1000

// looker is one look at all sources. Of what is in order it keeps only
// identities.
type looker struct {
	src     Sources
	opts    Options
	deep    bool
	damaged map[schema.ExportID]bool // found so far, also by an earlier look

	res      *Result
	rows     map[schema.JobID]bool // exports that have a row
	members  []memberOf
	shorts   map[schema.JobID][]Short
	unowned  map[schema.ExportID]bool // originals without any row
	silent   map[schema.JobID]bool    // marks that do not say what they are of
	athletes map[schema.AthleteID]bool
	files    map[schema.ExportID]bool // in the folder
	archives map[schema.JobID]*archive
}

// memberOf is a member of an archive.
type memberOf struct {
	parent schema.Job
	export schema.ExportID
}

func look(ctx context.Context, src Sources, opts Options, deep bool, damaged map[schema.ExportID]bool) (*Result, error) {
	l := &looker{
		src: src, opts: opts, deep: deep, damaged: damaged, res: &Result{},
		rows: map[schema.JobID]bool{}, shorts: map[schema.JobID][]Short{}, unowned: map[schema.ExportID]bool{},
		silent: map[schema.JobID]bool{}, athletes: map[schema.AthleteID]bool{}, files: map[schema.ExportID]bool{},
		archives: map[schema.JobID]*archive{},
	}
	for _, step := range []func(context.Context) error{
		l.readFiles, l.readShorts, l.compareParts, l.restOfShorts, l.compareMembers, l.compareMarks, l.matchSilent, l.matchOwners,
		l.compareFiles, l.remedies,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	sortFindings(l.res.Findings)
	return l.res, nil
}

func (l *looker) add(f Finding, job schema.Job) {
	f.Athlete, f.Export, f.Mark, f.Job = job.Athlete, job.Export, job.ID(), &job
	l.res.Findings = append(l.res.Findings, f)
}

func (l *looker) readFiles(ctx context.Context) error {
	return l.src.Files(ctx, func(job schema.Job) error {
		l.files[job.Export] = true
		l.athletes[job.Athlete] = true
		l.res.Files++
		return nil
	})
}

func (l *looker) readShorts(ctx context.Context) error {
	return l.src.Shorts(ctx, func(s *Short) error {
		id := s.Job.ID()
		l.shorts[id] = append(l.shorts[id], *s)
		return nil
	})
}

// compareParts compares originals and rows, a part at a time.
func (l *looker) compareParts(ctx context.Context) error {
	parts, err := l.src.Parts(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		// First the originals: what comes after that is seen by the rows.
		var blobs []schema.ExportID
		err := l.src.Blobs(ctx, part, func(id schema.ExportID) error {
			blobs = append(blobs, id)
			return l.blob(ctx, id)
		})
		if err != nil {
			return err
		}
		if err := l.comparePart(ctx, part, blobs); err != nil {
			return err
		}
	}
	return nil
}

func (l *looker) blob(ctx context.Context, id schema.ExportID) error {
	if l.res.Blobs++; l.opts.Progress != nil && l.res.Blobs%progressEvery == 0 {
		l.opts.Progress(l.res.Blobs)
	}
	if !l.deep {
		return nil
	}
	intact, err := l.src.Intact(ctx, id)
	if err == nil && !intact {
		l.damaged[id] = true
	}
	return err
}

// comparePart walks originals and rows side by side.
func (l *looker) comparePart(ctx context.Context, part string, blobs []schema.ExportID) error {
	owned := make([]bool, len(blobs))
	err := l.src.Rows(ctx, part, func(r *Row) error {
		at, there := slices.BinarySearchFunc(blobs, r.Job.Export, func(a, b schema.ExportID) int { return bytes.Compare(a[:], b[:]) })
		if there {
			owned[at] = true
		}
		l.row(r, there)
		return nil
	})
	for i, id := range blobs {
		if !owned[i] {
			l.unowned[id] = true
		}
	}
	return err
}

// row looks at one row of exports.
func (l *looker) row(r *Row, blob bool) {
	id := r.Job.ID()
	l.res.Rows++
	l.rows[id] = true
	l.athletes[r.Job.Athlete] = true
	switch {
	case !blob:
		l.add(Finding{Kind: NoBlob, Format: r.Format}, r.Job)
	case l.damaged[r.Job.Export]:
		l.add(Finding{Kind: Damaged, Format: r.Format}, r.Job)
	}
	for _, session := range r.Missing {
		l.add(Finding{Kind: NoSession, Format: r.Format, Session: session}, r.Job)
	}
	for _, s := range l.shorts[id] {
		l.add(Finding{Kind: NoSamples, Format: r.Format, Session: s.Session, Have: s.Have, Want: s.Want}, r.Job)
	}
	delete(l.shorts, id)
	for _, m := range r.Members {
		l.members = append(l.members, memberOf{parent: r.Job, export: m})
	}
}

// restOfShorts reports sessions of exports that have no row themselves.
func (l *looker) restOfShorts(context.Context) error {
	for _, all := range l.shorts {
		for _, s := range all {
			l.add(Finding{Kind: NoSamples, Session: s.Session, Have: s.Have, Want: s.Want}, s.Job)
		}
	}
	return nil
}

func (l *looker) compareMembers(ctx context.Context) error {
	for _, m := range l.members {
		job := schema.Job{
			Athlete: m.parent.Athlete, Export: m.export, Source: schema.SourceArchive,
			ReceivedMs: m.parent.ReceivedMs, Parent: m.parent.Export, Depth: m.parent.Depth + 1,
		}
		if l.rows[job.ID()] {
			continue
		}
		l.rows[job.ID()] = true // reported once, whatever else knows of it
		delete(l.unowned, m.export)
		info, err := l.src.Blob(ctx, m.export)
		if err != nil {
			return err
		}
		if info != nil {
			job.Bytes = info.Bytes
		}
		l.add(Finding{Kind: NoMember}, job)
	}
	return nil
}

// compareMarks looks for rows of everything that was taken.
func (l *looker) compareMarks(ctx context.Context) error {
	return l.src.Marks(ctx, func(id schema.JobID) error {
		l.res.Marks++
		if l.rows[id] {
			return nil
		}
		job, err := l.src.Marked(id)
		if err != nil {
			return err
		}
		if job == nil {
			l.silent[id] = true
			return nil
		}
		return l.taken(ctx, *job)
	})
}

// taken reports an export that was taken and has no row.
func (l *looker) taken(ctx context.Context, job schema.Job) error {
	l.athletes[job.Athlete] = true
	l.rows[job.ID()] = true
	kind := NoRow
	if !l.unowned[job.Export] {
		info, err := l.src.Blob(ctx, job.Export)
		if err != nil {
			return err
		}
		if info == nil {
			kind = Lost
		}
	}
	delete(l.unowned, job.Export)
	l.add(Finding{Kind: kind}, job)
	return nil
}

// matchSilent finds out what marks are of that do not say so: of which athlete
// and original they are the identity.
func (l *looker) matchSilent(ctx context.Context) error {
	if len(l.silent) == 0 {
		return nil
	}
	if l.opts.Owner != "" {
		l.athletes[l.opts.Owner] = true
	}
	l.athletes[schema.DefaultAthlete] = true
	athletes := slices.Sorted(maps.Keys(l.athletes))
	err := l.src.Blobs(ctx, "", func(export schema.ExportID) error {
		for _, athlete := range athletes {
			id := schema.JobIDOf(athlete, export)
			if !l.silent[id] {
				continue
			}
			delete(l.silent, id)
			if err := l.found(ctx, schema.Job{Athlete: athlete, Export: export, Source: schema.SourceImport}); err != nil {
				return err
			}
		}
		return nil
	})
	for id := range l.silent {
		l.res.Findings = append(l.res.Findings, Finding{Kind: OrphanMark, Mark: id, Remedy: Forget})
	}
	return err
}

// found reports an original without a row whose athlete is known now.
func (l *looker) found(ctx context.Context, job schema.Job) error {
	info, err := l.src.Blob(ctx, job.Export)
	if err != nil || info == nil {
		return err
	}
	job.Bytes = info.Bytes
	if job.ReceivedMs == 0 {
		job.ReceivedMs = info.ModifiedMs
	}
	return l.taken(ctx, job)
}

// matchOwners finds out whose the originals are that nothing else knows of.
func (l *looker) matchOwners(ctx context.Context) error {
	if len(l.unowned) == 0 {
		return nil
	}
	known := map[schema.ExportID]schema.Job{}
	note := func(job schema.Job) error {
		if _, there := known[job.Export]; !there && l.unowned[job.Export] {
			known[job.Export] = job
		}
		return nil
	}
	if err := l.src.Owners(ctx, note); err != nil {
		return err
	}
	if err := l.src.Files(ctx, note); err != nil {
		return err
	}
	for _, export := range slices.Collect(maps.Keys(l.unowned)) {
		job, ok := known[export]
		if !ok && l.opts.Owner != "" {
			job, ok = schema.Job{Athlete: l.opts.Owner, Export: export, Source: schema.SourceImport}, true
		}
		if ok {
			if err := l.found(ctx, job); err != nil {
				return err
			}
			continue
		}
		info, err := l.src.Blob(ctx, export)
		if err != nil {
			return err
		}
		if info != nil && !info.Fresh {
			l.res.Findings = append(l.res.Findings, Finding{Kind: Unowned, Export: export})
		}
	}
	return nil
}

// compareFiles reports files of the folder that were never taken.
func (l *looker) compareFiles(ctx context.Context) error {
	return l.src.Files(ctx, func(job schema.Job) error {
		if id := job.ID(); !l.rows[id] {
			l.rows[id] = true
			l.add(Finding{Kind: NotTaken}, job)
		}
		return nil
	})
}
