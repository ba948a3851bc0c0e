package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plodwatch/schema"
)

// filesWith returns the files below dir, by path in it, whose name or content
// holds one of the byte strings.
func filesWith(t *testing.T, dir string, texts map[string][]byte) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data := []byte(rel)
		if e.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data = append(data, content...)
		}
		for what, text := range texts {
			if bytes.Contains(data, text) {
				all = append(all, rel+" has "+what)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEndToEndAthleteIsDeleted: of one of two athletes no byte stays in any
// file, and of the other everything.
func TestEndToEndAthleteIsDeleted(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"by the daemon", "without a daemon"} {
		t.Run(how, func(t *testing.T) { deleteAthlete(t, newPerson(t), how == "by the daemon") })
	}
}

// deleteAthlete deletes one of two athletes and searches the data directory and
// what lies elsewhere.
func deleteAthlete(t *testing.T, p *person, running bool, elsewhere ...string) {
	t.Helper()
	const gone, stays = "wilhelmina-who-goes", "ottokar-who-stays"
	dirs := append([]string{p.data}, elsewhere...)
	runs := corpus(t)
	data := readAll(t, runs[:6])
	token := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", gone).stdout)
	p.do(exitOK, "token", "add", "--athlete", stays)
	d := p.up()
	texts := map[string][]byte{"the athlete": []byte(gone)}
	for i, body := range data[:3] {
		got, err := post(t, d.address, "/api/v3/uploads?data_type=fit", bytes.NewReader(body), map[string]string{"Authorization": "Bearer " + token})
		if err != nil || got.status != http.StatusCreated {
			t.Fatalf("upload: %d %s %v", got.status, got.body, err)
		}
		if i == 0 {
			continue // both have this one
		}
		id := schema.ExportIDOf(body)
		texts[fmt.Sprintf("export %d", i)] = []byte(id.String())
		texts[fmt.Sprintf("export %d in bytes", i)] = id[:]
		texts[fmt.Sprintf("original %d", i)] = body[len(body)/2 : len(body)/2+40]
	}
	p.imports(exitOK, "--athlete", stays, runs[0].path, runs[3].path, runs[4].path)
	p.do(exitOK, "athlete", "set", gone, "--max-hr", "181")
	p.do(exitOK, "athlete", "set", stays, "--max-hr", "191")
	p.do(exitOK, "log", "add", gone, "--date", "2026-01-05", "--energy", "green")
	q := p.quiet()
	type n struct {
		N int `json:"n"`
	}
	within(t, patience, func() string {
		if got := rows[n](q, "SELECT uniqExact(session_id) AS n FROM sessions_and_copies WHERE athlete_id = '"+gone+"'"); got[0].N != 3 {
			return fmt.Sprintf("%d sessions", got[0].N)
		}
		return ""
	})
	others := func() string {
		return q.do(exitOK, "query", "--json", "SELECT * FROM sessions_and_copies WHERE athlete_id = '"+stays+"' ORDER BY session_id").stdout +
			q.do(exitOK, "query", "--json", "SELECT count(), sum(cityHash64(*)) FROM samples_and_copies WHERE athlete_id = '"+stays+"'").stdout +
			q.do(exitOK, "query", "--json", "SELECT * FROM exports WHERE athlete_id = '"+stays+"' ORDER BY export_id").stdout +
			q.do(exitOK, "athlete", "show", stays).stdout
	}
	before := others()
	found := 0
	for _, dir := range dirs {
		found += len(filesWith(t, dir, texts))
	}
	if found == 0 {
		t.Fatal("the search finds nothing where there is something")
	}
	if !running {
		d.stop(os.Interrupt)
	}
	got := p.do(exitOK, "athlete", "delete", gone, "--yes").stdout
	if !strings.Contains(got, "nothing left") || !strings.Contains(got, "1 token") || !strings.Contains(got, "Kept: 1 original") {
		t.Errorf("athlete delete says\n%s", got)
	}
	// Also what the engines do a moment later leaves nothing.
	for range 3 {
		for _, dir := range dirs {
			if left := filesWith(t, dir, texts); len(left) != 0 {
				t.Errorf("left are %q", left)
			}
		}
		if running {
			running = false
			resp, err := post(t, d.address, "/api/v3/uploads?data_type=fit", bytes.NewReader(data[1]), map[string]string{"Authorization": "Bearer " + token})
			if err != nil || resp.status != http.StatusUnauthorized {
				t.Errorf("the token still works: %d %v", resp.status, err)
			}
			d.stop(os.Interrupt)
		}
	}
	if after := others(); after != before {
		t.Errorf("the other's rows are\n%s\nbefore they were\n%s", after, before)
	}
	if list := p.do(exitOK, "athlete", "list").stdout; strings.Contains(list, gone) || !strings.Contains(list, stays) {
		t.Errorf("athletes are now %s", list)
	}
	if list := p.do(exitOK, "token", "list").stdout; strings.Contains(list, gone) || !strings.Contains(list, stays) {
		t.Errorf("tokens are now %s", list)
	}
	if got := p.do(exitOK, "reconcile", "--deep").stdout; !strings.Contains(got, "Nothing is missing") {
		t.Errorf("reconcile: %s", got)
	}
	if again := p.do(exitOK, "athlete", "delete", gone, "--yes").stdout; !strings.Contains(again, "nothing left") {
		t.Errorf("deleted again: %s", again)
	}
}
