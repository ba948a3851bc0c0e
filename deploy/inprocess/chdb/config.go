package chdb

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Config says where the engine keeps its data and how much it may use. Fields
// that are zero take the value of DefaultConfig.
type Config struct {
	// Library is the path of libchdb.so; empty means what Find finds.
	Library string
	// Path is the directory of the engine's data; it is created, and one
	// process at a time may hold it.
	Path string
	// Database is created if it is not there, and is the one a request without
	// a database means. Default "plodwatch".
	Database string
	// MaxMemoryBytes bounds what the engine allocates for all queries and
	// merges together; the Go heap does not count. Default 1 GB.
	MaxMemoryBytes uint64
	// MaxQueryMemoryBytes bounds one query; beyond half of it, GROUP BY and
	// ORDER BY go to disk. Default 600 MB.
	MaxQueryMemoryBytes uint64
	// BackgroundThreads merge parts. Default 2.
	BackgroundThreads int
	// Outside bounds what comes through ReadOnlyHandler.
	Outside Limits
}

// Limits bound one statement from outside.
type Limits struct {
	// MaxExecutionTime is the longest a statement may run; a client may ask for
	// less, not for more. Default 30 s, whole seconds.
	MaxExecutionTime time.Duration
	// MaxMemoryBytes bounds one statement's memory. Default 300 MB.
	MaxMemoryBytes uint64
	// MaxResultRows and MaxResultBytes bound what a statement may return; more
	// is an error, not a cut result. Default 5 million rows and 256 MiB.
	MaxResultRows, MaxResultBytes uint64
	// MaxConcurrent statements run at once, others wait for their turn, for as
	// long as MaxExecutionTime. Default 4.
	MaxConcurrent int
}

// DefaultConfig returns the values that a zero field stands for; Path has none.
func DefaultConfig() Config {
	return Config{
		Database:            "plodwatch",
		MaxMemoryBytes:      1_000_000_000,
		MaxQueryMemoryBytes: 600_000_000,
		BackgroundThreads:   2,
		Outside: Limits{
			MaxExecutionTime: 30 * time.Second,
			MaxMemoryBytes:   300_000_000,
			MaxResultRows:    5_000_000,
			MaxResultBytes:   256 << 20,
			MaxConcurrent:    4,
		},
	}
}

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Validate reports every field that cannot be used, after zero fields have
// taken their defaults.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("path is empty"))
	}
	if !databaseName.MatchString(c.Database) || c.Database == "default" || c.Database == "system" {
		errs = append(errs, fmt.Errorf("database %q is not a name of letters, digits and _ other than default and system", c.Database))
	}
	if c.MaxMemoryBytes < 200_000_000 {
		errs = append(errs, fmt.Errorf("max memory of %d bytes is less than the 200 MB the engine needs", c.MaxMemoryBytes))
	}
	if c.MaxQueryMemoryBytes > c.MaxMemoryBytes {
		errs = append(errs, fmt.Errorf("max query memory of %d bytes is more than the %d of all", c.MaxQueryMemoryBytes, c.MaxMemoryBytes))
	}
	if c.BackgroundThreads < 1 {
		errs = append(errs, fmt.Errorf("background threads %d is less than 1", c.BackgroundThreads))
	}
	if c.Outside.MaxExecutionTime < time.Second {
		errs = append(errs, fmt.Errorf("outside max execution time %s is less than a second", c.Outside.MaxExecutionTime))
	}
	if c.Outside.MaxConcurrent < 1 {
		errs = append(errs, fmt.Errorf("outside max concurrent %d is less than 1", c.Outside.MaxConcurrent))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Database = orElse(c.Database, d.Database)
	c.MaxMemoryBytes = orElse(c.MaxMemoryBytes, d.MaxMemoryBytes)
	c.MaxQueryMemoryBytes = orElse(c.MaxQueryMemoryBytes, min(d.MaxQueryMemoryBytes, c.MaxMemoryBytes))
	c.BackgroundThreads = orElse(c.BackgroundThreads, d.BackgroundThreads)
	o, do := &c.Outside, d.Outside
	o.MaxExecutionTime = orElse(o.MaxExecutionTime, do.MaxExecutionTime)
	o.MaxMemoryBytes = orElse(o.MaxMemoryBytes, do.MaxMemoryBytes)
	o.MaxResultRows = orElse(o.MaxResultRows, do.MaxResultRows)
	o.MaxResultBytes = orElse(o.MaxResultBytes, do.MaxResultBytes)
	o.MaxConcurrent = orElse(o.MaxConcurrent, do.MaxConcurrent)
	return c
}

func orElse[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}
