package folder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"plodwatch/schema"
)

// Deps are the things a Folder works with. All are required, Queryable only
// for AfterDelete.
type Deps struct {
	Acceptor Acceptor
	// Queryable tells whether everything that came of an export of athlete has
	// reached the database; for an archive, of its members too. It is asked
	// from one goroutine, again after growing waits while it says no. Its
	// errors are reported and lead to another try.
	Queryable func(ctx context.Context, athlete schema.AthleteID, export schema.ExportID) (bool, error)
	Metrics   *Metrics
	Log       *slog.Logger
}

// Folder watches a directory and hands every file in it to an Acceptor once.
type Folder struct {
	cfg       Config
	deps      Deps
	openNotes func() (*notes, error)
}

// New returns a Folder that does nothing before Run, or an error that names
// every fault of cfg and every missing dependency.
func New(cfg Config, deps Deps) (*Folder, error) {
	errs := []error{cfg.Validate()}
	if deps.Acceptor == nil {
		errs = append(errs, errors.New("folder needs an acceptor"))
	}
	if deps.Queryable == nil && cfg.After == AfterDelete {
		errs = append(errs, errors.New("folder needs to know what is queryable before it deletes"))
	}
	if deps.Metrics == nil || deps.Log == nil {
		errs = append(errs, errors.New("folder needs metrics and a log"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	cfg.Dir = dir
	return &Folder{cfg: cfg, deps: deps, openNotes: openNotes}, nil
}

// Run watches until ctx ends, and returns nil then, after every goroutine that
// it started has ended. The directory may go away and come back meanwhile, but
// it is an error when there is none at the start. A Folder may run again, but
// not twice at the same time.
//
// Files are taken in the order in which they have settled, Config.Concurrency
// at a time. Nothing is lost when the Acceptor says ingest.ErrNotNow: all files
// are held back for RetryMin, twice as long each time until one is taken, at
// most RetryMax. Other failures are reported once for each state of a file and
// tried again after waits that double up to an hour. A *schema.Refusal is
// final for this state of the file.
func (f *Folder) Run(ctx context.Context) error {
	info, err := os.Stat(f.cfg.Dir)
	if err != nil {
		return fmt.Errorf("watch folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("watch folder %s: not a directory", f.cfg.Dir)
	}
	o := newOwner(f)
	o.load()
	notes := o.startNotes()
	defer notes.close()
	o.loop(ctx, notes)
	return nil
}
