package activity_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/tormoder/fit"

	"plodwatch/testdata/gen/activity"
)

func TestCommittedFilesAreThoseTheGeneratorWrites(t *testing.T) {
	dir := filepath.Join("..", "..", "activities")
	for _, a := range activity.All() {
		if committed, err := os.ReadFile(filepath.Join(dir, a.Name+".fit")); err == nil {
			data, err := a.FIT()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, committed) {
				t.Errorf("%s.fit differs", a.Name)
			}
		}
		for ext, data := range map[string][]byte{".gpx": a.GPX(), ".tcx": a.TCX()} {
			if committed, err := os.ReadFile(filepath.Join(dir, a.Name+ext)); err == nil && !bytes.Equal(data, committed) {
				t.Errorf("%s%s differs", a.Name, ext)
			}
		}
	}
}

func TestAnswersClose(t *testing.T) {
	for _, a := range activity.All() {
		for i, s := range a.Sessions {
			w := s.Answer
			if w.PausedMs+w.GapMs+w.NoHRMs+w.RejectedHRMs+w.ClassifiedMs != w.ElapsedMs || w.ElapsedMs == 0 {
				t.Errorf("%s, session %d: %+v", a.Name, i, w)
			}
			var sum int64
			for _, ms := range w.HRMs {
				sum += ms
			}
			if sum != w.ClassifiedMs {
				t.Errorf("%s, session %d: heart rates sum to %d of %d ms", a.Name, i, sum, w.ClassifiedMs)
			}
		}
	}
}

func TestCorpusHoldsItsTruth(t *testing.T) {
	c, err := activity.NewCorpus(10, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		data, truth, err := c.Write(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := c.Write(make([]byte, 10), i)
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("file %d differs in a second run (%v)", i, err)
		}
		file, err := fit.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		act, err := file.Activity()
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, r := range act.Records {
			sum += int64(r.HeartRate)
		}
		last := act.Records[len(act.Records)-1]
		if sum != truth.HRSum || len(act.Records) != truth.Samples || int64(last.Distance) != truth.DistanceCm {
			t.Errorf("file %d: %d records, sum %d, distance %d, want %+v", i, len(act.Records), sum, last.Distance, truth)
		}
		if s := act.Sessions[0]; !s.StartTime.Equal(truth.Start) || int64(s.TotalDistance) != truth.DistanceCm ||
			!act.Records[0].Timestamp.Equal(truth.Start) || !s.Timestamp.Equal(last.Timestamp) {
			t.Errorf("file %d: session from %v to %v, want %+v", i, s.StartTime, s.Timestamp, truth)
		}
	}
}

func TestCorpusRefusesNonsense(t *testing.T) {
	for _, c := range [][2]int{{0, 1}, {60, 0}, {100_000, 1}} {
		if _, err := activity.NewCorpus(c[0], c[1], 1); err == nil {
			t.Errorf("%d minutes, %d files: no error", c[0], c[1])
		}
	}
}
