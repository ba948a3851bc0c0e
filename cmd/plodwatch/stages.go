package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// stage is one running part of the pipeline.
type stage struct {
	name string
	run  func(context.Context) error
}

// runningStage is a stage that has been started.
type runningStage struct {
	stage
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid after done is closed
	said   bool  // wait has returned the error
}

// stages runs the parts of the pipeline. They are started in the order given
// (the end of the pipeline first, so that nothing is accepted before it can be
// stored) and stopped in the opposite order, each having finished its work in
// hand before the next is told to stop.
type stages struct {
	log     *slog.Logger
	grace   time.Duration
	running []*runningStage
	failed  chan *runningStage
}

func newStages(log *slog.Logger, grace time.Duration) *stages {
	return &stages{log: log, grace: grace, failed: make(chan *runningStage, 16)}
}

// start runs s in a goroutine of its own. ctx carries values only: its end
// does not stop the stage, stop does.
func (g *stages) start(ctx context.Context, s stage) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningStage{stage: s, cancel: cancel, done: make(chan struct{})}
	g.running = append(g.running, r)
	go func() {
		defer close(r.done)
		r.err = s.run(ctx)
		if ctx.Err() == nil {
			g.failed <- r
		}
	}()
}

// dead returns the error of a stage that has ended by itself, or nil.
func (g *stages) dead() error {
	select {
	case r := <-g.failed:
		g.failed <- r // for whoever asks next
		<-r.done
		return r.failure()
	default:
		return nil
	}
}

// wait blocks until ctx ends (nil), or a stage has ended by itself (its
// error).
func (g *stages) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case r := <-g.failed:
		<-r.done
		r.said = true
		return r.failure()
	}
}

func (r *runningStage) failure() error {
	if r.err == nil {
		return fmt.Errorf("%s ended by itself", r.name)
	}
	return fmt.Errorf("%s: %w", r.name, r.err)
}

// stop ends the stages, the one started last first, and waits for each up to
// the grace time. When giveUp ends it no longer waits. It returns what went
// wrong while stopping.
func (g *stages) stop(giveUp context.Context) error {
	var errs []error
	for i := len(g.running) - 1; i >= 0; i-- {
		r := g.running[i]
		r.cancel()
		timer := time.NewTimer(g.grace)
		select {
		case <-r.done:
			if r.err != nil && !r.said && !errors.Is(r.err, context.Canceled) {
				errs = append(errs, r.failure())
			}
		case <-timer.C:
			errs = append(errs, fmt.Errorf("%s did not stop within %s; its unfinished work will be done again at the next start", r.name, g.grace))
		case <-giveUp.Done():
			errs = append(errs, fmt.Errorf("%s was not waited for; its unfinished work will be done again at the next start", r.name))
		}
		timer.Stop()
		g.log.Debug("stage stopped", "stage", r.name)
	}
	g.running = nil
	return errors.Join(errs...)
}
