package intensity

import "plodwatch/schema"

// Measure reduces a session to what no setting can change: the milliseconds of
// running timer at every heart rate, the closed time budget, motion and quality
// flags. It never fails and never alters s; times outside the session's own
// start and end count nothing, and a column of the wrong length counts as
// absent. The rules are those of decisions.md; all durations are milliseconds.
func Measure(s *schema.Session) *Measured {
	t := newTrack(s)
	m := &Measured{
		HRFlags:  flagHeartRate(t.timeMs, t.hr),
		WeightMs: make([]int64, len(t.timeMs)),
	}
	limit := gapLimit(&t, len(s.TimerEvents) > 0)
	cuts := cutsOf(s, &t, limit)
	gaps := integrate(m, &t, cuts, limit)
	averageHeartRate(m, t.hr)
	m.measureMotion(s, &t, cuts, gaps)
	m.AscentM = ascent(s, t.altitude)
	if isStuck(m, &t) {
		m.Flags = schema.AddFlag(m.Flags, schema.FlagStuckHR)
	}
	locked := isRun(s.Sport) && isCadenceLocked(m, &t)
	if locked {
		m.Flags = schema.AddFlag(m.Flags, schema.FlagCadenceLock)
	}
	if !locked && float64(m.HRMax) >= observedLowest {
		m.ObservedHRMax = observedMax(t.timeMs, t.hr, m.HRFlags)
	}
	return m
}

// track is a session's window in time and its columns, each nil or as long as
// timeMs.
type track struct {
	fromMs, toMs                       int64
	timeMs                             []int64
	hr                                 []uint8
	speed, distance, altitude, cadence []int32
	lat, lon                           []int32
}

func newTrack(s *schema.Session) track {
	t := track{fromMs: s.StartMs, toMs: s.EndMs, timeMs: s.Samples.TimeMs}
	if t.toMs < t.fromMs || t.toMs-t.fromMs < 0 { // the second: overflow
		t.toMs = t.fromMs
	}
	n := len(t.timeMs)
	if len(s.Samples.HeartRate) == n {
		t.hr = s.Samples.HeartRate
	}
	fit := func(col []int32) []int32 {
		if len(col) != n {
			return nil
		}
		return col
	}
	t.speed, t.distance = fit(s.Samples.SpeedMMps), fit(s.Samples.DistanceCm)
	t.altitude, t.cadence = fit(s.Samples.AltitudeCm), fit(s.Samples.Cadence100)
	t.lat, t.lon = fit(s.Samples.LatE7), fit(s.Samples.LonE7)
	if t.lat == nil || t.lon == nil {
		t.lat, t.lon = nil, nil
	}
	return t
}

// clamp moves an instant into the session's window.
func (t *track) clamp(ms int64) int64 { return min(max(ms, t.fromMs), t.toMs) }

// gapLimit returns the longest interval between samples that counts as
// recorded.
func gapLimit(t *track, timerEvents bool) int64 {
	if timerEvents || len(t.timeMs) < 2 {
		return gapLimitMs
	}
	short := 0
	for i := 1; i < len(t.timeMs); i++ {
		if t.timeMs[i]-t.timeMs[i-1] < oneHzIntervalMs {
			short++
		}
	}
	if short*100 >= oneHzShare*(len(t.timeMs)-1) {
		return gapLimit1HzMs
	}
	return gapLimitMs
}

// gap is an interval between samples that was longer than the gap limit.
type gap struct {
	index     int   // of the sample before it
	runningMs int64 // its length less pauses and breaks
}

// integrate holds every sample until the next one and fills HRMs, WeightMs,
// Budget and Excluded. It returns the gaps.
func integrate(m *Measured, t *track, cuts []cut, limitMs int64) []gap {
	a := account{m: m, cuts: cuts}
	var gaps []gap
	m.Budget.ElapsedMs = t.toMs - t.fromMs
	at := t.fromMs
	n := len(t.timeMs)
	if n > 0 {
		at = t.clamp(t.timeMs[0])
	}
	a.book(t.fromMs, at, CauseGap) // before the first sample nothing is known
	for i := range n {
		next := t.toMs
		if i+1 < n {
			next = max(at, t.clamp(t.timeMs[i+1]))
		}
		if a.isClear(next) && m.HRFlags[i] == schema.HROK && next-at <= limitMs {
			m.WeightMs[i] = next - at
			m.HRMs[t.hr[i]] += next - at
			m.Budget.ClassifiedMs += next - at
			at = next
			continue
		}
		running := a.running(at, next)
		cause := causeOf(m.HRFlags[i])
		if running > limitMs {
			cause = CauseGap
			gaps = append(gaps, gap{index: i, runningMs: running})
		} else {
			m.WeightMs[i] = running
			if cause == causeNone {
				m.HRMs[t.hr[i]] += running
			}
		}
		a.book(at, next, cause)
		at = next
	}
	if n == 0 {
		a.book(at, t.toMs, CauseGap)
	}
	return gaps
}

// causeNone marks classified time.
const causeNone Cause = ""

func causeOf(f schema.HRFlag) Cause {
	switch f {
	case schema.HROK:
		return causeNone
	case schema.HROutOfRange:
		return CauseOutOfRange
	case schema.HRSpike:
		return CauseSpike
	default:
		return CauseNoHR
	}
}

// account books stretches of time, handed in ascending order, into a budget.
type account struct {
	m    *Measured
	cuts []cut // those not yet passed
}

// isClear reports whether no cut begins before an instant; those that ended
// were dropped when they were booked.
func (a *account) isClear(before int64) bool {
	return len(a.cuts) == 0 || a.cuts[0].FromMs >= before
}

// running returns how much of [from, to) lies outside the cuts.
func (a *account) running(from, to int64) int64 {
	for len(a.cuts) > 0 && a.cuts[0].ToMs <= from {
		a.cuts = a.cuts[1:]
	}
	sum := to - from
	for _, c := range a.cuts {
		if c.FromMs >= to {
			break
		}
		sum -= min(c.ToMs, to) - max(c.FromMs, from)
	}
	return sum
}

// book adds [from, to) to the budget: the cuts in it under their own cause, the
// rest under cause.
func (a *account) book(from, to int64, cause Cause) {
	for len(a.cuts) > 0 && a.cuts[0].FromMs < to {
		c := a.cuts[0]
		a.put(from, max(c.FromMs, from), cause)
		a.put(max(c.FromMs, from), min(c.ToMs, to), c.cause)
		from = max(from, min(c.ToMs, to))
		if c.ToMs > to {
			break
		}
		a.cuts = a.cuts[1:]
	}
	a.put(from, to, cause)
}

// put adds an undivided stretch.
func (a *account) put(from, to int64, cause Cause) {
	if to <= from {
		return
	}
	b := &a.m.Budget
	switch cause {
	case causeNone:
		b.ClassifiedMs += to - from
		return
	case CausePaused:
		b.PausedMs += to - from
	case CauseGap:
		b.GapMs += to - from
	case CauseNoHR:
		b.NoHRMs += to - from
	case CauseSpike, CauseOutOfRange:
		b.RejectedHRMs += to - from
	}
	if k := len(a.m.Excluded) - 1; k >= 0 {
		if last := &a.m.Excluded[k]; last.Cause == cause && last.ToMs == from {
			last.ToMs = to
			return
		}
	}
	a.m.Excluded = append(a.m.Excluded, Excluded{Interval: schema.Interval{FromMs: from, ToMs: to}, Cause: cause})
}
