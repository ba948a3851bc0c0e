package folder

import (
	"context"
	"io"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// Acceptor takes exports in.
type Acceptor interface {
	// Accept reads r to its end and returns when the export is on stable
	// storage and queued. Until then nothing is taken. Errors of r come back
	// wrapped as they are; an error that wraps ingest.ErrNotNow means that
	// nothing is wrong with the export and that it should be handed in again
	// later; a *schema.Refusal means that these bytes will never be taken. It
	// is safe for concurrent use.
	Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)
}
