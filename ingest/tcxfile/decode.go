package tcxfile

import (
	"context"
	"errors"
	"fmt"
	"io"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// DecoderVersion grows whenever the same bytes decode to something else.
const DecoderVersion uint32 = 1

// Limits of a file. Beyond fileBytes it is rejected; the others end the walk
// and what was complete by then is kept.
const (
	maxFileBytes  = 256 << 20
	maxPoints     = 5_000_000
	maxDepth      = 64
	maxTagBytes   = 1 << 20 // one tag with its attributes
	maxActivities = 1000    // and sessions made of them
	maxLaps       = 20_000  // in the whole file
)

// tokensBetweenChecks is how often the walk looks whether it was cancelled.
const tokensBetweenChecks = 1 << 14

// limits are the bounds above, so that tests can lower them.
type limits struct {
	fileBytes, tagBytes     int64
	points, depth           int
	activities, laps, check int
}

func defaultLimits() limits {
	return limits{
		fileBytes: maxFileBytes, tagBytes: maxTagBytes, points: maxPoints, depth: maxDepth,
		activities: maxActivities, laps: maxLaps, check: tokensBetweenChecks,
	}
}

// Decoder decodes TCX files. It has no state and is safe for concurrent use.
type Decoder struct{}

// Decode is the function Decode of this package; size is not needed.
func (Decoder) Decode(ctx context.Context, r io.Reader, _ int64) (*schema.Recording, error) {
	return Decode(ctx, r)
}

// Decode reads a TCX file of at most 256 MiB and 5 million track points.
//
// Every activity becomes a session, and a jump of the clock by more than 24
// hours cuts one in two. An activity without any track point becomes a session
// without samples when its laps say how long it was. A file that holds only
// courses or workouts, or no track point with a usable time, is a
// *schema.Refusal with the outcome skipped, and the Recording beside it holds
// the raw counts. A damaged file of which points could be kept comes back as
// salvaged. Errors of r and ctx are wrapped.
func Decode(ctx context.Context, r io.Reader) (*schema.Recording, error) {
	return decode(ctx, r, defaultLimits())
}

func decode(ctx context.Context, r io.Reader, lim limits) (*schema.Recording, error) {
	src, err := xmltrack.NewSource(r, lim.fileBytes)
	if err != nil {
		return nil, readError(err, lim)
	}
	s := newScanner(xmltrack.NewLexer(src, lim.tagBytes), lim)
	for n := 0; !s.done; n++ {
		if n%lim.check == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("decode tcx at byte %d: %w", s.lex.Offset(), ctx.Err())
		}
		s.step()
	}
	rec := &schema.Recording{
		Format: schema.FormatTCX, DecoderVersion: DecoderVersion,
		Raw: s.raw, Unassigned: s.unassigned, DroppedValues: s.dropped,
	}
	if s.fatal != nil {
		refusal := schema.AsRefusal(s.fatal)
		if refusal == nil {
			return nil, readError(s.fatal, lim)
		}
		if refusal.Reason != schema.ReasonMalformed {
			return rec, refusal
		}
	}
	return finish(rec, s)
}

// readError tells a file beyond the limit from an error of the reader.
func readError(err error, lim limits) error {
	if errors.Is(err, xmltrack.ErrTooLarge) {
		return schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("more than %d bytes", lim.fileBytes))
	}
	return fmt.Errorf("decode tcx: %w", err)
}

// finish turns what was collected into the recording's sessions and outcome.
func finish(rec *schema.Recording, s *scanner) (*schema.Recording, error) {
	for _, session := range sessionsOf(s.activities) {
		if len(rec.Sessions) >= s.lim.activities {
			rec.Unassigned += session.Samples.Len()
			s.over = true
			continue
		}
		session.Ordinal = len(rec.Sessions)
		rec.Sessions = append(rec.Sessions, session)
	}
	for f, set := range map[schema.Flag]bool{
		schema.FlagTruncated:     s.truncated,
		schema.FlagCorrupt:       s.isCorrupt(),
		schema.FlagBudget:        s.over,
		schema.FlagDroppedValues: s.dropped > 0,
		schema.FlagNoTimes:       s.unassigned > 0,
	} {
		if set {
			rec.Flags = schema.AddFlag(rec.Flags, f)
		}
	}
	if len(rec.Sessions) == 0 {
		return rec, refusal(s)
	}
	rec.Outcome = schema.OutcomeSalvaged
	switch {
	case s.truncated:
		rec.Reason = schema.ReasonTruncated
	case s.isCorrupt():
		rec.Reason = schema.ReasonCorrupt
	case s.over:
		rec.Reason = schema.ReasonOverBudget
	default:
		rec.Outcome = schema.OutcomeDecoded
	}
	return rec, nil
}

// refusal says why a file gave no session.
func refusal(s *scanner) error {
	switch {
	case s.fatal != nil:
		return s.fatal
	case !s.rooted:
		return s.malformed("no TrainingCenterDatabase element")
	case s.raw.Records > 0:
		return schema.Skip(schema.ReasonRoute, "no track point has a usable time")
	case s.truncated:
		return s.malformed("file ends before its first complete track point")
	case s.isCorrupt():
		return s.malformed("no readable track point")
	case s.others > 0:
		return schema.Skip(schema.ReasonNotActivity, "only courses or workouts, no activity")
	}
	return schema.Skip(schema.ReasonNoSamples, "no track point")
}
