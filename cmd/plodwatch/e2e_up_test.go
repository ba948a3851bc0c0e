package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plodwatch/schema"
)

// daemon is a running `plodwatch up`.
type daemon struct {
	p       *person
	cmd     *exec.Cmd
	stderr  *safeBuffer
	done    chan error
	address string
}

// safeBuffer is a buffer that is read while a process writes to it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var upLine = regexp.MustCompile(`plodwatch is up: .* http://(\S+)\n`)

// up starts a daemon on a free port and waits until it is ready.
func (p *person) up(args ...string) *daemon {
	p.t.Helper()
	d := p.begin("up", args...)
	d.awaitDaemon()
	return d
}

// awaitDaemon waits until a daemon that has begun is ready.
func (d *daemon) awaitDaemon() {
	d.p.t.Helper()
	within(d.p.t, patience, func() string {
		select {
		case err := <-d.done:
			d.done <- err
			d.p.t.Fatalf("up ended: %v\n%s", err, d.stderr)
		default:
		}
		m := upLine.FindStringSubmatch(d.stderr.String())
		if m == nil {
			return "not up: " + d.stderr.String()
		}
		d.address = m[1]
		return ""
	})
	within(d.p.t, patience, func() string {
		if status, body := d.get("/readyz"); status != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s", status, body)
		}
		return ""
	})
}

// get asks the daemon over HTTP.
func (d *daemon) get(path string) (int, string) {
	d.p.t.Helper()
	req, err := http.NewRequestWithContext(d.p.t.Context(), http.MethodGet, "http://"+d.address+path, http.NoBody)
	if err != nil {
		d.p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.p.t.Fatalf("%v\n%s", err, d.stderr)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// metric returns the value of one line of /metrics, or -1.
func (d *daemon) metric(line string) float64 {
	d.p.t.Helper()
	_, body := d.get("/metrics")
	for l := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(l, line+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				d.p.t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// stop sends a signal and wants the daemon to end well, by itself.
func (d *daemon) stop(sig os.Signal) {
	d.p.t.Helper()
	start := time.Now()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.p.t.Fatal(err)
	}
	select {
	case err := <-d.done:
		d.p.t.Logf("up: stopped after %.2f s", time.Since(start).Seconds())
		if err != nil {
			d.p.t.Fatalf("up ended with %v\n%s", err, d.stderr)
		}
	case <-time.After(patience):
		_ = d.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
		<-d.done
		d.p.t.Fatalf("up did not stop\n%s", d.stderr)
	}
	if text := d.stderr.String(); !strings.HasSuffix(text, "stopped\n") {
		d.p.t.Errorf("up does not say that it has stopped:\n%s", text)
	}
}

// stored is a row of exports.
type stored struct {
	Athlete  string `json:"athlete_id"`
	ExportID string `json:"export_id"`
	Source   string `json:"source"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason"`
	Samples  int    `json:"n"`
}

func (s stored) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Athlete, s.Source, s.Outcome, s.Reason)) + " " + strconv.Itoa(s.Samples)
}

const storedExports = `SELECT athlete_id, export_id, source, outcome, reason, n FROM exports LEFT JOIN
	(SELECT athlete_id, export_id, sum(samples) AS n FROM sessions_and_copies GROUP BY athlete_id, export_id) AS s USING (athlete_id, export_id)`

// becomes waits until the exports of these bytes are stored as wanted.
func (p *person) becomes(want map[string]string) {
	p.t.Helper()
	quiet := p.quiet()
	within(p.t, patience, func() string {
		got := map[string]string{}
		for _, r := range rows[stored](quiet, storedExports) {
			got[r.ExportID] = r.String()
		}
		var missing []string
		for id, w := range want {
			if got[id] != w {
				missing = append(missing, fmt.Sprintf("%s is %q, want %q", id, got[id], w))
			}
		}
		if len(got) > len(want) {
			p.t.Fatalf("more exports than files: %v, want %v", got, want)
		}
		return strings.Join(missing, "\n")
	})
}

