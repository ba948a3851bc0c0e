// Package reconcile compares what there should be with what there is: files in
// a folder, stored originals, marks of what was taken, queues, and the tables'
// exports, sessions and samples. It only compares; where these are kept and how
// what is missing comes back is the caller's.
package reconcile

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"plodwatch/schema"
)

// Kind says what is missing.
type Kind string

// The kinds, in the order in which they are reported.
const (
	NotTaken   Kind = "not_taken"   // a file of the folder was never taken
	NoRow      Kind = "no_row"      // taken, but exports has no row of it
	NoBlob     Kind = "no_blob"     // exports has a row, but the original is missing
	Damaged    Kind = "damaged"     // the original's bytes are not those that were taken
	NoSession  Kind = "no_session"  // exports names a session that has no row
	NoSamples  Kind = "no_samples"  // a session has fewer samples than its row says
	NoMember   Kind = "no_member"   // an archive's member has no row
	Lost       Kind = "lost"        // taken, but neither original nor row is left
	Unowned    Kind = "no_owner"    // an original that nobody is known to have handed in
	OrphanMark Kind = "orphan_mark" // a mark of something taken that fits nothing there is
)

// kinds is the order of the kinds.
func kinds() []Kind {
	return []Kind{NotTaken, NoRow, NoBlob, Damaged, NoSession, NoSamples, NoMember, Lost, Unowned, OrphanMark}
}

// Remedy says how what is missing can come back.
type Remedy string

// The remedies.
const (
	NoRemedy   Remedy = ""            // it cannot
	Queue      Remedy = "queue"       // by decoding Job once more
	FromFolder Remedy = "from_folder" // by taking the folder's file
	Forget     Remedy = "forget"      // by removing the mark: nothing is missing but the mark's object
	Retry      Remedy = "retry"       // it was set aside: by the user's will only
)

// Finding is one thing that is missing.
type Finding struct {
	Kind    Kind
	Athlete schema.AthleteID // "" when not known
	Export  schema.ExportID  // zero for an OrphanMark
	Mark    schema.JobID     // of what was taken
	Format  schema.Format    // "" when not known
	Session schema.SessionID // of NoSession and NoSamples
	Have    uint64           // of NoSamples
	Want    uint64           // of NoSamples
	Remedy  Remedy
	// Job is what is to be queued by Queue, which may be that of the archive,
	// and after FromFolder; nil for nothing.
	Job *schema.Job
}

// key tells findings apart.
type key struct {
	kind    Kind
	mark    schema.JobID
	export  schema.ExportID
	session schema.SessionID
}

func (f *Finding) key() key { return key{f.Kind, f.Mark, f.Export, f.Session} }

// Row is what exports says of an export.
type Row struct {
	Job     schema.Job
	Format  schema.Format
	Members []schema.ExportID
	Missing []schema.SessionID // its sessions that have no row
}

// Short is a session with fewer samples than its row says.
type Short struct {
	Job        schema.Job // of the export it came from, as far as the session's row knows
	Session    schema.SessionID
	Have, Want uint64
}

// Waiting is what is being worked on, or was set aside.
type Waiting struct {
	Jobs     map[schema.JobID]bool // to be decoded, or their outcome to be stored
	Sessions map[schema.SessionID]bool
}

// BlobInfo is what a store knows of an original.
type BlobInfo struct {
	Bytes      int64
	ModifiedMs int64 // Unix ms
	Fresh      bool  // it came a moment ago: whose it is may not be written down yet
}

