package folder

import (
	"maps"
	"slices"
	"time"

	"plodwatch/schema"
)

// fileState tells one content of a file from another without reading it.
type fileState struct {
	size    int64
	mtimeNs int64
	inode   uint64
}

// phase is where a candidate stands.
type phase int

const (
	settling phase = iota // until it has stayed the same for long enough
	waiting               // for the time of the next try
	queued                // to be read
	reading
)

// candidate is a file that may have to be taken.
type candidate struct {
	state    fileState
	phase    phase
	due      time.Time // settling and waiting: when to look again
	tries    int       // of this state that did not succeed
	reported bool      // a failure of this state has been reported
}

// takenFile is the state of a file that was taken.
type takenFile struct {
	state   fileState
	athlete schema.AthleteID
	export  schema.ExportID
	seen    schema.Day // when a full scan saw it last
}

// departure is a taken file that is to be moved or deleted.
type departure struct {
	due      time.Time
	tries    int
	reported bool
}

// tracker decides what is to be done with the files of a folder. It is pure:
// what is on disk and what time it is are told to it. All paths are relative
// to the folder.
type tracker struct {
	settle             time.Duration
	retryMin, retryMax time.Duration // after "not now"
	againMin, againMax time.Duration // after a failure, and for departures
	leave              bool          // taken files are to depart

	pending    map[string]*candidate
	queue      []string // candidates in phase queued; stale entries are skipped
	taken      map[string]takenFile
	departures map[string]*departure
	aside      map[string]aside // not taken as they are
	changed    bool             // taken differs from what was saved

	hold    time.Time     // nothing is taken before
	holdFor time.Duration // the wait that led to hold; 0 after a success
}

// aside is why an entry is not taken as long as it stays as it is.
type aside struct {
	state  fileState // of refused files; zero for the others
	reason schema.Reason
}

func newTracker(cfg Config) *tracker {
	return &tracker{
		settle:   cfg.Settle,
		retryMin: cfg.RetryMin, retryMax: cfg.RetryMax,
		againMin: cfg.RetryMin, againMax: max(time.Hour, cfg.RetryMax),
		leave:      cfg.After != AfterKeep,
		pending:    map[string]*candidate{},
		taken:      map[string]takenFile{},
		departures: map[string]*departure{},
		aside:      map[string]aside{},
	}
}

// sawFile tells of a regular file that athlete would own, looked at at the
// time at. It returns true when the file has joined the queue.
func (t *tracker) sawFile(rel string, s fileState, athlete schema.AthleteID, at time.Time) bool {
	if done, ok := t.taken[rel]; ok && done.state == s && done.athlete == athlete {
		t.sawTaken(rel, done, at)
		return false
	}
	if a, ok := t.aside[rel]; ok {
		if a.state == s {
			return false
		}
		delete(t.aside, rel)
	}
	c := t.pending[rel]
	switch {
	case c == nil || c.state != s && c.phase != reading:
		t.pending[rel] = &candidate{state: s, phase: settling, due: at.Add(t.settle)}
		return false
	case (c.phase == settling || c.phase == waiting) && !at.Before(c.due):
		c.phase = queued
		t.queue = append(t.queue, rel)
		return true
	default:
		return false // a file that changes while it is read is found out by the reading
	}
}

func (t *tracker) sawTaken(rel string, done takenFile, at time.Time) {
	if c := t.pending[rel]; c != nil && c.phase != reading {
		delete(t.pending, rel) // it is again what it was
	}
	if day := dayOf(at); done.seen != day {
		done.seen = day
		t.taken[rel] = done
		t.changed = true
	}
	if t.leave && t.departures[rel] == nil {
		t.departures[rel] = &departure{due: at}
	}
}

// sawOther tells of an entry that is not to be taken, and why. It returns true
// when that is news.
func (t *tracker) sawOther(rel string, reason schema.Reason) bool {
	if c := t.pending[rel]; c != nil && c.phase != reading {
		delete(t.pending, rel)
	}
	a := aside{reason: reason}
	if t.aside[rel] == a {
		return false
	}
	t.aside[rel] = a
	return true
}

// gone tells that there is nothing at rel. What was taken is not forgotten: a
// network mount that goes away comes back.
func (t *tracker) gone(rel string) {
	if c := t.pending[rel]; c != nil && c.phase != reading {
		delete(t.pending, rel)
	}
	delete(t.aside, rel)
	delete(t.departures, rel)
}

// unseen returns the entries, other than taken files, that a full scan ought
// to have come by and did not.
func (t *tracker) unseen(seen map[string]bool) []string {
	var rels []string
	for rel, c := range t.pending {
		if !seen[rel] && c.phase != reading {
			rels = append(rels, rel)
		}
	}
	for rel := range t.aside {
		if !seen[rel] {
			rels = append(rels, rel)
		}
	}
	return rels
}

