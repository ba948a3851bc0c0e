package ingest_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"plodwatch/ingest"
	"plodwatch/schema"
)

func TestMembersOfAZipBecomeJobs(t *testing.T) {
	b := newBench(t, nil)
	fit := fitRun(t)
	data := zipOf(
		t,
		file{"someone@example.org/activities/", nil},
		file{"someone@example.org/activities/1.gpx", gpxRun(0, 5)},
		file{"someone@example.org/activities/2.fit.gz", gz(t, fit)},
		file{"../../etc/passwd.gpx", gpxRun(1, 5)},
		file{"activities/copy of 1.gpx", gpxRun(0, 5)},
		file{"activities/broken.fit", []byte("not a FIT file")},
		file{"routes/alps.gpx", gpxRun(2, 5)},
		file{"activities/.hidden.gpx", gpxRun(3, 5)},
		file{"__MACOSX/activities/._1.gpx", gpxRun(4, 5)},
		file{"activities.csv", []byte("Activity ID,Date\n")},
		file{"media/photo.jpg", []byte("\xff\xd8\xff\xe0")},
	)
	out := b.handle(data)
	want := []schema.ExportID{
		schema.ExportIDOf(gpxRun(0, 5)), schema.ExportIDOf(gz(t, fit)), schema.ExportIDOf(gpxRun(1, 5)),
		schema.ExportIDOf([]byte("not a FIT file")),
	}
	if !slices.Equal(out.Members, want) {
		t.Errorf("members %v", out.Members)
	}
	if out.Format != schema.FormatArchive || out.Outcome != schema.OutcomeDecoded || out.Reason != schema.ReasonArchive ||
		out.Detail != "5 of 10 members taken, 5 of other kinds ignored" {
		t.Errorf("%s %s %s (%s)", out.Format, out.Outcome, out.Reason, out.Detail)
	}
	if len(b.wire.jobs) != len(want) {
		t.Fatalf("%d jobs", len(b.wire.jobs))
	}
	for i, job := range b.wire.jobs {
		if job.Athlete != "ada" || job.Source != schema.SourceArchive || job.Parent != out.Job.Export || job.Depth != 1 ||
			job.Export != want[i] || job.ReceivedMs != out.Job.ReceivedMs || job.Bytes <= 0 {
			t.Errorf("job %d: %+v", i, job)
		}
	}
	b.drain()
	if len(b.wire.envelopes) != 3 {
		t.Errorf("%d sessions", len(b.wire.envelopes))
	}
	if strings.Contains(b.log.String(), "example.org") || strings.Contains(fmt.Sprint(b.wire.outcomes), "example.org") {
		t.Error("a member's name got into the log or the outcome")
	}
}

func TestZipInZipIsReadOneLevelDeep(t *testing.T) {
	b := newBench(t, nil)
	inner := zipOf(t, file{"UploadedFiles/1.gpx", gpxRun(0, 5)}, file{"deeper.zip", zipOf(t, file{"a.gpx", gpxRun(9, 5)})})
	b.handle(zipOf(t, file{"DI_CONNECT/UploadedFiles_0.zip", inner}))
	b.drain()
	var got []string
	for _, out := range b.wire.outcomes {
		got = append(got, fmt.Sprintf("%d %s %s %s", out.Job.Depth, out.Format, out.Outcome, out.Reason))
	}
	want := []string{"0 zip decoded archive", "1 zip decoded archive", "2 gpx decoded ", "2 zip skipped nested_too_deep"}
	if !slices.Equal(got, want) {
		t.Errorf("outcomes %q, want %q", got, want)
	}
}

