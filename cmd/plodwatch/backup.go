package main

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// backupCmd writes everything that is kept into one file.
type backupCmd struct {
	File  string `arg:"" help:"Where to; usually its name ends in .tar.zst." type:"path"`
	Force bool   `help:"Replace the file if it is there."`
	JSON  bool   `help:"Print JSON."`
}

// Help says more than fits a line.
func (c *backupCmd) Help() string {
	return `Writes the tables, the originals, what was taken, what is remembered of uploads, and the
hashes of the tokens into a tar file compressed by zstd, which plodwatch restore reads and
tar reads as well. A plodwatch that runs meanwhile goes on: what it takes in the meantime is
in the backup with its original at least, or not at all, and a restored plodwatch decodes it.

The file holds everything of everybody; only its owner may read it. Not in it: messages that
wait or were set aside (the former come back from the originals), and the tokens' secrets,
which are kept nowhere.

Examples:
  plodwatch backup /backups/plodwatch-$(date +%F).tar.zst
  tar --zstd -tf plodwatch.tar.zst`
}

// The entries of a backup. Tables are in ClickHouse's format Native, in pieces;
// any ClickHouse reads them.
const (
	backupHead      = "plodwatch-backup.json"
	backupTables    = "tables/"
	backupMarks     = "taken.jsonl"
	backupRecords   = "uploads.jsonl"
	backupTokens    = "tokens.json"
	backupOriginals = "originals/"
	backupManifest  = "manifest.json"

	backupFormat = 1
	// backupPiece is how large an entry of a table becomes, about.
	backupPiece = 16 << 20
)

// backupHeader is the first entry.
type backupHeader struct {
	Format  int       `json:"format"`
	Schema  uint64    `json:"schema"` // version of the tables
	Version string    `json:"version"`
	Created time.Time `json:"created"`
}

// backupSummary is the last entry: with it the backup is whole. Its keys are
// stable.
type backupSummary struct {
	Rows      map[string]uint64 `json:"rows"` // of each table
	Originals int               `json:"originals"`
	Bytes     int64             `json:"original_bytes"`
	Taken     int               `json:"taken"`
	Records   int               `json:"upload_records"`

	Entries map[string]string `json:"entries,omitempty"` // SHA-256 of each entry but this
}

// backupMark is a line of backupMarks.
type backupMark struct {
	ID  string      `json:"id"`
	Job *schema.Job `json:"job"` // null when the mark does not say
}

// Run writes the file under another name and gives it its own when it is whole
// and on the disk.
func (c *backupCmd) Run(ctx context.Context, a *app) (err error) {
	if _, err := os.Lstat(c.File); !c.Force && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; --force replaces it", c.File)
	}
	file, err := os.CreateTemp(filepath.Dir(c.File), ".plodwatch-backup-*")
	if err != nil {
		return fmt.Errorf("create backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
			file.Close()
		}
	}()
	sum, err := a.backup(ctx, file)
	if err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = os.Rename(file.Name(), c.File)
	}
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	sum.Entries = nil
	if c.JSON {
		return printJSON(a.stdout, sum)
	}
	fmt.Fprintf(a.stdout, "Written: %s, %s bytes. %s\n", c.File, count(size), sum)
	return nil
}

// backup writes everything to an empty file.
func (a *app) backup(ctx context.Context, file *os.File) (*backupSummary, error) {
	var sum *backupSummary
	err := a.withStore(ctx, func(h host) error {
		originals, done, err := a.openOriginals()
		if err != nil {
			return err
		}
		defer done()
		_, err = file.Seek(0, io.SeekStart) // this may be done twice
		if err = errors.Join(err, file.Truncate(0)); err != nil {
			return fmt.Errorf("write backup: %w", err)
		}
		b := &backup{a: a, h: h, originals: originals, sum: backupSummary{Rows: map[string]uint64{}, Entries: map[string]string{}}}
		sum = &b.sum
		return b.write(ctx, file)
	})
	return sum, err
}

// String says what is in a backup.
func (s *backupSummary) String() string {
	var rows uint64
	for _, n := range s.Rows {
		rows += n
	}
	return fmt.Sprintf("In it: %s rows of %d tables, %s originals of %s bytes, %s marks of what was taken, %s upload records.",
		count(rows), len(s.Rows), count(s.Originals), count(s.Bytes), count(s.Taken), count(s.Records))
}

