package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema/reconcile"
)

// outside are servers in processes of their own, empty, and a person who uses
// them.
type outside struct {
	p          *person
	clickhouse string   // its URL
	dirs       []string // where the servers keep what they hold

	js jetstream.JetStream // when the originals are there, too
}

func newOutside(t *testing.T, where string) *outside {
	t.Helper()
	o := &outside{p: newPerson(t)}
	queues := t.TempDir()
	server := startNATS(t, []string{"-js", "-sd", queues})
	address, tables, _ := clickHouseProcess(t)
	o.clickhouse, o.dirs = "http://"+address, []string{queues, tables}
	if where == "nats" {
		o.js = server.jetStream()
	}
	o.p.flags = []string{"--nats", server.url(), "--clickhouse", o.clickhouse, "--blobs", where}
	return o
}

// TestEndToEndExternalKeeping: what looks after the data does so with servers
// elsewhere, too, with the originals in a directory and in the NATS server.
func TestEndToEndExternalKeeping(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts servers")
	}
	for _, where := range []string{"dir", "nats"} {
		t.Run(where, func(t *testing.T) {
			t.Run("reconcile and reprocess", func(t *testing.T) { newOutside(t, where).mends(t) })
			t.Run("duplicates and delete", func(t *testing.T) { countsOneOfSix(t, newOutside(t, where).p) })
			t.Run("backup, restore and export", func(t *testing.T) {
				file, other := backedUp(t, newOutside(t, where).p, func() *person { return newOutside(t, where).p })
				exportFiles(t, other, "--csv")
				sameFiles(t, file, other)
				if said := other.do(exitUsage, "export", "--parquet", filepath.Join(t.TempDir(), "out")).stderr; !strings.Contains(said, "FORMAT Parquet") {
					t.Errorf("it does not say how to get Parquet: %s", said)
				}
			})
			for _, how := range []string{"athlete delete by a daemon", "athlete delete without one"} {
				t.Run(how, func(t *testing.T) {
					o := newOutside(t, where)
					deleteAthlete(t, o.p, strings.HasSuffix(how, "daemon"), o.dirs...)
				})
			}
		})
	}
}

// mends loses the tables and originals, and decodes again.
func (o *outside) mends(t *testing.T) {
	p := o.p.as(t)
	folder := mixedFolder(t)
	p.imports(exitOK, folder)
	before, all := p.everything(), p.exports()
	got := p.reconciles(exitOK, "--deep", "--folder", folder)
	got.wants(t)
	if got.sum.Exports != len(all) || got.sum.Originals != len(all) || got.sum.Marks != len(all) {
		t.Errorf("right after the import: %+v", got.sum)
	}

	for _, table := range []string{"samples_versions", "sessions_versions", "exports_versions", "intensity_versions"} {
		execute(t, o.clickhouse, "TRUNCATE TABLE plodwatch."+table)
	}
	got = p.reconciles(exitRejected)
	got.wants(t, missingOf(reconcile.NoRow, all)...)
	got = p.reconciles(exitOK, "--fix")
	got.wants(t, missingOf(reconcile.NoRow, all)...)
	before.same(t, p.everything())

	if fits := p.reprocesses("--format", "fit"); fits.Queued == 0 || fits.Queued != fits.Exports || fits.Missing != 0 {
		t.Errorf("decoded again: %+v", fits)
	}
	before.same(t, p.everything())
	got = p.reconciles(exitOK, "--deep")
	got.wants(t)
	d := p.up()
	if gpx := p.reprocesses("--format", "gpx"); gpx.Queued == 0 {
		t.Errorf("decoded again by a daemon: %+v", gpx)
	}
	d.stop(os.Interrupt)
	before.same(t, p.everything())
	if o.js == nil {
		p.losesOriginals(all, folder, before)
		return
	}
	kept, err := o.js.ObjectStore(t.Context(), "plodwatch-blobs")
	if err != nil {
		t.Fatal(err)
	}
	var gone []exported
	for _, e := range all {
		if e.Format == "fit" && e.ParentID == nil && len(gone) < 3 {
			gone = append(gone, e)
			if err := kept.Delete(t.Context(), e.ExportID); err != nil {
				t.Fatal(err)
			}
		}
	}
	got = p.reconciles(exitRejected, "--fix")
	got.wants(t, missingOf(reconcile.NoBlob, gone)...)
	got = p.reconciles(exitOK, "--fix", "--folder", folder)
	got.wants(t, missingOf(reconcile.NoBlob, gone)...)
	got = p.reconciles(exitOK, "--deep")
	got.wants(t)
	before.same(t, p.everything())
}

// sameFiles restores a backup into engines of its own and wants the files that
// these write to be those that p writes.
func sameFiles(t *testing.T, backup string, p *person) {
	t.Helper()
	embedded := newPerson(t)
	embedded.do(exitOK, "restore", backup)
	var out [2]map[string]string
	for i, who := range []*person{p, embedded} {
		dir := filepath.Join(t.TempDir(), "out")
		who.do(exitOK, "export", "--csv", dir)
		out[i] = map[string]string{}
		names, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(dir, name)
			out[i][rel] = string(data)
		}
	}
	if len(out[0]) != len(out[1]) || len(out[0]) == 0 {
		t.Errorf("%d files, want %d", len(out[0]), len(out[1]))
	}
	for name, want := range out[1] {
		if got := out[0][name]; got != want {
			t.Errorf("%s is\n%.500s\nwant\n%.500s", name, got, want)
		}
	}
}
