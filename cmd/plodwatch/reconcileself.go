package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze/store"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// reconcileFlags say how often what is kept is compared without being asked.
type reconcileFlags struct {
	ReconcileEvery time.Duration `help:"How often what is kept is compared, as plodwatch reconcile does, and what is missing queued again; the first time at the start. 0: never." default:"24h" placeholder:"DURATION"`
}

func (f *reconcileFlags) checkReconcile() error {
	if f.ReconcileEvery < 0 {
		return fmt.Errorf("--reconcile-every: %s is negative", f.ReconcileEvery)
	}
	return nil
}

// reconcileAgain is after how long a comparison that failed is tried again, or
// after its interval if that is shorter.
const reconcileAgain = 10 * time.Minute

// selfReconciler compares now and then and has decoded again what is missing.
type selfReconciler struct {
	p      *pipeline
	tables func(context.Context) (*store.Store, error)
	every  time.Duration

	next time.Time // when it is due, zero for now

	holds    prometheus.Gauge
	runs     *prometheus.CounterVec
	requeued prometheus.Counter
	missing  prometheus.Gauge
}

func newSelfReconciler(p *pipeline, every time.Duration, tables func(context.Context) (*store.Store, error)) *selfReconciler {
	s := &selfReconciler{
		p: p, tables: tables, every: every,
		holds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_reconcile_holds", Help: "Whether this process is the one that compares what is kept.",
		}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_reconcile_runs_total", Help: "Comparisons of what is kept, by how they ended: clean, missing or failed.",
		}, []string{"result"}),
		requeued: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_reconcile_requeued_total", Help: "Things found missing for which a job was queued again.",
		}),
		missing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_reconcile_missing", Help: "Things found missing by the last comparison.",
		}),
	}
	for _, result := range []string{"clean", "missing", "failed"} {
		s.runs.WithLabelValues(result)
	}
	p.reg.MustRegister(s.holds, s.runs, s.requeued, s.missing)
	return s
}

// run compares at its start and from then on, until ctx ends. It may be run
// again, and then waits for what is left of the interval.
func (s *selfReconciler) run(ctx context.Context) error {
	s.holds.Set(1)
	defer s.holds.Set(0)
	for pause(ctx, time.Until(s.next)) {
		wait := s.every
		if !s.once(ctx) {
			wait = min(wait, reconcileAgain)
		}
		// Those that were started together do not stay together.
		s.next = time.Now().Add(wait + rand.N(wait/10+1)) //nolint:gosec // no secret
	}
	return nil
}

// once compares, and reports whether it could.
func (s *selfReconciler) once(ctx context.Context) bool {
	log := s.p.app.log
	st, err := s.tables(ctx)
	var sum *reconcileSummary
	queued := 0
	if err == nil {
		opts := reconcileOptions{Fix: true, FolderAthlete: schema.DefaultAthlete}
		sum, err = s.p.mend(ctx, st, opts, func(e *reconcileEvent) error {
			if e.Missing != nil && e.Missing.Done != "" {
				queued++
			}
			return nil
		})
	}
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		s.runs.WithLabelValues("failed").Inc()
		log.WarnContext(ctx, "what is kept could not be compared", "error", err)
		return false
	}
	s.requeued.Add(float64(queued))
	s.missing.Set(float64(sum.Remain))
	if sum.Remain > 0 {
		s.runs.WithLabelValues("missing").Inc()
		log.WarnContext(ctx, "something is missing; plodwatch reconcile says what", "missing", sum.Missing,
			"queued_again", queued, "exports", sum.Exports, "originals", sum.Originals)
		return true
	}
	s.runs.WithLabelValues("clean").Inc()
	log.InfoContext(ctx, "nothing is missing", "exports", sum.Exports, "originals", sum.Originals, "in_flight", sum.InFlight)
	return true
}

// startReconcile compares what is kept here, now and then, unless every is 0.
func (h *localHost) startReconcile(ctx context.Context, every time.Duration) {
	if every > 0 {
		h.stages.start(ctx, stage{name: "reconcile", run: newSelfReconciler(&h.pipeline, every, h.tables).run})
	}
}

// startReconcile compares what is kept in common with others of this role: one
// of them does it, and when it is gone another. Without tables or with every 0
// nobody does.
func (r *roleProcess) startReconcile(ctx context.Context, every time.Duration) error {
	if every == 0 {
		return nil
	}
	if r.app.ClickHouse == "" {
		r.app.log.InfoContext(ctx, "without --clickhouse this process does not compare what is kept")
		return nil
	}
	lease, err := streams.NewLease(ctx, r.js, "reconcile")
	if err != nil {
		return err
	}
	s := newSelfReconciler(&r.pipeline, every, r.tables.open)
	r.stages.start(ctx, stage{name: "reconcile", run: func(ctx context.Context) error { return lease.Run(ctx, s.run) }})
	return nil
}
