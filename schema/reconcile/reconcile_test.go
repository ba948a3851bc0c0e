package reconcile_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/schema"
	"plodwatch/schema/reconcile"
)

// world is all there is, as values.
type world struct {
	parts    []string
	blobs    map[schema.ExportID]*reconcile.BlobInfo
	harmed   map[schema.ExportID]bool
	rows     []reconcile.Row
	shorts   []reconcile.Short
	marks    map[schema.JobID]*schema.Job
	owners   []schema.Job
	files    []schema.Job
	queued   reconcile.Waiting
	aside    reconcile.Waiting
	verified int
	// meanwhile happens between the two looks.
	meanwhile func(*world)
	fail      string // the place that fails
}

var errPlace = errors.New("this place is away")

func (w *world) failing(place string) error {
	if w.fail == place {
		return errPlace
	}
	return nil
}

func (w *world) Parts(context.Context) ([]string, error) { return w.parts, w.failing("parts") }

func (w *world) Blobs(_ context.Context, part string, yield func(schema.ExportID) error) error {
	var ids []schema.ExportID
	for id := range w.blobs {
		if strings.HasPrefix(hex.EncodeToString(id[:]), part) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b schema.ExportID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		if err := yield(id); err != nil {
			return err
		}
	}
	return w.failing("blobs")
}

func (w *world) Rows(_ context.Context, part string, yield func(*reconcile.Row) error) error {
	for i := range w.rows {
		if r := w.rows[i]; strings.HasPrefix(r.Job.Export.String(), part) {
			if err := yield(&r); err != nil {
				return err
			}
		}
	}
	return w.failing("rows")
}

func (w *world) Row(_ context.Context, athlete schema.AthleteID, id schema.ExportID) (*reconcile.Row, error) {
	for i := range w.rows {
		if r := w.rows[i]; r.Job.Athlete == athlete && r.Job.Export == id {
			return &r, nil
		}
	}
	return nil, w.failing("row")
}

func (w *world) Shorts(_ context.Context, yield func(*reconcile.Short) error) error {
	for i := range w.shorts {
		if err := yield(&w.shorts[i]); err != nil {
			return err
		}
	}
	return w.failing("shorts")
}

func (w *world) Marks(_ context.Context, yield func(schema.JobID) error) error {
	for id := range w.marks {
		if err := yield(id); err != nil {
			return err
		}
	}
	return w.failing("marks")
}

func (w *world) Marked(id schema.JobID) (*schema.Job, error) { return w.marks[id], w.failing("marked") }

func (w *world) Blob(_ context.Context, id schema.ExportID) (*reconcile.BlobInfo, error) {
	return w.blobs[id], w.failing("blob")
}

func (w *world) Intact(_ context.Context, id schema.ExportID) (bool, error) {
	w.verified++
	return !w.harmed[id], w.failing("intact")
}

func (w *world) Owners(_ context.Context, yield func(schema.Job) error) error {
	for _, job := range w.owners {
		if err := yield(job); err != nil {
			return err
		}
	}
	return w.failing("owners")
}

func (w *world) Files(_ context.Context, yield func(schema.Job) error) error {
	for _, job := range w.files {
		if err := yield(job); err != nil {
			return err
		}
	}
	return w.failing("files")
}

func (w *world) Waiting(context.Context) (queued, aside *reconcile.Waiting, err error) {
	if w.meanwhile != nil {
		w.meanwhile(w)
	}
	return &w.queued, &w.aside, w.failing("waiting")
}

// job is one of athlete me, of an export that is named by a letter.
func job(name byte) schema.Job {
	return schema.Job{Athlete: "me", Export: schema.ExportID{name}, Source: schema.SourceImport, Bytes: 5, ReceivedMs: 77}
}

func inside(name, archive byte) schema.Job {
	j := job(name)
	j.Source, j.Parent, j.Depth = schema.SourceArchive, schema.ExportID{archive}, 1
	return j
}

// order returns a world in which nothing is missing: two exports, of which the
// second is an archive with a third, and marks of all.
func order() *world {
	w := &world{
		parts:  []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"},
		blobs:  map[schema.ExportID]*reconcile.BlobInfo{},
		harmed: map[schema.ExportID]bool{},
		marks:  map[schema.JobID]*schema.Job{},
		rows: []reconcile.Row{
			{Job: job(0x1a), Format: schema.FormatFIT},
			{Job: job(0x2a), Format: schema.FormatArchive, Members: []schema.ExportID{{0x3a}}},
			{Job: inside(0x3a, 0x2a), Format: schema.FormatGPX},
		},
	}
	for _, r := range w.rows {
		w.blobs[r.Job.Export] = &reconcile.BlobInfo{Bytes: 5, ModifiedMs: 66}
		w.marks[r.Job.ID()] = &r.Job
	}
	return w
}

// dropRow removes the row of an export.
func (w *world) dropRow(name byte) {
	w.rows = slices.DeleteFunc(w.rows, func(r reconcile.Row) bool { return r.Job.Export == schema.ExportID{name} })
}

func pointer[T any](v T) *T { return &v }

