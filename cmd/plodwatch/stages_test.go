package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestStagesStopFromTheFront: the stage started last stops first, and the next
// is told only when it has finished its work in hand.
func TestStagesStopFromTheFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		g := newStages(slog.New(slog.DiscardHandler), time.Minute)
		for _, name := range []string{"store", "worker", "folder"} {
			g.start(t.Context(), stage{name: name, run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second) // work in hand, in the bubble's clock
				order = append(order, name)
				return ctx.Err()
			}})
		}
		synctest.Wait()
		if err := g.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(order, " "); got != "folder worker store" {
			t.Errorf("stopped in the order %q", got)
		}
	})
}

// TestStagesGiveUp: a second signal ends the waiting, and the error says so.
func TestStagesGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := newStages(slog.New(slog.DiscardHandler), time.Hour)
		g.start(t.Context(), stage{name: "worker", run: func(context.Context) error { <-release; return nil }})
		giveUp, second := context.WithCancel(t.Context())
		second()
		err := g.stop(giveUp)
		if err == nil || !strings.Contains(err.Error(), "worker was not waited for") {
			t.Errorf("stop returned %v", err)
		}
		close(release)
	})
}

// TestStagesGrace: a stage that does not stop is left behind after the grace
// time.
func TestStagesGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := newStages(slog.New(slog.DiscardHandler), 10*time.Second)
		g.start(t.Context(), stage{name: "feed", run: func(context.Context) error { <-release; return nil }})
		err := g.stop(t.Context())
		if err == nil || !strings.Contains(err.Error(), "feed did not stop within 10s") {
			t.Errorf("stop returned %v", err)
		}
		close(release)
	})
}

// TestStagesFailure: a stage that ends by itself ends the wait with its error.
func TestStagesFailure(t *testing.T) {
	boom := errors.New("boom")
	g := newStages(slog.New(slog.DiscardHandler), time.Minute)
	g.start(t.Context(), stage{name: "feed", run: func(context.Context) error { return boom }})
	if err := g.wait(t.Context()); !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "feed: ") {
		t.Errorf("wait returned %v", err)
	}
	if err := g.stop(t.Context()); err != nil {
		t.Errorf("stop says it again: %v", err)
	}
}

// TestStuckImport says so now and then, and not for ever.
func TestStuckImport(t *testing.T) {
	var s stuck
	start := time.Unix(1_700_000_000, 0)
	said, tooLong := 0, 0
	for second := range 400 {
		say, long := s.again(start.Add(time.Duration(second) * time.Second))
		if say {
			said++
		}
		if long && tooLong == 0 {
			tooLong = second
		}
	}
	if said != 14 || tooLong != 300 {
		t.Errorf("said %d times in 400 s, too long after %d s; want 14 and 300", said, tooLong)
	}
	s.over()
	if _, long := s.again(start.Add(time.Hour)); long {
		t.Error("still too long after a success")
	}
}

// TestStagesDead: the death of a stage is seen by all who ask.
func TestStagesDead(t *testing.T) {
	boom := errors.New("boom")
	g := newStages(slog.New(slog.DiscardHandler), time.Minute)
	g.start(t.Context(), stage{name: "feed", run: func(context.Context) error { return boom }})
	<-g.running[0].done
	for range 2 {
		for g.dead() == nil {
		}
		if err := g.dead(); !errors.Is(err, boom) {
			t.Errorf("dead returned %v", err)
		}
	}
	if err := g.wait(t.Context()); !errors.Is(err, boom) {
		t.Errorf("wait returned %v", err)
	}
}
