package analyze

import (
	"context"
	"fmt"

	"plodwatch/analyze/duplicates"
	"plodwatch/schema"
)

// Copy is what decides whether a stored session is a copy of another, with
// what was decided before.
type Copy struct {
	duplicates.Session
	Now duplicates.Mark // as stored
}

// Copies keeps which sessions are copies of others.
type Copies interface {
	// Copies returns the athletes' sessions, each athlete's in no special
	// order. Athletes without sessions are not in the map.
	Copies(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]Copy, error)
	// MarkCopies stores verdicts on sessions of the athlete. A session that is
	// gone meanwhile stays gone.
	MarkCopies(ctx context.Context, athlete schema.AthleteID, marks []duplicates.Mark) error
	// WriteChoice stores what a person said of a session, in place of what was
	// said before.
	WriteChoice(ctx context.Context, c DuplicateChoice) error
}

// DuplicateChoice is what a person says of a session.
type DuplicateChoice struct {
	SessionKey
	Choice duplicates.Choice
	Of     schema.SessionID // with ChoiceDrop; zero: of the one the rules find
}

// settleCopies decides again which of the athletes' sessions are copies, and
// returns of how many sessions the verdict has changed. Several analyzers may
// do so at once: each looks again after it has written, until there is nothing
// to change, so that the last one to write has seen what the others wrote.
func (a *Analyzer) settleCopies(ctx context.Context, athletes []schema.AthleteID) (int, error) {
	total := 0
	for round := 0; len(athletes) > 0; round++ {
		if round > maxRounds {
			a.log.ErrorContext(ctx, "verdicts on copies do not settle", "athletes", len(athletes))
			break
		}
		all, err := a.store.Copies(ctx, athletes)
		if err != nil {
			return total, fmt.Errorf("decide on copies: %w", err)
		}
		var again []schema.AthleteID
		for athlete, stored := range all {
			n, err := a.settleCopiesOf(ctx, athlete, stored)
			if err != nil {
				return total, fmt.Errorf("decide on copies: %w", err)
			}
			if total += n; n > 0 {
				again = append(again, athlete)
			}
		}
		athletes = again
	}
	return total, nil
}

func (a *Analyzer) settleCopiesOf(ctx context.Context, athlete schema.AthleteID, stored []Copy) (int, error) {
	sessions := make([]duplicates.Session, len(stored))
	for i := range stored {
		sessions[i] = stored[i].Session
	}
	var changed []duplicates.Mark
	for i, m := range duplicates.Decide(sessions) {
		if m != stored[i].Now {
			changed = append(changed, m)
		}
	}
	if len(changed) == 0 {
		return 0, nil
	}
	if err := a.store.MarkCopies(ctx, athlete, changed); err != nil {
		return 0, err
	}
	a.metrics.copies.Add(float64(len(changed)))
	a.log.InfoContext(ctx, "verdicts on copies changed", "athlete", athlete, "sessions", len(changed))
	return len(changed), nil
}

// Choose stores what a person said of a session, decides again and makes what
// was computed from the athlete's sessions anew. It returns of how many
// sessions the verdict has changed. Errors are those of SetSettings.
func (a *Analyzer) Choose(ctx context.Context, c DuplicateChoice) (int, error) {
	switch c.Choice {
	case duplicates.ChoiceNone, duplicates.ChoiceKeep, duplicates.ChoiceDrop:
	default:
		return 0, fmt.Errorf("choice %q: need keep, drop or nothing: %w", c.Choice, ErrPermanent)
	}
	if err := a.store.WriteChoice(ctx, c); err != nil {
		return 0, err
	}
	return a.Settle(ctx, []schema.AthleteID{c.Athlete})
}

// Settle decides again which of the athletes' sessions are copies and makes
// what was computed from their sessions anew. It is for sessions that were
// written or taken away by others.
func (a *Analyzer) Settle(ctx context.Context, athletes []schema.AthleteID) (int, error) {
	n, err := a.settleCopies(ctx, athletes)
	if err != nil {
		return n, err
	}
	return n, a.refresh(ctx, athletes)
}
