// Package inbox takes exports from services that speak NATS: a request on
// plodwatch.v1.inbox.<athlete> holds the bytes of one file, and the reply is
// its receipt.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// Config bounds an Inbox.
type Config struct {
	// MaxBytes is the largest export; the server's own limit for a message may
	// be less. Default 1 MiB.
	MaxBytes int `yaml:"max_bytes"`

	// AtOnce is how many exports are handed to the intake at the same time,
	// and Waiting how many more may wait for that. What comes beyond is told
	// to come again later; a message that asks for no answer is kept waiting.
	// Defaults 8 and 32.
	AtOnce  int `yaml:"at_once"`
	Waiting int `yaml:"waiting"`

	// Grace is how long exports in hand may go on after the end of Run's
	// context before theirs ends, too. Default 20 s.
	Grace time.Duration `yaml:"grace"`
}

// DefaultConfig returns the values plodwatch runs with.
func DefaultConfig() Config {
	return Config{MaxBytes: 1 << 20, AtOnce: 8, Waiting: 32, Grace: 20 * time.Second}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.MaxBytes < 1 {
		faults = append(faults, fmt.Errorf("max_bytes: %d is less than 1", c.MaxBytes))
	}
	if c.AtOnce < 1 {
		faults = append(faults, fmt.Errorf("at_once: %d is less than 1", c.AtOnce))
	}
	if c.Waiting < 1 {
		faults = append(faults, fmt.Errorf("waiting: %d is less than 1", c.Waiting))
	}
	if c.Grace < 0 {
		faults = append(faults, fmt.Errorf("grace: %s is negative", c.Grace))
	}
	return errors.Join(faults...)
}

// Intake takes exports in. jobs.Intake is one, and says what its errors mean.
type Intake interface {
	Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)
}

// Deps are the things an Inbox works with. All are required.
type Deps struct {
	Conn    *nats.Conn
	Intake  Intake
	Metrics *Metrics
	Log     *slog.Logger
}

// Inbox hands messages to the intake.
type Inbox struct {
	cfg  Config
	deps Deps
}

// New returns an Inbox, or an error that names every fault of cfg and every
// missing dependency.
func New(cfg Config, deps Deps) (*Inbox, error) {
	faults := []error{cfg.Validate()}
	absent := map[string]bool{
		"conn": deps.Conn == nil, "intake": deps.Intake == nil, "metrics": deps.Metrics == nil, "log": deps.Log == nil,
	}
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		if absent[name] {
			faults = append(faults, fmt.Errorf("%s: is missing", name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make inbox: %w", err)
	}
	return &Inbox{cfg: cfg, deps: deps}, nil
}

// Receipt is the reply to an export that was taken: its bytes and its job are
// on stable storage.
type Receipt struct {
	UploadID  int64  `json:"upload_id"`
	IDStr     string `json:"id_str"` // the upload id as text
	ExportID  string `json:"export_id"`
	Duplicate bool   `json:"duplicate"` // the same bytes were taken before
}

// ReceiptOf returns the form of a receipt that is shown outside.
func ReceiptOf(r *ingest.Receipt) Receipt {
	id := r.Job.ID().UploadID()
	return Receipt{UploadID: id, IDStr: strconv.FormatInt(id, 10), ExportID: r.Job.Export.String(), Duplicate: r.Duplicate}
}

// Failure is the reply to an export that was not taken. With NotNow nothing is
// wrong with it: send it again later.
type Failure struct {
	Error  string `json:"error"`
	NotNow bool   `json:"not_now"`
}
