package analyze

import (
	"context"
	"errors"
	"slices"

	"plodwatch/schema"
)

// flush derives and writes a batch, tells every item what became of it, in
// order, and returns the athletes whose sessions it stored.
func (a *Analyzer) flush(ctx context.Context, p *pending) []schema.AthleteID {
	began := a.now()
	batch, err := a.complete(ctx, p)
	if err == nil {
		err = a.write(ctx, batch, p)
	}
	touched := a.settle(p, batch, err)
	a.metrics.rowsInHand.Sub(float64(p.rows))
	a.room.Release(p.rows)
	a.metrics.batchSeconds.Observe(a.now().Sub(began).Seconds())
	a.metrics.batchRows.Observe(float64(p.rows))
	return touched
}

// complete makes the rows of all sound items.
func (a *Analyzer) complete(ctx context.Context, p *pending) (*Batch, error) {
	bg, err := backgroundOf(ctx, a.store, athletesOf(p))
	if err != nil {
		return nil, err
	}
	for i := range p.items {
		if w := &p.items[i]; w.env != nil && w.err == nil {
			bg.observe(w.env.Athlete, Record{StartMs: w.env.Session.StartMs, BPM: w.m.ObservedHRMax})
		}
	}
	nowMs := a.now().UnixMilli()
	b := &Batch{}
	for i := range p.items {
		switch w := &p.items[i]; {
		case w.err != nil:
		case w.env != nil:
			row := bg.derive(w.env, w.m, w.decode)
			row.AnalyzedMs, row.Version = nowMs, VersionOf(w.env.DecoderVersion, nowMs)
			b.Sessions = append(b.Sessions, row)
		default:
			b.Exports = append(b.Exports, ExportRow{Outcome: w.out, AnalyzedMs: nowMs, Version: exportVersion(w.out, nowMs)})
		}
	}
	return b, nil
}

// exportVersion puts the word that an export was there before below what was
// said of the export itself.
func exportVersion(o *schema.ExportOutcome, nowMs int64) uint64 {
	if o.Outcome == schema.OutcomeDuplicate {
		return VersionOf(0, nowMs)
	}
	return VersionOf(o.DecoderVersion, nowMs)
}

func athletesOf(p *pending) []schema.AthleteID {
	var all []schema.AthleteID
	for i := range p.items {
		if w := &p.items[i]; w.env != nil && w.err == nil {
			all = append(all, w.env.Athlete)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// write writes the batch. When the store refuses its rows for good, it writes
// each item by itself, so that one bad item does not take others with it, and
// notes the fault on the item.
func (a *Analyzer) write(ctx context.Context, b *Batch, p *pending) error {
	err := a.store.Write(ctx, b)
	if !errors.Is(err, ErrPermanent) || len(b.Sessions)+len(b.Exports) < 2 {
		return err
	}
	a.log.Warn("batch refused, writing its items one by one", "sessions", len(b.Sessions), "exports", len(b.Exports), "error", err)
	sessions, exports := b.Sessions, b.Exports
	for i := range p.items {
		w := &p.items[i]
		var one Batch
		switch {
		case w.err != nil:
			continue
		case w.env != nil:
			one.Sessions, sessions = sessions[:1], sessions[1:]
		default:
			one.Exports, exports = exports[:1], exports[1:]
		}
		w.err = a.store.Write(ctx, &one)
	}
	return nil
}

// settle tells every item what became of it. An item's own fault goes before
// the batch's.
func (a *Analyzer) settle(p *pending, b *Batch, err error) []schema.AthleteID {
	result := resultOf(err)
	a.metrics.batches.WithLabelValues(result).Inc()
	if err != nil {
		a.log.Error("write batch failed", "items", len(p.items), "samples", p.rows, "error", err)
	}
	var touched []schema.AthleteID
	next := 0
	for i := range p.items {
		w := &p.items[i]
		fault := w.err
		if fault == nil {
			fault = err
		}
		label := resultOf(fault)
		if w.env == nil {
			a.metrics.exports.WithLabelValues(label).Inc()
			w.done(fault)
			continue
		}
		a.metrics.sessions.WithLabelValues(label).Inc()
		if w.m != nil && b != nil {
			if fault == nil {
				a.stored(&b.Sessions[next])
				touched = append(touched, w.env.Athlete)
			}
			next++
		}
		w.done(fault)
	}
	return touched
}

// stored counts and logs a session that is durable.
func (a *Analyzer) stored(row *SessionRow) {
	s, r := &row.Env.Session, &row.Result
	a.metrics.samples.Add(float64(s.Samples.Len()))
	a.metrics.verdicts.WithLabelValues(string(r.Verdict)).Inc()
	a.log.Info("session analysed",
		"athlete", row.Env.Athlete, "session_id", row.Env.ID.String(), "export_id", row.Env.Export.String(),
		"sport", s.Sport, "local_day", row.Inputs.LocalDay.String(), "samples", s.Samples.Len(),
		"classified_s", row.Measured.Budget.ClassifiedMs/1000, "hr_max", r.HRMax, "hr_max_source", r.HRMaxSource,
		"verdict", r.Verdict, "class", r.Class)
}
