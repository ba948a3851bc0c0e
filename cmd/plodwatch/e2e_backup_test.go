package main

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// away returns p with another, empty data directory.
func (p *person) away() *person {
	q := *p
	q.data = filepath.Join(p.t.TempDir(), "restored")
	return &q
}

// TestEndToEndBackup: what a running daemon holds comes back elsewhere, all
// views equal; a damaged backup is refused and leaves nothing.
func TestEndToEndBackup(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	file, other := backedUp(t, p, p.away)
	refuseDamaged(t, p, file)
	exportFiles(t, other, "--csv", "--parquet")
}

// backedUp backs up what a running daemon holds and restores it elsewhere.
func backedUp(t *testing.T, p *person, away func() *person) (file string, other *person) {
	t.Helper()
	token := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "anna").stdout)
	p.imports(exitOK, activities())
	p.do(exitOK, "athlete", "set", "me", "--max-hr", "187")
	p.do(exitOK, "log", "add", "me", "--date", "2024-05-02", "--energy", "green")
	d := p.up()
	data, err := os.ReadFile(corpus(t)[0].path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := post(t, d.address, "/api/v3/uploads?data_type=fit", bytes.NewReader(data), map[string]string{"Authorization": "Bearer " + token})
	if err != nil || got.status != http.StatusCreated {
		t.Fatalf("upload: %d %v", got.status, err)
	}
	q := p.quiet()
	within(t, patience, func() string {
		if n := rows[struct {
			N int `json:"n"`
		}](q, "SELECT count() AS n FROM athlete_days WHERE athlete_id = 'anna' AND sessions = 1"); n[0].N != 1 {
			return "the upload has not been analyzed"
		}
		return ""
	})
	dir := t.TempDir()
	file = filepath.Join(dir, "backup.tar.zst")
	p.do(exitOK, "backup", file)
	if got := p.do(exitUsage, "backup", file).stderr; !strings.Contains(got, "--force") {
		t.Errorf("over a file: %s", got)
	}
	p.do(exitOK, "backup", "--force", file)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup lie %v, %v", entries, err)
	}
	before := p.everything()
	p.do(exitUsage, "restore", file) // not over what is there
	d.stop(os.Interrupt)

	other = away()
	other.do(exitOK, "restore", file)
	before.same(t, other.everything())
	for _, view := range []string{"athlete_days", "weekly_intensity", "load_daily", "daily_log", "athlete_settings", "duplicates"} {
		sql := "SELECT * FROM " + view + " ORDER BY ALL"
		if a, b := p.do(exitOK, "query", "--json", sql).stdout, other.do(exitOK, "query", "--json", sql).stdout; a != b || a == "" {
			t.Errorf("view %s is other, or empty", view)
		}
	}
	if got := other.do(exitOK, "reconcile", "--deep").stdout; !strings.Contains(got, "Nothing is missing") {
		t.Errorf("reconcile: %s", got)
	}
	if again := other.imports(exitOK, activities()); again.SessionsAdded != 0 {
		t.Errorf("what was taken before is taken again: %+v", again)
	}
	restored := other.up()
	if got, err := post(t, restored.address, "/api/v3/uploads?data_type=fit", bytes.NewReader(data), map[string]string{"Authorization": "Bearer " + token}); err != nil || got.status == http.StatusUnauthorized {
		t.Errorf("the token does not work: %d %v", got.status, err)
	}
	restored.stop(os.Interrupt)
	return file, other
}

// refuseDamaged restores the backup cut off and with one byte changed.
func refuseDamaged(t *testing.T, p *person, file string) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x10
	for name, data := range map[string][]byte{"cut": whole[:len(whole)*2/3], "flipped": flipped, "empty": nil, "foreign": []byte("<gpx/>")} {
		bad := filepath.Join(t.TempDir(), "bad.tar.zst")
		writeFile(t, bad, data)
		other := p.away()
		if got := other.do(exitUsage, "restore", bad).stderr; !strings.Contains(got, "restore:") {
			t.Errorf("%s: %s", name, got)
		}
		if left, err := os.ReadDir(other.data); err != nil || len(left) != 0 {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
}

// exportFiles writes everything as files.
func exportFiles(t *testing.T, p *person, flags ...string) {
	t.Helper()
	for _, flag := range flags {
		dir := filepath.Join(t.TempDir(), "out")
		p.do(exitOK, "export", flag, dir)
		p.do(exitUsage, "export", flag, dir) // not over what is there
		samples := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if flag == "--parquet" && (!bytes.HasPrefix(data, []byte("PAR1")) || !bytes.HasSuffix(data, []byte("PAR1"))) {
				t.Errorf("%s is no Parquet file", path)
			}
			if flag == "--csv" {
				all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
				if err != nil || len(all) == 0 {
					t.Errorf("%s: %d lines, %v", path, len(all), err)
				}
				if strings.Contains(path, "samples") {
					samples += len(all) - 1
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := rows[struct {
			N int `json:"n"`
		}](p, "SELECT count() AS n FROM samples")
		if flag == "--csv" && (samples != want[0].N || samples == 0) {
			t.Errorf("%d samples are in the files, %d in the view", samples, want[0].N)
		}
	}
	dir := filepath.Join(t.TempDir(), "one")
	p.do(exitOK, "export", "--csv", "--athlete", "anna", dir)
	if all, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(all) == 0 || strings.Contains(strings.Join(all, " "), "me") && len(filesWith(t, dir, map[string][]byte{"me": []byte("\"me\"")})) > 0 {
		t.Errorf("of anna are %q, %v", all, err)
	}
	p.do(exitUsage, "export", dir+"2")
}

// TestEndToEndFilesArePrivate: whatever a daemon and the commands make can be
// read by nobody else.
func TestEndToEndFilesArePrivate(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.do(exitOK, "token", "add", "--athlete", "me")
	d := p.up()
	data, err := os.ReadFile(corpus(t)[0].path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := post(t, d.address, "/api/v3/uploads?data_type=fit", bytes.NewReader(data), nil); err != nil {
		t.Fatalf("upload: %d %v", got.status, err)
	}
	p.imports(exitOK, activities())
	out := t.TempDir()
	p.do(exitOK, "backup", filepath.Join(out, "backup.tar.zst"))
	p.do(exitOK, "export", "--csv", filepath.Join(out, "csv"))
	check := func(when string) {
		t.Helper()
		for _, dir := range []string{p.data, filepath.Join(out, "csv"), filepath.Join(out, "backup.tar.zst")} {
			err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return nil //nolint:nilerr // engines remove files meanwhile
				}
				info, err := e.Info()
				if err != nil {
					return nil //nolint:nilerr // as above
				}
				if info.Mode().Perm()&0o077 != 0 && info.Mode().Type() != fs.ModeSymlink {
					t.Errorf("%s: %s has mode %s", when, path, info.Mode())
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	check("while it runs")
	d.stop(os.Interrupt)
	check("afterwards")
}
