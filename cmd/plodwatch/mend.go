package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/reconcile"
)

// reconcile compares what is kept here, and with Fix brings back what can be.
func (h *localHost) reconcile(ctx context.Context, opts reconcileOptions, say func(*reconcileEvent) error) error {
	if h.js == nil || h.blobs == nil {
		return fmt.Errorf("reconcile: plodwatch %s: %w", h.command, errNoQueues)
	}
	sum, err := h.mend(ctx, h.st, opts, say)
	if err == nil && h.engine != nil && opts.Fix && opts.Wait && sum.Remain == 0 {
		err = h.st.DropBroken(ctx)
	}
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	return say(&reconcileEvent{Summary: sum})
}

// mend compares what is kept with the tables st, says what is missing, and with
// Fix brings back what can be.
func (p *pipeline) mend(ctx context.Context, st *store.Store, opts reconcileOptions, say func(*reconcileEvent) error) (*reconcileSummary, error) {
	m := &mending{p: p, st: st, opts: opts, queued: map[schema.JobID]error{}}
	m.progress = func(text string) { _ = say(&reconcileEvent{Progress: text}) } // whoever is gone sees nothing
	if err := m.run(ctx); err != nil {
		return nil, err
	}
	for _, row := range m.rows {
		if err := say(&reconcileEvent{Missing: row}); err != nil {
			return nil, err
		}
	}
	return m.summary(), nil
}

// mending is one comparison and what is done about it.
type mending struct {
	p        *pipeline
	st       *store.Store
	opts     reconcileOptions
	progress func(string)

	src    *keptSources
	found  *reconcile.Result
	rows   []*missingRow // of found.Findings
	queued map[schema.JobID]error
}

func (m *mending) run(ctx context.Context) error {
	var err error
	if m.src, err = m.p.newSources(ctx, m.st, m.opts, m.progress); err != nil {
		return err
	}
	m.found, err = reconcile.Compare(ctx, m.src, reconcile.Options{
		Deep: m.opts.Deep, Owner: m.opts.Owner,
		Progress: func(n int) {
			if n%10_000 == 0 || m.opts.Deep {
				m.progress(fmt.Sprintf("looked at %s originals", count(n)))
			}
		},
	})
	if err != nil {
		return err
	}
	for i := range m.found.Findings {
		m.rows = append(m.rows, m.rowOf(&m.found.Findings[i]))
	}
	if !m.opts.Fix {
		return nil
	}
	if err := m.fix(ctx); err != nil || !m.opts.Wait {
		return err
	}
	return m.verify(ctx)
}

// rowOf says a finding in words.
func (m *mending) rowOf(f *reconcile.Finding) *missingRow {
	r := &missingRow{Kind: f.Kind, Athlete: f.Athlete, Format: f.Format, Why: why(f), CanFix: f.Remedy != reconcile.NoRemedy && f.Remedy != reconcile.Retry}
	if f.Export != (schema.ExportID{}) {
		r.Export = &f.Export
	}
	if f.Session != (schema.SessionID{}) {
		r.Session = &f.Session
	}
	if f.Kind == reconcile.NoSamples {
		r.Have, r.Want = &f.Have, &f.Want
	}
	if file := m.src.byID[f.Export]; file != nil && f.Remedy == reconcile.FromFolder {
		r.File = file.rel
	}
	return r
}

func why(f *reconcile.Finding) string {
	text := map[reconcile.Kind]string{
		reconcile.NotTaken:   "a file of the folder was never taken",
		reconcile.NoRow:      "taken, and the tables have no row of it",
		reconcile.NoBlob:     "in the tables, and its original is missing",
		reconcile.Damaged:    "its original is damaged",
		reconcile.NoSession:  "its session has no row",
		reconcile.NoMember:   "a file of an archive, and the tables have no row of it",
		reconcile.Lost:       "taken, and neither its original nor a row is left",
		reconcile.Unowned:    "an original, and nothing says whose",
		reconcile.OrphanMark: "a mark of something taken that nothing is left of",
	}[f.Kind]
	if f.Kind == reconcile.NoSamples {
		text = fmt.Sprintf("its session has %s of %s samples", count(f.Have), count(f.Want))
	}
	if f.Remedy == reconcile.Retry {
		text += "; it was set aside (plodwatch dead list)"
	}
	return text
}

// fix does for each finding what brings it back.
func (m *mending) fix(ctx context.Context) error {
	for i := range m.rows {
		f, row := &m.found.Findings[i], m.rows[i]
		done, err := m.fixOne(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if row.Done = done; err != nil {
			row.Done, row.Error = "", err.Error()
		}
		if (i+1)%1000 == 0 {
			m.progress(fmt.Sprintf("queued %s of %s", count(i+1), count(len(m.rows))))
		}
	}
	return nil
}

func (m *mending) fixOne(ctx context.Context, f *reconcile.Finding) (done string, err error) {
	switch {
	case f.Remedy == reconcile.Queue:
		done = "queued"
		if f.Job.Export != f.Export {
			done = "archive_queued"
		}
		return done, m.queue(ctx, f.Job)
	case f.Remedy == reconcile.FromFolder:
		if err := m.takeFile(ctx, f.Export); err != nil || f.Job == nil {
			return "taken_from_folder", err
		}
		return "taken_from_folder", m.queue(ctx, f.Job)
	case m.opts.Forget && (f.Remedy == reconcile.Forget || f.Kind == reconcile.Lost && f.Remedy == reconcile.NoRemedy):
		// With its mark, the same file would be refused as taken before.
		return "mark_forgotten", m.p.blobs.Unmark(f.Mark)
	}
	return "", nil
}

// queue queues a job, once, and waits while the queue is full.
func (m *mending) queue(ctx context.Context, job *schema.Job) error {
	id := job.ID()
	if err, done := m.queued[id]; done {
		return err
	}
	_, err := m.p.requeue(ctx, *job)
	m.queued[id] = err
	return err
}

// requeue queues a stored job; while the queue or the disk takes nothing it
// tries again, as long as an import would.
func (p *pipeline) requeue(ctx context.Context, job schema.Job) (waited bool, err error) {
	var s stuck
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		waited, err = p.intake.Requeue(ctx, job)
		if err == nil || !errors.Is(err, ingest.ErrNotNow) {
			return waited, err
		}
		if _, tooLong := s.again(time.Now()); tooLong || !pause(ctx, wait) {
			return waited, err
		}
	}
}

