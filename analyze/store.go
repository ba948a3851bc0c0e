package analyze

import (
	"context"

	"plodwatch/schema"
)

// Errors of all these interfaces wrap ErrNotNow when the same call may succeed
// later, and ErrPermanent when it never will.

// Writer makes rows durable.
type Writer interface {
	// Write makes the batch durable: samples first, then intensity and
	// exports, the sessions' own rows last. A batch that was cut off anywhere
	// can be written again, whole or in other company.
	Write(ctx context.Context, b *Batch) error
	// WriteSettings stores an athlete's settings from a day on, in place of
	// those that were stored for the same day.
	WriteSettings(ctx context.Context, d Dated) error
}

// Reader reads what sessions are derived from.
type Reader interface {
	// Settings returns the dated settings of the athletes, ascending by day.
	Settings(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]Dated, error)
	// Records returns the sessions of the athletes that raised their highest
	// observed heart rate, ascending by start and by heart rate.
	Records(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]Record, error)
}

// Record is a session's start with the highest heart rate observed in it.
type Record struct {
	StartMs int64
	BPM     float64
}

// Archive reads sessions back to be derived again.
type Archive interface {
	// Athletes returns the athletes who have sessions, in order.
	Athletes(ctx context.Context) ([]schema.AthleteID, error)
	// Briefs calls yield for each stored session of the athletes, ordered by
	// athlete, start and id, and ends early with yield's error.
	Briefs(ctx context.Context, athletes []schema.AthleteID, yield func(*Brief) error) error
	// Load calls yield for each of the sessions that are still there, samples
	// included, in no special order, and ends early with yield's error.
	Load(ctx context.Context, keys []SessionKey, yield func(*Stored) error) error
}

// Summaries keeps what is computed over many sessions of an athlete.
type Summaries interface {
	// Refresh makes again what was computed from other sessions of the
	// athletes than those of now, and returns of how many athletes. It does
	// nothing for the others, and can be repeated at any time.
	Refresh(ctx context.Context, athletes []schema.AthleteID) (int, error)
}

// Store is all the analyzer needs of a database.
type Store interface {
	Writer
	Reader
	Archive
	Copies
	Summaries
}
