package intensity

import "plodwatch/schema"

// Inputs is what Derive has to know beyond the session itself.
type Inputs struct {
	Settings schema.Settings // valid on the session's day; the zero value is "nothing set"
	// ObservedHRMax is the athlete's highest Measured.ObservedHRMax over the
	// sessions up to this one, in bpm; whether this one is among them is the
	// caller's choice. 0 = unknown.
	ObservedHRMax float64
	// Year is the session's calendar year, for the athlete's age; 0 takes the
	// year of the session's start in UTC.
	Year int
}

// Derive turns what was measured into intensity under one set of settings. m
// must be Measure(s). Figures without an answer are nil, and Result.Verdict
// says why; a verdict of low_coverage or too_short leaves the figures and takes
// away the judgements (Meets8020, Class, Label, a good CapOK).
func Derive(m *Measured, s *schema.Session, in Inputs) Result {
	r := Result{RulesVersion: RulesVersion, Settings: in.Settings, Label: LabelNoData}
	r.HRMax, r.HRMaxSource = chooseHRMax(s, &in)
	r.HRRest, r.HRRestSource = chooseHRRest(s, &in)
	r.ZoneModel, r.ZoneBounds = chooseZones(&in.Settings, r.HRMax, r.HRRest)
	r.VT1, r.VT2, r.ThresholdSource = chooseThresholds(&in.Settings, r.HRMax)
	r.CapBPM = Cap(r.HRMax)
	r.paceZones(m, s)
	r.Verdict = verdictOf(m, r.ThresholdSource)
	if m.Budget.ClassifiedMs == 0 {
		return r
	}
	if r.ZoneBounds != nil {
		r.ZoneMs = ZoneTimes(&m.HRMs, r.ZoneBounds)
	}
	r.threeZones(m)
	r.aboveAndCap(m, &s.Samples)
	r.overVT1(m, &s.Samples)
	r.aroundVT1(m, s)
	r.loads(m)
	r.steadyFigures(m, s)
	r.sameEffort(m, s)
	bounds, inferred := watchBounds(&s.WatchZones, r.HRMax, r.HRMaxSource)
	if delta, share := WatchAgreement(&m.HRMs, s.WatchZones.TimeMs, bounds); delta != nil {
		r.WatchDeltaMs, r.WatchDeltaShare, r.WatchInferred = delta, ptr(share), inferred
	}
	return r
}

// Cap returns the return-to-run cap in bpm, min(120, 0.60 max HR), unrounded;
// allowed is a heart rate below it. 0 when max HR is unknown.
func Cap(hrMax float64) float64 {
	if hrMax <= 0 {
		return 0
	}
	return min(capHighest, hrMax*capPercent/100)
}

func verdictOf(m *Measured, thresholds ThresholdSource) Verdict {
	switch {
	case m.Budget.ClassifiedMs == 0:
		return VerdictNoHR
	case thresholds == ThresholdNone:
		return VerdictNoHRMax
	case m.Budget.TimerMs() < tooShortMs:
		return VerdictTooShort
	case m.Budget.Coverage() < lowCoverage:
		return VerdictLowCoverage
	default:
		return VerdictOK
	}
}

// threeZones fills the times, shares and judgements over low, moderate, high.
func (r *Result) threeZones(m *Measured) {
	if r.ThresholdSource == ThresholdNone {
		return
	}
	cells := ZoneTimes(&m.HRMs, []float64{r.VT1, r.VT2})
	r.LowMs, r.ModerateMs, r.HighMs = cells[0], cells[1], cells[2]
	total := float64(m.Budget.ClassifiedMs)
	low, moderate, high := float64(r.LowMs)/total, float64(r.ModerateMs)/total, float64(r.HighMs)/total
	r.LowShare, r.ModerateShare, r.HighShare = &low, &moderate, &high
	if index, ok := PolarizationIndex(low, moderate, high); ok {
		r.Polarization = &index
	}
	if r.Verdict != VerdictOK {
		return
	}
	r.Meets8020 = ptr(r.LowMs*5 >= m.Budget.ClassifiedMs*4)
	r.Class = ClassOf(r.LowMs, r.ModerateMs, r.HighMs)
	if m.Budget.ClassifiedMs >= labelMs {
		r.Label = LabelOf(low, moderate, high)
	}
}

// aboveAndCap fills the time above 60 % of max HR and the figures of the
// return-to-run cap, whose first two minutes of running timer are left out.
func (r *Result) aboveAndCap(m *Measured, samples *schema.Samples) {
	if r.HRMax <= 0 {
		return
	}
	classified := m.Budget.ClassifiedMs
	r.Above60Ms = timeFrom(&m.HRMs, r.HRMax*capPercent/100)
	r.Above60Share = ptr(float64(r.Above60Ms) / float64(classified))
	r.OverCapMs, r.LongestOverCapMs = overCap(m, samples, r.CapBPM)
	within := r.OverCapMs <= max(capToleranceMs, classified*capTolerancePct/100)
	if !within || r.Verdict == VerdictOK {
		r.CapOK = &within // what was over stays over, however little was seen
	}
}

// overCap returns the time at or over the cap and its longest stretch. A sample
// below the cap or without good heart rate, a pause and a gap end a stretch.
func overCap(m *Measured, samples *schema.Samples, limit float64) (total, longest int64) {
	settle := capSettleMs
	var stretch int64
	for i, w := range m.WeightMs {
		skip := min(settle, w)
		settle -= skip
		if m.HRFlags[i] != schema.HROK || float64(samples.HeartRate[i]) < limit || w == 0 {
			stretch = 0
			continue
		}
		total += w - skip
		stretch += w - skip
		longest = max(longest, stretch)
		if i+1 < len(m.WeightMs) && w < samples.TimeMs[i+1]-samples.TimeMs[i] {
			stretch = 0 // the timer was stopped in between
		}
	}
	return total, longest
}

// loads fills the training loads that have their inputs.
func (r *Result) loads(m *Measured) {
	if v, ok := BanisterTRIMP(&m.HRMs, r.HRMax, r.HRRest, r.Settings.Sex); ok {
		r.Trimp = &v
	}
	if r.HRMax > 0 {
		r.Edwards = ptr(Edwards(&m.HRMs, r.HRMax))
	}
	if r.ThresholdSource != ThresholdNone {
		r.Lucia = ptr(Lucia(&m.HRMs, r.VT1, r.VT2))
	}
}

func ptr[T any](v T) *T { return &v }
