package fitfile_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"plodwatch/ingest/fitfile"
	"plodwatch/schema"
)

// tormoderDir returns the folder of tormoder/fit in the module cache.
func tormoderDir(tb testing.TB) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tormoder/fit").Output()
	if err != nil {
		tb.Fatalf("find tormoder/fit in the module cache: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// samplesDir returns the folder of real files beside the project; tests that
// need it are skipped without.
func samplesDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(filepath.Dir(dir), "shared", "samples")
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("the folder of real files is not there")
	}
	return dir
}

// fitFiles returns all FIT files under dir.
func fitFiles(tb testing.TB, dir string) []string {
	tb.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".fit") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Fatalf("no FIT files under %s", dir)
	}
	return files
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// decode decodes data and checks what must hold for any file.
func decode(tb testing.TB, data []byte) (*schema.Recording, *schema.Refusal) {
	tb.Helper()
	rec, err := fitfile.Decode(data)
	var refusal *schema.Refusal
	if err != nil && !errors.As(err, &refusal) {
		tb.Fatalf("error is no refusal: %v", err)
	}
	if rec == nil {
		if refusal == nil {
			tb.Fatal("neither a recording nor an error")
		}
		return nil, refusal
	}
	if err := check(rec, refusal); err != nil {
		tb.Fatal(err)
	}
	return rec, refusal
}

// check returns an error when rec breaks a promise of the schema.
func check(rec *schema.Recording, refusal *schema.Refusal) error {
	if refusal != nil {
		if len(rec.Sessions) > 0 {
			return errors.New("refused, but has sessions")
		}
		if rec.Outcome != refusal.Outcome || rec.Reason != refusal.Reason {
			return errors.New("recording and refusal differ")
		}
		return nil
	}
	if len(rec.Sessions) == 0 {
		return errors.New("taken, but has no sessions")
	}
	for i := range rec.Sessions {
		s := &rec.Sessions[i]
		if err := s.Samples.Validate(); err != nil {
			return err
		}
		if s.Ordinal != i {
			return errors.New("ordinals are not in order")
		}
		if s.EndMs < s.StartMs {
			return errors.New("session ends before it starts")
		}
		if t := s.Samples.TimeMs; len(t) > 0 && (t[0] < s.StartMs || t[len(t)-1] > s.EndMs) {
			return errors.New("samples outside of the session")
		}
	}
	return nil
}

// expected is one row of the table of real files.
type expected struct {
	file  string
	raw   schema.RawCounts
	merge bool // hr messages are there
	flags string
}

func expectedRows(tb testing.TB, dir string) []expected {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[name] = i
	}
	var out []expected
	for _, row := range rows[1:] {
		if row[col["kind"]] != "fit" {
			continue
		}
		num := func(name string) int64 {
			text := row[col[name]]
			if text == "" {
				return 0
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				tb.Fatalf("%s of %s: %v", name, row[0], err)
			}
			return n
		}
		out = append(out, expected{
			file:  row[0],
			merge: row[col["hr_after_merge"]] != "",
			flags: row[col["flags"]],
			raw: schema.RawCounts{
				Records: int(num("records")), HRRecords: int(num("hr_records")), HRSum: num("hr_sum"),
				HRMsgSamples: int(num("hr_msg_samples")), HRAfterMerge: int(num("hr_after_merge")),
				Sessions: int(num("sessions")), FirstUnix: num("first_unix"), LastUnix: num("last_unix"),
			},
		})
	}
	return out
}

func TestRawFiguresOfRealFiles(t *testing.T) {
	dir := samplesDir(t)
	for _, want := range expectedRows(t, dir) {
		t.Run(want.file, func(t *testing.T) {
			rec, refusal := decode(t, readFile(t, filepath.Join(dir, want.file)))
			if rec == nil {
				t.Fatal(refusal)
			}
			if !want.merge {
				want.raw.HRAfterMerge = want.raw.HRRecords
			}
			if rec.Raw != want.raw {
				t.Errorf("raw figures\n got %+v\nwant %+v  %s", rec.Raw, want.raw, want.flags)
			}
		})
	}
}
