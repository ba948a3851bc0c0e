package analyze

import (
	"context"
	"maps"
	"slices"
	"time"

	"plodwatch/schema"
)

// sweeper looks for stored sessions whose inputs have changed since they were
// derived: settings that another process wrote meanwhile, an observed maximum
// that a session raised which came in later but took place earlier, or a newer
// version of the rules. Then it decides which sessions are copies of others,
// and has the summaries of the athletes made anew.
// Whatever the order of arrival, the last state is the same.
type sweeper struct {
	a      *Analyzer
	dirty  map[schema.AthleteID]int // athletes to look at, with the rounds they had
	all    bool                     // the list of athletes is still to be read
	oldest time.Time                // since when somebody is dirty
	timer  *time.Timer
}

// maxRounds ends the search for an athlete whose sessions stay stale although
// they were derived again, which would be a fault of ours.
const maxRounds = 5

// athletesPerRound bounds the sessions that one search has in memory.
const athletesPerRound = 50

func newSweeper(a *Analyzer) *sweeper {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &sweeper{a: a, dirty: make(map[schema.AthleteID]int), timer: t}
}

// due returns the channel that fires when it is time to sweep.
func (s *sweeper) due() <-chan time.Time { return s.timer.C }

// mark notes athletes whose sessions have been written.
func (s *sweeper) mark(athletes []schema.AthleteID) {
	for _, athlete := range athletes {
		s.dirty[athlete] = 0
	}
	s.schedule()
}

// markAll notes everybody: what a process that was killed left behind is
// found when the next one starts.
func (s *sweeper) markAll(ctx context.Context) {
	athletes, err := s.a.store.Athletes(ctx)
	s.all = err != nil
	if err != nil {
		s.a.log.Warn("list athletes failed", "error", err)
	}
	s.mark(athletes)
}

// schedule sets the timer: soon after the last batch, but not put off for ever
// while batches keep coming.
func (s *sweeper) schedule() {
	if len(s.dirty) == 0 && !s.all {
		s.timer.Stop()
		s.oldest = time.Time{}
		return
	}
	now := time.Now()
	if s.oldest.IsZero() {
		s.oldest = now
	}
	s.timer.Reset(min(s.a.cfg.SweepIdle, max(0, s.oldest.Add(s.a.cfg.SweepBusy).Sub(now))))
}

// sweep looks at every dirty athlete once. Batches that come meanwhile go
// first. Athletes of whom something was derived again are looked at again.
func (s *sweeper) sweep(ctx context.Context, batches <-chan *pending) {
	s.oldest = time.Time{}
	if err := s.round(ctx, batches); err != nil {
		s.a.log.Warn("look for sessions to derive again failed", "error", err)
		s.timer.Reset(s.a.cfg.SweepBusy)
		return
	}
	s.schedule()
}

func (s *sweeper) round(ctx context.Context, batches <-chan *pending) error {
	if s.all {
		if s.markAll(ctx); s.all {
			return nil // logged, and tried again with the next sweep
		}
	}
	between := func() {
		select {
		case p, ok := <-batches:
			if ok {
				for _, athlete := range s.a.flush(ctx, p) {
					s.dirty[athlete] = 0
				}
			}
		default:
		}
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(s.dirty)), athletesPerRound) {
		for _, athlete := range part {
			s.dirty[athlete]++
		}
		again, err := s.a.rederive(ctx, part, (*background).outdated, causeInputs, between, nil)
		if err == nil {
			_, err = s.a.settleCopies(ctx, part)
		}
		if err == nil {
			err = s.settle(ctx, part, again)
		}
		s.a.metrics.sweeps.WithLabelValues(resultOf(err)).Inc()
		if err != nil {
			return err
		}
		between()
	}
	return nil
}

// settle makes the summaries of the athletes of whom nothing was derived again
// in this round, and takes them off the list; the others have another round.
func (s *sweeper) settle(ctx context.Context, athletes []schema.AthleteID, again map[schema.AthleteID]int) error {
	var settled []schema.AthleteID
	for _, athlete := range athletes {
		switch {
		case again[athlete] == 0:
			settled = append(settled, athlete)
		case s.dirty[athlete] >= maxRounds:
			s.a.log.Error("sessions stay stale", "athlete", athlete, "sessions", again[athlete])
			settled = append(settled, athlete)
		}
	}
	if err := s.a.refresh(ctx, settled); err != nil {
		return err
	}
	for _, athlete := range settled {
		if s.dirty[athlete] > 0 { // else a session came in meanwhile
			delete(s.dirty, athlete)
		}
	}
	return nil
}

// refresh makes the summaries of athletes whose sessions have changed.
func (a *Analyzer) refresh(ctx context.Context, athletes []schema.AthleteID) error {
	n, err := a.store.Refresh(ctx, athletes)
	a.metrics.refreshed.Add(float64(n))
	return err
}

// finish sweeps until nothing is left, something fails or ctx ends. What is
// left then is found at the next start.
func (s *sweeper) finish(ctx context.Context) {
	s.timer.Stop()
	closed := make(chan *pending)
	close(closed)
	for range maxRounds {
		if len(s.dirty) == 0 && !s.all {
			return
		}
		if err := s.round(ctx, closed); err != nil {
			s.a.log.Warn("look for sessions to derive again failed", "error", err)
			return
		}
	}
}
