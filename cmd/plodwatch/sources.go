package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/reconcile"
	"plodwatch/schema/streams"
)

// freshFor is how long an original may be there before somebody must have been
// written down as its owner.
const freshFor = time.Minute

// folderFile is a file of the folder that is compared.
type folderFile struct {
	file folder.File
	rel  string
	job  schema.Job
}

// keptSources are the places that are compared.
type keptSources struct {
	p       *pipeline
	st      *store.Store
	deep    bool
	records *upload.Records
	files   []folderFile
	byID    map[schema.ExportID]*folderFile
	listed  []schema.ExportID // of a bucket, which cannot list a part, ascending
}

// newSources reads the folder, if one is given; each file is read whole.
func (p *pipeline) newSources(ctx context.Context, st *store.Store, opts reconcileOptions, say func(string)) (*keptSources, error) {
	s := &keptSources{p: p, st: st, deep: opts.Deep, byID: map[schema.ExportID]*folderFile{}}
	var err error
	if s.records, err = upload.OpenRecords(filepath.Join(p.dir, "uploads")); err != nil {
		return nil, err
	}
	if opts.Folder == "" {
		return s, nil
	}
	now := time.Now()
	err = folder.Walk(ctx, []string{opts.Folder}, folder.WalkOptions{Exclude: []string{p.dir}}, func(f folder.File) error {
		if f.Reason != schema.ReasonNone {
			return nil
		}
		rel, err := filepath.Rel(opts.Folder, f.Path)
		if err != nil {
			return fmt.Errorf("read folder: %w", err)
		}
		id, size, err := hashFile(f)
		if err != nil {
			p.app.log.WarnContext(ctx, "a file of the folder cannot be read and is left out", "error", err)
			return nil
		}
		athlete, _ := folder.AthleteOf(rel, opts.FolderAthlete)
		s.files = append(s.files, folderFile{file: f, rel: rel, job: schema.Job{
			Athlete: athlete, Export: id, Source: schema.SourceFolder, Bytes: size, ReceivedMs: now.UnixMilli(),
		}})
		if len(s.files)%1000 == 0 {
			say(fmt.Sprintf("read %s files of the folder", count(len(s.files))))
		}
		return nil
	})
	for i := range s.files {
		s.byID[s.files[i].job.Export] = &s.files[i]
	}
	return s, err
}

// hashFile reads a file for its identity.
func hashFile(f folder.File) (schema.ExportID, int64, error) {
	file, err := f.Open()
	if err != nil {
		return schema.ExportID{}, 0, err
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return schema.ExportID{}, 0, errors.New("read file") // its error has the path
	}
	return schema.ExportID(sum.Sum(nil)), n, nil
}

// A store of up to wholeUpTo exports is compared in one part, one of up to
// sixteenUpTo in 16, and a larger one in 256.
const (
	wholeUpTo   = 5_000
	sixteenUpTo = 200_000
)

// Parts divides by the number of rows and originals, whichever is more; the
// originals are counted by a sample.
func (s *keptSources) Parts(ctx context.Context) ([]string, error) {
	counts, err := s.st.Count(ctx)
	if err != nil {
		return nil, err
	}
	if s.p.bucket != nil {
		s.listed = s.listed[:0]
		err := s.p.bucket.Walk(ctx, func(id schema.ExportID) error { s.listed = append(s.listed, id); return nil })
		return partsOf(max(counts.Exports, uint64(len(s.listed)))), err
	}
	sample := uint64(0)
	for _, shard := range []string{"00", "55", "aa", "ff"} {
		if err := s.p.blobs.WalkPart(ctx, shard, func(schema.ExportID) error { sample++; return nil }); err != nil {
			return nil, err
		}
	}
	return partsOf(max(counts.Exports, sample*64)), nil
}

func partsOf(n uint64) []string {
	switch {
	case n <= wholeUpTo:
		return []string{""}
	case n <= sixteenUpTo:
		return hexNumbers(16, "%x")
	}
	return hexNumbers(256, "%02x")
}

func hexNumbers(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// Blobs yields the stored originals.
func (s *keptSources) Blobs(ctx context.Context, part string, yield func(schema.ExportID) error) error {
	if s.p.bucket == nil {
		return s.p.blobs.WalkPart(ctx, part, yield)
	}
	for _, id := range s.listed {
		if !strings.HasPrefix(id.String(), part) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("go through the originals: %w", err)
		}
		if err := yield(id); err != nil {
			return err
		}
	}
	return nil
}

