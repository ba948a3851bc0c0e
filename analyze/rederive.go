package analyze

import (
	"context"
	"fmt"
	"slices"
	"time"

	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Filter chooses stored sessions. Zero values choose all.
type Filter struct {
	Athletes   []schema.AthleteID
	From, To   *schema.Day // local days, both included
	RulesBelow uint32      // only what an older arithmetic derived
}

func (f *Filter) matches(b *Brief) bool {
	return (f.From == nil || b.LocalDay >= *f.From) && (f.To == nil || b.LocalDay <= *f.To) &&
		(f.RulesBelow == 0 || b.RulesVersion < f.RulesBelow)
}

// Progress is told after each step how many of how many sessions have been
// derived again. A nil Progress is told nothing.
type Progress func(done, total int)

// SetSettings stores an athlete's settings from s.ValidFrom on, in place of
// those stored for that day, and derives again the sessions they cover: those
// from that day to the next dated settings. Nothing is decoded again. It
// returns how many sessions were derived again. Run need not be running.
//
// An error wraps ErrPermanent when the settings make no sense, and ErrNotNow
// when the store is away; then it can be repeated as it is. Sessions that were
// not derived again because of an error are when Run next starts.
func (a *Analyzer) SetSettings(ctx context.Context, s schema.Settings, progress Progress) (int, error) {
	if err := checkSettings(&s); err != nil {
		return 0, fmt.Errorf("check settings: %w: %w", ErrPermanent, err)
	}
	who := []schema.AthleteID{s.Athlete}
	have, err := a.store.Settings(ctx, who)
	if err != nil {
		return 0, err
	}
	d := Dated{Settings: s, Version: uint64(max(1, a.now().UnixMilli()))} //nolint:gosec // not negative
	for _, old := range have[s.Athlete] {
		if old.ValidFrom == s.ValidFrom {
			d.Version = max(d.Version, old.Version+1) // also when the clock went back
		}
	}
	if err := a.store.WriteSettings(ctx, d); err != nil {
		return 0, err
	}
	n, err := a.rederiveStale(ctx, who, progress)
	if err != nil {
		return n, err
	}
	return n, a.refresh(ctx, who)
}

func checkSettings(s *schema.Settings) error {
	if _, err := schema.ParseAthleteID(string(s.Athlete)); err != nil {
		return err
	}
	if first, last := schema.Day(-25567), schema.Day(120529); s.ValidFrom < first || s.ValidFrom > last {
		return fmt.Errorf("valid from %s: need a day from %s to %s: %w", s.ValidFrom, first, last, schema.ErrBadDay)
	}
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil {
			return fmt.Errorf("time zone %q: %w", s.TimeZone, err)
		}
	}
	return s.Validate()
}

// Reanalyse measures and derives again all sessions that f chooses, from the
// samples in the store, and returns how many. It is for a new version of the
// arithmetic; changed settings need no call. Run need not be running.
func (a *Analyzer) Reanalyse(ctx context.Context, f Filter, progress Progress) (int, error) {
	athletes := f.Athletes
	if len(athletes) == 0 {
		var err error
		if athletes, err = a.store.Athletes(ctx); err != nil {
			return 0, err
		}
	}
	choose := func(_ *background, b *Brief) bool { return f.matches(b) }
	total := 0
	for part := range slices.Chunk(athletes, athletesPerRound) {
		again, err := a.rederive(ctx, part, choose, causeRequest, func() {}, progress)
		for _, n := range again {
			total += n
		}
		if err != nil {
			return total, err
		}
		// What was observed may have changed, and with it other sessions.
		if _, err = a.rederiveStale(ctx, part, nil); err != nil {
			return total, err
		}
		if err = a.refresh(ctx, part); err != nil {
			return total, err
		}
	}
	return total, nil
}

