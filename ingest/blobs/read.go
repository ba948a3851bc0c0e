package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"plodwatch/schema"
)

// Open returns the original bytes of an export and their number. The caller
// closes the reader. It is an io.ReaderAt as well when the export is kept as
// it is. An unknown id is an error that wraps fs.ErrNotExist. What was damaged
// on the disk is not noticed here (a compressed export excepted): compare the
// SHA-256, or use Verify.
func (d *Dir) Open(ctx context.Context, id schema.ExportID) (io.ReadCloser, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, fmt.Errorf("open export: %w", err)
	}
	file, err := os.Open(d.path(id, false))
	if err == nil {
		info, err := file.Stat()
		if err != nil {
			return nil, 0, errors.Join(fmt.Errorf("open export: %w", err), file.Close())
		}
		return file, info.Size(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("open export: %w", err)
	}
	if file, err = os.Open(d.path(id, true)); err != nil {
		return nil, 0, fmt.Errorf("open export: %w", err)
	}
	r, size, err := decompress(file)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open compressed export: %w", err), file.Close())
	}
	return r, size, nil
}

// expanded is an export that is compressed on the disk.
type expanded struct {
	*zstd.Decoder
	file *os.File
}

func decompress(file *os.File) (*expanded, int64, error) {
	var head [preambleBytes]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return nil, 0, fmt.Errorf("read size: %w: %w", ErrCorrupt, err)
	}
	size := int64(binary.LittleEndian.Uint64(head[8:])) //nolint:gosec // checked below
	if size < 0 || string(preamble(size)) != string(head[:]) {
		return nil, 0, fmt.Errorf("read size: %w", ErrCorrupt)
	}
	decoder, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*windowBytes))
	if err != nil {
		return nil, 0, fmt.Errorf("open decompressor: %w", err)
	}
	return &expanded{Decoder: decoder, file: file}, size, nil
}

// Close ends reading.
func (e *expanded) Close() error {
	e.Decoder.Close()
	return e.file.Close()
}

// Has reports whether the export is stored.
func (d *Dir) Has(ctx context.Context, id schema.ExportID) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("look for export: %w", err)
	}
	for _, compressed := range []bool{false, true} {
		_, err := os.Lstat(d.path(id, compressed))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("look for export: %w", err)
		}
	}
	return false, nil
}

// Verify reads an export and returns an error that wraps ErrCorrupt when its
// bytes are not those that were put, or fs.ErrNotExist when there is none.
func (d *Dir) Verify(ctx context.Context, id schema.ExportID) error {
	r, size, err := d.Open(ctx, id)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	buf := make([]byte, bufferBytes)
	var got int64
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verify export: %w", err)
		}
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		got += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if isFileFault(err) {
			return fmt.Errorf("verify export: %w", err)
		}
		if err != nil || got > size {
			return fmt.Errorf("verify export: %w", errors.Join(ErrCorrupt, err))
		}
	}
	if got != size || schema.ExportID(sum.Sum(nil)) != id {
		return fmt.Errorf("verify export of %d bytes: %w", got, ErrCorrupt)
	}
	return nil
}

// isFileFault tells an error of the file system from one of the decompressor.
func isFileFault(err error) bool {
	var fault *fs.PathError
	return errors.As(err, &fault)
}

// Walk calls fn for every export in the order of their identities, those
// included that are put while it goes on or not. It ends with the first error
// of fn, which comes back as it is, or of ctx.
func (d *Dir) Walk(ctx context.Context, fn func(schema.ExportID) error) error {
	return d.WalkPart(ctx, "", fn)
}

// WalkPart is Walk for the exports whose identity begins with these
// hexadecimal digits, in lower case.
func (d *Dir) WalkPart(ctx context.Context, prefix string, fn func(schema.ExportID) error) error {
	for i := range 256 {
		shard := hex.EncodeToString([]byte{byte(i)})
		if n := min(len(prefix), len(shard)); shard[:n] != prefix[:n] {
			continue
		}
		entries, err := os.ReadDir(d.shard(byte(i)))
		if err != nil {
			return fmt.Errorf("list exports: %w", err)
		}
		last := schema.ExportID{}
		for _, entry := range entries {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("list exports: %w", err)
			}
			id, ok := nameOf(entry)
			if !ok || id == last || !strings.HasPrefix(entry.Name(), prefix) {
				continue
			}
			last = id
			if err := fn(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Stat returns the size of an export, in bytes, and when it was stored. An
// unknown id is an error that wraps fs.ErrNotExist.
func (d *Dir) Stat(ctx context.Context, id schema.ExportID) (size int64, at time.Time, err error) {
	r, size, err := d.Open(ctx, id)
	if errors.Is(err, ErrCorrupt) {
		err = nil // it is there, whatever its bytes say
	} else if err == nil {
		err = r.Close()
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	info, err := os.Lstat(d.path(id, false))
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Lstat(d.path(id, true))
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("look at export: %w", err)
	}
	return size, info.ModTime(), nil
}

// nameOf returns the export that a directory entry holds, if it is one of ours.
func nameOf(entry fs.DirEntry) (schema.ExportID, bool) {
	name := strings.TrimSuffix(entry.Name(), compressedSuffix)
	id, err := schema.ParseExportID(name)
	return id, err == nil && entry.Type().IsRegular() && id.String() == name
}
