package fitfile_test

import (
	"path/filepath"
	"testing"
	"time"

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

// BenchmarkDecode decodes everyday files. Its limit, measured in the same run,
// is the least that any decoder must do with the same bytes: follow the
// messages, read time and heart rate, and check the checksum.
func BenchmarkDecode(b *testing.B) {
	corpus, size := ordinary(b), 0
	for _, data := range corpus {
		size += len(data)
	}
	var limit time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for _, data := range corpus {
			if _, err := fitfile.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		start := time.Now()
		walkAll(b, corpus)
		limit += time.Since(start)
		b.StartTimer()
	}
	besideLimit(b, "MB/s", float64(size)*float64(b.N)/1e6, b.Elapsed(), limit)
}

// besideLimit reports the throughput of so much work, that of the limit measured
// in the same run, and how many times as long the benchmark took.
func besideLimit(b *testing.B, unit string, work float64, ours, limit time.Duration) {
	b.Helper()
	b.ReportMetric(work/ours.Seconds(), unit)
	b.ReportMetric(work/limit.Seconds(), "limit-"+unit)
	b.ReportMetric(ours.Seconds()/limit.Seconds(), "x-of-limit")
}

func walkAll(b *testing.B, corpus [][]byte) {
	for _, data := range corpus {
		if fitfile.TwoFieldWalk(data) == 0 {
			b.Fatal("no heart rate found")
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
