package folder

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"plodwatch/schema"
)

// After says what becomes of a file that was taken.
type After string

// The values of After.
const (
	// AfterKeep leaves the file as it is.
	AfterKeep After = "keep"
	// AfterMove moves it below DoneDir once it is on stable storage and
	// queued. Nothing is overwritten: a name that is in use gets a suffix.
	AfterMove After = "move"
	// AfterDelete deletes it once Deps.Queryable says that it has reached the
	// database.
	AfterDelete After = "delete"
)

// DoneDir is the directory inside of the watched one that AfterMove moves
// files to, under the same relative path.
const DoneDir = ".plodwatch-done"

// Config says which directory is watched, and how.
type Config struct {
	Dir string // the watched directory; it must exist when Run starts
	// DefaultAthlete owns the files whose place does not name an athlete, see
	// AthleteOf.
	DefaultAthlete schema.AthleteID
	After          After
	// StateFile remembers between runs what was taken, so that a restart does
	// not read everything again. It lies outside of Dir, best in the data
	// directory, so that it goes when the data goes. Losing it only repeats
	// the reading. "" = remember in memory only.
	StateFile string

	Settle       time.Duration // how long a file must have stayed the same; default 2 s
	Rescan       time.Duration // time between full scans; default 30 s
	PollInterval time.Duration // how often notified and settling files are looked at; default 250 ms
	RetryMin     time.Duration // first wait after ErrNotNow, then doubled; default 1 s
	RetryMax     time.Duration // longest such wait; default 1 min
	Concurrency  int           // files read at the same time; default 2
}

// DefaultConfig returns the default settings for watching dir.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:            dir,
		DefaultAthlete: schema.DefaultAthlete,
		After:          AfterKeep,
		Settle:         2 * time.Second,
		Rescan:         30 * time.Second,
		PollInterval:   250 * time.Millisecond,
		RetryMin:       time.Second,
		RetryMax:       time.Minute,
		Concurrency:    2,
	}
}

// Validate returns an error that names every field whose value is not usable.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, need string, value any) {
		errs = append(errs, fmt.Errorf("folder %s %v: need %s", field, value, need))
	}
	if c.Dir == "" {
		bad("dir", "a directory", `""`)
	}
	if _, err := schema.ParseAthleteID(string(c.DefaultAthlete)); err != nil {
		errs = append(errs, fmt.Errorf("folder default %w", err))
	}
	switch c.After {
	case AfterKeep, AfterMove, AfterDelete:
	default:
		bad("after", "keep, move or delete", c.After)
	}
	if c.StateFile != "" && c.Dir != "" && inside(c.StateFile, c.Dir) {
		bad("state file", "a path outside of the watched directory", c.StateFile)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"settle", c.Settle},
		{"rescan", c.Rescan},
		{"poll interval", c.PollInterval},
		{"shortest retry", c.RetryMin},
	} {
		if d.value <= 0 {
			bad(d.field, "more than 0", d.value)
		}
	}
	if c.RetryMax < c.RetryMin {
		bad("longest retry", "at least the shortest", c.RetryMax)
	}
	if c.Concurrency < 1 || c.Concurrency > 64 {
		bad("concurrency", "1 to 64", c.Concurrency)
	}
	return errors.Join(errs...)
}

// inside tells whether path lies below dir, going by the names.
func inside(path, dir string) bool {
	absPath, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	absDir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(absDir, absPath)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// AthleteOf returns whose file it is that lies at rel below the watched
// directory: the athlete that the first directory on the way is named after,
// at any depth below it. A file that lies directly in the watched directory,
// or in one whose name is no AthleteID, belongs to fallback; named is false
// for the latter only.
func AthleteOf(rel string, fallback schema.AthleteID) (athlete schema.AthleteID, named bool) {
	first, _, deeper := strings.Cut(filepath.ToSlash(rel), "/")
	if !deeper {
		return fallback, true
	}
	id, err := schema.ParseAthleteID(first)
	if err != nil {
		return fallback, false
	}
	return id, true
}