// finding is one about a job.
func finding(kind reconcile.Kind, of schema.Job, remedy reconcile.Remedy, do *schema.Job) reconcile.Finding {
	return reconcile.Finding{Kind: kind, Athlete: of.Athlete, Export: of.Export, Mark: of.ID(), Remedy: remedy, Job: do}
}

func with(f reconcile.Finding, change func(*reconcile.Finding)) reconcile.Finding {
	change(&f)
	return f
}

func fit(f *reconcile.Finding) { f.Format = schema.FormatFIT }

func TestWhatIsMissingIsFound(t *testing.T) {
	run, zip, member := job(0x1a), job(0x2a), inside(0x3a, 0x2a)
	annas := run
	annas.Athlete = "anna"
	guessed := run // what is known when the mark does not say it
	guessed.ReceivedMs = 66
	for name, tt := range map[string]struct {
		change func(*world)
		opts   reconcile.Options
		want   []reconcile.Finding
		flying int
	}{
		"nothing": {change: func(*world) {}},
		"a row": {
			change: func(w *world) { w.dropRow(0x1a) },
			want:   []reconcile.Finding{finding(reconcile.NoRow, run, reconcile.Queue, &run)},
		},
		"a row, under an old mark": {
			change: func(w *world) { w.dropRow(0x1a); w.marks[run.ID()] = nil },
			want:   []reconcile.Finding{finding(reconcile.NoRow, guessed, reconcile.Queue, &guessed)},
		},
		"another athlete's row of the same bytes": {
			change: func(w *world) { w.marks[annas.ID()] = &annas },
			want:   []reconcile.Finding{finding(reconcile.NoRow, annas, reconcile.Queue, &annas)},
		},
		"a row and the mark, and an upload record knows": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.marks, run.ID()); w.owners = []schema.Job{annas} },
			want:   []reconcile.Finding{finding(reconcile.NoRow, annas, reconcile.Queue, &annas)},
		},
		"a row and the mark, and the folder knows": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.marks, run.ID()); w.files = []schema.Job{annas} },
			want:   []reconcile.Finding{finding(reconcile.NoRow, annas, reconcile.Queue, &annas)},
		},
		"a row and the mark, and nobody knows": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.marks, run.ID()) },
			want:   []reconcile.Finding{{Kind: reconcile.Unowned, Export: run.Export}},
		},
		"a row and the mark, and the user knows": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.marks, run.ID()) },
			opts:   reconcile.Options{Owner: "anna"},
			want: []reconcile.Finding{finding(reconcile.NoRow, annas, reconcile.Queue, pointer(func() schema.Job {
				j := annas
				j.ReceivedMs = 66
				return j
			}()))},
		},
		"a row and the mark of what came just now": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.marks, run.ID()); w.blobs[run.Export].Fresh = true },
		},
		"the original": {
			change: func(w *world) { delete(w.blobs, run.Export) },
			want:   []reconcile.Finding{with(finding(reconcile.NoBlob, run, reconcile.NoRemedy, nil), fit)},
		},
		"the original, which the folder has": {
			change: func(w *world) { delete(w.blobs, run.Export); w.files = []schema.Job{run} },
			want:   []reconcile.Finding{with(finding(reconcile.NoBlob, run, reconcile.FromFolder, nil), fit)},
		},
		"the original of a member": {
			change: func(w *world) { delete(w.blobs, member.Export) },
			want: []reconcile.Finding{with(finding(reconcile.NoBlob, member, reconcile.Queue, &zip), func(f *reconcile.Finding) {
				f.Format = schema.FormatGPX
			})},
		},
		"a member's row": {
			change: func(w *world) { w.dropRow(0x3a) },
			want:   []reconcile.Finding{finding(reconcile.NoMember, member, reconcile.Queue, &member)},
		},
		"all of a member": {
			change: func(w *world) { w.dropRow(0x3a); delete(w.marks, member.ID()); delete(w.blobs, member.Export) },
			want:   []reconcile.Finding{finding(reconcile.NoMember, member, reconcile.Queue, &zip)},
		},
		"all but marks": {
			change: func(w *world) { w.rows, w.blobs = nil, nil },
			want: []reconcile.Finding{
				finding(reconcile.Lost, run, reconcile.NoRemedy, nil), finding(reconcile.Lost, zip, reconcile.NoRemedy, nil),
				finding(reconcile.Lost, member, reconcile.NoRemedy, nil),
			},
		},
		"all but the mark, and the folder has it": {
			change: func(w *world) { w.dropRow(0x1a); delete(w.blobs, run.Export); w.files = []schema.Job{run} },
			want:   []reconcile.Finding{finding(reconcile.Lost, run, reconcile.FromFolder, &run)},
		},
		"what an old mark was of": {
			change: func(w *world) { w.marks[schema.JobID{9}] = nil },
			want:   []reconcile.Finding{{Kind: reconcile.OrphanMark, Mark: schema.JobID{9}, Remedy: reconcile.Forget}},
		},
		"a session": {
			change: func(w *world) { w.rows[0].Missing = []schema.SessionID{{1}, {2}} },
			want: []reconcile.Finding{
				with(finding(reconcile.NoSession, run, reconcile.Queue, &run), func(f *reconcile.Finding) { fit(f); f.Session = schema.SessionID{1} }),
				with(finding(reconcile.NoSession, run, reconcile.Queue, &run), func(f *reconcile.Finding) { fit(f); f.Session = schema.SessionID{2} }),
			},
		},
		"samples": {
			change: func(w *world) {
				w.shorts = []reconcile.Short{{Job: annas, Session: schema.SessionID{3}, Have: 1, Want: 2}, {Job: run, Session: schema.SessionID{4}, Want: 7}}
			},
			want: []reconcile.Finding{
				with(finding(reconcile.NoSamples, annas, reconcile.Queue, &annas), func(f *reconcile.Finding) { f.Session, f.Have, f.Want = schema.SessionID{3}, 1, 2 }),
				with(finding(reconcile.NoSamples, run, reconcile.Queue, &run), func(f *reconcile.Finding) { fit(f); f.Session, f.Want = schema.SessionID{4}, 7 }),
			},
		},
		"a file that was never taken": {
			change: func(w *world) { w.files = []schema.Job{run, annas} },
			want:   []reconcile.Finding{finding(reconcile.NotTaken, annas, reconcile.FromFolder, &annas)},
		},
		"damage": {
			change: func(w *world) { w.harmed[run.Export], w.harmed[member.Export] = true, true },
			opts:   reconcile.Options{Deep: true},
			want: []reconcile.Finding{
				with(finding(reconcile.Damaged, run, reconcile.NoRemedy, nil), fit),
				with(finding(reconcile.Damaged, member, reconcile.Queue, &zip), func(f *reconcile.Finding) { f.Format = schema.FormatGPX }),
			},
		},
		"damage that nobody looks for": {
			change: func(w *world) { w.harmed[run.Export] = true },
		},
		"a row whose job waits": {
			change: func(w *world) { w.dropRow(0x1a); w.queued.Jobs = map[schema.JobID]bool{run.ID(): true} },
			flying: 1,
		},
		"a member whose archive waits": {
			change: func(w *world) { w.dropRow(0x3a); w.queued.Jobs = map[schema.JobID]bool{zip.ID(): true} },
			flying: 1,
		},
		"a session that waits": {
			change: func(w *world) {
				w.rows[0].Missing = []schema.SessionID{{1}}
				w.queued.Sessions = map[schema.SessionID]bool{{1}: true}
			},
			flying: 1,
		},
		"a row that comes meanwhile": {
			change: func(w *world) {
				w.dropRow(0x1a)
				w.meanwhile = func(w *world) { w.rows = append(order().rows[:1:1], w.rows...) }
			},
		},
		"a row of what is taken meanwhile": {
			change: func(w *world) {
				w.dropRow(0x1a)
				w.meanwhile = func(w *world) { w.marks[annas.ID()] = &annas }
			},
			want: []reconcile.Finding{finding(reconcile.NoRow, run, reconcile.Queue, &run)},
		},
		"a row whose job was set aside": {
			change: func(w *world) { w.dropRow(0x1a); w.aside.Jobs = map[schema.JobID]bool{run.ID(): true} },
			want:   []reconcile.Finding{finding(reconcile.NoRow, run, reconcile.Retry, nil)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, parts := range [][]string{order().parts, {""}} {
				w := order()
				w.parts = parts
				tt.change(w)
				got, err := reconcile.Compare(t.Context(), w, tt.opts)
				if err != nil {
					t.Fatal(err)
				}
				if len(tt.want) == 0 && len(got.Findings) == 0 {
					got.Findings = tt.want
				}
				if diff := cmp.Diff(tt.want, got.Findings); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
				if got.InFlight != tt.flying {
					t.Errorf("%d in flight, want %d", got.InFlight, tt.flying)
				}
			}
		})
	}
}