func TestZipLimits(t *testing.T) {
	bomb := append([]byte("<gpx><!--"), bytes.Repeat([]byte(" "), 40<<20)...)
	for name, c := range map[string]struct {
		files   []file
		change  func(*ingest.Config, *ingest.Deps)
		outcome schema.Outcome
		reason  schema.Reason
		members int
		detail  string
	}{
		"only a bomb": {
			[]file{{"bomb.gpx", bomb}},
			nil,
			schema.OutcomeRejected, schema.ReasonBomb, 0, "0 of 1 members taken, 1 refused as compression bombs",
		},
		"a bomb among others": {
			[]file{{"1.gpx", gpxRun(0, 5)}, {"bomb.gpx", bomb}, {"2.gpx", gpxRun(1, 5)}},
			nil,
			schema.OutcomeSalvaged, schema.ReasonOverBudget, 2, "2 of 3 members taken, 1 refused as compression bombs",
		},
		"a large member": {
			[]file{{"1.gpx", gpxRun(0, 5)}, {"2.gpx", gpxRun(1, 500)}},
			func(c *ingest.Config, _ *ingest.Deps) { c.MaxPayloadBytes = 10_000 },
			schema.OutcomeSalvaged, schema.ReasonOverBudget, 1, "1 of 2 members taken, 1 refused as too large",
		},
		"too much in all": {
			[]file{{"1.gpx", gpxRun(0, 5)}, {"2.gpx", gpxRun(1, 5)}, {"3.gpx", gpxRun(2, 5)}},
			func(c *ingest.Config, _ *ingest.Deps) {
				c.MaxArchiveBytes = int64(len(gpxRun(0, 5)) + len(gpxRun(1, 5)))
			},
			schema.OutcomeSalvaged, schema.ReasonOverBudget, 2, "2 of 3 members taken, 1 beyond the limit left out",
		},
		"too many": {
			[]file{{"1.gpx", gpxRun(0, 5)}, {"2.gpx", gpxRun(1, 5)}, {"3.gpx", gpxRun(2, 5)}},
			func(c *ingest.Config, _ *ingest.Deps) { c.MaxMembers = 1 },
			schema.OutcomeSalvaged, schema.ReasonOverBudget, 1, "1 of 3 members taken, 2 beyond the limit left out",
		},
		"nothing in it": {nil, nil, schema.OutcomeDecoded, schema.ReasonArchive, 0, "0 of 0 members taken"},
	} {
		b := newBench(t, c.change)
		out := b.handle(zipOf(t, c.files...))
		if out.Outcome != c.outcome || out.Reason != c.reason || len(out.Members) != c.members || out.Detail != c.detail {
			t.Errorf("%s: %s %s, %d members (%s)", name, out.Outcome, out.Reason, len(out.Members), out.Detail)
		}
		if len(b.wire.jobs) != c.members {
			t.Errorf("%s: %d jobs", name, len(b.wire.jobs))
		}
	}
}

func TestDamagedZips(t *testing.T) {
	good := zipOf(t, file{"1.gpx", gpxRun(0, 500)}, file{"2.gpx", gpxRun(1, 5)})
	flipped := bytes.Clone(good)
	flipped[600] ^= 0xff // inside the first member
	encrypted := bytes.Clone(good)
	at := bytes.LastIndex(encrypted[:bytes.LastIndex(encrypted, []byte("PK\x01\x02"))], []byte("PK\x01\x02"))
	encrypted[at+8] |= 1
	for name, c := range map[string]struct {
		data    []byte
		outcome schema.Outcome
		reason  schema.Reason
		members int
	}{
		"cut":       {good[:len(good)-40], schema.OutcomeRejected, schema.ReasonMalformed, 0},
		"flipped":   {flipped, schema.OutcomeSalvaged, schema.ReasonCorrupt, 2},
		"encrypted": {encrypted, schema.OutcomeSalvaged, schema.ReasonCorrupt, 1},
		"only head": {[]byte("PK\x03\x04"), schema.OutcomeRejected, schema.ReasonMalformed, 0},
	} {
		b := newBench(t, nil)
		out := b.handle(c.data)
		if out.Outcome != c.outcome || out.Reason != c.reason || len(out.Members) != c.members {
			t.Errorf("%s: %s %s, %d members (%s)", name, out.Outcome, out.Reason, len(out.Members), out.Detail)
		}
		b.drain()
	}
}

