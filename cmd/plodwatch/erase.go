package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest/pull"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// eraseOptions say what is to go, as they cross the socket.
type eraseOptions struct {
	Athlete schema.AthleteID  `json:"athlete"`
	All     bool              `json:"all"`     // everything of the athlete
	Exports []schema.ExportID `json:"exports"` // otherwise these
}

// eraseReport says what is gone. Its keys are stable.
type eraseReport struct {
	Athlete   schema.AthleteID  `json:"athlete_id"`
	Exports   int               `json:"exports"`
	Sessions  int               `json:"sessions"`
	Rows      map[string]uint64 `json:"rows"` // of each table, all versions
	Originals int               `json:"originals"`
	Shared    int               `json:"originals_shared"` // stay: others have handed in the same bytes
	Records   int               `json:"upload_records"`
	Tokens    int               `json:"tokens"`
	Messages  int               `json:"messages"`
	Again     int               `json:"queued_again"` // other exports that hold one of the sessions
	Left      []leftover        `json:"left"`
}

// leftover is something that should be gone and is not. Its keys are stable.
type leftover struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

const (
	// erasePatience is how long erasing waits for work in hand: until the
	// queues have passed what they hold, and until they are empty.
	erasePatience = 2 * time.Minute
	// eraseRounds is how often it looks again for what was written meanwhile.
	eraseRounds = 5
)

// erasing is one erasure.
type erasing struct {
	h        *localHost
	opts     eraseOptions
	records  *upload.Records
	codec    *wire.Codec
	exports  map[schema.ExportID]bool
	sessions map[schema.SessionID]bool
	out      eraseReport
}

// erase takes exports, or everything of an athlete, out of all stores.
func (h *localHost) erase(ctx context.Context, opts eraseOptions) (eraseReport, error) {
	e := &erasing{h: h, opts: opts, exports: map[schema.ExportID]bool{}, sessions: map[schema.SessionID]bool{}}
	e.out = eraseReport{Athlete: opts.Athlete, Rows: map[string]uint64{}, Left: []leftover{}}
	if h.js == nil || h.blobs == nil || h.analyzer == nil {
		return e.out, fmt.Errorf("plodwatch %s: %w", h.command, errNoQueues)
	}
	err := e.run(ctx)
	if err != nil {
		err = fmt.Errorf("delete: %w; what is left goes when the command is given again", err)
	}
	return e.out, err
}

func (e *erasing) run(ctx context.Context) error {
	var err error
	if e.codec, err = wire.NewCodec(); err != nil {
		return err
	}
	if e.records, err = upload.OpenRecords(filepath.Join(e.h.dir, "uploads")); err != nil {
		return err
	}
	if e.opts.All {
		if err := e.revoke(); err != nil {
			return err
		}
	}
	if err := e.drain(ctx); err != nil {
		return err
	}
	for round := 0; ; round++ {
		if err := e.find(ctx); err != nil {
			return err
		}
		again, err := e.round(ctx)
		if err != nil {
			return err
		}
		if !again || round >= eraseRounds {
			break
		}
	}
	if !e.opts.All {
		if err := e.mend(ctx); err != nil {
			return err
		}
	}
	if err := e.wipe(ctx); err != nil {
		return err
	}
	return e.prove(ctx)
}

func (e *erasing) revoke() error {
	file, err := e.h.app.tokenFile()
	if err != nil {
		return err
	}
	e.out.Tokens, err = file.RevokeAll(e.opts.Athlete)
	return err
}

// drain waits until the queues have passed what they hold now, so that nobody
// has a message in hand and writes what follows from it later. What cannot be
// worked on, because a server is away, is not waited for.
func (e *erasing) drain(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, erasePatience)
	defer cancel()
	if err := e.h.drain(soon, nil); err != nil && ctx.Err() == nil && soon.Err() == nil {
		return err
	}
	return ctx.Err()
}

// find adds to the lists of what is to go.
func (e *erasing) find(ctx context.Context) error {
	if e.opts.All {
		return e.findAll(ctx)
	}
	for todo := e.opts.Exports; len(todo) > 0; {
		var members []schema.ExportID
		for _, id := range todo {
			all, err := e.h.st.FindExports(ctx, e.opts.Athlete, id.String(), 1)
			if err != nil {
				return err
			}
			e.exports[id] = true
			for i := range all {
				e.add(&all[i])
				members = append(members, all[i].Members...)
			}
		}
		todo = todo[:0:0]
		for _, id := range members {
			all, err := e.h.st.FindExports(ctx, e.opts.Athlete, id.String(), 1)
			if err != nil {
				return err
			}
			// One that was handed in by itself as well stays.
			if len(all) == 1 && !e.exports[id] && all[0].Parent != "" {
				todo = append(todo, id)
			}
		}
	}
	return nil
}

func (e *erasing) add(t *store.Taken) {
	e.exports[t.Export] = true
	for _, id := range t.Sessions {
		e.sessions[id] = true
	}
}