func TestOriginalsAreReadOnceAndOnlyWhenAskedFor(t *testing.T) {
	for _, deep := range []bool{false, true} {
		w := order()
		w.dropRow(0x1a) // so that it looks twice
		told := 0
		got, err := reconcile.Compare(t.Context(), w, reconcile.Options{Deep: deep, Progress: func(int) { told++ }})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 3}[deep]; w.verified != want {
			t.Errorf("deep %t: %d originals were read, want %d", deep, w.verified, want)
		}
		if got.Blobs != 3 || got.Rows != 2 || got.Marks != 3 || got.Files != 0 {
			t.Errorf("counted %+v", got)
		}
	}
}

func TestPlaceThatIsAwayIsAnError(t *testing.T) {
	for _, place := range []string{
		"parts", "blobs", "rows", "shorts", "marks", "marked", "blob", "intact", "owners", "files", "waiting", "row",
	} {
		w := order()
		w.dropRow(0x1a)
		delete(w.marks, schema.JobIDOf("me", schema.ExportID{0x1a}))
		lost := inside(0x77, 0x78)
		w.marks[lost.ID()] = &lost
		w.fail = place
		if _, err := reconcile.Compare(t.Context(), w, reconcile.Options{Deep: true}); !errors.Is(err, errPlace) {
			t.Errorf("%s is away: %v", place, err)
		}
	}
}
