package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"plodwatch/ingest"
	"plodwatch/schema"
)

const (
	// memoryBytes is how much of an export is kept in memory until its identity
	// is known; more goes to a temporary file.
	memoryBytes = 1 << 20

	readBytes   = 64 << 10
	emptyAtMost = 100 // reads in a row that bring nothing
)

// spooled is an export that has come in whole. An object's name stands in its
// description alone, but whether it is there already must be known before
// anything is sent; and an upload that breaks off leaves nothing in the bucket.
type spooled struct {
	id   schema.ExportID
	size int64
	head []byte   // all of it, or nothing when there is a file
	file *os.File // without a name: it ends with the process
}

func (s *spooled) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// reader reads the export from its beginning.
func (s *spooled) reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.head)
}

// spool takes all that r holds.
func spool(ctx context.Context, r io.Reader, dir string) (*spooled, error) {
	s, sum := &spooled{}, sha256.New()
	buf := make([]byte, readBytes)
	for empty := 0; ; {
		if err := ctx.Err(); err != nil {
			s.close()
			return nil, fmt.Errorf("read export: %w", err)
		}
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		s.size += int64(n)
		if keepErr := s.keep(buf[:n], dir); keepErr != nil {
			s.close()
			return nil, keepErr
		}
		if empty++; n > 0 {
			empty = 0
		}
		if err == nil && empty > emptyAtMost {
			err = io.ErrNoProgress
		}
		// Not errors.Is: an error that wraps io.EOF is not the end.
		if err == io.EOF { //nolint:errorlint // see above
			s.id = schema.ExportID(sum.Sum(nil))
			return s, nil
		}
		if err != nil {
			s.close()
			return nil, fmt.Errorf("read export: %w", err)
		}
	}
}

// keep adds bytes to what has come in.
func (s *spooled) keep(data []byte, dir string) error {
	if s.file == nil && len(s.head)+len(data) <= memoryBytes {
		s.head = append(s.head, data...)
		return nil
	}
	if s.file == nil {
		file, err := os.CreateTemp(dir, "plodwatch-put-*")
		if err != nil {
			return diskFault("create temporary file", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("hide temporary file: %w", err)
		}
		head := s.head
		s.head = nil
		if _, err := s.file.Write(head); err != nil {
			return diskFault("write temporary file", err)
		}
	}
	if _, err := s.file.Write(data); err != nil {
		return diskFault("write temporary file", err)
	}
	return nil
}

func diskFault(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%s: %w: %w", doing, ingest.ErrDiskFull, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
