package fitfile

import (
	"cmp"
	"slices"

	"plodwatch/schema"
)

// day is a jump of the clock that is no pause, in ms.
const day = 24 * 3600 * 1000

// rowSet is some rows of the columns in order of time: a stretch of them as
// they stand, or a list when they had to be sorted or picked.
type rowSet struct {
	from, to int
	list     []int32 // used when not nil
}

func (r rowSet) len() int {
	if r.list != nil {
		return len(r.list)
	}
	return r.to - r.from
}

func (r rowSet) row(i int) int {
	if r.list != nil {
		return int(r.list[i])
	}
	return r.from + i
}

func (r rowSet) slice(i, j int) rowSet {
	if r.list != nil {
		return rowSet{list: r.list[i:j:j]}
	}
	return rowSet{from: r.from + i, to: r.from + j}
}

// assign gives every row to a session and returns how many found none.
func (w *walk) assign(drafts []draft, owners owners) (unassigned int) {
	sets := make([]rowSet, len(drafts))
	if len(drafts) == 1 && !slices.ContainsFunc(w.sections, foreign) {
		sets[0] = rowSet{to: w.cols.n}
	} else {
		unassigned = w.split(sets, owners)
	}
	for i := range drafts {
		unassigned += w.samples(&drafts[i], sets[i])
	}
	return unassigned
}

// foreign says that a section is no activity, and its records not ours.
func foreign(s section) bool { return !s.activity() }

// split distributes the rows over several sessions.
func (w *walk) split(sets []rowSet, owners owners) (unassigned int) {
	owner := make([]int16, w.cols.n)
	counts := make([]int, len(sets))
	for s := range w.sections {
		rows := w.sections[s].rows
		for i := rows[0]; i < rows[1]; i++ {
			k := owners[s].of(w.cols.TimeMs[i])
			owner[i] = int16(k)
			if k < 0 {
				if !foreign(w.sections[s]) {
					unassigned++
				}
				continue
			}
			if counts[k] == 0 {
				sets[k].from = i
			}
			counts[k]++
			sets[k].to = i + 1
		}
	}
	for k := range sets {
		if sets[k].to-sets[k].from == counts[k] {
			continue
		}
		list := make([]int32, 0, counts[k])
		for i := sets[k].from; i < sets[k].to; i++ {
			if int(owner[i]) == k {
				list = append(list, int32(i))
			}
		}
		sets[k].list = list
	}
	return unassigned
}

// samples fills a draft's samples with the rows of set, sorted, one an
// instant. Rows more than a day away from the rest are left out and counted.
func (w *walk) samples(d *draft, set rowSet) (left int) {
	if set.list == nil && steady(w.cols.TimeMs[set.from:set.to]) {
		d.s.Samples = w.cols.Slice(set.from, set.to)
		return 0
	}
	set, backward, twice := w.inOrder(set)
	if backward {
		d.flag(schema.FlagBackwardTimes)
		w.flag(schema.FlagBackwardTimes)
	}
	set, left = w.cutJumps(d, set)
	if twice {
		d.flag(schema.FlagDuplicateTimes)
		w.flag(schema.FlagDuplicateTimes)
	}
	if set.list == nil && !twice {
		d.s.Samples = w.cols.Slice(set.from, set.to)
		return left
	}
	d.s.Samples = w.gather(set)
	return left
}

// steady says that times go up and never jump: the usual case.
func steady(t []int64) bool {
	for i := 1; i < len(t); i++ {
		if step := t[i] - t[i-1]; step <= 0 || step > day {
			return false
		}
	}
	return true
}

func (d *draft) flag(f schema.Flag) { d.s.Flags = schema.AddFlag(d.s.Flags, f) }

// inOrder sorts a set by time when it needs it, equal times in file order.
func (w *walk) inOrder(set rowSet) (sorted rowSet, backward, twice bool) {
	t := w.cols.TimeMs
	for i := 1; i < set.len(); i++ {
		a, b := t[set.row(i-1)], t[set.row(i)]
		backward = backward || b < a
		twice = twice || b == a
	}
	if !backward {
		return set, false, twice
	}
	list := make([]int32, set.len())
	for i := range list {
		list[i] = int32(set.row(i))
	}
	slices.SortStableFunc(list, func(a, b int32) int { return cmp.Compare(t[a], t[b]) })
	for i := 1; i < len(list); i++ {
		twice = twice || t[list[i]] == t[list[i-1]]
	}
	return rowSet{list: list}, true, twice
}

// cutJumps deals with jumps of the clock by more than a day. Of the stretches
// between them those near the session's window stay, with a break between two;
// when none is, or the window is not known, the longest one does.
func (w *walk) cutJumps(d *draft, set rowSet) (kept rowSet, left int) {
	t := w.cols.TimeMs
	var runs []rowSet
	from := 0
	for i := 1; i < set.len(); i++ {
		if t[set.row(i)]-t[set.row(i-1)] > day {
			runs = append(runs, set.slice(from, i))
			from = i
		}
	}
	if runs == nil {
		return set, 0
	}
	d.flag(schema.FlagClockJump)
	w.flag(schema.FlagClockJump)
	runs = append(runs, set.slice(from, set.len()))
	lo, hi, longest := len(runs), -1, 0
	for i, r := range runs {
		if t[r.row(r.len()-1)] >= d.start-day && t[r.row(0)] <= d.end+day {
			lo, hi = min(lo, i), i
		}
		if r.len() > runs[longest].len() {
			longest = i
		}
	}
	if hi < 0 {
		lo, hi = longest, longest
		d.start, d.end = 0, -1 // the session's own times are of another clock
	}
	first, last := 0, 0
	for i, r := range runs[:hi+1] {
		if i < lo {
			first += r.len()
		}
		if i > lo {
			before := runs[i-1]
			d.s.Breaks = append(d.s.Breaks, schema.Interval{FromMs: t[before.row(before.len()-1)], ToMs: t[r.row(0)]})
		}
		last += r.len()
	}
	return set.slice(first, last), set.len() - (last - first)
}

// gather copies the rows of a set, those of one instant merged into one: of
// each channel the last valid value stays.
func (w *walk) gather(set rowSet) schema.Samples {
	t := w.cols.TimeMs
	var out schema.Samples
	out.TimeMs = make([]int64, 0, set.len())
	place := make([]int32, set.len()) // where a row goes
	for i := range set.len() {
		at := t[set.row(i)]
		if n := len(out.TimeMs); n == 0 || out.TimeMs[n-1] != at {
			out.TimeMs = append(out.TimeMs, at)
		}
		place[i] = int32(len(out.TimeMs) - 1)
	}
	n := len(out.TimeMs)
	if from := w.cols.HeartRate; from != nil {
		out.HeartRate = make([]uint8, n)
		for i, p := range place {
			if v := from[set.row(i)]; v != 0 {
				out.HeartRate[p] = v
			}
		}
	}
	from, to := w.cols.Int32Columns(), out.Int32Columns()
	for k := range from {
		if *from[k] == nil {
			continue
		}
		col := make([]int32, n)
		fillMissing(col)
		for i, p := range place {
			if v := (*from[k])[set.row(i)]; v != schema.Missing {
				col[p] = v
			}
		}
		*to[k] = col
	}
	return out
}
