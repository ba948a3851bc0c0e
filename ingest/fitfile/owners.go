package fitfile

import "slices"

// owners says, for every section of the file, which session an instant in it
// belongs to.
type owners []windows

// windows are the sessions that can own what stands in a section: its own
// ones, or all when it has none (a strap's heart rates); none at all when the
// section is no activity. A single one owns everything; of several each owns what lies in its half-open window. The
// earliest session that covers an instant has it, and the instant at which one
// ends belongs to it unless the next starts there.
type windows struct {
	drafts []int   // by start
	from   []int64 // where a window begins that the earlier ones leave
	end    []int64
}

// owners works out the windows of all sections.
func (w *walk) owners(drafts []draft) owners {
	out := make(owners, len(w.sections))
	all := newWindows(drafts, func(*draft) bool { return true })
	for s := range out {
		if !w.sections[s].activity() {
			continue
		}
		out[s] = newWindows(drafts, func(d *draft) bool { return d.section == s })
		if len(out[s].drafts) == 0 {
			out[s] = all
		}
	}
	return out
}

func newWindows(drafts []draft, take func(*draft) bool) windows {
	var ws windows
	var reached int64
	for i := range drafts {
		d := &drafts[i]
		if !take(d) {
			continue
		}
		ws.drafts = append(ws.drafts, i)
		ws.from = append(ws.from, max(d.start, reached))
		ws.end = append(ws.end, d.end)
		reached = max(reached, d.end)
	}
	return ws
}

// of returns the index of the draft that owns an instant, -1 when none does.
func (ws *windows) of(t int64) int {
	if len(ws.drafts) == 1 {
		return ws.drafts[0]
	}
	k, _ := slices.BinarySearch(ws.from, t+1)
	for k--; k >= 0; k-- {
		switch left := ws.from[k] <= ws.end[k]; {
		case left && t <= ws.end[k]:
			return ws.drafts[k]
		case left:
			return -1
		}
		// Nothing is left of this window, the earlier ones cover it.
	}
	return -1
}
