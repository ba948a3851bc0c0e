package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"plodwatch/analyze/store"
	"plodwatch/ingest/upload"
)

// restoreCmd brings a backup back.
type restoreCmd struct {
	File string `arg:"" help:"The backup." type:"path"`
	JSON bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *restoreCmd) Help() string {
	return `Reads what plodwatch backup has written into an empty data directory; with --clickhouse
and --blobs nats, the tables there must be empty, too. Every entry is compared with its
SHA-256. When something is wrong the directory is emptied again; what was written to servers
elsewhere stays.

The next plodwatch up decodes what was taken and not yet decoded when the backup was made.

Examples:
  plodwatch restore plodwatch.tar.zst --data /srv/plodwatch`
}

// Run reads the backup.
func (c *restoreCmd) Run(ctx context.Context, a *app) (err error) {
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open backup: %w", err)
	}
	defer file.Close()
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at data directory: %w", err)
	} else if len(entries) > 0 {
		return fmt.Errorf("%s is not empty; restore into another with --data", dir)
	}
	h, err := a.openHostWith(ctx, onlyStore, func(dir string, lock *os.File) (host, error) {
		h := &localHost{pipeline: newPipeline(a, dir, holderPause), lock: lock, command: "restore"}
		return h.opened(ctx, h.provision(ctx))
	})
	if err != nil {
		return err
	}
	local, ok := h.(*localHost)
	if !ok {
		return errors.Join(errors.New("another plodwatch holds the data directory"), h.close(ctx))
	}
	r := &restore{a: a, h: local, sum: backupSummary{Rows: map[string]uint64{}, Entries: map[string]string{}}}
	err = r.empty(ctx)
	if err == nil {
		err = r.read(ctx, file)
	}
	if err = errors.Join(err, h.close(ctx)); err != nil {
		return errors.Join(fmt.Errorf("restore: %w", err), emptyDir(dir))
	}
	r.sum.Entries = nil
	if c.JSON {
		return printJSON(a.stdout, &r.sum)
	}
	fmt.Fprintf(a.stdout, "Restored into %s. %s\n", dir, &r.sum)
	return nil
}

// emptyDir removes what a restore that failed has made.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("empty the data directory again: %w", err)
	}
	return nil
}

// restore is a backup that is read.
type restore struct {
	a       *app
	h       *localHost
	records *upload.Records
	head    backupHeader
	sum     backupSummary
	whole   *backupSummary // what the backup says of itself
}

// empty makes sure that nothing is there that would be mixed with the backup.
func (r *restore) empty(ctx context.Context) error {
	// Some others begin with rows of their own.
	for _, name := range []string{"exports_versions", "sessions_versions", "samples_versions", "athlete_settings_versions", "daily_log_versions"} {
		n, err := r.h.st.Rows(ctx, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("table %s has %s rows; a backup is restored into empty tables", name, count(n))
		}
	}
	return nil
}

// read reads all entries and compares them with what the last says.
func (r *restore) read(ctx context.Context, file io.Reader) error {
	var err error
	if r.records, err = upload.OpenRecords(filepath.Join(r.h.dir, "uploads")); err != nil {
		return err
	}
	packed, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("open decompressor: %w", err)
	}
	defer packed.Close()
	entries := tar.NewReader(packed)
	for first := true; ; first = false {
		head, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && first != (head.Name == backupHead) {
			err = errors.New("this is no backup of plodwatch")
		}
		if err == nil {
			err = r.entry(ctx, head.Name, entries)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case r.whole == nil:
		return errors.New("the backup is cut off")
	case !maps.Equal(r.whole.Entries, r.sum.Entries):
		return errors.New("the backup is damaged: what it holds is not what it says it holds")
	case !maps.Equal(r.whole.Rows, r.sum.Rows):
		return errors.New("the backup is damaged: tables have other numbers of rows than it says")
	}
	return nil
}

func (r *restore) entry(ctx context.Context, name string, body io.Reader) error {
	if id, ok := strings.CutPrefix(name, backupOriginals); ok {
		return r.original(ctx, name, id, body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if name != backupManifest {
		sum := sha256.Sum256(data)
		r.sum.Entries[name] = hex.EncodeToString(sum[:])
	}
	switch name {
	case backupHead:
		return r.header(data)
	case backupMarks:
		return eachLine(data, func(m *backupMark) error {
			if r.sum.Taken++; m.Job == nil {
				return nil // the same file handed in again is decoded again, that is all
			}
			return r.h.blobs.MarkTaken(m.Job)
		})
	case backupRecords:
		return eachLine(data, func(rec *upload.Record) error {
			r.sum.Records++
			return r.records.Amend(rec)
		})
	case backupTokens:
		path, err := r.a.tokenPath()
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("write token file: %w", err)
		}
		return nil
	case backupManifest:
		if err := json.Unmarshal(data, &r.whole); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		for table, n := range r.whole.Rows {
			if n == 0 {
				r.sum.Rows[table] = 0
			}
		}
		return nil
	}
	if table, ok := strings.CutPrefix(name, backupTables); ok {
		table, _, _ = strings.Cut(table, "/")
		return r.table(ctx, table, data)
	}
	return fmt.Errorf("read %q: a newer plodwatch has made this backup", name)
}

func (r *restore) header(data []byte) error {
	if err := json.Unmarshal(data, &r.head); err != nil {
		return fmt.Errorf("read %s: %w", backupHead, err)
	}
	latest, err := store.LatestSchema()
	if err != nil {
		return err
	}
	if r.head.Format != backupFormat || r.head.Schema > uint64(latest) {
		return fmt.Errorf("a newer plodwatch (%s) has made this backup", r.head.Version)
	}
	return nil
}

// table inserts a piece of a table. Its name is one of ours, whatever the
// backup says.
func (r *restore) table(ctx context.Context, table string, data []byte) error {
	names, err := r.h.st.DumpTables(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, table) {
		return fmt.Errorf("the backup has a table %q that this plodwatch does not know", table)
	}
	if _, seen := r.sum.Rows[table]; !seen {
		fmt.Fprintf(r.a.stderr, "table %s\n", table)
	}
	n, err := r.h.st.LoadDump(ctx, table, data)
	r.sum.Rows[table] += n
	return err
}

func (r *restore) original(ctx context.Context, name, id string, body io.Reader) error {
	got, size, _, err := r.h.blobs.Put(ctx, body)
	if err != nil {
		return err
	}
	if got.String() != id {
		return errors.New("the backup is damaged: an original is not what its name says")
	}
	r.sum.Entries[name] = id
	r.sum.Originals++
	r.sum.Bytes += size
	if r.sum.Originals%1000 == 0 {
		fmt.Fprintf(r.a.stderr, "%s originals\n", count(r.sum.Originals))
	}
	return nil
}

// eachLine calls f for each line of JSON.
func eachLine[T any](data []byte, f func(*T) error) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v := new(T)
		if err := json.Unmarshal(lines.Bytes(), v); err != nil {
			return fmt.Errorf("read line: %w", err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	return nil
}
