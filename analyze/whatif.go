package analyze

import (
	"context"
	"math"
	"slices"

	"plodwatch/schema"
)

// Change is a session that settings would derive again, before and after.
type Change struct {
	SessionKey
	Sport                 schema.Sport
	StartMs               int64 // Unix ms
	UTCOffsetS            int32 // after
	DayBefore, DayAfter   schema.Day
	TimerMs, ClassifiedMs int64
	Before                *Judgement // as stored; nil when there is none
	After                 Judgement
}

// Changed reports whether the settings would change what is said of the
// session: see Judgement.Same. The cap and the day count as well.
func (c *Change) Changed() bool {
	return c.Before == nil || c.DayBefore != c.DayAfter || !c.Before.Same(&c.After)
}

// WhatIf returns the sessions that SetSettings with the same settings would
// derive again, in the order of their start, each with what is stored of it
// and what would be. It stores nothing. Its errors are those of SetSettings.
func WhatIf(ctx context.Context, h History, places Places, s schema.Settings, progress Progress) ([]Change, error) {
	if err := checkSettings(&s); err != nil {
		return nil, err
	}
	bg, briefs, err := briefsOf(ctx, h, []schema.AthleteID{s.Athlete})
	if err != nil {
		return nil, err
	}
	// No settings have this version, so those that are covered are stale.
	bg.pretend(Dated{Settings: s, Version: math.MaxUint64})
	var keys []SessionKey
	changes := make(map[SessionKey]*Change)
	for i := range briefs {
		if b := &briefs[i]; bg.stale(b) {
			keys = append(keys, b.SessionKey)
			changes[b.SessionKey] = &Change{SessionKey: b.SessionKey, StartMs: b.StartMs, DayBefore: b.LocalDay}
		}
	}
	done := 0
	for part := range slices.Chunk(keys, sessionsPerStep) {
		if err := bg.compare(ctx, h, places, part, changes); err != nil {
			return nil, err
		}
		if done += len(part); progress != nil {
			progress(done, len(keys))
		}
	}
	all := make([]Change, 0, len(keys))
	for _, key := range keys { // in the order of their start
		all = append(all, *changes[key])
	}
	return all, nil
}

// pretend replaces the settings of a day, or adds them.
func (b *background) pretend(d Dated) {
	all := b.settings[d.Athlete]
	i, found := slices.BinarySearchFunc(all, d.ValidFrom, func(have Dated, day schema.Day) int {
		return int(have.ValidFrom) - int(day)
	})
	if found {
		all[i] = d
		return
	}
	b.settings[d.Athlete] = slices.Insert(all, i, d)
}

// compare fills the changes of some sessions.
func (b *background) compare(ctx context.Context, h History, places Places, keys []SessionKey, changes map[SessionKey]*Change) error {
	judged, err := h.Judgements(ctx, keys)
	if err != nil {
		return err
	}
	return h.Load(ctx, keys, func(s *Stored) error {
		c := changes[SessionKey{Athlete: s.Env.Athlete, ID: s.Env.ID}]
		row, err := b.again(s, places)
		c.Sport, c.UTCOffsetS, c.DayAfter = s.Env.Session.Sport, row.Inputs.UTCOffsetS, row.Inputs.LocalDay
		c.TimerMs, c.ClassifiedMs = row.Measured.Budget.TimerMs(), row.Measured.Budget.ClassifiedMs
		c.After = judgementOf(&row)
		if j, ok := judged[c.SessionKey]; ok {
			c.Before = &j
		}
		return err
	})
}
