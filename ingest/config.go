package ingest

import (
	"errors"
	"fmt"
)

// Config bounds what a Worker and Inspect take, so that no file can use more
// than a known amount of memory, disk and time.
type Config struct {
	// MaxExportBytes is the largest export as it was handed in. Default 4 GiB.
	MaxExportBytes int64 `yaml:"max_export_bytes"`
	// MaxPayloadBytes is the largest activity file, after unpacking. Default
	// 256 MiB; decoders may have lower limits of their own.
	MaxPayloadBytes int64 `yaml:"max_payload_bytes"`
	// MaxArchiveBytes is how much one zip may unpack to. Default 16 GiB.
	MaxArchiveBytes int64 `yaml:"max_archive_bytes"`
	// MaxRatio is how many bytes one compressed byte may unpack to, once
	// ratioFloor bytes have come out. Default 200; GPX reaches 30.
	MaxRatio int64 `yaml:"max_ratio"`
	// MaxMembers is how many members of a zip become exports. Default 20,000.
	MaxMembers int `yaml:"max_members"`
	// MemoryBytes bounds the estimated memory of all jobs that one Worker
	// handles at the same time; jobs wait for their share. Default 512 MiB.
	MemoryBytes int64 `yaml:"memory_bytes"`
	// TempDir is where archives are kept while they are read when their store
	// has no random access. Default "", the system's.
	TempDir string `yaml:"temp_dir"`
}

// DefaultConfig returns the limits plodwatch runs with.
func DefaultConfig() Config {
	return Config{
		MaxExportBytes:  4 << 30,
		MaxPayloadBytes: 256 << 20,
		MaxArchiveBytes: 16 << 30,
		MaxRatio:        200,
		MaxMembers:      20_000,
		MemoryBytes:     512 << 20,
	}
}

// Validate returns an error that names every field whose value is not usable.
func (c Config) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"max_export_bytes", c.MaxExportBytes},
		{"max_payload_bytes", c.MaxPayloadBytes},
		{"max_archive_bytes", c.MaxArchiveBytes},
		{"max_ratio", c.MaxRatio},
		{"max_members", int64(c.MaxMembers)},
		{"memory_bytes", c.MemoryBytes},
	} {
		if f.value <= 0 {
			faults = append(faults, fmt.Errorf("%s: %d is not greater than 0", f.name, f.value))
		}
	}
	return errors.Join(faults...)
}
