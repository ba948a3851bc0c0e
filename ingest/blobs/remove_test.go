package blobs_test

import (
	"context"
	"errors"
	"testing"
)

func TestRemovedExportsAreGoneAndOthersStay(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	kept := put(t, d, noise(20))
	for name, data := range map[string][]byte{"binary": noise(1000), "text": track(10)} {
		id := put(t, d, data)
		for range 2 { // the second time there is nothing to remove
			if err := d.Remove(t.Context(), id); err != nil {
				t.Fatalf("%s: Remove: %v", name, err)
			}
		}
		if there, err := d.Has(t.Context(), id); there || err != nil {
			t.Errorf("%s: Has = %t, %v", name, there, err)
		}
		put(t, d, data) // as new
		if err := d.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("files %q, want one", got)
	}
	get(t, d, kept)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Remove(ctx, kept); !errors.Is(err, context.Canceled) {
		t.Errorf("Remove with an ended context: %v", err)
	}
}
