// Package duplicates says which sessions of an athlete are the same activity
// recorded or exported twice: a watch and a phone, a FIT file and its GPX
// copy, a damaged file and a clean one, a copy whose clock has the wrong zone.
// All are kept; of each group one counts.
//
// It is pure. Whatever the order in which sessions are given, the answer is
// the same, so that several analyzers that see the same sessions agree.
package duplicates

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"plodwatch/schema"
)

// Session is what decides about a session.
type Session struct {
	ID           schema.SessionID
	Export       schema.ExportID // sessions of one file are never copies of each other
	Format       schema.Format
	Sport        schema.Sport
	StartMs      int64 // Unix ms
	EndMs        int64 // Unix ms
	Salvaged     bool
	ClassifiedMs int64   // heart rate that counts, ms; 0 = none
	HRAvg        float64 // bpm, 0 = none
	HRMax        float64 // bpm, 0 = none
	// HRShares is how the heart rate is spread: the shares of ClassifiedMs
	// in bands of bpm, in permille. Sessions are compared band by band.
	HRShares   []uint16
	DistanceM  float64 // 0 = none
	Samples    int64
	ReceivedMs int64 // Unix ms

	Choice Choice           // what a person said of it
	Of     schema.SessionID // with ChoiceDrop: of which it is a copy; zero: of which it looks like one
}

// Choice is what a person said of a session.
type Choice string

// The choices. ChoiceNone leaves it to the rules.
const (
	ChoiceNone Choice = ""
	ChoiceKeep Choice = "keep" // counts, whatever it looks like
	ChoiceDrop Choice = "drop" // does not count
)

// Reason says why a session is a copy.
type Reason string

// The reasons.
const (
	ReasonNone    Reason = ""
	ReasonStart   Reason = "same_start"    // begins within 3 min of the other
	ReasonOverlap Reason = "overlap"       // at least half of the shorter lies in the longer
	ReasonShifted Reason = "shifted_clock" // the same, by whole quarter hours earlier or later: a wrong zone
	ReasonPerson  Reason = "person"        // a person said so
)

// Mark is the verdict on one session. Without a Reason it counts.
type Mark struct {
	ID         schema.SessionID
	Of         schema.SessionID // the one that counts; zero when a person said only that this does not
	Reason     Reason
	Confidence float64 // 0 to 1
}

// The bounds of the rules.
const (
	startMs    = 3 * 60_000       // starts so close are the same start
	quarterMs  = 15 * 60_000      // zones differ by whole quarter hours
	maxShiftMs = 14 * 3600 * 1000 // and by no more than this
	slackMs    = 10_000           // by which a shifted copy may be off
	minShare   = 0.5              // of the shorter one, that must overlap
	sameShare  = 0.01             // by which distances of the same activity differ
	sameHRAvg  = 1.5              // bpm
	sameHRMax  = 3.0              // bpm
	sameSpread = 900              // permille of the time that must be in the same bands
	surely     = 0.9              // from this confidence on a copy stands for the one that counts
)

// Decide returns a mark for each session of one athlete, in the order given.
func Decide(sessions []Session) []Mark {
	marks := make([]Mark, len(sessions))
	order := make([]int, len(sessions))
	for i := range sessions {
		marks[i].ID, order[i] = sessions[i].ID, i
	}
	slices.SortFunc(order, func(a, b int) int { return better(&sessions[a], &sessions[b]) })
	d := decider{sessions: sessions, marks: marks, counts: make([]int, len(sessions))}
	for _, i := range order {
		d.decide(i)
	}
	return marks
}

// better orders sessions so that of two copies the one that counts comes
// first: what a person keeps, clean before salvaged, with heart rate before
// without, FIT before TCX before GPX, then the one that says more, then the
// one that came first.
func better(a, b *Session) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(b2i(a.Salvaged), b2i(b.Salvaged)),
		cmp.Compare(b2i(a.ClassifiedMs == 0), b2i(b.ClassifiedMs == 0)),
		cmp.Compare(formatRank(a.Format), formatRank(b.Format)),
		cmp.Compare(b.ClassifiedMs, a.ClassifiedMs),
		cmp.Compare(b.Samples, a.Samples),
		cmp.Compare(a.ReceivedMs, b.ReceivedMs),
		bytes.Compare(a.ID[:], b.ID[:]),
	)
}

