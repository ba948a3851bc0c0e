package analyze

import (
	"fmt"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// measured is an item with what does not depend on settings; err is set when
// it can never be stored.
type measured struct {
	item
	m      *intensity.Measured
	decode uint64
	err    error
}

// The instants that can be stored: 1970 to 2200, within what DateTime64 holds
// and beyond what any watch means.
const (
	earliestMs = 0
	latestMs   = 7_258_118_400_000
)

// measure checks a session and reduces it. It runs while the batch before is
// being written.
func (a *Analyzer) measure(it item) measured {
	w := measured{item: it}
	if it.env == nil {
		return w
	}
	if w.err = check(it.env); w.err == nil {
		it.env.Session.Samples.DropEmpty()
		a.locate(&it.env.Session)
		w.m = intensity.Measure(&it.env.Session)
		w.decode = Fingerprint(&it.env.Session.Samples, w.m.HRFlags)
	}
	return w
}

// check refuses a session that cannot be stored as it is.
func check(env *schema.Envelope) error {
	s := &env.Session
	if _, err := schema.ParseAthleteID(string(env.Athlete)); err != nil {
		return fmt.Errorf("check session: %w: %w", ErrPermanent, err)
	}
	if err := s.Samples.Validate(); err != nil {
		return fmt.Errorf("check session %s: %w: %w", env.ID, ErrPermanent, err)
	}
	first, last := min(s.StartMs, s.EndMs), max(s.StartMs, s.EndMs)
	if n := s.Samples.Len(); n > 0 {
		first, last = min(first, s.Samples.TimeMs[0]), max(last, s.Samples.TimeMs[n-1])
	}
	if first < earliestMs || last >= latestMs {
		return fmt.Errorf("check session %s: times from %d to %d ms lie outside 1970 to 2200: %w", env.ID, first, last, ErrPermanent)
	}
	if s.EndMs < s.StartMs {
		return fmt.Errorf("check session %s: it ends %d ms before it starts: %w", env.ID, s.StartMs-s.EndMs, ErrPermanent)
	}
	return nil
}