// openOriginals opens the originals in this process, whoever holds the data
// directory: they may be used by several.
func (a *app) openOriginals() (blobStore, func(), error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, nil, err
	}
	p := newPipeline(a, dir, time.Second)
	if a.Blobs == "nats" {
		if err := p.connect(roleAdmin); err != nil {
			return nil, nil, err
		}
	}
	done := func() {
		if p.bucket != nil {
			p.bucket.Close()
		}
		if p.conn != nil {
			p.conn.Close()
		}
	}
	if err := p.openBlobs(); err != nil {
		done()
		return nil, nil, err
	}
	return p.blobs, done, nil
}

// backup is a backup that is written.
type backup struct {
	a         *app
	h         host
	originals blobStore
	tar       *tar.Writer
	sum       backupSummary
}

// write writes the tables first: what is in them has its mark and its original,
// which come after.
func (b *backup) write(ctx context.Context, w io.Writer) error {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("open compressor: %w", err)
	}
	b.tar = tar.NewWriter(packed)
	schemaVersion, err := b.h.store().SchemaVersion(ctx)
	if err != nil {
		return err
	}
	head := backupHeader{Format: backupFormat, Schema: schemaVersion, Version: version, Created: time.Now().UTC()}
	if err := b.json(backupHead, head); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.tables, b.marks, b.records, b.tokens, b.files} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	data, err := json.Marshal(&b.sum)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := b.entry(backupManifest, data); err != nil {
		return err
	}
	if err := errors.Join(b.tar.Close(), packed.Close()); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func (b *backup) tables(ctx context.Context) error {
	names, err := b.h.store().DumpTables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := b.table(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *backup) table(ctx context.Context, name string) error {
	var piece []byte
	n := 0
	flush := func() error {
		entry := fmt.Sprintf("%s%s/%06d.native", backupTables, name, n)
		n++
		err := b.entry(entry, piece)
		piece = piece[:0]
		return err
	}
	rows, err := b.h.store().Dump(ctx, name, func(block []byte) error {
		if piece = append(piece, block...); len(piece) >= backupPiece {
			return flush()
		}
		return nil
	})
	if err == nil && len(piece) > 0 {
		err = flush()
	}
	if err != nil {
		return err
	}
	if b.sum.Rows[name] = rows; rows > 0 {
		fmt.Fprintf(b.a.stderr, "table %s: %s rows\n", name, count(rows))
	}
	return nil
}

func (b *backup) marks(ctx context.Context) error {
	var lines []byte
	err := b.originals.Marks(ctx, func(id schema.JobID) error {
		job, err := b.originals.Marked(id)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		b.sum.Taken++
		return appendLine(&lines, backupMark{ID: id.String(), Job: job})
	})
	if err != nil {
		return err
	}
	return b.entry(backupMarks, lines)
}

func (b *backup) records(ctx context.Context) error {
	dir, err := b.a.dataDir()
	if err != nil {
		return err
	}
	records, err := upload.OpenRecords(filepath.Join(dir, "uploads"))
	if err != nil {
		return err
	}
	var lines []byte
	err = records.Each(ctx, func(r *upload.Record) error {
		b.sum.Records++
		return appendLine(&lines, r)
	})
	if err != nil {
		return err
	}
	return b.entry(backupRecords, lines)
}

func appendLine(to *[]byte, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	*to = append(append(*to, line...), '\n')
	return nil
}

func (b *backup) tokens(context.Context) error {
	path, err := b.a.tokenPath()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read token file: %w", err)
	}
	return b.entry(backupTokens, data)
}

func (b *backup) files(ctx context.Context) error {
	return b.originals.Walk(ctx, func(id schema.ExportID) error {
		r, size, err := b.originals.Open(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		defer r.Close()
		b.sum.Originals++
		b.sum.Bytes += size
		if b.sum.Originals%1000 == 0 {
			fmt.Fprintf(b.a.stderr, "%s originals\n", count(b.sum.Originals))
		}
		return b.stream(backupOriginals+id.String(), size, r)
	})
}

func (b *backup) json(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return b.entry(name, data)
}

func (b *backup) entry(name string, data []byte) error {
	sum := sha256.Sum256(data)
	b.sum.Entries[name] = hex.EncodeToString(sum[:])
	err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: time.Now()})
	if err == nil {
		_, err = b.tar.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// stream writes an original. Its name is its SHA-256, which is compared.
func (b *backup) stream(name string, size int64, r io.Reader) error {
	err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: time.Now()})
	sum := sha256.New()
	if err == nil {
		_, err = io.Copy(io.MultiWriter(b.tar, sum), r)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); backupOriginals+got != name {
		return fmt.Errorf("write %s: the original is damaged; plodwatch reconcile --deep says which are", name)
	}
	b.sum.Entries[name] = name[len(backupOriginals):]
	return nil
}