// takeFile stores the file of the folder that has these bytes.
func (m *mending) takeFile(ctx context.Context, id schema.ExportID) error {
	file, err := m.src.byID[id].file.Open()
	if err != nil {
		return fmt.Errorf("open file of the folder: %w", err)
	}
	defer file.Close()
	got, _, _, err := m.p.blobs.Put(ctx, file)
	if err != nil {
		return fmt.Errorf("take file of the folder: %w", err)
	}
	if got != id {
		return errors.New("take file of the folder: it has changed meanwhile")
	}
	return nil
}

// verify waits for what was queued and looks whether it is there.
func (m *mending) verify(ctx context.Context) error {
	if len(m.queued) > 0 {
		m.progress(fmt.Sprintf("waiting for %s exports to be decoded", count(len(m.queued))))
		said := time.Now()
		err := m.p.drain(ctx, func(left uint64) {
			if time.Since(said) >= plainEvery {
				said = time.Now()
				m.progress(count(left) + " messages left")
			}
		})
		if err != nil {
			return err
		}
		if err := m.settleCopies(ctx); err != nil {
			return err
		}
	}
	after, err := reconcile.Compare(ctx, m.src, reconcile.Options{Owner: m.opts.Owner})
	if err != nil {
		return err
	}
	type what struct {
		kind    reconcile.Kind
		mark    schema.JobID
		export  schema.ExportID
		session schema.SessionID
	}
	missing := map[what]bool{}
	for _, f := range after.Findings {
		missing[what{f.Kind, f.Mark, f.Export, f.Session}] = true
	}
	for i := range m.rows {
		f, row := &m.found.Findings[i], m.rows[i]
		row.Restored = row.Error == "" && !missing[what{f.Kind, f.Mark, f.Export, f.Session}]
		switch f.Kind {
		case reconcile.Lost:
			row.Restored = row.Restored && row.Done != "mark_forgotten"
		case reconcile.Damaged:
			intact, err := m.src.Intact(ctx, f.Export)
			if err != nil {
				return err
			}
			row.Restored = row.Restored && intact
		}
	}
	return nil
}

// settleCopies has decided again which sessions of the athletes are copies.
func (m *mending) settleCopies(ctx context.Context) error {
	settled := map[schema.AthleteID]bool{}
	for _, r := range m.rows {
		if r.Done == "" || r.Athlete == "" || settled[r.Athlete] {
			continue
		}
		settled[r.Athlete] = true
		if err := m.p.settleCopies(ctx, r.Athlete); err != nil {
			return err
		}
	}
	return nil
}

func (m *mending) summary() *reconcileSummary {
	sum := &reconcileSummary{
		Originals: m.found.Blobs, Exports: m.found.Rows, Marks: m.found.Marks, Files: m.found.Files, InFlight: m.found.InFlight,
		Missing: map[reconcile.Kind]int{}, TablesEmpty: m.found.Rows == 0 && m.found.Marks > 0 && m.found.InFlight == 0,
	}
	for _, r := range m.rows {
		sum.Missing[r.Kind]++
		if r.Restored {
			sum.Restored++
		}
	}
	sum.Remain = len(m.rows) - sum.Restored
	return sum
}

// serveReconcile compares for another command, a JSON event a line.
func (h *localHost) serveReconcile(w http.ResponseWriter, r *http.Request) {
	var opts reconcileOptions
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&opts); err != nil {
		reply(w, nil, fmt.Errorf("read options: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	say := func(e *reconcileEvent) error {
		if err := json.NewEncoder(w).Encode(e); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		if e.Progress != "" {
			return flush.Flush()
		}
		return nil
	}
	if err := h.reconcile(r.Context(), opts, say); err != nil {
		_ = say(&reconcileEvent{Failure: &failure{Error: err.Error(), NotNow: errors.Is(err, ingest.ErrNotNow)}})
	}
}

func (h *remoteHost) reconcile(ctx context.Context, opts reconcileOptions, say func(*reconcileEvent) error) error {
	body, err := json.Marshal(opts)
	if err != nil {
		return fmt.Errorf("write options: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://plodwatch"+pathReconcile, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the running plodwatch: %w: %w", ingest.ErrNotNow, err)
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var e reconcileEvent
		err := dec.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the running plodwatch's answer: %w", err)
		case e.Failure != nil:
			return errors.New(e.Failure.Error)
		}
		if err := say(&e); err != nil {
			return err
		}
	}
}
