package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"plodwatch/schema"
)

// longToRead writes a GPX file with few points that takes seconds to decode: it
// is full of elements that nobody knows.
func longToRead(t *testing.T) (path string, data []byte) {
	t.Helper()
	const points, elements = 600, 20_000
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	fmt.Fprint(w, `<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>`)
	unknown := strings.Repeat("<x>1</x>", elements)
	for i := range points {
		fmt.Fprintf(w, `<trkpt lat="59.9139" lon="10.75%04d"><time>2024-07-15T06:%02d:%02dZ</time><extensions>%s</extensions></trkpt>`,
			i, i/60, i%60, unknown)
	}
	fmt.Fprint(w, `</trkseg></trk></gpx>`)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "long.gpx")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path, b.Bytes()
}

func (p *person) deadRows(exit int, args ...string) []deadRow {
	p.t.Helper()
	return decodeLines[deadRow](p.t, p.do(exit, append([]string{"dead"}, args...)...).stdout)
}

// TestEndToEndPoison: an export during whose decoding the process dies each
// time is set aside after five times, everything else goes on meanwhile, and it
// can be tried again. The deaths are real: kill -9 while the job is in hand.
func TestEndToEndPoison(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for five deliveries that were never answered")
	}
	p := newPerson(t)
	path, data := longToRead(t)
	poison := schema.ExportIDOf(data).String()
	runs := corpus(t)
	good := readAll(t, runs)
	want := map[string]string{}

	kills, pushed := 0, 0
	d := p.up()
	p.do(exitOK, "push", path)
	var aside []deadRow
	for len(aside) == 0 {
		if kills > 12 {
			t.Fatalf("killed %d times, and nothing was set aside", kills)
		}
		// Asked without a pause between: it must be met while it is in hand.
		inHand := false
		for until := time.Now().Add(patience); !inHand && d.metric(`plodwatch_jobs_handled_total{result="poison"}`) <= 0; {
			inHand = d.metric("plodwatch_jobs_in_hand") > 0
			if time.Now().After(until) {
				t.Fatalf("the job does not come back after %d kills", kills)
			}
		}
		if !inHand {
			aside = p.deadRows(exitOK, "list", "--json")
			continue
		}
		d.powerCut()
		kills++
		d = p.up()
		if pushed < 6 { // others come and are not held up for good
			p.do(exitOK, "push", runs[pushed].path)
			want[schema.ExportIDOf(good[pushed]).String()] = "me upload decoded " + strconv.Itoa(runs[pushed].Samples)
			pushed++
		}
	}
	t.Logf("set aside after %d kills:\n%s", kills, p.do(exitOK, "dead", "list").stdout)
	if kills < 5 {
		t.Errorf("set aside after %d kills, want 5", kills)
	}
	row := aside[0]
	if len(aside) != 1 || row.Kind != "export" || row.ExportID == nil || row.ExportID.String() != poison || row.Athlete != "me" ||
		row.FileBytes == nil || *row.FileBytes != int64(len(data)) || row.Delivered != 6 || !strings.Contains(row.Reason, "5 tries") {
		t.Errorf("set aside: %+v", aside)
	}
	if n := d.metric(`plodwatch_queue_messages{stream="DEAD"}`); n != 1 {
		t.Errorf("metrics tell of %g messages set aside", n)
	}
	want[poison] = "me upload rejected poison 0"
	p.becomes(want)
	p.reconciles(exitOK)

	id := strconv.FormatUint(row.ID, 10)
	if out := p.do(exitOK, "dead", "show", id); !strings.Contains(out.stdout, poison) || strings.Contains(out.stdout, "long") {
		t.Errorf("dead show printed\n%s", out.stdout)
	}
	p.do(exitUsage, "dead", "retry")
	p.do(exitUsage, "dead", "retry", id, "--all")
	p.do(exitUsage, "dead", "drop", "999")
	if again := p.deadRows(exitOK, "retry", id, "--json"); len(again) != 1 || again[0].Done != "queued_again" {
		t.Errorf("dead retry: %+v", again)
	}
	want[poison] = "me upload decoded 600"
	p.becomes(want)
	if left := p.deadRows(exitOK, "list", "--json"); len(left) != 0 {
		t.Errorf("still set aside: %+v", left)
	}
	d.stop(os.Interrupt)
	if out := p.do(exitOK, "dead", "list"); !strings.Contains(out.stderr, "Nothing was set aside") {
		t.Errorf("dead list without a daemon: %s%s", out.stdout, out.stderr)
	}
}

// powerCut ends the daemon with kill -9, and waits for its end.
func (d *daemon) powerCut() {
	d.p.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.p.t.Fatal(err)
	}
	<-d.done
}
