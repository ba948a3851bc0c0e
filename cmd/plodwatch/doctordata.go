package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest/blobs"
)

// checkEngine loads the embedded engine's library.
func (d *doctor) checkEngine() {
	if !d.embeddedTables() {
		d.sound("engine", "not needed: the tables are elsewhere")
		return
	}
	path, found, err := chdb.Probe()
	switch {
	case err != nil && path != "":
		d.broken("engine", "the library "+path+" cannot be used: "+err.Error(), "")
	case err != nil:
		d.broken("engine", "the embedded ClickHouse has no library: "+err.Error(), "")
	default:
		d.engine = true
		d.sound("engine", fmt.Sprintf("libchdb %s loads from %s", found, path))
	}
}

// checkData looks at the data directory and reports whether it is there and
// can be used.
func (d *doctor) checkData() bool {
	const mend = "let the user plodwatch runs as write there, or name another directory with --data"
	info, err := os.Stat(d.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := existing(d.dir)
		if st, err := os.Stat(parent); err != nil || !st.IsDir() || !mayWrite(parent) {
			d.broken("data", d.dir+" is not there and cannot be made in "+parent, mend)
			return false
		}
		d.sound("data", d.dir+" is not there yet; the first import or up makes it")
		return false
	case err != nil:
		d.broken("data", err.Error(), "name another directory with --data")
		return false
	case !info.IsDir():
		d.broken("data", d.dir+" is not a directory", "name another with --data")
		return false
	}
	probe, err := os.CreateTemp(d.dir, ".doctor-*")
	if err == nil {
		_, err = probe.WriteString("doctor\n")
		err = errors.Join(err, probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		d.broken("data", d.dir+" cannot be written to: "+err.Error(), mend)
		return false
	}
	if info.Mode().Perm()&0o002 != 0 { // what is in it is private by itself
		d.doubt("data", "every user of this machine may write to "+d.dir, "chmod 700 "+d.dir)
		return true
	}
	d.sound("data", d.dir+" can be written to")
	return true
}

// existing returns the deepest part of a path that is there.
func existing(path string) string {
	for {
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
}

// mayWrite reports whether the system would let this process make files in dir.
func mayWrite(dir string) bool {
	const write, search = 2, 1 // W_OK, X_OK of access(2)
	return syscall.Access(dir, write|search) == nil
}

// checkDisk compares free space with what new files must leave free.
func (d *doctor) checkDisk() {
	where := d.dir
	if _, err := os.Stat(where); err != nil {
		where = existing(where)
	}
	free, total, err := natsd.DiskFree(where)
	if err != nil {
		d.broken("disk", err.Error(), "name another data directory with --data")
		return
	}
	guard := blobs.DefaultConfig(where)
	need := max(float64(guard.MinFreeBytes), guard.MinFreeShare*float64(total))
	const gib = 1 << 30
	says := fmt.Sprintf("%.1f GiB of %.1f are free; below %.1f nothing new is taken", float64(free)/gib, float64(total)/gib, need/gib)
	switch {
	case float64(free) < need:
		d.broken("disk", says, "make room, or move the data to a larger disk (--data)")
	case float64(free) < 2*need:
		d.doubt("disk", says, "make room soon")
	default:
		d.sound("disk", says)
	}
}

// holderGlance is how long the doctor waits for the holder of the data.
const holderGlance = 3 * time.Second

// checkHolder asks who holds the data directory.
func (d *doctor) checkHolder(ctx context.Context) {
	if _, err := os.Stat(filepath.Join(d.dir, "lock")); err != nil {
		d.sound("holder", "nobody holds the data directory")
		return
	}
	lock, err := lockData(d.dir)
	if err == nil {
		lock.Close()
		d.sound("holder", "nobody holds the data directory")
		return
	}
	if !errors.Is(err, errHeld) {
		d.broken("holder", err.Error(), "let the user plodwatch runs as write there")
		return
	}
	d.held = true
	r, err := dialHolder(ctx, d.dir, holderGlance)
	if err != nil {
		d.broken("holder", "another process holds the data directory and does not answer: "+err.Error(),
			"when it has neither just started nor is ending, end it (fuser "+filepath.Join(d.dir, "lock")+" shows it)")
		return
	}
	defer r.client.CloseIdleConnections()
	st, err := r.status(ctx)
	if err != nil {
		d.broken("holder", err.Error(), "ask again")
		return
	}
	d.holder = &st
	says := fmt.Sprintf("plodwatch %s (process %d, version %s) holds the data directory and answers; waiting: %d exports, %d sessions, %d outcomes",
		st.Command, st.PID, st.Version, st.Queues.Exports, st.Queues.Samples, st.Queues.Outcomes)
	if st.Version != version {
		d.doubt("holder", says, "this is version "+version+": restart the other")
		return
	}
	d.sound("holder", says)
}

// checkStores looks whether this user can use what lies in the data directory.
func (d *doctor) checkStores() {
	for _, name := range []string{"clickhouse", "nats", "blobs", "uploads"} {
		dir := filepath.Join(d.dir, name)
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if fault := storeFault(dir); fault != "" {
			d.broken(name, fault, "give the files to the user plodwatch runs as (chown -R)")
			continue
		}
		d.sound(name, dir+" can be read and written")
	}
}

// storeFault looks at a directory and those right in it.
func storeFault(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	if !mayWrite(dir) {
		return dir + " cannot be written to"
	}
	for _, e := range entries {
		inner := filepath.Join(dir, e.Name())
		if !e.IsDir() {
			continue
		}
		if _, err := os.ReadDir(inner); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err.Error()
		}
		if !mayWrite(inner) {
			if _, err := os.Lstat(inner); err == nil {
				return inner + " cannot be written to"
			}
		}
	}
	return ""
}

// builtAt returns when the source of this program was committed.
func builtAt() (time.Time, bool) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}, false
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, err := time.Parse(time.RFC3339, strings.TrimSpace(s.Value))
			return t, err == nil
		}
	}
	return time.Time{}, false
}
