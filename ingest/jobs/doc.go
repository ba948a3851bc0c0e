// Package jobs connects ingest with the queues: the Intake stores exports and
// queues jobs for them, the Runner has a worker do the jobs, and the Publisher
// puts what the worker found on the queues.
//
// Nothing is acknowledged, to whom handed a file in or to the queue, before
// what follows from it is on stable storage. Whatever is interrupted is done
// again, and doing it again changes nothing.
package jobs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// Ledger remembers which jobs have been queued. blobs.Dir is one.
type Ledger interface {
	// Taken reports whether job was marked.
	Taken(job schema.JobID) bool
	// MarkTaken marks job, and keeps what it says for the day when both the
	// queues and the tables are lost. A mark that is lost only repeats work.
	MarkTaken(job *schema.Job) error
}

// notNow turns a queue that takes nothing now, or is gone, into
// ingest.ErrBusy, and leaves other errors as they are.
func notNow(err error) error {
	if errors.Is(err, streams.ErrBusy) || errors.Is(err, streams.ErrClosed) {
		return fmt.Errorf("%w: %w", ingest.ErrBusy, err)
	}
	return err
}

// missing returns an error that names the keys whose value is true.
func missing(absent map[string]bool) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		if absent[name] {
			faults = append(faults, fmt.Errorf("%s: is missing", name))
		}
	}
	return errors.Join(faults...)
}
