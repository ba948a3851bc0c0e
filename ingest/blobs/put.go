package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"plodwatch/schema"
)

const (
	bufferBytes = 64 << 10

	// guardEvery is after how many bytes of one export the disk is asked
	// again how much is free.
	guardEvery = 64 << 20

	// windowBytes is the memory of the compressor: more than the distance at
	// which track points still resemble each other.
	windowBytes = 1 << 20

	// A compressed file begins with a skippable frame (RFC 8878, 3.1.2) that
	// holds the size of the original: any zstd tool reads past it.
	skippableMagic = 0x184D2A50
	preambleBytes  = 16
)

// Put stores what r holds and returns its identity, its size in bytes and
// whether it was new. When it returns nil the bytes are on stable storage.
// Bytes that are there already are read and compared, and put anew if they
// have been damaged.
//
// Errors of r and of ctx come back wrapped as they are, and those of a full
// disk wrap ErrDiskFull; nothing is left behind then.
func (d *Dir) Put(ctx context.Context, r io.Reader) (id schema.ExportID, size int64, created bool, err error) {
	if err := d.CheckDisk(); err != nil {
		return schema.ExportID{}, 0, false, err
	}
	file, err := d.createTemp()
	if err != nil {
		return schema.ExportID{}, 0, false, diskFault("create temporary file", err)
	}
	w := &writer{dir: d, file: file, sum: sha256.New()}
	defer func() {
		// Closing may be the first to say that nothing was written.
		err = errors.Join(err, file.Close(), remove(file.Name()))
	}()
	if err := w.copy(ctx, r); err != nil {
		return schema.ExportID{}, 0, false, err
	}
	id = schema.ExportID(w.sum.Sum(nil))
	created, err = d.publish(ctx, id, w)
	return id, w.size, created, err
}

// publish gives the written file its name.
func (d *Dir) publish(ctx context.Context, id schema.ExportID, w *writer) (created bool, err error) {
	there, err := d.Has(ctx, id)
	if err != nil {
		return false, err
	}
	if there {
		err := d.Verify(ctx, id)
		if err == nil {
			return false, d.settle(id)
		}
		if !errors.Is(err, ErrCorrupt) {
			return false, err
		}
	}
	if err := w.file.Sync(); err != nil {
		return false, diskFault("sync export", err)
	}
	path := d.path(id, w.compressed)
	if there {
		return false, d.replace(id, w.file.Name(), path)
	}
	err = os.Link(w.file.Name(), path)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return false, diskFault("name export", err)
	}
	return err == nil, d.settle(id)
}

// replace puts a whole file in the place of a damaged one.
func (d *Dir) replace(id schema.ExportID, temp, path string) error {
	// A second name for the file, so that the first can be removed as always.
	second := temp + ".whole"
	if err := os.Link(temp, second); err != nil {
		return diskFault("name export", err)
	}
	if err := os.Rename(second, path); err != nil {
		return errors.Join(fmt.Errorf("replace damaged export: %w", err), remove(second))
	}
	for _, compressed := range []bool{false, true} {
		if other := d.path(id, compressed); other != path {
			if err := remove(other); err != nil {
				return fmt.Errorf("remove damaged export: %w", err)
			}
		}
	}
	return d.settle(id)
}

// settle makes the name of an export durable, whoever has given it.
func (d *Dir) settle(id schema.ExportID) error {
	if err := syncDir(d.shard(id[0])); err != nil {
		return diskFault("sync blob directory", err)
	}
	return nil
}

// writer writes one export to a temporary file.
type writer struct {
	dir        *Dir
	file       *os.File
	sum        hash.Hash
	size       int64
	compressed bool
	encoder    *zstd.Encoder // of a compressed export, while it is written
}

// copy writes all that r holds.
func (w *writer) copy(ctx context.Context, r io.Reader) error {
	buf := make([]byte, bufferBytes)
	out := io.Writer(w.file)
	for first, guarded := true, int64(0); ; first = false {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read export: %w", err)
		}
		n, readErr := fill(r, buf)
		if readErr != nil && !errors.Is(readErr, errEnd) {
			return fmt.Errorf("read export: %w", readErr)
		}
		if first && looksLikeXML(buf[:n]) {
			if err := w.compress(); err != nil {
				return err
			}
			defer w.release()
			out = w.encoder
		}
		w.sum.Write(buf[:n])
		w.size += int64(n)
		if _, err := out.Write(buf[:n]); err != nil {
			return diskFault("write export", err)
		}
		if readErr != nil {
			return w.finish()
		}
		if w.size-guarded >= guardEvery {
			guarded = w.size
			if err := w.dir.CheckDisk(); err != nil {
				return err
			}
		}
	}
}

// compress has what follows compressed.
func (w *writer) compress() error {
	w.compressed = true
	if _, err := w.file.Write(make([]byte, preambleBytes)); err != nil {
		return diskFault("write export", err)
	}
	if pooled, ok := w.dir.encoders.Get().(*zstd.Encoder); ok {
		pooled.Reset(w.file)
		w.encoder = pooled
		return nil
	}
	encoder, err := zstd.NewWriter(w.file,
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithEncoderCRC(true))
	if err != nil {
		return fmt.Errorf("open compressor: %w", err)
	}
	w.encoder = encoder
	return nil
}

func (w *writer) release() {
	w.encoder.Reset(nil)
	w.dir.encoders.Put(w.encoder)
	w.encoder = nil
}

func (w *writer) finish() error {
	if !w.compressed {
		return nil
	}
	if err := w.encoder.Close(); err != nil {
		return diskFault("write export", err)
	}
	if _, err := w.file.WriteAt(preamble(w.size), 0); err != nil {
		return diskFault("write export", err)
	}
	return nil
}

func preamble(size int64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, preambleBytes-8)
	return binary.LittleEndian.AppendUint64(b, uint64(size)) //nolint:gosec // sizes are not negative
}

// errEnd says that a reader has ended as it should. It is not io.EOF, for a
// reader's own io.ErrUnexpectedEOF, the mark of an upload that was cut off,
// must stay an error.
var errEnd = errors.New("end of input")

// fill reads until buf is full. It returns errEnd with the last bytes.
func fill(r io.Reader, buf []byte) (int, error) {
	n, empty := 0, 0
	for n < len(buf) {
		k, err := r.Read(buf[n:])
		n += k
		if err == io.EOF {
			return n, errEnd
		}
		if err != nil {
			return n, err
		}
		if empty++; k > 0 {
			empty = 0
		}
		if empty > 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// looksLikeXML reports whether the first character besides blanks and byte
// order marks is '<', in UTF-8 or UTF-16.
func looksLikeXML(head []byte) bool {
	for _, c := range head {
		switch c {
		case '<':
			return true
		case ' ', '\t', '\r', '\n', 0, 0xef, 0xbb, 0xbf, 0xfe, 0xff:
		default:
			return false
		}
	}
	return false
}