// Blob looks at one original.
func (s *keptSources) Blob(ctx context.Context, id schema.ExportID) (*reconcile.BlobInfo, error) {
	size, at, err := s.p.blobs.Stat(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and that is no fault
	}
	if err != nil {
		return nil, err
	}
	return &reconcile.BlobInfo{Bytes: size, ModifiedMs: at.UnixMilli(), Fresh: time.Since(at).Abs() < freshFor}, nil
}

// Intact reads an original.
func (s *keptSources) Intact(ctx context.Context, id schema.ExportID) (bool, error) {
	err := s.p.blobs.Verify(ctx, id)
	switch {
	case errors.Is(err, blobs.ErrCorrupt):
		return false, nil
	case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		return true, nil
	}
	return err == nil, err
}

func rowOfLedger(r *store.LedgerRow) *reconcile.Row {
	return &reconcile.Row{Job: r.Job, Format: r.Format, Members: r.Members, Missing: r.Missing}
}

// Rows yields the rows of exports.
func (s *keptSources) Rows(ctx context.Context, part string, yield func(*reconcile.Row) error) error {
	return s.st.Ledger(ctx, store.LedgerFilter{Prefix: part}, func(r *store.LedgerRow) error { return yield(rowOfLedger(r)) })
}

// Row returns one row of exports.
func (s *keptSources) Row(ctx context.Context, athlete schema.AthleteID, id schema.ExportID) (*reconcile.Row, error) {
	var found *reconcile.Row
	filter := store.LedgerFilter{Athlete: athlete, Exports: []schema.ExportID{id}}
	err := s.st.Ledger(ctx, filter, func(r *store.LedgerRow) error {
		found = rowOfLedger(r)
		return nil
	})
	return found, err
}

// Shorts yields the sessions that lack samples.
func (s *keptSources) Shorts(ctx context.Context, yield func(*reconcile.Short) error) error {
	return s.st.Short(ctx, s.deep, func(short *store.ShortSession) error {
		return yield(&reconcile.Short{
			Job:     schema.Job{Athlete: short.Athlete, Export: short.Export, Source: schema.SourceImport, ReceivedMs: short.ReceivedMs},
			Session: short.ID, Have: short.Have, Want: short.Want,
		})
	})
}

// Marks yields what is marked as taken.
func (s *keptSources) Marks(ctx context.Context, yield func(schema.JobID) error) error {
	return s.p.blobs.Marks(ctx, yield)
}

// Marked reads a mark.
func (s *keptSources) Marked(id schema.JobID) (*schema.Job, error) {
	job, err := s.p.blobs.Marked(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none, and that is no fault
	}
	return job, err
}

// Owners yields the records of uploads.
func (s *keptSources) Owners(ctx context.Context, yield func(schema.Job) error) error {
	return s.records.Each(ctx, func(r *upload.Record) error {
		return yield(schema.Job{Athlete: r.Athlete, Export: r.Export, Source: schema.SourceUpload, ReceivedMs: r.ReceivedMs})
	})
}

// Files yields the files of the folder.
func (s *keptSources) Files(_ context.Context, yield func(schema.Job) error) error {
	for i := range s.files {
		if err := yield(s.files[i].job); err != nil {
			return err
		}
	}
	return nil
}

// Waiting looks into the queues, and at what was set aside.
func (s *keptSources) Waiting(ctx context.Context) (queued, aside *reconcile.Waiting, err error) {
	q, err := streams.LookQueued(ctx, s.p.js)
	if err != nil {
		return nil, nil, err
	}
	queued = &reconcile.Waiting{Jobs: q.Jobs, Sessions: q.Sessions}
	for id := range q.Outcomes {
		queued.Jobs[id] = true
	}
	d, err := streams.LookSetAside(ctx, s.p.js)
	if err != nil {
		return nil, nil, err
	}
	aside = &reconcile.Waiting{Jobs: d.Jobs, Sessions: d.Sessions}
	for id := range d.Outcomes {
		aside.Jobs[id] = true
	}
	return queued, aside, nil
}