// TestEndToEndUp: a watched folder, from files that are still being copied to
// sessions that another process reads, through a stop and a restart.
func TestEndToEndUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	runs := corpus(t)
	good := readAll(t, runs[:6])
	folder := t.TempDir()
	samples := strconv.Itoa(runs[0].Samples)
	want := map[string]string{}
	expect := func(data []byte, what string) { want[schema.ExportIDOf(data).String()] = what }

	writeFile(t, filepath.Join(folder, "there-before.fit"), good[0])
	expect(good[0], "me folder decoded "+samples)
	args := []string{"--folder", folder, "--settle", "1s", "--rescan", "2s", "--log-level", "info", "--log-format", "json"}
	d := p.up(args...)

	// A file that grows, a broken one, litter, and an athlete's zip.
	writeFile(t, filepath.Join(folder, "broken.fit"), append(fitHeader(400), make([]byte, 400)...))
	expect(append(fitHeader(400), make([]byte, 400)...), "me folder rejected malformed 0")
	writeFile(t, filepath.Join(folder, ".partial.fit"), good[5])
	writeFile(t, filepath.Join(folder, "half.fit.part"), good[5][:900])
	archive := zipped(t, "activities/1.fit.gz", gzipped(t, good[2]))
	writeFile(t, filepath.Join(folder, "anna", "2015", "export.zip"), archive)
	expect(archive, "anna folder decoded archive 0")
	expect(gzipped(t, good[2]), "anna archive decoded "+samples)
	copySlowly(t, filepath.Join(folder, "copied.fit"), good[1], time.Second)
	expect(good[1], "me folder decoded "+samples)
	p.becomes(want)

	t.Run("health and metrics", func(t *testing.T) { d.as(t).checkHTTP(3) })
	t.Run("other commands", func(t *testing.T) {
		throughDaemon(d.as(t), runs, good[3])
		expect(good[3], "me import decoded "+samples)
	})
	p.becomes(want)
	before := p.everything()
	log := d.stderr.String()
	d.stop(os.Interrupt)
	for _, name := range []string{"there-before", "copied", "broken", "export.zip"} {
		if strings.Contains(log, name) {
			t.Errorf("the log has the file name %s", name)
		}
	}

	// The restart takes nothing twice, and still takes what is new. The first
	// file whose notes say "taken" after the restart is the new one.
	before.same(t, p.everything())
	writeFile(t, filepath.Join(folder, "while-away.fit"), good[4])
	expect(good[4], "me folder decoded "+samples)
	d = p.up(args...)
	p.becomes(want)
	within(t, patience, func() string {
		if n := d.metric("plodwatch_folder_pending"); n != 0 {
			return fmt.Sprintf("%g files pending", n)
		}
		return ""
	})
	if n := d.metric(`plodwatch_jobs_accepted_total{result="queued",source="folder"}`); n != 1 {
		t.Errorf("%g files were queued after the restart, want 1", n)
	}
	if n := d.metric(`plodwatch_folder_files_total{result="duplicate"}`); n != 0 {
		t.Errorf("%g files were read again after the restart", n)
	}
	if got, want := p.sums().Sessions, int64(5); got != want {
		t.Errorf("%d sessions after the restart, want %d", got, want)
	}
	for _, name := range []string{"there-before.fit", "copied.fit", "broken.fit", "anna/2015/export.zip", "half.fit.part"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Errorf("files are to stay where they are: %v", err)
		}
	}
	d.stop(syscall.SIGTERM)
}

func (d *daemon) as(t *testing.T) *daemon {
	c := *d
	c.p = d.p.as(t)
	return &c
}

