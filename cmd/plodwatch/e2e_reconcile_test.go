package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plodwatch/schema"
	"plodwatch/schema/reconcile"
)

// reconciled is what `reconcile --json` says.
type reconciled struct {
	missing map[string]missingRow // by kind, export and session
	sum     reconcileSummary
}

// reconciles compares and wants an exit code.
func (p *person) reconciles(exit int, args ...string) reconciled {
	p.t.Helper()
	return readReconciled(p.t, p.do(exit, append([]string{"reconcile", "--json"}, args...)...).stdout)
}

func readReconciled(t *testing.T, text string) reconciled {
	t.Helper()
	r := reconciled{missing: map[string]missingRow{}}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		var row missingRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("line %d of reconcile --json: %v\n%s", i, err, line)
		}
		if row.Kind == "summary" {
			if err := json.Unmarshal([]byte(line), &r.sum); err != nil || i+1 != len(lines) {
				t.Fatalf("summary in line %d of %d: %v", i+1, len(lines), err)
			}
			continue
		}
		r.missing[row.key()] = row
	}
	return r
}

func (r *missingRow) key() string {
	key := string(r.Kind)
	if r.Export != nil {
		key += " " + r.Export.String()
	}
	if r.Session != nil {
		key += " " + r.Session.String()
	}
	return key
}

// wants fails unless exactly these are missing.
func (r *reconciled) wants(t *testing.T, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(r.missing))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("missing are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if total := r.sum.Restored + r.sum.Remain; total != len(want) {
		t.Errorf("%d restored and %d remain, want %d together", r.sum.Restored, r.sum.Remain, len(want))
	}
}

// exported is a row of exports.
type exported struct {
	ExportID string  `json:"export_id"`
	ParentID *string `json:"parent_id"`
	Format   string  `json:"format"`
}

func (p *person) exports() []exported {
	p.t.Helper()
	return rows[exported](p, "SELECT export_id, parent_id, format FROM exports ORDER BY export_id")
}

func missingOf(kind reconcile.Kind, rows []exported) []string {
	var all []string
	for _, r := range rows {
		all = append(all, string(kind)+" "+r.ExportID)
	}
	return all
}

// mixedFolder writes runs, files of other kinds, and a zip in a zip.
func mixedFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data := readAll(t, corpus(t)[:16])
	for i, run := range data[:12] {
		put(fmt.Sprintf("run-%02d.fit", i), run)
	}
	put("packed.fit.gz", gzipped(t, data[12]))
	put("archive.zip", zipped(t, "outer.zip", zipped(t, "x/run.fit", data[13])))
	put("another.zip", zipped(t, "run.fit", data[14]))
	put("broken.fit", data[15][:len(data[15])/2])
	put("notes.txt", []byte("not an activity"))
	for _, name := range []string{"multisport.fit", "two_segments.gpx"} {
		file, err := os.ReadFile(filepath.Join(activities(), name))
		if err != nil {
			t.Fatal(err)
		}
		put(name, file)
	}
	return dir
}

// originals returns the files of the stored originals by their identities.
func (p *person) originals() map[string]string {
	return p.kept("data", func(name string) string { return strings.TrimSuffix(name, ".zst") })
}

func (p *person) kept(part string, name func(string) string) map[string]string {
	p.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(p.data, "blobs", part), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all[name(entry.Name())] = path
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

func (p *person) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(p.data, name)); err != nil {
		p.t.Fatal(err)
	}
}

