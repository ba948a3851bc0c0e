package folder

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"plodwatch/ingest"
	"plodwatch/schema"
)

const (
	saveEvery    = 5 * time.Second // how much reading a crash may repeat
	rememberDays = 30              // how long a taken file that no scan sees is remembered
)

// owner holds the state of a run. Its methods are called by one goroutine; the
// goroutines that touch the disk get what they need and send back what came of
// it, into channels that never block them.
type owner struct {
	*Folder
	log     *slog.Logger
	tracker *tracker
	dirty   map[string]bool // paths to look at; "." is everything

	looks   chan looked
	takes   chan *take
	departs chan []departed
	looking bool
	taking  int
	leaving bool
	workers sync.WaitGroup
	saved   time.Time
	warned  map[string]bool
	unread  bool // the last scan of the folder failed
}

func newOwner(f *Folder) *owner {
	return &owner{
		Folder:  f,
		log:     f.deps.Log,
		tracker: newTracker(f.cfg),
		dirty:   map[string]bool{".": true},
		looks:   make(chan looked, 1),
		takes:   make(chan *take, f.cfg.Concurrency),
		departs: make(chan []departed, 1),
		warned:  map[string]bool{},
	}
}

// load reads the state file.
func (o *owner) load() {
	o.saved = time.Now()
	if o.cfg.StateFile == "" {
		return
	}
	taken, err := readState(o.cfg.StateFile)
	if err != nil {
		o.trouble(troubleState)
		o.log.Warn("folder state cannot be read, files will be read again", slog.Any("error", bare(err)))
		return
	}
	o.tracker.taken = taken
}

// startNotes starts notifications. Without them there are the scans.
func (o *owner) startNotes() *notes {
	n, err := o.openNotes()
	if err != nil {
		o.unwatched(err)
	}
	return n
}

func (o *owner) loop(ctx context.Context, n *notes) {
	l := &looker{dir: o.cfg.Dir, watch: n.watch}
	tick := time.NewTicker(o.cfg.PollInterval)
	defer tick.Stop()
	rescan := time.NewTicker(o.cfg.Rescan)
	defer rescan.Stop()
	o.startLook(ctx, l, time.Now())
	for {
		select {
		case <-ctx.Done():
			o.stop()
			return
		case ev, ok := <-n.events:
			if !ok {
				n.events = nil
			}
			o.notified(ev)
		case err, ok := <-n.errs:
			if !ok {
				n.errs = nil
				continue
			}
			o.lost(err)
		case err := <-n.failed:
			o.unwatched(err)
		case <-rescan.C:
			o.dirty["."] = true
		case <-tick.C:
			now := time.Now()
			o.startLook(ctx, l, now)
			o.startDepart(ctx, now)
			o.save(now, now.Sub(o.saved) >= saveEvery)
		case res := <-o.looks:
			o.looked(res)
		case res := <-o.takes:
			o.finished(res, ctx.Err() != nil)
		case res := <-o.departs:
			o.departed(res)
		}
		o.startTakes(ctx, time.Now())
		o.deps.Metrics.pending.Set(float64(len(o.tracker.pending)))
	}
}

// stop waits for the goroutines, whose context has ended, and keeps what they
// have achieved.
func (o *owner) stop() {
	o.workers.Wait()
	for {
		select {
		case res := <-o.takes:
			o.finished(res, true)
		case res := <-o.departs:
			o.departed(res)
		default:
			o.save(time.Now(), true)
			return
		}
	}
}

// notified remembers where something happened.
func (o *owner) notified(ev fsnotify.Event) {
	rel, err := filepath.Rel(o.cfg.Dir, ev.Name)
	if err != nil || ev.Name == "" || rel == DoneDir || hidden(rel) {
		return
	}
	o.dirty[rel] = true
}

func (o *owner) lost(err error) {
	o.dirty["."] = true
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		o.trouble(troubleOverflow)
	} else {
		o.trouble(troubleWatch)
	}
	o.warnOnce("folder notifications were lost, scanning instead", slog.Any("error", bare(err)))
}