// TestEndToEndUpStopsInTheMiddle: a daemon that deletes what it has taken is
// stopped while it works, and again; nothing is lost and nothing is doubled.
// Its data directory lies so deep that no socket fits there.
func TestEndToEndUpStopsInTheMiddle(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	temp := t.TempDir()
	p.env = append(p.env, "TMPDIR="+temp)
	p.data = filepath.Join(p.data, strings.Repeat("deep/", 20), "data")
	runs := corpus(t)
	folder := t.TempDir()
	want := sums{}
	for i, data := range readAll(t, runs) {
		want.add(int64(runs[i].Samples), runs[i].HRSum)
		if i%4 != 0 {
			writeFile(t, filepath.Join(folder, filepath.Base(runs[i].path)), data)
			continue
		}
		writeFile(t, filepath.Join(folder, "zips", fmt.Sprintf("%d.zip", i)), zipped(t, "a.fit", data))
	}
	args := []string{"--folder", folder, "--settle", "200ms", "--rescan", "1s", "--after", "delete", "--athlete", "me"}
	for _, enough := range []float64{1, 3} {
		d := p.up(args...)
		within(t, patience, func() string {
			n := d.metric(`plodwatch_jobs_accepted_total{result="queued",source="folder"}`)
			if n < enough && holdsFiles(t, folder) { // a quick machine may have taken all of them before
				return fmt.Sprintf("%g files taken", n)
			}
			return ""
		})
		d.stop(os.Interrupt)
	}
	d := p.up(args...)
	within(t, patience, func() string {
		left := 0
		err := filepath.WalkDir(folder, func(_ string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				left++
			}
			return nil
		})
		if left > 0 || err != nil {
			return fmt.Sprintf("%d files left, %v; %s", left, err, d.stderr)
		}
		return ""
	})
	// What is deleted can be queried at once.
	if got := rows[sums](p, sumsQuery+" WHERE athlete_id IN ('me', 'zips')"); len(got) != 1 || got[0] != want {
		t.Errorf("stored are %+v, want %+v", got, want)
	}
	d.stop(os.Interrupt)
	if got := p.sums(); got != want {
		t.Errorf("after the end stored are %+v, want %+v", got, want)
	}
}

// TestEndToEndUpWithoutFolder: what keeps `up` from starting is said at once.
func TestEndToEndUpWithoutFolder(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	folder := filepath.Join(t.TempDir(), "nosuch")
	got := p.do(exitUsage, "up", "--listen", "127.0.0.1:0", "--folder", folder)
	if !strings.Contains(got.stderr, "no such file") {
		t.Errorf("a folder that is not there: %s", got.stderr)
	}
}

// checkHTTP looks at what the daemon serves after so many files of the folder
// were taken whole.
func (d *daemon) checkHTTP(taken float64) {
	t := d.p.t
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := d.get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := d.get("/nosuch"); status != http.StatusNotFound {
		t.Errorf("/nosuch: %d", status)
	}
	got := d.p.run("healthcheck", "--listen", d.address)
	if got.exit != exitOK {
		t.Errorf("healthcheck: exit %d %s", got.exit, got.stderr)
	}
	if got := d.p.run("healthcheck", "--listen", "127.0.0.1:1"); got.exit != exitUsage {
		t.Errorf("healthcheck of nothing: exit %d", got.exit)
	}
	for line, want := range map[string]float64{
		`plodwatch_folder_files_total{result="taken"}`:                   taken + 1, // and the broken one
		`plodwatch_folder_files_total{result="failed"}`:                  0,
		`plodwatch_jobs_accepted_total{result="queued",source="folder"}`: taken + 1,
		`plodwatch_jobs_handled_total{result="done"}`:                    taken + 2, // and the zip's member
		`plodwatch_folder_pending`:                                       0,
	} {
		if got := d.metric(line); got != want {
			t.Errorf("%s is %g, want %g", line, got, want)
		}
	}
}

