package fitfile_test

import (
	"path/filepath"
	"testing"

	"plodwatch/ingest/fitfile"
)

// ordinary are everyday files of the required library: a ride with 34 pauses,
// two runs and an indoor ride.
func ordinary(tb testing.TB) [][]byte {
	dir := filepath.Join(tormoderDir(tb), "testdata")
	var out [][]byte
	for _, name := range []string{
		"bpg/garmin.fit",
		"misc/mornindew-broken.fit",
		"me/activity-small-fenix2-run.fit",
		"python-fitparse/sample-activity-indoor-trainer.fit",
		"dcrainmaker/Edge810-Vector-2013-08-16-15-35-10.fit",
	} {
		out = append(out, readFile(tb, filepath.Join(dir, filepath.FromSlash(name))))
	}
	return out
}

func BenchmarkDecode(b *testing.B) {
	corpus := ordinary(b)
	size := 0
	for _, data := range corpus {
		size += len(data)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, data := range corpus {
			if _, err := fitfile.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLimit is the least that any decoder must do with the same bytes:
// follow the messages, read time and heart rate, and check the checksum.
func BenchmarkLimit(b *testing.B) {
	corpus := ordinary(b)
	size := 0
	for _, data := range corpus {
		size += len(data)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, data := range corpus {
			if fitfile.TwoFieldWalk(data) == 0 {
				b.Fatal("no heart rate found")
			}
		}
	}
}

func TestOrdinaryFilesNeedFewAllocations(t *testing.T) {
	const most = 200
	for _, data := range ordinary(t) {
		n := testing.AllocsPerRun(5, func() {
			if _, err := fitfile.Decode(data); err != nil {
				t.Fatal(err)
			}
		})
		if n >= most {
			t.Errorf("a file of %d bytes needs %v allocations, want fewer than %d", len(data), n, most)
		}
	}
}