func (o *owner) unwatched(err error) {
	o.trouble(troubleWatch)
	o.warnOnce("folder sends no notifications for some directories, files there are found by scans",
		slog.Any("error", err), slog.Duration("rescan", o.cfg.Rescan))
}

// startLook looks at what was notified and at what has to be looked at again.
func (o *owner) startLook(ctx context.Context, l *looker, now time.Time) {
	if o.looking {
		return
	}
	for _, rel := range o.tracker.due(now) {
		o.dirty[rel] = true
	}
	if len(o.dirty) == 0 {
		return
	}
	rels := slices.Sorted(maps.Keys(o.dirty))
	clear(o.dirty)
	o.looking = true
	o.workers.Go(func() { o.looks <- l.look(ctx, rels) })
}

// looked takes in what was seen.
func (o *owner) looked(res looked) {
	o.looking = false
	if res.err != nil {
		if !o.unread {
			o.log.Warn("folder cannot be read, trying again", slog.Any("error", res.err))
		}
		o.trouble(troubleScan)
		o.unread = true
		return
	}
	if o.unread && res.full {
		o.log.Info("folder can be read again")
		o.unread = false
	}
	seen, files := map[string]bool{}, 0
	for _, s := range res.sightings {
		seen[s.rel] = true
		switch {
		case s.gone:
			o.tracker.gone(s.rel)
		case s.reason != schema.ReasonNone:
			o.setAside(s)
		default:
			files++
			athlete, _ := AthleteOf(s.rel, o.cfg.DefaultAthlete)
			o.tracker.sawFile(s.rel, s.state, athlete, s.at)
		}
	}
	for _, dir := range res.dirs {
		if !seen[dir] { // it can be read, whatever was there before
			o.tracker.gone(dir)
		}
	}
	if !res.full {
		return
	}
	for _, rel := range o.tracker.unseen(seen) {
		o.dirty[rel] = true
	}
	if files > 0 { // an empty folder may be a mount that is missing
		o.tracker.forget(dayOf(time.Now()) - rememberDays)
	}
}

func (o *owner) setAside(s sighting) {
	if !o.tracker.sawOther(s.rel, s.reason) {
		return
	}
	switch s.reason {
	case schema.ReasonLitter:
		o.count(resultIgnored)
	case schema.ReasonNotRegular:
		o.count(resultNotRegular)
		o.log.Warn("folder entry is not a regular file")
	default:
		o.count(resultUnreadable)
		o.log.Warn("folder entry cannot be read", slog.Any("error", s.err))
	}
}

// startTakes reads as many files as may be read at the same time.
func (o *owner) startTakes(ctx context.Context, now time.Time) {
	for o.taking < o.cfg.Concurrency && ctx.Err() == nil {
		rel, state, ok := o.tracker.next(now)
		if !ok {
			return
		}
		athlete, named := AthleteOf(rel, o.cfg.DefaultAthlete)
		if !named {
			o.warnOnce("folder has a subfolder whose name is no athlete id, its files go to the default athlete",
				slog.String("athlete", string(athlete)))
		}
		t := &take{rel: rel, state: state, athlete: athlete, started: now}
		o.taking++
		o.workers.Go(func() {
			o.read(ctx, t)
			o.takes <- t
		})
	}
}

// finished takes in what came of reading a file. When the run is stopping,
// failures are its doing.
func (o *owner) finished(t *take, stopping bool) {
	o.taking--
	o.dirty[t.rel] = true // it may have changed while nobody looked
	now := time.Now()
	refusal := schema.AsRefusal(t.err)
	switch {
	case t.err == nil:
		o.took(t, now)
	case errors.Is(t.err, errChanged), stopping:
		o.tracker.drop(t.rel)
	case errors.Is(t.err, ingest.ErrNotNow):
		o.deps.Metrics.retries.Inc()
		if o.tracker.notNow(t.rel, t.started, now) {
			o.log.Warn("files cannot be taken now, holding them back", slog.Any("error", t.err))
		}
	case refusal != nil && refusal.Reason == schema.ReasonNotRegular:
		o.tracker.drop(t.rel) // the next look says so
	case refusal != nil && refusal.Reason != schema.ReasonUnreadable:
		o.tracker.refused(t.rel, t.state, refusal.Reason)
		o.count(resultRefused)
		o.log.Warn("export refused", slog.String("reason", string(refusal.Reason)),
			slog.String("athlete", string(t.athlete)), slog.Int64("bytes", t.state.size))
	default:
		o.failed(t, refusal, now)
	}
}