func TestAZipDirectoryBeyondTheLimitIsNotRead(t *testing.T) {
	// One end record and 20 MiB of directory behind 16-bit counts that lie.
	entry := make([]byte, 46+1)
	copy(entry, "PK\x01\x02")
	binary.LittleEndian.PutUint16(entry[28:], 1) // name length
	entry[46] = 'a'
	directory := bytes.Repeat(entry, 20<<20/len(entry))
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], 1)
	binary.LittleEndian.PutUint16(end[10:], 1)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(directory)))
	binary.LittleEndian.PutUint32(end[16:], 4)
	b := newBench(t, nil)
	out := b.handle(slices.Concat([]byte("PK\x03\x04"), directory, end))
	if out.Outcome != schema.OutcomeRejected || out.Reason != schema.ReasonTooLarge {
		t.Errorf("%s %s (%s)", out.Outcome, out.Reason, out.Detail)
	}
}

func TestInspectAgreesWithTheWorker(t *testing.T) {
	fit := fitRun(t)
	data := zipOf(
		t,
		file{"a/1.gpx", gpxRun(0, 5)}, file{"a/2.fit", fit}, file{"a/empty.fit", nil},
		file{"inner.zip", zipOf(t, file{"3.gpx", gpxRun(1, 5)[:500]})},
		file{"bomb.gpx", append([]byte("<gpx><!--"), bytes.Repeat([]byte(" "), 40<<20)...)},
	)
	b := newBench(t, nil)
	b.handle(data)
	b.drain()
	var want []string
	for _, out := range b.wire.outcomes {
		want = append(want, line(out))
	}
	for name, r := range map[string]io.Reader{"random access": bytes.NewReader(data), "stream": io.MultiReader(bytes.NewReader(data))} {
		cfg := ingest.DefaultConfig()
		cfg.TempDir = t.TempDir()
		var got, names []string
		err := ingest.Inspect(t.Context(), cfg, decoders(), r, int64(len(data)), func(in *ingest.Inspected) error {
			names = append(names, fmt.Sprintf("%d %s", in.Depth, in.Name))
			if in.Name != "bomb.gpx" {
				got = append(got, line(in.Outcome))
			} else if in.Refusal == nil || in.Refusal.Reason != schema.ReasonBomb || in.Index != 4 {
				t.Errorf("%s: bomb: %+v", name, in)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if wantNames := []string{"1 a/1.gpx", "1 a/2.fit", "1 a/empty.fit", "2 3.gpx", "1 inner.zip", "1 bomb.gpx", "0 "}; !slices.Equal(names, wantNames) {
			t.Errorf("%s: %q", name, names)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nworker:\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if left, err := os.ReadDir(cfg.TempDir); err != nil || len(left) > 0 {
			t.Errorf("%s: temporary files %v: %v", name, left, err)
		}
	}
}

// line is what Inspect and a worker must agree on.
func line(out schema.ExportOutcome) string {
	return fmt.Sprint(out.Job.Export, out.Job.Bytes, out.Job.Depth, out.Job.Parent, out.Format, out.Outcome, out.Reason, out.Detail,
		out.Flags, out.Members, out.Records, out.DecoderVersion)
}

func FuzzInspect(f *testing.F) {
	f.Add(zipOf(f, file{"1.gpx", gpxRun(0, 2)}, file{"in.zip", zipOf(f, file{"2.gpx", gpxRun(1, 2)})}))
	f.Add(gz(f, gpxRun(0, 2)))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	var stored bytes.Buffer
	w := zip.NewWriter(&stored)
	m, err := w.CreateHeader(&zip.FileHeader{Name: "a.gpx", Method: zip.Store})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := m.Write(gpxRun(0, 2)); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(stored.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		last := -2
		err := ingest.Inspect(t.Context(), ingest.DefaultConfig(), decoders(), bytes.NewReader(data), int64(len(data)), func(in *ingest.Inspected) error {
			last = in.Index
			if in.Outcome.Outcome == "" || in.Outcome.Format == "" {
				t.Fatalf("no outcome: %+v", in.Outcome)
			}
			return nil
		})
		if err != nil || last != -1 {
			t.Fatalf("last index %d: %v", last, err)
		}
	})
}