// due returns the files to be looked at now.
func (t *tracker) due(now time.Time) []string {
	var rels []string
	for rel, c := range t.pending {
		if (c.phase == settling || c.phase == waiting) && !now.Before(c.due) {
			rels = append(rels, rel)
		}
	}
	return rels
}

// next takes the first file off the queue. ok is false when there is none to
// be read now.
func (t *tracker) next(now time.Time) (rel string, s fileState, ok bool) {
	if now.Before(t.hold) {
		return "", fileState{}, false
	}
	for len(t.queue) > 0 {
		rel, t.queue = t.queue[0], t.queue[1:]
		if c := t.pending[rel]; c != nil && c.phase == queued {
			c.phase = reading
			return rel, c.state, true
		}
	}
	return "", fileState{}, false
}

// took tells that the file was taken in the state in which next gave it out.
// It returns true when files were held back until now.
func (t *tracker) took(rel string, done takenFile, now time.Time) bool {
	held := t.holdFor > 0
	t.hold, t.holdFor = time.Time{}, 0
	delete(t.pending, rel)
	done.seen = dayOf(now)
	t.taken[rel] = done
	t.changed = true
	if t.leave {
		t.departures[rel] = &departure{due: now}
	}
	return held
}

// drop tells that nothing came of reading the file: it is another one now, or
// there was no time. Looking at it starts anew.
func (t *tracker) drop(rel string) { delete(t.pending, rel) }

// refused tells that the file will never be taken in this state.
func (t *tracker) refused(rel string, s fileState, reason schema.Reason) {
	delete(t.pending, rel)
	t.aside[rel] = aside{state: s, reason: reason}
}

// notNow tells that the file whose reading started at started could not be
// taken at this time. Everything is held back for a while, and this file for
// longer the more often it happens. It returns true when nothing was held back
// before.
func (t *tracker) notNow(rel string, started, now time.Time) bool {
	t.retry(rel, t.retryMin, t.retryMax, now)
	first := t.holdFor == 0
	if !started.Before(t.hold) { // else one of several that were under way
		t.holdFor = backoff(t.retryMin, t.retryMax, t.holdFor)
		t.hold = now.Add(t.holdFor)
	}
	return first
}

// failed tells that reading or taking the file failed. It is tried again after
// ever longer times. It returns true when that is news for this state.
func (t *tracker) failed(rel string, now time.Time) bool {
	c := t.retry(rel, t.againMin, t.againMax, now)
	if c == nil || c.reported {
		return false
	}
	c.reported = true
	return true
}

func (t *tracker) retry(rel string, shortest, longest time.Duration, now time.Time) *candidate {
	c := t.pending[rel]
	if c == nil {
		return nil
	}
	c.phase = waiting
	c.due = now.Add(nthBackoff(shortest, longest, c.tries))
	c.tries++
	return c
}

// leaving returns the taken files that are to depart now, in order.
func (t *tracker) leaving(now time.Time) []string {
	var rels []string
	for rel, d := range t.departures {
		if !now.Before(d.due) {
			rels = append(rels, rel)
		}
	}
	slices.Sort(rels)
	return rels
}

// stayed tells that a file could not depart yet; failure says that this is a
// fault. It returns true when the fault is news.
func (t *tracker) stayed(rel string, failure bool, now time.Time) bool {
	d := t.departures[rel]
	if d == nil {
		return false
	}
	longest := 30 * t.againMin
	if failure {
		longest = t.againMax
	}
	d.due = now.Add(nthBackoff(t.againMin, longest, d.tries))
	d.tries++
	news := failure && !d.reported
	d.reported = d.reported || failure
	return news
}

// departed tells that the file is no longer in its place, or no longer the
// file that was taken.
func (t *tracker) departed(rel string) {
	delete(t.departures, rel)
	delete(t.taken, rel)
	t.changed = true
}

// forget forgets the taken files that no scan has seen since the day before.
func (t *tracker) forget(before schema.Day) {
	maps.DeleteFunc(t.taken, func(_ string, done takenFile) bool {
		if done.seen < before {
			t.changed = true
			return true
		}
		return false
	})
}

func dayOf(at time.Time) schema.Day { return schema.DayOf(at.UnixMilli(), 0) }

// backoff returns twice the last wait within the limits.
func backoff(shortest, longest, last time.Duration) time.Duration {
	return min(max(2*last, shortest), longest)
}

// nthBackoff returns the n-th wait, from 0, of a row that doubles.
func nthBackoff(shortest, longest time.Duration, n int) time.Duration {
	wait := shortest
	for range n {
		if wait = backoff(shortest, longest, wait); wait == longest {
			break
		}
	}
	return min(wait, longest)
}
