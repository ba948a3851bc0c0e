package main

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// wipe has the queues give up the bytes of what was acknowledged, as soon as
// they are empty. History and messages set aside are overwritten one by one.
func (e *erasing) wipe(ctx context.Context) error {
	for deadline := time.Now().Add(erasePatience); ; {
		busy, err := streams.Wipe(ctx, e.h.js)
		if err != nil {
			return err
		}
		busy = slices.DeleteFunc(busy, func(name string) bool { return name == streams.Events || name == streams.Dead })
		if len(busy) == 0 || time.Now().After(deadline) {
			return nil
		}
		if !pause(ctx, settlePoll) {
			return ctx.Err()
		}
	}
}

// prove looks for what is left: by asking the tables, and, of an athlete, in
// every file of the data directory.
func (e *erasing) prove(ctx context.Context) error {
	left := func(where, what string) { e.out.Left = append(e.out.Left, leftover{Where: where, What: what}) }
	what := &store.Erasure{
		Athlete: e.opts.Athlete, All: e.opts.All,
		Exports: slices.Collect(maps.Keys(e.exports)), Sessions: slices.Collect(maps.Keys(e.sessions)),
	}
	if e.out.Again > 0 {
		what.Sessions = nil // of which others exports have made new rows
	}
	held, err := e.h.st.Holding(ctx, what)
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(held)) {
		left("table "+table, count(held[table])+" rows")
	}
	if !e.opts.All {
		return nil
	}
	detached, err := e.h.st.Detached(ctx)
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(detached)) {
		left("table "+table, count(detached[table])+" parts that the server has set aside, which cannot be asked")
	}
	n := e.needles(ctx)
	for deadline := time.Now().Add(10 * time.Second); ; { // engines remove files a moment later
		files, err := n.below(ctx, e.h.dir)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			for _, path := range slices.Sorted(maps.Keys(files)) {
				left(path, files[path])
			}
			return nil
		}
		if !pause(ctx, settlePoll) {
			return errors.Join(errors.New("search what is left"), ctx.Err())
		}
	}
}

// needles are what no file may hold: the athlete's identity, in text if it is
// long enough to say something and in the forms that files of ours have, and
// those of exports, jobs and sessions, in text and in bytes. Exports that others
// have as well may be found.
func (e *erasing) needles(ctx context.Context) *needles {
	n := &needles{}
	id := string(e.opts.Athlete)
	if !e.likeOthers(ctx) {
		n.add("the athlete", []byte(id))
	}
	for _, form := range []string{`"athlete":"` + id + `"`, `"athlete": "` + id + `"`, `"athlete_id":"` + id + `"`, "plodwatch.v1.samples." + id + ".", "taken/" + id} {
		n.add("the athlete", []byte(form))
	}
	for export := range e.exports {
		job := schema.JobIDOf(e.opts.Athlete, export)
		n.add("a job", job[:])
		n.add("a job", []byte(job.String()))
		if e.out.Shared > 0 {
			continue
		}
		n.add("an export", export[:])
		n.add("an export", []byte(export.String()))
	}
	for session := range e.sessions {
		n.add("a session", session[:])
		n.add("a session", []byte(session.String()))
		n.add("a session", []byte(hex.EncodeToString(session[:])))
	}
	return n
}

// likeOthers reports whether another athlete's identity holds this one's.
func (e *erasing) likeOthers(ctx context.Context) bool {
	athletes, err := e.h.st.Athletes(ctx)
	return err != nil || slices.ContainsFunc(athletes, func(other schema.AthleteID) bool {
		return other != e.opts.Athlete && strings.Contains(string(other), string(e.opts.Athlete))
	})
}
