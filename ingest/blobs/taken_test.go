package blobs_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"plodwatch/schema"
)

func jobs() []schema.Job {
	return []schema.Job{
		{Athlete: "me", Export: schema.ExportIDOf([]byte("a")), Source: schema.SourceImport, Bytes: 1, ReceivedMs: 1_700_000_000_123},
		{Athlete: "anna", Export: schema.ExportIDOf([]byte("a")), Source: schema.SourceUpload, Bytes: 1, ReceivedMs: 7},
		{
			Athlete: "me", Export: schema.ExportIDOf([]byte("b")), Source: schema.SourceArchive, Bytes: 1 << 40, ReceivedMs: 8,
			Parent: schema.ExportIDOf([]byte("zip")), Depth: 2,
		},
	}
}

func TestMarksRemember(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	want := map[schema.JobID]bool{}
	for _, job := range jobs() {
		want[job.ID()] = true
		older := job
		older.ReceivedMs = 1
		for _, j := range []schema.Job{older, job} { // the last word counts
			if err := d.MarkTaken(&j); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := open(t, dir)
	for _, job := range jobs() {
		got, err := again.Marked(job.ID())
		if err != nil || !reflect.DeepEqual(got, &job) || !again.Taken(job.ID()) {
			t.Errorf("remembered is %+v, %v; marked was %+v", got, err, job)
		}
	}
	got := map[schema.JobID]bool{}
	if err := again.Marks(t.Context(), func(id schema.JobID) error { got[id] = true; return nil }); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Marks gave %v, %v; want %v", got, err, want)
	}
	one := jobs()[0]
	for range 2 {
		if err := again.Unmark(one.ID()); err != nil || again.Taken(one.ID()) {
			t.Errorf("Unmark: %v, taken %t", err, again.Taken(one.ID()))
		}
	}
	if _, err := again.Marked(one.ID()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Marked: %v, want fs.ErrNotExist", err)
	}
	if names := files(t, filepath.Join(dir, "tmp")); len(names) != 0 {
		t.Errorf("left behind: %q", names)
	}
}

func TestMarksThatSayNothingStayMarks(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	job, other := jobs()[0], jobs()[1]
	if err := d.MarkTaken(&other); err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(dir, "taken", other.ID().String()[:2], other.ID().String()))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "taken", job.ID().String()[:2], job.ID().String())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty, of an older version": nil, "torn": foreign[:20], "zeros": make([]byte, 300), "of another job": foreign,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Marked(job.ID()); got != nil || err != nil || !d.Taken(job.ID()) {
			t.Errorf("%s: %+v, %v, taken %t", name, got, err, d.Taken(job.ID()))
		}
	}
	if err := d.MarkTaken(&job); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Marked(job.ID()); err != nil || !reflect.DeepEqual(got, &job) {
		t.Errorf("marked anew: %+v, %v", got, err)
	}
}

func TestMarksEndsEarly(t *testing.T) {
	d := open(t, t.TempDir())
	for _, job := range jobs() {
		if err := d.MarkTaken(&job); err != nil {
			t.Fatal(err)
		}
	}
	enough, calls := errors.New("enough"), 0
	if err := d.Marks(t.Context(), func(schema.JobID) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("Marks = %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Marks(ctx, func(schema.JobID) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Marks with an ended context: %v", err)
	}
}

func TestWalkPartSeesItsPartAndStatTheSize(t *testing.T) {
	d := open(t, t.TempDir())
	all := map[schema.ExportID]int64{}
	for i := range 60 {
		data := append(noise(i+1), byte(i))
		if i%2 == 0 {
			data = append([]byte("<gpx>"), data...)
		}
		all[put(t, d, data)] = int64(len(data))
	}
	for _, digits := range []int{0, 1, 2, 3} {
		seen := map[string]bool{}
		for id := range all {
			prefix := id.String()[:digits]
			if seen[prefix] {
				continue
			}
			seen[prefix] = true
			want, got := 0, 0
			for other := range all {
				if other.String()[:digits] == prefix {
					want++
				}
			}
			err := d.WalkPart(t.Context(), prefix, func(id schema.ExportID) error {
				if got++; id.String()[:digits] != prefix {
					t.Errorf("prefix %q has %s", prefix, id)
				}
				return nil
			})
			if err != nil || got != want {
				t.Errorf("prefix %q: %d exports, %v; want %d", prefix, got, err, want)
			}
		}
	}
	for id, want := range all {
		if size, at, err := d.Stat(t.Context(), id); size != want || at.IsZero() || err != nil {
			t.Errorf("Stat = %d, %s, %v; want %d", size, at, err, want)
		}
	}
	if _, _, err := d.Stat(t.Context(), schema.ExportID{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of an unknown export: %v", err)
	}
}
