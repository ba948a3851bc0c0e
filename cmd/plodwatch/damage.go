package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/schema/tables"
)

// tightBytes is how much of the disk must be free for a failed start not to be
// the disk's fault.
const tightBytes = 32 << 20

// ofDirectory adds to an error of an engine in this process what may be done
// about its directory, name in that of the data. It returns errors that say so
// themselves as they are.
func (h *localHost) ofDirectory(ctx context.Context, name string, err error) error {
	dir := filepath.Join(h.dir, name)
	for _, known := range []error{
		chdb.ErrNotInstalled, chdb.ErrLocked, chdb.ErrAlreadyOpen, natsd.ErrLocked, tables.ErrNewerDatabase, ctx.Err(),
	} {
		if known != nil && errors.Is(err, known) {
			return err
		}
	}
	if errors.Is(err, fs.ErrPermission) || !writable(dir) {
		return fmt.Errorf("open %s: %w; plodwatch must be able to read and write there", dir, err)
	}
	if free, _, diskErr := natsd.DiskFree(h.dir); errors.Is(err, syscall.ENOSPC) || diskErr == nil && free < tightBytes {
		return fmt.Errorf("open %s: the disk is full; make room and start again: %w", dir, err)
	}
	way := "move it away and run plodwatch reconcile --fix, which makes it again from the stored originals"
	if name == tablesName {
		way += " (not the settings, the daily log and plans: these were only there)"
	}
	return fmt.Errorf("open %s: %w; if the directory is damaged, %s", dir, err, way)
}

// roomEvery is how often a daemon that has no room to start looks again.
const roomEvery = 2 * time.Second

// awaitRoom waits until the engines have room to start on the disk of the data
// directory, and says so if it has to. It returns an error when ctx ends.
func (a *app) awaitRoom(ctx context.Context, dir string) error {
	for said := false; ; said = true {
		free, _, err := natsd.DiskFree(existing(filepath.Join(dir, "file")))
		if err != nil || free >= tightBytes { // what else is wrong shows when they start
			return nil //nolint:nilerr // the engines say it better
		}
		if !said {
			fmt.Fprintf(a.stderr, "the disk with %s is full: %s bytes are free and it takes %s to start; waiting for room (what was taken is safe)\n",
				dir, count(free), count(uint64(tightBytes)))
		}
		if !pause(ctx, roomEvery) {
			return errors.New("interrupted before it was up")
		}
	}
}

// writable reports whether files can be made in dir, or dir itself.
func writable(dir string) bool {
	file, err := os.CreateTemp(dir, ".plodwatch-*")
	if err != nil {
		return !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS)
	}
	return errors.Join(file.Close(), os.Remove(file.Name())) == nil
}

// sayBroken warns of tables from which the engine has left out what it could
// not read.
func (h *localHost) sayBroken(ctx context.Context) error {
	broken, err := h.st.BrokenTables(ctx)
	if err != nil || len(broken) == 0 {
		return err
	}
	way := "plodwatch reconcile --fix brings the rows back"
	if slices.ContainsFunc(broken, func(table string) bool { return !store.FromFiles(table) }) {
		way = "plodwatch reprocess brings back what comes from files, a backup the rest"
	}
	fmt.Fprintf(h.app.stderr, "%s is damaged, and rows are missing from %s; %s\n",
		filepath.Join(h.dir, tablesName), strings.Join(broken, ", "), way)
	return nil
}