// throughDaemon runs the other commands while the daemon holds the data.
func throughDaemon(d *daemon, runs []truth, extra []byte) {
	p, t := d.p, d.p.t
	path := filepath.Join(t.TempDir(), "extra.fit")
	writeFile(t, path, extra)
	if got := p.imports(exitOK, path); got.SessionsAdded != 1 || got.SamplesAdded != int64(runs[3].Samples) || got.outcomes() != "decoded 1" {
		t.Errorf("import through the daemon: %+v", got)
	}
	if got := p.imports(exitOK, path); got.SessionsAdded != 0 || got.outcomes() != "duplicate same_bytes 1" {
		t.Errorf("second import through the daemon: %+v", got)
	}
	want := sums{}
	for _, r := range runs[:4] {
		want.add(int64(r.Samples), r.HRSum)
	}
	if got := p.sums(); got != want {
		t.Errorf("stored are %+v, generated were %+v", got, want)
	}

	var set struct {
		Reanalysed int `json:"reanalysed"`
	}
	if err := json.Unmarshal([]byte(p.do(exitOK, "athlete", "set", "me", "--max-hr", "191", "--json").stdout), &set); err != nil || set.Reanalysed != 3 {
		t.Errorf("athlete set: %d sessions analyzed again (%v), want 3", set.Reanalysed, err)
	}
	type used struct {
		Athlete string  `json:"athlete_id"`
		Source  string  `json:"hr_max_source"`
		HRMax   float64 `json:"m"`
		N       int     `json:"n"`
	}
	for _, u := range rows[used](p, "SELECT athlete_id, hr_max_source, max(hr_max) AS m, count() AS n FROM intensity_and_copies GROUP BY ALL") {
		if (u.Athlete == "me") != (u == used{"me", "setting", 191, 3}) {
			t.Errorf("after athlete set: %+v", u)
		}
	}
	if got := p.do(exitOK, "athlete", "show", "me").stdout; !strings.Contains(got, "max HR 191") {
		t.Errorf("athlete show: %s", got)
	}
	if got := p.do(exitOK, "athlete", "list").stdout; got != "anna\nme\n" {
		t.Errorf("athlete list: %q", got)
	}
	type listed struct {
		ID string `json:"session_id"`
	}
	all := decodeLines[listed](t, p.do(exitOK, "sessions", "--json").stdout)
	if len(all) != 4 {
		t.Fatalf("%d sessions listed, want 4", len(all))
	}
	if got := p.do(exitOK, "session", all[0].ID[:8]).stdout; !strings.Contains(got, all[0].ID) {
		t.Errorf("session: %s", got)
	}
	if got := p.do(exitUsage, "query", "SELECT * FROM file('/etc/passwd', 'LineAsString')").stderr; !strings.Contains(got, "file is refused") {
		t.Errorf("a file through the daemon: %s", got)
	}
	if got := p.do(exitUsage, "up", "--listen", "127.0.0.1:0").stderr; !strings.Contains(got, "another plodwatch holds the data directory") {
		t.Errorf("a second daemon: %s", got)
	}
	if got := p.do(exitUsage, "up", "--listen", d.address).stderr; !strings.Contains(got, "--listen") {
		t.Errorf("a second daemon on the same address: %s", got)
	}
	if got := p.do(exitUsage, "up", "--listen", "0.0.0.0:0").stderr; !strings.Contains(got, "refuse to listen") {
		t.Errorf("a public address: %s", got)
	}
	p.do(exitOK, "migrate")
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copySlowly writes a file in pieces that come sooner than settle, over a time
// that is longer than it. When this machine was so slow that a pause grew too
// long, it does it again under another name: the file might rightly have been
// taken half.
func copySlowly(t *testing.T, path string, data []byte, settle time.Duration) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const pieces = 12
	tick := time.NewTicker(2 * settle / pieces)
	defer tick.Stop()
	last := time.Now()
	for i := range pieces {
		if _, err := f.Write(data[i*len(data)/pieces : (i+1)*len(data)/pieces]); err != nil {
			t.Fatal(err)
		}
		if pause := time.Since(last); pause > settle*3/4 {
			t.Skipf("this machine halted for %s while a file was to grow steadily", pause)
		}
		last = time.Now()
		<-tick.C
	}
}

// holdsFiles reports whether there is a file anywhere in a folder.
func holdsFiles(t *testing.T, folder string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		found = found || err == nil && !d.IsDir()
		if errors.Is(err, os.ErrNotExist) {
			return nil // taken meanwhile
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
