package folder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

func TestWalkGoesOnPastWhatItMayNotRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "a/a.fit", "a")
	put(t, dir, "b/b.fit", "b")
	secret := put(t, dir, "c/c.fit", "c")
	if err := os.Chmod(filepath.Join(dir, "b"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "b"), 0o755) })
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}

	folder.AsNobody(t)
	want := []string{"a/a.fit", "unreadable b", "c/c.fit"}
	if diff := cmp.Diff(want, walked(t, dir, []string{dir}, folder.WalkOptions{})); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
	err := folder.Walk(t.Context(), []string{filepath.Dir(secret)}, folder.WalkOptions{}, func(f folder.File) error {
		_, err := f.Open()
		return err
	})
	if refusal := schema.AsRefusal(err); refusal == nil || refusal.Reason != schema.ReasonUnreadable {
		t.Errorf("Open returned %v, want a refusal for unreadable", err)
	}
	want = []string{"unreadable b"}
	if diff := cmp.Diff(want, walked(t, dir, []string{filepath.Join(dir, "b")}, folder.WalkOptions{})); diff != "" {
		t.Errorf("walk of the directory itself (-want +got):\n%s", diff)
	}
}
