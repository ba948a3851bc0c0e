package analyze

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds the analyzer's batches.
type Config struct {
	// BatchRows ends a batch when it holds at least this many samples.
	// Default 100,000.
	BatchRows int64 `yaml:"batch_rows"`
	// BatchWait ends a batch this long after its first item came in.
	// Default 1 s.
	BatchWait time.Duration `yaml:"batch_wait"`
	// MaxRows bounds the samples in hand at once: gathered, being inserted and
	// waiting. A session larger than this goes alone. Default 400,000.
	MaxRows int64 `yaml:"max_rows"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{BatchRows: 100_000, BatchWait: time.Second, MaxRows: 400_000}
}

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if c.BatchRows < 1 {
		faults = append(faults, fmt.Errorf("batch_rows is %d: must be at least 1", c.BatchRows))
	}
	if c.BatchWait <= 0 {
		faults = append(faults, fmt.Errorf("batch_wait is %s: must be above 0", c.BatchWait))
	}
	if c.MaxRows < c.BatchRows {
		faults = append(faults, fmt.Errorf("max_rows is %d: must be at least batch_rows (%d)", c.MaxRows, c.BatchRows))
	}
	return errors.Join(faults...)
}
