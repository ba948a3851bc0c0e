package ingest_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// samplesDir returns the folder of real files beside the module, or skips the
// test when it is not there.
func samplesDir(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		samples := filepath.Join(dir, "..", "shared", "samples")
		if _, err := os.Stat(samples); err == nil {
			return samples
		}
		break
	}
	t.Skip("the samples are not there")
	return ""
}

func TestFITAndGPXOfOneRideAgreeOnEverySecond(t *testing.T) {
	dir := filepath.Join(samplesDir(t), "GoldenCheetah+sweatpy")
	var first map[int64]uint8
	for _, name := range []string{"4801048867.fit", "activity_4801048867.gpx", "4801048867_strava.gpx"} {
		data, err := os.ReadFile(filepath.Join(dir, "sweat-examples-data-"+name))
		if err != nil {
			t.Fatal(err)
		}
		bySecond := map[int64]uint8{}
		err = ingest.Inspect(t.Context(), ingest.DefaultConfig(), decoders(), bytes.NewReader(data), int64(len(data)), func(in *ingest.Inspected) error {
			if in.Recording == nil || len(in.Recording.Sessions) != 1 || in.Outcome.Outcome != schema.OutcomeDecoded {
				t.Fatalf("%s: %+v", name, in.Outcome)
			}
			s := &in.Recording.Sessions[0]
			for i, ms := range s.Samples.TimeMs {
				bySecond[ms/1000] = s.Samples.HeartRate[i]
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = maps.Clone(bySecond)
		}
		if diff := cmp.Diff(first, bySecond); diff != "" || len(bySecond) != 5159 {
			t.Errorf("%s: %d seconds; against the FIT:\n%.2000s", name, len(bySecond), diff)
		}
	}
}