func (o *owner) failed(t *take, refusal *schema.Refusal, now time.Time) {
	if !o.tracker.failed(t.rel, now) {
		return
	}
	result := resultFailed
	if refusal != nil {
		result = resultUnreadable
	}
	o.count(result)
	o.log.Warn("export could not be taken, trying again later", slog.Any("error", t.err),
		slog.String("athlete", string(t.athlete)), slog.Int64("bytes", t.state.size))
}

func (o *owner) took(t *take, now time.Time) {
	if o.tracker.took(t.rel, takenFile{state: t.state, athlete: t.athlete, export: t.receipt.Job.Export}, now) {
		o.log.Info("files can be taken again")
	}
	result := resultTaken
	if t.receipt.Duplicate {
		result = resultDuplicate
	} else {
		o.deps.Metrics.bytes.Add(float64(t.state.size))
	}
	o.count(result)
	o.log.Debug("export taken", slog.String("export", t.receipt.Job.Export.String()),
		slog.String("athlete", string(t.athlete)), slog.Int64("bytes", t.state.size),
		slog.Bool("duplicate", t.receipt.Duplicate))
}

// startDepart moves or deletes the files whose time has come.
func (o *owner) startDepart(ctx context.Context, now time.Time) {
	if o.leaving {
		return
	}
	var files []departed
	for _, rel := range o.tracker.leaving(now) {
		files = append(files, departed{rel: rel, done: o.tracker.taken[rel]})
	}
	if len(files) == 0 {
		return
	}
	o.leaving = true
	o.workers.Go(func() { o.departs <- o.depart(ctx, files) })
}

// departed takes in which files have gone.
func (o *owner) departed(files []departed) {
	o.leaving = false
	now := time.Now()
	for _, d := range files {
		switch {
		case d.err == nil:
			o.tracker.departed(d.rel)
			if o.cfg.After == AfterMove {
				o.removed(removedMoved)
			} else {
				o.removed(removedDeleted)
			}
		case errors.Is(d.err, errChanged):
			o.tracker.departed(d.rel)
			o.dirty[d.rel] = true
		case errors.Is(d.err, errNotYet):
			o.tracker.stayed(d.rel, false, now)
		case errors.Is(d.err, context.Canceled):
		default:
			if o.tracker.stayed(d.rel, true, now) {
				o.removed(removedFailed)
				o.log.Warn("taken file could not be moved or deleted, trying again later",
					slog.String("export", d.done.export.String()), slog.Any("error", d.err))
			}
		}
	}
}

// save writes the state file when what it holds has changed. Without now it
// waits for a better time.
func (o *owner) save(at time.Time, now bool) {
	if o.cfg.StateFile == "" || !o.tracker.changed || !now {
		return
	}
	o.saved = at
	if err := writeState(o.cfg.StateFile, o.tracker.taken); err != nil {
		o.trouble(troubleState)
		o.warnOnce("folder state cannot be written, files will be read again after a restart", slog.Any("error", bare(err)))
		return
	}
	o.tracker.changed = false
}

func (o *owner) warnOnce(msg string, attrs ...any) {
	if o.warned[msg] {
		return
	}
	o.warned[msg] = true
	o.log.Warn(msg, attrs...) //nolint:sloglint // the callers pass constants
}

func (o *owner) count(result string)   { o.deps.Metrics.files.WithLabelValues(result).Inc() }
func (o *owner) removed(result string) { o.deps.Metrics.removed.WithLabelValues(result).Inc() }
func (o *owner) trouble(reason string) { o.deps.Metrics.trouble.WithLabelValues(reason).Inc() }
