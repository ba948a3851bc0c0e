// Package blobs keeps the original bytes of exports in a directory, each file
// under the SHA-256 of its bytes, and remembers which jobs have been taken.
//
//	data/ab/abcd...       an export as it was handed in
//	data/ab/abcd....zst   an export that looks like XML, compressed
//	taken/ab/abcd...      the job of this identity was queued; a little JSON says
//	                      what it was (older marks are empty)
//	tmp/                  what is being written
//
// A file appears under its identity only when it is whole and on stable
// storage, and is never written to again. The queues may be lost; what is here
// is the truth.
package blobs

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"plodwatch/ingest"
	"plodwatch/schema"
)

const (
	// DefaultMinFreeBytes is how much of the disk Put leaves free: 1 GiB.
	DefaultMinFreeBytes = 1 << 30

	// DefaultMinFreeShare is the part of the disk that Put leaves free.
	DefaultMinFreeShare = 0.05
)

var (
	// ErrDiskFull is wrapped by the error of a Put that would leave too little
	// of the disk free, or for which there was no room. It wraps
	// ingest.ErrNotNow: nothing was kept, and later there may be room.
	ErrDiskFull = ingest.ErrDiskFull

	// ErrCorrupt is wrapped by Verify's error when what is stored is not what
	// was put.
	ErrCorrupt = errors.New("stored export is damaged")
)

// Config says where a Dir is and how much of the disk it leaves to others.
type Config struct {
	// Dir is the directory. It is made (0700) when missing.
	Dir string `yaml:"dir"`

	// MinFreeBytes and MinFreeShare (of the disk's size, 0 to 1) say how much
	// must be free for Put to take anything; the larger of both counts. With
	// both 0 the disk is filled to the end.
	MinFreeBytes int64   `yaml:"min_free_bytes"`
	MinFreeShare float64 `yaml:"min_free_share"`
}

// DefaultConfig returns the configuration of a store in dir that leaves 1 GiB
// or 5 % of the disk free, whichever is more.
func DefaultConfig(dir string) Config {
	return Config{Dir: dir, MinFreeBytes: DefaultMinFreeBytes, MinFreeShare: DefaultMinFreeShare}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("dir: must not be empty"))
	}
	if c.MinFreeBytes < 0 {
		faults = append(faults, fmt.Errorf("min_free_bytes: %d is negative", c.MinFreeBytes))
	}
	if !(c.MinFreeShare >= 0 && c.MinFreeShare < 1) {
		faults = append(faults, fmt.Errorf("min_free_share: %g is not from 0 to less than 1", c.MinFreeShare))
	}
	return errors.Join(faults...)
}

// Dir is a store in a directory. It implements ingest.Blobs, is safe for
// concurrent use, also by several processes, and needs no closing.
type Dir struct {
	cfg      Config
	encoders sync.Pool // of *zstd.Encoder
}

var _ ingest.Blobs = (*Dir)(nil)

const (
	dataName  = "data"
	takenName = "taken"
	tempName  = "tmp"

	compressedSuffix = ".zst"
)

// Open makes the directory, or opens it, and removes what writers that were
// killed have left in it.
func Open(cfg Config) (*Dir, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check blob store configuration: %w", err)
	}
	d := &Dir{cfg: cfg}
	if err := d.make(); err != nil {
		return nil, fmt.Errorf("make blob directory: %w", err)
	}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("sweep blob directory: %w", err)
	}
	return d, nil
}

// make makes all directories. They are all there from the start so that no Put
// relies on a directory that another has made but not yet synced.
func (d *Dir) make() error {
	for _, name := range []string{tempName, takenName, dataName} {
		if err := os.MkdirAll(filepath.Join(d.cfg.Dir, name), 0o700); err != nil {
			return err
		}
	}
	made := false
	for i := range 256 {
		switch err := os.Mkdir(d.shard(byte(i)), 0o700); {
		case err == nil:
			made = true
		case !errors.Is(err, os.ErrExist):
			return err
		}
	}
	if !made {
		return nil
	}
	for _, dir := range []string{filepath.Join(d.cfg.Dir, dataName), d.cfg.Dir, filepath.Dir(filepath.Clean(d.cfg.Dir))} {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) shard(first byte) string {
	return filepath.Join(d.cfg.Dir, dataName, hex.EncodeToString([]byte{first}))
}

// path returns where the export is, or would be.
func (d *Dir) path(id schema.ExportID, compressed bool) string {
	name := id.String()
	if compressed {
		name += compressedSuffix
	}
	return filepath.Join(d.shard(id[0]), name)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