// Sources are the places that are compared. Their errors come back as they
// are. What is yielded is not kept.
type Sources interface {
	// Parts are prefixes of export identities, in hexadecimal digits and
	// ascending, that together match all of them, each few enough to hold.
	Parts(ctx context.Context) ([]string, error)
	// Blobs yields the stored originals whose identity begins with part,
	// ascending.
	Blobs(ctx context.Context, part string, yield func(schema.ExportID) error) error
	// Rows yields the rows of exports whose identity begins with part,
	// ascending by export and then in any order.
	Rows(ctx context.Context, part string, yield func(*Row) error) error
	// Shorts yields the sessions that lack samples.
	Shorts(ctx context.Context, yield func(*Short) error) error
	// Marks yields what is marked as taken.
	Marks(ctx context.Context, yield func(schema.JobID) error) error
	// Marked returns what a mark says, nil when it says nothing or is not there.
	Marked(id schema.JobID) (*schema.Job, error)
	// Blob returns what is known of an original, nil when there is none.
	Blob(ctx context.Context, id schema.ExportID) (*BlobInfo, error)
	// Intact reports whether an original's bytes are those that were taken.
	Intact(ctx context.Context, id schema.ExportID) (bool, error)
	// Row returns the row of one export, nil when there is none.
	Row(ctx context.Context, athlete schema.AthleteID, id schema.ExportID) (*Row, error)
	// Owners yields what other places remember of who handed in what.
	Owners(ctx context.Context, yield func(schema.Job) error) error
	// Files yields the files of the folder, as jobs that would take them.
	Files(ctx context.Context, yield func(schema.Job) error) error
	// Waiting returns what is in the queues and what was set aside.
	Waiting(ctx context.Context) (queued, aside *Waiting, err error)
}

// Options change what Compare does.
type Options struct {
	// Deep has every original read and compared with its identity.
	Deep bool
	// Owner is whose originals are that nobody is known to have handed in; ""
	// for nobody.
	Owner schema.AthleteID
	// Progress, if given, is called now and then with how many originals have
	// been looked at.
	Progress func(blobs int)
}

// Result is what a comparison found.
type Result struct {
	Findings []Finding // by kind, athlete and export
	InFlight int       // not counted as missing: it is being worked on
	Blobs    int
	Rows     int
	Marks    int
	Files    int
}

// Compare compares the sources. Nothing need stand still meanwhile: what seems
// to be missing is looked for in the queues, and then once more everywhere;
// only what is missing both times and is not being worked on is a finding.
func Compare(ctx context.Context, src Sources, opts Options) (*Result, error) {
	damaged := map[schema.ExportID]bool{}
	first, err := look(ctx, src, opts, opts.Deep, damaged)
	if err != nil || len(first.Findings) == 0 {
		return first, err
	}
	queued, aside, err := src.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	suspects := make(map[key]bool, len(first.Findings))
	for i := range first.Findings {
		suspects[first.Findings[i].key()] = true
	}
	second, err := look(ctx, src, opts, false, damaged)
	if err != nil {
		return nil, err
	}
	all := second.Findings
	second.Findings = all[:0]
	for i := range all {
		f := &all[i]
		switch {
		case !suspects[f.key()]: // it came meanwhile, and had no time yet
		case queued.has(f):
			second.InFlight++
		default:
			if aside.has(f) && f.Kind != NoBlob && f.Kind != Damaged {
				f.Remedy, f.Job = Retry, nil
			}
			second.Findings = append(second.Findings, *f)
		}
	}
	sortFindings(second.Findings)
	return second, nil
}

// has reports whether what is missing waits: its job, its archive's or itself.
func (w *Waiting) has(f *Finding) bool {
	if w.Jobs[f.Mark] || w.Sessions[f.Session] {
		return true
	}
	return f.Job != nil && (w.Jobs[f.Job.ID()] || w.Jobs[schema.JobIDOf(f.Job.Athlete, f.Job.Parent)])
}

func sortFindings(all []Finding) {
	order := map[Kind]int{}
	for i, k := range kinds() {
		order[k] = i
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(order[a.Kind], order[b.Kind]),
			cmp.Compare(a.Athlete, b.Athlete),
			bytes.Compare(a.Export[:], b.Export[:]),
			bytes.Compare(a.Session[:], b.Session[:]),
			bytes.Compare(a.Mark[:], b.Mark[:]),
		)
	})
}