// rederiveStale derives again the athletes' sessions whose inputs changed, and
// looks once more when there were any: a session may come in meanwhile.
func (a *Analyzer) rederiveStale(ctx context.Context, athletes []schema.AthleteID, progress Progress) (int, error) {
	total := 0
	for range maxRounds {
		again, err := a.rederive(ctx, athletes, (*background).stale, causeInputs, func() {}, progress)
		for _, n := range again {
			total += n
		}
		if err != nil || len(again) == 0 {
			return total, err
		}
		progress = nil
	}
	return total, nil
}

// rederive derives again the athletes' sessions that choose chooses, a few at
// a time, and returns how many of each athlete; it calls between after each
// step.
func (a *Analyzer) rederive(ctx context.Context, athletes []schema.AthleteID, choose func(*background, *Brief) bool,
	cause string, between func(), progress Progress,
) (map[schema.AthleteID]int, error) {
	again := make(map[schema.AthleteID]int)
	bg, briefs, err := briefsOf(ctx, a.store, athletes)
	if err != nil {
		return again, err
	}
	var keys []SessionKey
	for i := range briefs {
		if choose(bg, &briefs[i]) {
			keys = append(keys, briefs[i].SessionKey)
		}
	}
	done := 0
	for part := range slices.Chunk(keys, sessionsPerStep) {
		if err := a.rederiveKeys(ctx, bg, part); err != nil {
			return again, err
		}
		for _, key := range part {
			again[key.Athlete]++
		}
		done += len(part)
		a.metrics.rederived.WithLabelValues(cause).Add(float64(len(part)))
		if progress != nil {
			progress(done, len(keys))
		}
		between()
	}
	if done > 0 {
		a.log.Info("sessions derived again", "athletes", len(again), "sessions", done, "cause", cause)
	}
	return again, nil
}

// sessionsPerStep is after how many sessions progress is told.
const sessionsPerStep = 64

// sourceOfBriefs reads sessions and what they depend on.
type sourceOfBriefs interface {
	Reader
	Archive
}

// briefsOf reads what is stored of the athletes' sessions, and what they depend
// on. The records come from the same reading, so that both agree.
func briefsOf(ctx context.Context, st sourceOfBriefs, athletes []schema.AthleteID) (*background, []Brief, error) {
	settings, err := st.Settings(ctx, athletes)
	if err != nil {
		return nil, nil, err
	}
	bg := &background{
		settings: settings, records: make(map[schema.AthleteID][]Record), zones: make(map[string]*time.Location),
	}
	var all []Brief
	err = st.Briefs(ctx, athletes, func(b *Brief) error {
		all = append(all, *b)
		bg.observe(b.Athlete, Record{StartMs: b.StartMs, BPM: b.ObservedHRMax})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return bg, all, nil
}

// rederiveKeys loads sessions, measures and derives them again and writes
// their rows. Samples are written only when their quality marks have changed.
func (a *Analyzer) rederiveKeys(ctx context.Context, bg *background, keys []SessionKey) error {
	var batch Batch
	var rows int64
	write := func() error {
		err := a.store.Write(ctx, &batch)
		batch, rows = Batch{}, 0
		return err
	}
	nowMs := a.now().UnixMilli()
	err := a.store.Load(ctx, keys, func(s *Stored) error {
		a.locate(&s.Env.Session)
		m := intensity.Measure(&s.Env.Session)
		row := bg.derive(s.Env, m, Fingerprint(&s.Env.Session.Samples, m.HRFlags))
		row.SamplesStored, row.Mark = row.Decode == s.Decode, s.Mark
		row.AnalyzedMs = nowMs
		row.Version = max(VersionOf(s.Env.DecoderVersion, nowMs), s.Version+1) // also when the clock went back
		batch.Sessions = append(batch.Sessions, row)
		if rows += int64(s.Env.Session.Samples.Len()); rows >= a.cfg.BatchRows {
			return write()
		}
		return nil
	})
	if err != nil || len(batch.Sessions) == 0 {
		return err
	}
	return write()
}
