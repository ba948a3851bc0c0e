package bucket_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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
	onDisk := func(text string) bool {
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
