package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plodwatch/testdata/gen/activity"
)

// sixCopies writes six files of the same run, by what they are.
func sixCopies(t *testing.T) (dir string, names []string) {
	t.Helper()
	var run activity.Activity
	for _, a := range activity.All() {
		if a.Name == "intervals" {
			run = a
		}
	}
	later := func(by time.Duration) *activity.Activity {
		a := run
		a.Sessions = append([]activity.Session(nil), run.Sessions...)
		for i := range a.Sessions {
			a.Sessions[i].Start = a.Sessions[i].Start.Add(by)
		}
		return &a
	}
	fit, err := run.FIT()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"whole.fit", fit},
		{"cut.fit", fit[:len(fit)*6/10]},
		{"same.gpx", run.GPX()},
		{"same.tcx", run.TCX()},
		{"strava.gpx", later(3 * time.Second).GPX()},
		{"zone.gpx", later(time.Hour).GPX()},
	} {
		writeFile(t, filepath.Join(dir, f.name), f.data)
		names = append(names, f.name)
	}
	return dir, names
}

// TestEndToEndSixCopies: of six copies of one run one counts, and the others
// say why; a person's word comes first, through a running daemon too.
func TestEndToEndSixCopies(t *testing.T) { countsOneOfSix(t, newPerson(t)) }

func countsOneOfSix(t *testing.T, p *person) {
	t.Helper()
	dir, names := sixCopies(t)
	got := p.imports(exitOK, dir)
	if got.Files != len(names) || got.Sessions != 6 || got.Copies != 5 {
		t.Errorf("import says %+v, want six sessions, five of them copies", got)
	}
	type session struct {
		ID     string `json:"id"`
		Format string `json:"format"`
	}
	counting := func() []session {
		t.Helper()
		return rows[session](p.quiet(), "SELECT toString(session_id) AS id, format FROM sessions WHERE NOT salvaged")
	}
	best := counting()
	if len(best) != 1 || best[0].Format != "fit" {
		t.Fatalf("these count: %+v, want the whole FIT file", best)
	}
	type dup struct {
		ID     string  `json:"id"`
		Of     string  `json:"of"`
		Reason string  `json:"reason"`
		Format string  `json:"format"`
		Cut    bool    `json:"salvaged"`
		Sure   float64 `json:"sure"`
	}
	copies := rows[dup](p, "SELECT toString(session_id) AS id, toString(duplicate_of) AS of, reason, format, salvaged, round(confidence, 2) AS sure FROM duplicates ORDER BY started_at, format")
	why := map[string]int{}
	for _, c := range copies {
		if c.Of != best[0].ID || c.Sure < 0.8 {
			t.Errorf("%+v, want a copy of %s", c, best[0].ID)
		}
		why[c.Format+" "+c.Reason]++
	}
	if len(copies) != 5 || why["fit same_start"] != 1 || why["tcx same_start"] != 1 || why["gpx same_start"] != 2 || why["gpx shifted_clock"] != 1 {
		t.Errorf("the copies are %v", why)
	}
	if list := p.do(exitOK, "duplicates").stdout; strings.Count(list, best[0].ID[:8]) != 5 || !strings.Contains(list, "by a clock in another zone") {
		t.Errorf("plodwatch duplicates says\n%s", list)
	}
	// What is computed over days knows of one.
	if got := rows[struct {
		N int `json:"n"`
	}](p, "SELECT sum(sessions) AS n FROM athlete_days"); len(got) != 1 || got[0].N != 1 {
		t.Errorf("the days have %v sessions, want 1", got)
	}
	// A copy can still be looked at.
	if text := p.do(exitOK, "explain", copies[0].ID[:8]).stdout; !strings.Contains(text, copies[0].ID[:8]) {
		t.Errorf("explain of a copy: %s", text)
	}

	d := p.up()
	p.do(exitOK, "duplicates", "drop", best[0].ID)
	if now := counting(); len(now) != 1 || now[0].Format != "tcx" {
		t.Errorf("without the best these count: %+v, want the TCX file", now)
	}
	p.do(exitOK, "duplicates", "auto", best[0].ID)
	if now := counting(); len(now) != 1 || now[0] != best[0] {
		t.Errorf("with it again these count: %+v, want the FIT file", now)
	}
	p.do(exitOK, "duplicates", "keep", copies[0].ID)
	if now := counting(); len(now) == 1 && now[0] == best[0] {
		t.Errorf("a kept copy does not count: %+v", now)
	}
	p.do(exitOK, "duplicates", "auto", copies[0].ID)

	// The best file goes, through the daemon and then without: the next counts.
	exports := len(p.exports())
	if got := p.do(exitUsage, "delete", best[0].ID).stderr; !strings.Contains(got, "--yes") {
		t.Errorf("delete without a word: %s", got)
	}
	if got := p.do(exitOK, "delete", "--yes", best[0].ID).stdout; !strings.Contains(got, "nothing left") {
		t.Errorf("delete: %s", got)
	}
	next := counting()
	if len(next) != 1 || next[0].Format != "tcx" {
		t.Errorf("after the best is deleted these count: %+v, want the TCX file", next)
	}
	d.stop(os.Interrupt)
	p.do(exitOK, "delete", "--yes", next[0].ID)
	if now := counting(); len(now) != 1 || now[0].Format != "gpx" {
		t.Errorf("then these count: %+v, want a GPX file", now)
	}
	if now := len(p.exports()); now != exports-2 {
		t.Errorf("%d exports are left of %d", now, exports)
	}
	if got := rows[struct {
		N int `json:"n"`
	}](p, "SELECT sum(sessions) AS n FROM athlete_days"); len(got) != 1 || got[0].N != 1 {
		t.Errorf("the days have %v sessions, want 1", got)
	}
	if got := p.do(exitOK, "reconcile").stdout; !strings.Contains(got, "Nothing is missing") {
		t.Errorf("reconcile: %s", got)
	}
	// What was deleted can be handed in again, and counts again.
	if got := p.imports(exitOK, filepath.Join(dir, "whole.fit")); got.SessionsAdded != 1 {
		t.Errorf("handed in again: %+v", got)
	}
	if now := counting(); len(now) != 1 || now[0] != best[0] {
		t.Errorf("with the best again these count: %+v", now)
	}
}
