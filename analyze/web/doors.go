package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"plodwatch/schema"
)

// Uploads takes files in. It is the gate: what the page hands over goes the
// way that all uploads go.
type Uploads interface {
	// Guard puts a handler that reads files from a request behind the gate's
	// metrics, its access log and its limits on slow bodies.
	Guard(next http.Handler) http.Handler
	// Take takes one file for an athlete for whom by may upload. The receipt
	// comes when the file is on stable storage and queued. An error that the
	// visitor is to read is a *Refused. name is what the visitor calls it.
	Take(ctx context.Context, by Visitor, athlete schema.AthleteID, name string, body io.Reader) (Taken, error)
	// MaxBytes is the size of the largest file that is taken.
	MaxBytes() int64
	// NameOf returns what an uploaded file was called, "" when that is not
	// known.
	NameOf(athlete schema.AthleteID, export schema.ExportID) string
}

// Taken is a receipt for a file.
type Taken struct {
	Export    schema.ExportID
	Duplicate bool // the same bytes were taken before: nothing was queued
}

// Refused says why a file was not taken.
type Refused struct { //nolint:errname // an answer first
	Status     int           // of HTTP: 413, 429, 503, 507 ...
	Words      string        // for the visitor
	RetryAfter time.Duration // 0: trying again does not help
}

// Error returns the words.
func (r *Refused) Error() string { return r.Words }

// DeadLetters looks after messages that were set aside.
type DeadLetters interface {
	// List returns them, the oldest first.
	List(ctx context.Context) ([]DeadLetter, error)
	// Retry queues some of them again where they came from, and returns how
	// many it could not.
	Retry(ctx context.Context, ids []uint64) (failed int, err error)
	// Drop removes some of them for good.
	Drop(ctx context.Context, ids []uint64) (failed int, err error)
}

// DeadLetter is a message that was set aside.
type DeadLetter struct {
	ID      uint64
	At      time.Time
	Kind    string // export, session, outcome, download or unknown
	Athlete schema.AthleteID
	What    string // in words
	Reason  string
}

// Settings changes what is known of athletes.
type Settings interface {
	// SetSettings stores dated settings, analyzes the sessions that they cover
	// again and returns how many these are. Errors wrap analyze.ErrNotNow when
	// it is worth trying again.
	SetSettings(ctx context.Context, s schema.Settings) (int, error)
}

// Tokens makes and revokes tokens.
type Tokens interface {
	// List returns all tokens, in the order in which they were made.
	List() ([]Token, error)
	// Add makes a token, and returns its secret, which is not kept. An error
	// says what is wrong with it.
	Add(n NewToken) (Token, string, error)
	// Revoke takes a token back. One that is gone is no error.
	Revoke(id string) error
}

// NewToken is a token to be made.
type NewToken struct {
	Athlete schema.AthleteID
	Role    string // upload, read or admin
	Note    string
	Expires time.Time // zero: never
}

// Token is a token, without its secret.
type Token struct {
	NewToken

	ID      string
	Created time.Time
	Expired bool
}

// Queries runs SQL that only reads.
type Queries interface {
	// Query writes the answer to one statement in a format of ClickHouse:
	// JSONCompactEachRowWithNamesAndTypes, CSVWithNames, JSONEachRow or
	// Parquet. Where the engine is elsewhere fewer may be known. When it fails
	// after the first byte, what was written is cut off. Errors of the
	// statement are for the visitor to read.
	Query(ctx context.Context, w io.Writer, sql, format string) error
}
