package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nextDecoder builds a plodwatch whose FIT decoder is of the next version and
// reads only the first half of the samples.
func nextDecoder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, err := filepath.Abs(filepath.Join("..", "..", "ingest", "fitfile", "fitfile.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	next := string(text)
	for old, now := range map[string]string{
		"const DecoderVersion = 1\n": "const DecoderVersion = 2\n",
		"	return Decode(buf.Bytes())\n": `	rec, err := Decode(buf.Bytes())
	for i := 0; rec != nil && i < len(rec.Sessions); i++ {
		s := &rec.Sessions[i].Samples
		*s = s.Slice(0, s.Len()/2)
	}
	return rec, err
`,
	} {
		if strings.Count(next, old) != 1 {
			t.Fatalf("the decoder has changed: %q is in it %d times", old, strings.Count(next, old))
		}
		next = strings.Replace(next, old, now, 1)
	}
	changed := filepath.Join(dir, "fitfile.go")
	if err := os.WriteFile(changed, []byte(next), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "plodwatch")
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary}
	if raced {
		args = append(args, "-race")
	}
	if out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("build with the next decoder: %v\n%s", err, out)
	}
	return binary
}

func (p *person) reprocesses(args ...string) reprocessReply {
	p.t.Helper()
	out := p.do(exitOK, append([]string{"reprocess", "--json"}, args...)...)
	var r reprocessReply
	if err := json.Unmarshal([]byte(out.stdout), &r); err != nil {
		p.t.Fatalf("reprocess --json printed %q: %v", out.stdout, err)
	}
	return r
}

// samplesByFormat are the samples that the views show, once counted and once
// as the sessions' rows say.
type samplesByFormat struct {
	Format string `json:"format"`
	Rows   int64  `json:"rows"`
	Half   int64  `json:"half"`
	Stored int64  `json:"stored"`
}

func (p *person) samplesByFormat() map[string]samplesByFormat {
	p.t.Helper()
	all := map[string]samplesByFormat{}
	const sql = `SELECT e.format AS format, sum(s.samples) AS rows, sum(intDiv(s.samples, 2)) AS half, sum(n) AS stored FROM sessions AS s
		INNER JOIN (SELECT session_id, count() AS n FROM samples GROUP BY session_id) AS c ON c.session_id = s.session_id
		INNER JOIN exports AS e ON e.export_id = s.export_id GROUP BY format`
	for _, r := range rows[samplesByFormat](p, sql) {
		all[r.Format] = r
	}
	return all
}

// TestEndToEndReprocess: originals are decoded again by the next version of a
// decoder, which reads less; nothing of what the old one read is left in the
// views, and the old one does not come back.
func TestEndToEndReprocess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program once more")
	}
	old := newPerson(t)
	old.imports(exitOK, mixedFolder(t))
	before := old.samplesByFormat()
	fits := 0
	for _, e := range old.exports() {
		if e.Format == "fit" {
			fits++
		}
	}
	next := *old
	next.binary = nextDecoder(t)

	tomorrow := time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	for name, tt := range map[string]struct {
		args []string
		want int
	}{
		"fit":           {[]string{"--format", "fit"}, fits},
		"older":         {[]string{"--format", "fit", "--decoder-before", "2"}, fits},
		"old enough":    {[]string{"--decoder-before", "1", "--format", "fit"}, 0},
		"from today":    {[]string{"--format", "fit", "--since", time.Now().AddDate(0, 0, -1).Format(time.DateOnly)}, fits},
		"from tomorrow": {[]string{"--since", tomorrow}, 0},
		"another's":     {[]string{"--athlete", "anna"}, 0},
		"gpx":           {[]string{"--format", "gpx", "--athlete", "me"}, 1},
		"archives":      {[]string{"--format", "zip"}, 3},
	} {
		got := next.reprocesses(append(tt.args, "--dry-run")...)
		if got.Exports != tt.want || got.Queued != 0 || got.Missing != 0 {
			t.Errorf("%s: %+v, want %d exports", name, got, tt.want)
		}
	}
	next.do(exitUsage, "reprocess", "--since", "yesterday")

	d := next.up()
	if got := next.reprocesses("--format", "fit", "--decoder-before", "2"); got.Exports != fits || got.Queued != fits {
		t.Errorf("%+v, want %d queued", got, fits)
	}
	within(t, patience, func() string {
		if got := next.quiet().reprocesses("--format", "fit", "--decoder-before", "2", "--dry-run"); got.Exports > 0 {
			return "not all were decoded again"
		}
		if got := next.quiet().samplesByFormat()["fit"]; got.Stored != before["fit"].Half {
			return fmt.Sprintf("stored are %+v", got)
		}
		return ""
	})
	d.stop(os.Interrupt)
	check := func(p *person) {
		t.Helper()
		after := p.samplesByFormat()
		if got := after["fit"]; got.Rows != before["fit"].Half || got.Stored != got.Rows || got.Rows == 0 {
			t.Errorf("fit: %+v, it was %+v", got, before["fit"])
		}
		if after["gpx"] != before["gpx"] || before["gpx"].Rows == 0 {
			t.Errorf("gpx: %+v, it was %+v", after["gpx"], before["gpx"])
		}
		p.reconciles(exitOK, "--deep")
	}
	check(&next)
	// Without a daemon it waits itself; and an older decoder hides nothing.
	if got := old.reprocesses("--format", "fit"); got.Queued != fits {
		t.Errorf("%+v, want %d queued", got, fits)
	}
	check(old)
	// Archives unpack to the same exports.
	// One lies in another, which may have queued it by then.
	if got := next.reprocesses("--format", "zip"); got.Queued+got.Waiting != 3 || got.Waiting > 1 {
		t.Errorf("%+v, want 3 queued", got)
	}
	check(&next)
}