func rank(s *Session) int {
	switch s.Choice {
	case ChoiceKeep:
		return 0
	case ChoiceDrop:
		return 2
	case ChoiceNone:
	}
	return 1
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func formatRank(f schema.Format) int {
	switch f {
	case schema.FormatFIT:
		return 0
	case schema.FormatTCX:
		return 1
	case schema.FormatGPX:
		return 2
	}
	return 3
}

// decider marks sessions from the best to the worst.
type decider struct {
	sessions []Session
	marks    []Mark
	counts   []int // for each session, the one that counts in its place
	standing []int // those that count, and copies as good as one, by start
	longest  int64 // of them, ms
}

// decide marks one session as a copy of one that counts, or has it count. What
// matches a copy that is surely the same as the one that counts is a copy of
// that one too: a truncated file matches a copy with the right clock even when
// the one that counts has the wrong zone.
func (d *decider) decide(i int) {
	s := &d.sessions[i]
	best, counts := Mark{ID: s.ID}, i
	if s.Choice != ChoiceKeep {
		best, counts = d.bestMatch(i)
	}
	if s.Choice == ChoiceDrop {
		of := best.Of
		if s.Of != (schema.SessionID{}) && s.Of != s.ID {
			of = s.Of
		}
		best = Mark{ID: s.ID, Of: of, Reason: ReasonPerson, Confidence: 1}
	}
	d.marks[i], d.counts[i] = best, counts
	if best.Reason == ReasonPerson || best.Reason != ReasonNone && best.Confidence < surely {
		return
	}
	at, _ := slices.BinarySearchFunc(d.standing, s, func(k int, s *Session) int { return byStart(&d.sessions[k], s) })
	d.standing = slices.Insert(d.standing, at, i)
	d.longest = max(d.longest, s.EndMs-s.StartMs)
}

// bestMatch returns the mark of a session by the rules, and which session
// counts in its place.
func (d *decider) bestMatch(i int) (best Mark, counts int) {
	s := &d.sessions[i]
	best, counts = Mark{ID: s.ID}, i
	for _, k := range d.near(s) {
		of, sure := d.counts[k], 1.0
		if d.marks[k].Reason != ReasonNone {
			sure = d.marks[k].Confidence
		}
		reason, confidence := match(s, &d.sessions[k])
		if reason == ReasonNone || d.sessions[of].Export == s.Export {
			continue
		}
		m := Mark{ID: s.ID, Of: d.sessions[of].ID, Reason: reason, Confidence: round(confidence * sure)}
		if m.Confidence > best.Confidence || m.Confidence == best.Confidence && bytes.Compare(m.Of[:], best.Of[:]) < 0 {
			best, counts = m, of
		}
	}
	return best, counts
}

func byStart(a, b *Session) int {
	return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), bytes.Compare(a.ID[:], b.ID[:]))
}

// near returns the sessions that stand and can match s at all.
func (d *decider) near(s *Session) []int {
	const reach = maxShiftMs + slackMs
	from, _ := slices.BinarySearchFunc(d.standing, s.StartMs-max(reach, d.longest), func(k int, ms int64) int {
		return cmp.Compare(d.sessions[k].StartMs, ms)
	})
	to, _ := slices.BinarySearchFunc(d.standing, max(s.StartMs+reach, s.EndMs)+1, func(k int, ms int64) int {
		return cmp.Compare(d.sessions[k].StartMs, ms)
	})
	return d.standing[from:to]
}

// match says whether two sessions are the same activity, why, and how sure
// that is.
func match(a, b *Session) (Reason, float64) {
	if a.Export == b.Export || !compatible(a.Sport, b.Sport) {
		return ReasonNone, 0
	}
	shorter, longer := a.EndMs-a.StartMs, b.EndMs-b.StartMs
	shorter, longer = min(shorter, longer), max(shorter, longer)
	common := min(a.EndMs, b.EndMs) - max(a.StartMs, b.StartMs)
	apart := a.StartMs - b.StartMs
	if apart < 0 {
		apart = -apart
	}
	if common >= 0 && float64(common) >= minShare*float64(shorter) && (shorter > 0 || apart <= startMs) {
		share := 1.0
		if longer > 0 {
			share = float64(common) / float64(longer)
		}
		if apart <= startMs {
			return ReasonStart, round(0.8 + 0.2*share)
		}
		return ReasonOverlap, round(0.5 + 0.4*share)
	}
	if confidence := shifted(a, b, apart, longer-shorter); confidence > 0 {
		return ReasonShifted, confidence
	}
	return ReasonNone, 0
}

// shifted says how sure it is that a and b are one activity by two clocks: the
// starts are whole quarter hours apart, both are as long, and what both know
// of heart rate and distance is the same. Nothing known is no evidence.
func shifted(a, b *Session, apart, difference int64) float64 {
	off := apart % quarterMs
	off = min(off, quarterMs-off)
	longer := max(a.EndMs-a.StartMs, b.EndMs-b.StartMs)
	if apart > maxShiftMs+slackMs || off > slackMs || difference > max(slackMs, longer/50) {
		return 0
	}
	evidence := 0
	if a.HRAvg > 0 && b.HRAvg > 0 {
		if math.Abs(a.HRAvg-b.HRAvg) > sameHRAvg || math.Abs(a.HRMax-b.HRMax) > sameHRMax || !sameHRSpread(a.HRShares, b.HRShares) {
			return 0
		}
		evidence++
	}
	if a.DistanceM > 0 && b.DistanceM > 0 {
		if math.Abs(a.DistanceM-b.DistanceM) > sameShare*max(a.DistanceM, b.DistanceM) {
			return 0
		}
		evidence++
	}
	return []float64{0, 0.7, 0.9}[evidence]
}

// sameHRSpread reports whether heart rates are spread alike.
func sameHRSpread(a, b []uint16) bool {
	common := 0
	for i := range min(len(a), len(b)) {
		common += int(min(a[i], b[i]))
	}
	return common >= sameSpread
}

// round keeps two digits, which is what is stored.
func round(x float64) float64 { return math.Round(x*100) / 100 }

// compatible reports whether two sports may be names for one activity.
func compatible(a, b schema.Sport) bool {
	fa, fb := family(a), family(b)
	return fa == fb || fa == "" || fb == ""
}

// family puts sports together that devices and services take for each other.
// A sport that says nothing fits all.
func family(s schema.Sport) schema.Sport {
	switch s {
	case "", schema.SportGeneric, "all", "fitness_equipment", "training":
		return ""
	case schema.SportWalking, schema.SportHiking, schema.SportRunning, "mountaineering":
		return schema.SportRunning
	case "e_biking":
		return schema.SportCycling
	}
	return s
}
