package analyze

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds the analyzer's batches and says when it looks for sessions
// that must be derived again.
type Config struct {
	// BatchRows ends a batch when it holds at least this many samples. Default
	// 500,000: smaller ones cost more in inserts, and again in merges; larger
	// ones take the memory of an import above 1 GB.
	BatchRows int64 `yaml:"batch_rows"`
	// BatchQuiet ends a batch when nothing has come in for this long. Default
	// 300 ms.
	BatchQuiet time.Duration `yaml:"batch_quiet"`
	// BatchWait ends a batch this long after its first item came in, however
	// much still comes. Default 3 s.
	BatchWait time.Duration `yaml:"batch_wait"`
	// MaxRows bounds the samples in hand at once: gathered, being inserted and
	// waiting. A session larger than this goes alone. Default 1,200,000, which
	// are about 50 MB.
	MaxRows int64 `yaml:"max_rows"`
	// SweepIdle is how long after the last batch the analyzer looks for
	// sessions whose settings or observed maximum have changed. Default 1 s.
	SweepIdle time.Duration `yaml:"sweep_idle"`
	// SweepBusy is how long it puts that off while batches keep coming.
	// Default 30 s.
	SweepBusy time.Duration `yaml:"sweep_busy"`
	// SweepAll is how often it looks at everybody's sessions: another analyzer
	// may have been killed before it looked, or have a clock that is off.
	// Default 1 h.
	SweepAll time.Duration `yaml:"sweep_all"`
	// DrainTimeout is how long work in hand may take after the end of Run's
	// context. Default 30 s.
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{
		BatchRows: 500_000, BatchQuiet: 300 * time.Millisecond, BatchWait: 3 * time.Second, MaxRows: 1_200_000,
		SweepIdle: time.Second, SweepBusy: 30 * time.Second, SweepAll: time.Hour, DrainTimeout: 30 * time.Second,
	}
}

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if c.BatchRows < 1 {
		faults = append(faults, fmt.Errorf("batch_rows is %d: must be at least 1", c.BatchRows))
	}
	if c.MaxRows < c.BatchRows {
		faults = append(faults, fmt.Errorf("max_rows is %d: must be at least batch_rows (%d)", c.MaxRows, c.BatchRows))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"batch_quiet", c.BatchQuiet},
		{"batch_wait", c.BatchWait},
		{"sweep_idle", c.SweepIdle},
		{"sweep_busy", c.SweepBusy},
		{"sweep_all", c.SweepAll},
		{"drain_timeout", c.DrainTimeout},
	} {
		if d.value <= 0 {
			faults = append(faults, fmt.Errorf("%s is %s: must be above 0", d.name, d.value))
		}
	}
	return errors.Join(faults...)
}
