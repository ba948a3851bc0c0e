package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"plodwatch/schema"
)

var (
	// ErrNotNow is wrapped by errors that mean: nothing is wrong with the
	// export, try again later. Nothing was lost and nothing was acknowledged.
	ErrNotNow = errors.New("not now")

	// ErrBusy is the ErrNotNow of a server that is full, slow or away
	// (back-pressure). errors.Is(err, ErrNotNow) holds for it too.
	ErrBusy = fmt.Errorf("server is busy: %w", ErrNotNow)

	// ErrDiskFull is the ErrNotNow of a store that would leave too little of
	// its disk free, or has no room.
	ErrDiskFull = fmt.Errorf("disk is full: %w", ErrNotNow)

	// ErrSessionTooLarge is wrapped by Batch.PublishSession when the encoded
	// session does not fit a message. Trying again does not help.
	ErrSessionTooLarge = errors.New("session does not fit a message")
)

// Decoder reads one activity file of one format.
type Decoder interface {
	// Decode reads r to the end of what it needs. size is the number of bytes
	// in r, or -1 when it is not known beforehand (a compressed file).
	//
	// A file that holds no activity or cannot be read returns a
	// *schema.Refusal; the Recording may be non-nil beside it so that the Raw
	// counts are known. A damaged file of which something could be kept is no
	// error: its Recording says salvaged. Errors of r and of ctx come back
	// wrapped as they are.
	Decode(ctx context.Context, r io.Reader, size int64) (*schema.Recording, error)
}

// Publisher hands on what a worker found.
type Publisher interface {
	// Begin starts the messages of one job. It is safe for concurrent use and
	// does no I/O.
	Begin() Batch
}

// Batch publishes the messages of one job, from one goroutine. The Publish
// methods may return before the server has acknowledged (and block while too
// much is in flight); nothing is certain until Flush has returned nil. All
// messages are safe to publish again after a failure.
//
// Errors that wrap ErrNotNow mean the server would not take it now. A Batch
// that has returned one from a Publish method or from Flush is of no further
// use, except that an ErrSessionTooLarge leaves it usable.
type Batch interface {
	// PublishSession sends one session. It returns an error that wraps
	// ErrSessionTooLarge, at once and with nothing sent, when the session does
	// not fit a message. It keeps nothing of env after it has returned.
	PublishSession(ctx context.Context, env *schema.Envelope) error

	// PublishOutcome sends what became of the export.
	PublishOutcome(ctx context.Context, out *schema.ExportOutcome) error

	// PublishJob asks for the decoding of another stored export, a member of
	// an archive. A job that is queued already is no error.
	PublishJob(ctx context.Context, job schema.Job) error

	// Flush returns nil when the server has acknowledged everything that was
	// published so far.
	Flush(ctx context.Context) error
}

// Blobs keeps the original bytes of exports under their SHA-256.
type Blobs interface {
	// Put stores what r holds and returns its identity, its size in bytes and
	// whether it was new. When it returns nil the bytes are on stable storage.
	// Errors of r come back wrapped as they are.
	Put(ctx context.Context, r io.Reader) (id schema.ExportID, size int64, created bool, err error)

	// Open returns the original bytes and their number. The reader is closed
	// by the caller; if it is an io.ReaderAt as well, random access is used.
	// An unknown id is an error that wraps fs.ErrNotExist.
	Open(ctx context.Context, id schema.ExportID) (io.ReadCloser, int64, error)
}

// Receipt says what was done with an export that was handed in.
type Receipt struct {
	Job schema.Job // as it was queued, or as it was queued the first time
	// Duplicate is true when the same bytes were taken before for the same
	// athlete: nothing was queued.
	Duplicate bool
	// Outcome is what became of it, known only for duplicates that have been
	// worked on already; nil otherwise.
	Outcome *schema.ExportOutcome
}