// TestEndToEndReconcile loses one store after the other, and what can come back
// comes back.
func TestEndToEndReconcile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	folder := mixedFolder(t)
	p.imports(exitOK, folder)
	before, all := p.everything(), p.exports()
	if got := p.reconciles(exitOK, "--deep", "--folder", folder); len(got.missing) != 0 || got.sum.Exports != len(all) || got.sum.Originals != len(all) ||
		got.sum.Marks != len(all) || got.sum.Files != 19 {
		t.Errorf("right after the import: %+v", got)
	}

	t.Run("the queues", func(t *testing.T) {
		p := p.as(t)
		p.remove("nats")
		got := p.reconciles(exitOK, "--fix")
		got.wants(t)
		before.same(t, p.everything())
	})
	t.Run("the tables", func(t *testing.T) {
		p := p.as(t)
		p.remove("clickhouse")
		got := p.reconciles(exitRejected)
		got.wants(t, missingOf(reconcile.NoRow, all)...)
		if !got.sum.TablesEmpty || got.sum.Remain != len(all) {
			t.Errorf("%+v", got.sum)
		}
		got = p.reconciles(exitOK, "--fix")
		got.wants(t, missingOf(reconcile.NoRow, all)...)
		before.same(t, p.everything())
		got = p.reconciles(exitOK)
		got.wants(t)
	})
	t.Run("tables and queues, under marks of an older version", func(t *testing.T) {
		p := p.as(t)
		var alone []exported // what an archive brought is marked by it again
		for _, r := range all {
			if mark := p.markOf(r.ExportID); r.ParentID == nil {
				alone = append(alone, r)
				if err := os.Truncate(mark, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.remove("clickhouse")
		p.remove("nats")
		got := p.reconciles(exitOK, "--fix")
		got.wants(t, missingOf(reconcile.NoRow, all)...)
		if len(alone) == len(all) {
			t.Error("nothing came out of an archive")
		}
		before.same(t, p.everything())
	})
	t.Run("ten originals", func(t *testing.T) { p.as(t).losesOriginals(all, folder, before) })
	t.Run("bytes of an original", func(t *testing.T) { p.as(t).losesBytes(all, folder, before) })
}

func (p *person) markOf(export string) string {
	p.t.Helper()
	id, err := schema.ParseExportID(export)
	if err != nil {
		p.t.Fatal(err)
	}
	job := schema.JobIDOf(schema.DefaultAthlete, id)
	return filepath.Join(p.data, "blobs", "taken", hex.EncodeToString(job[:1]), job.String())
}

func (p *person) losesOriginals(all []exported, folder string, before contents) {
	t := p.t
	const lost = 10
	files := p.originals()
	rnd := rand.New(rand.NewPCG(5, 10))
	var gone []exported
	isGone := map[string]bool{}
	for _, i := range rnd.Perm(len(all))[:lost] {
		gone = append(gone, all[i])
		isGone[all[i].ExportID] = true
		if err := os.Remove(files[all[i].ExportID]); err != nil {
			t.Fatal(err)
		}
	}
	parents := map[string]string{}
	for _, r := range all {
		if r.ParentID != nil {
			parents[r.ExportID] = *r.ParentID
		}
	}
	unpackable := func(id string) bool {
		for id = parents[id]; id != ""; id = parents[id] {
			if !isGone[id] {
				return true
			}
		}
		return false
	}
	var members, rest []exported
	for _, r := range gone {
		if unpackable(r.ExportID) {
			members = append(members, r)
		} else {
			rest = append(rest, r)
		}
	}
	t.Logf("lost are %d originals, of which %d are in archives that are left", lost, len(members))

	got := p.reconciles(exitRejected)
	got.wants(t, missingOf(reconcile.NoBlob, gone)...)
	for _, r := range rest {
		if row := got.missing["no_blob "+r.ExportID]; row.CanFix || row.Athlete != "me" || string(row.Format) != r.Format {
			t.Errorf("%+v", row)
		}
	}
	got = p.reconciles(exitRejected, "--fix")
	got.wants(t, missingOf(reconcile.NoBlob, gone)...)
	if got.sum.Restored != len(members) || got.sum.Remain != len(rest) {
		t.Errorf("restored %d and not %d; want %d and %d", got.sum.Restored, got.sum.Remain, len(members), len(rest))
	}
	got = p.reconciles(exitOK, "--fix", "--folder", folder)
	got.wants(t, missingOf(reconcile.NoBlob, rest)...)
	got = p.reconciles(exitOK, "--deep")
	got.wants(t)
	before.same(t, p.everything())
}

func (p *person) losesBytes(all []exported, folder string, before contents) {
	t := p.t
	at := slices.IndexFunc(all, func(r exported) bool { return r.Format == "fit" && r.ParentID == nil })
	path := p.originals()[all[at].ExportID]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	want := missingOf(reconcile.Damaged, all[at:at+1])
	got := p.reconciles(exitOK)
	got.wants(t)
	got = p.reconciles(exitRejected, "--deep", "--fix")
	got.wants(t, want...)
	got = p.reconciles(exitOK, "--deep", "--fix", "--folder", folder)
	got.wants(t, want...)
	got = p.reconciles(exitOK, "--deep")
	got.wants(t)
	before.same(t, p.everything())
}

// TestEndToEndReconcileAfterKill: an import is killed and the queues with the
// rest of its work are lost.
func TestEndToEndReconcileAfterKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	folder := mixedFolder(t)
	undisturbed := newPerson(t)
	start := time.Now()
	undisturbed.imports(exitOK, folder)
	longest := time.Since(start)
	want := undisturbed.everything()

	p := newPerson(t)
	p.run("migrate", "--data", p.data) // so that only the work is interrupted
	var missing []string
	for try := 0; len(missing) == 0; try++ {
		if try == 30 {
			t.Fatal("no import was killed between taking and storing")
		}
		p.remove("clickhouse")
		p.remove("blobs")
		after := time.Duration(float64(longest) * float64(14-try%14) / 20)
		if !p.killedAfter(after, "import", "--json", folder) {
			continue
		}
		p.remove("nats")
		stored := map[string]bool{}
		p.do(exitOK, "migrate")
		for _, r := range p.exports() {
			stored[filepath.Base(p.markOf(r.ExportID))] = true
		}
		for mark := range p.kept("taken", strings.Clone) {
			if !stored[mark] {
				missing = append(missing, mark)
			}
		}
	}
	t.Logf("%d exports were taken, and lost with the queues", len(missing))
	got := p.reconciles(exitRejected)
	found := 0
	for _, row := range got.missing {
		if row.Kind == reconcile.NoRow || row.Kind == reconcile.NoMember {
			found++
		}
		if row.Kind == reconcile.Lost {
			t.Errorf("%+v", row)
		}
	}
	if found < len(missing) {
		t.Errorf("found are %d of %d", found, len(missing))
	}
	p.reconciles(exitOK, "--fix", "--folder", folder)
	want.same(t, p.everything())
	if again := p.imports(exitOK, folder); again.SessionsAdded != 0 {
		t.Errorf("an import after it: %+v", again)
	}
	want.same(t, p.everything())
}

// TestEndToEndReconcileByItself: a daemon brings back what it misses at its
// start, and takes work in flight for what it is.
func TestEndToEndReconcileByItself(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	p := newPerson(t)
	folder := mixedFolder(t)
	d := p.up()
	imported := make(chan outcome, 1)
	go func() { imported <- p.run("import", "--data", p.data, folder) }()
	looks, flying := 0, 0
	for running := true; running; looks++ {
		select {
		case out := <-imported:
			if out.exit != exitOK {
				t.Fatalf("import: %s", out.stderr)
			}
			running = false
		default:
		}
		got := p.quiet().reconciles(exitOK)
		got.wants(t)
		flying += got.sum.InFlight
	}
	t.Logf("%d looks while it was importing, %d exports were in flight", looks, flying)
	before := p.everything()
	d.stop(os.Interrupt)

	p.remove("clickhouse")
	d = p.up()
	within(t, patience, func() string {
		got := readReconciled(t, p.quiet().runIt("reconcile", "--json").stdout)
		if len(got.missing) > 0 || got.sum.InFlight > 0 || got.sum.Exports != got.sum.Marks {
			return fmt.Sprintf("%d missing, %+v", len(got.missing), got.sum)
		}
		return ""
	})
	before.same(t, p.everything())

	files := p.originals()
	for id, path := range files {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		out := p.do(exitRejected, "reconcile")
		if !strings.Contains(out.stdout, id[:12]) || !strings.Contains(out.stdout, "Missing: 1") {
			t.Errorf("reconcile printed\n%s", out.stdout)
		}
		break
	}
	p.do(exitOK, "reconcile", "--fix", "--folder", folder)
	d.stop(os.Interrupt)
}

// runIt runs a command on the data directory, whatever its exit code.
func (p *person) runIt(args ...string) outcome {
	p.t.Helper()
	return p.run(append(args, "--data", p.data)...)
}
