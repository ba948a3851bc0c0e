package bucket_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest/blobs/bucket"
	"plodwatch/schema"
)

// TestRemovedExportsLeaveNoByte: neither the server's files nor the bucket hold
// it, its neighbour stays, and it can be put again.
func TestRemovedExportsLeaveNoByte(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	b := r.open(t)
	data := map[string][]byte{"gone": bytes.Repeat([]byte("bytes that go away "), 60_000), "stays": []byte("bytes that stay here")}
	put := func(name string) schema.ExportID {
		t.Helper()
		id, _, _, err := b.Put(t.Context(), bytes.NewReader(data[name]))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	gone, stays := put("gone"), put("stays")
	onDisk := func(text string) bool { return r.onDisk(t, text) }
	if !onDisk("go away") || !onDisk("stay here") {
		t.Fatal("the search finds nothing where there is something")
	}
	for range 2 {
		if err := b.Remove(t.Context(), gone); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	if there, err := b.Has(t.Context(), gone); there || err != nil {
		t.Errorf("Has = %t, %v", there, err)
	}
	if onDisk("go away") || onDisk(gone.String()) {
		t.Error("bytes of it are left")
	}
	if err := b.Verify(t.Context(), stays); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
	if err := b.Verify(t.Context(), put("gone")); err != nil {
		t.Errorf("put again: %v", err)
	}
}

// onDisk reports whether a file of the server holds a text.
func (r *room) onDisk(t *testing.T, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(r.server.Dir(), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			found = found || bytes.Contains(content, []byte(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestForgottenMarksLeaveNoByte: nor do the marks that they had replaced.
func TestForgottenMarksLeaveNoByte(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	b := r.open(t)
	gone, stays := schema.Job{Athlete: "who-goes", Export: schema.ExportID{1}}, schema.Job{Athlete: "who-stays", Export: schema.ExportID{1}}
	for i := range 3 {
		gone.ReceivedMs = int64(i)
		for _, job := range []*schema.Job{&gone, &stays} {
			if err := b.MarkTaken(job); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !r.onDisk(t, "who-goes") {
		t.Fatal("the search finds nothing where there is something")
	}
	for range 2 {
		if err := b.Unmark(gone.ID()); err != nil {
			t.Fatalf("Unmark: %v", err)
		}
	}
	if r.onDisk(t, "who-goes") {
		t.Error("bytes of the mark are left")
	}
	if b.Taken(gone.ID()) || !b.Taken(stays.ID()) {
		t.Errorf("taken are %t and %t", b.Taken(gone.ID()), b.Taken(stays.ID()))
	}
}

// TestMarksAreForgottenInABucketOfTheLibrary: its messages cannot be deleted,
// and making the buckets anew leaves it so.
func TestMarksAreForgottenInABucketOfTheLibrary(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	const name = "plodwatch-taken"
	if err := r.js.DeleteKeyValue(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: name, History: 1, Storage: jetstream.FileStorage}); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Provision(t.Context(), r.js, bucket.Layout{Replicas: 1}); err != nil {
		t.Fatalf("Provision: %v", err)
	}
	b := r.open(t)
	job := schema.Job{Athlete: "me", Export: schema.ExportID{1}}
	if err := b.MarkTaken(&job); err != nil || !b.Taken(job.ID()) {
		t.Fatalf("MarkTaken: %v", err)
	}
	if err := b.Unmark(job.ID()); err != nil || b.Taken(job.ID()) {
		t.Errorf("Unmark: %v", err)
	}
}