func (e *erasing) findAll(ctx context.Context) error {
	all, err := e.h.st.ExportsOf(ctx, e.opts.Athlete)
	if err != nil {
		return err
	}
	for i := range all {
		e.add(&all[i])
	}
	err = e.records.Each(ctx, func(r *upload.Record) error {
		if r.Athlete == e.opts.Athlete {
			e.exports[r.Export] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.h.blobs.Marks(ctx, func(id schema.JobID) error {
		job, err := e.h.blobs.Marked(id)
		if err == nil && job != nil && job.Athlete == e.opts.Athlete {
			e.exports[job.Export] = true
		}
		return nil //nolint:nilerr // one that went meanwhile
	})
}

// round takes away what is there now and reports whether something has to be
// looked for again.
func (e *erasing) round(ctx context.Context) (again bool, err error) {
	n, err := streams.Erase(ctx, e.h.js, e.matches)
	if e.out.Messages += n; err != nil {
		return false, err
	}
	what := &store.Erasure{
		Athlete: e.opts.Athlete, All: e.opts.All,
		Exports: slices.Collect(maps.Keys(e.exports)), Sessions: slices.Collect(maps.Keys(e.sessions)),
	}
	rows, err := e.h.st.Erase(ctx, what)
	if err != nil {
		return false, err
	}
	for table, n := range rows {
		e.out.Rows[table] += n
	}
	if err := e.files(ctx); err != nil {
		return false, err
	}
	e.out.Exports, e.out.Sessions = len(e.exports), len(e.sessions)
	return len(rows) > 0, nil
}

// matches says whether a message is about what is to go.
func (e *erasing) matches(m *streams.Stored) bool {
	stage := ""
	if parts := strings.Split(m.Subject, "."); len(parts) > 2 {
		stage = parts[2]
	}
	var athlete schema.AthleteID
	var ids [2]schema.ExportID
	switch stage {
	case "exports":
		if job, err := wire.DecodeJob(m.Data); err == nil {
			athlete, ids = job.Athlete, [2]schema.ExportID{job.Export, job.Parent}
		}
	case "outcomes":
		if out, err := wire.DecodeOutcome(m.Data); err == nil {
			athlete, ids = out.Job.Athlete, [2]schema.ExportID{out.Job.Export, out.Job.Parent}
		}
	case "samples":
		if env, err := e.codec.DecodeSession(m.Data); err == nil {
			athlete, ids = env.Athlete, [2]schema.ExportID{env.Export}
		}
	case "pulls":
		if who, _, err := pull.PeekOrder(m.Data); err == nil {
			athlete = who
		}
	case "events":
		if strings.HasSuffix(m.Subject, "."+streams.Token(string(e.opts.Athlete))) {
			return e.opts.All || e.mentions(m.Data)
		}
	}
	return athlete == e.opts.Athlete && (e.opts.All || e.exports[ids[0]] || e.exports[ids[1]])
}

func (e *erasing) mentions(data []byte) bool {
	for id := range e.exports {
		if bytes.Contains(data, []byte(id.String())) {
			return true
		}
	}
	for id := range e.sessions {
		if bytes.Contains(data, []byte(id.String())) {
			return true
		}
	}
	return false
}

// files takes marks, upload records and originals away.
func (e *erasing) files(ctx context.Context) error {
	others, err := e.needed(ctx)
	if err != nil {
		return err
	}
	e.out.Shared = 0
	for id := range e.exports {
		before, err := e.records.Find(schema.JobIDOf(e.opts.Athlete, id).UploadID())
		if err != nil {
			return err
		}
		if err := e.records.Remove(e.opts.Athlete, id); err != nil {
			return err
		}
		e.out.Records += len(before)
		if others[id] {
			e.out.Shared++
		} else if there, err := e.h.blobs.Has(ctx, id); err != nil {
			return err
		} else if there {
			if err := e.h.blobs.Remove(ctx, id); err != nil {
				return err
			}
			e.out.Originals++
		}
		// The mark goes last: with it, what is left is found the next time.
		if err := e.h.blobs.Unmark(schema.JobIDOf(e.opts.Athlete, id)); err != nil {
			return err
		}
	}
	return nil
}

// needed returns those of the exports that other athletes have, too.
func (e *erasing) needed(ctx context.Context) (map[schema.ExportID]bool, error) {
	needed := map[schema.ExportID]bool{}
	note := func(athlete schema.AthleteID, id schema.ExportID) {
		if athlete != e.opts.Athlete && e.exports[id] {
			needed[id] = true
		}
	}
	err := e.h.blobs.Marks(ctx, func(id schema.JobID) error {
		if job, err := e.h.blobs.Marked(id); err == nil && job != nil {
			note(job.Athlete, job.Export)
		}
		return nil
	})
	if err == nil {
		err = e.records.Each(ctx, func(r *upload.Record) error { note(r.Athlete, r.Export); return nil })
	}
	if err != nil {
		return nil, err
	}
	athletes, err := e.h.st.Athletes(ctx)
	if err != nil {
		return nil, err
	}
	for id := range e.exports {
		owners, err := e.h.st.Owners(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, athlete := range owners {
			note(athlete, id)
		}
		for _, athlete := range athletes { // marks that do not say whose they are
			if e.h.blobs.Taken(schema.JobIDOf(athlete, id)) {
				note(athlete, id)
			}
		}
	}
	return needed, nil
}

// mend has decided again what the deleted sessions had a part in. A session
// that another export holds as well is decoded from that one.
func (e *erasing) mend(ctx context.Context) error {
	if len(e.sessions) > 0 {
		with, err := e.h.st.ExportsWith(ctx, e.opts.Athlete, slices.Collect(maps.Keys(e.sessions)))
		if err != nil {
			return err
		}
		ids := []schema.ExportID{}
		for i := range with {
			ids = append(ids, with[i].Export)
		}
		if len(ids) > 0 {
			err = e.h.st.Ledger(ctx, store.LedgerFilter{Athlete: e.opts.Athlete, Exports: ids}, func(r *store.LedgerRow) error {
				e.out.Again++
				_, err := e.h.requeue(ctx, r.Job)
				return err
			})
		}
		if err == nil && e.out.Again > 0 {
			err = e.drain(ctx)
		}
		if err != nil {
			return err
		}
	}
	_, err := e.h.analyzer.Settle(ctx, []schema.AthleteID{e.opts.Athlete})
	return err
}
