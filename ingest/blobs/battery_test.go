package blobs_test

import (
	"os"
	"path/filepath"
	"testing"

	"plodwatch/ingest/blobs/blobstest"
	"plodwatch/schema"
)

func TestBattery(t *testing.T) {
	blobstest.Run(t, func(t *testing.T) *blobstest.Place {
		dir := t.TempDir()
		spoil := func(how func([]byte) []byte) func(testing.TB, schema.ExportID) {
			return func(t testing.TB, id schema.ExportID) {
				t.Helper()
				found, err := filepath.Glob(filepath.Join(dir, "data", id.String()[:2], id.String()+"*"))
				if err != nil || len(found) != 1 {
					t.Fatalf("files %q, %v", found, err)
				}
				stored, err := os.ReadFile(found[0])
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(found[0], how(stored), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		return &blobstest.Place{
			Open: func(t testing.TB) blobstest.Store { return open(t, dir) },
			Damage: map[string]func(testing.TB, schema.ExportID){
				"flipped bit": spoil(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
				"cut":         spoil(func(b []byte) []byte { return b[:len(b)/2] }),
				"emptied":     spoil(func([]byte) []byte { return nil }),
				"longer":      spoil(func(b []byte) []byte { return append(b, 0) }),
			},
			Pieces: func(t testing.TB) int { return len(files(t, dir)) },
		}
	})
}
