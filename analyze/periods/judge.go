package periods

import "plodwatch/analyze/intensity"

// Verdict is how the distribution of a period is judged.
type Verdict string

// The verdicts: ok from a low share of 0.80, borderline from 0.75, else too
// hard; insufficient data when a Reason says why.
const (
	VerdictOK               Verdict = "ok"
	VerdictBorderline       Verdict = "borderline"
	VerdictTooHard          Verdict = "too_hard"
	VerdictInsufficientData Verdict = "insufficient_data"
)

// Reason says why a period cannot be judged, empty when it can.
type Reason string

// The reasons; the first that fits counts. The last two are about pace.
const (
	ReasonNone        Reason = ""
	ReasonNoSessions  Reason = "no_sessions"
	ReasonNoHR        Reason = "no_hr"
	ReasonNoHRMax     Reason = "no_hrmax"
	ReasonLowCoverage Reason = "low_coverage" // known for less than 0.80 of the timer time
	ReasonFewSessions Reason = "few_sessions" // below 3
	ReasonLittleHR    Reason = "little_hr"    // below 90 min
	ReasonNoPace      Reason = "no_pace"      // no run, or no threshold pace
	ReasonLittlePace  Reason = "little_pace"  // below 90 min
)

// What a period needs to be judged (three sessions, an hour and a half), and to
// have a shape.
const (
	fewestSessions = 3
	leastMs        = 90 * 60_000
	labelMs        = 30 * 60_000
)

// Judgement is what a period's sums amount to.
type Judgement struct {
	KnownMs      int64    // time whose intensity is known
	Polarization *float64 // Treff 2019; nil when there is none
	Label        intensity.Label
	Verdict      Verdict
	Reason       Reason
	PaceVerdict  Verdict
	PaceReason   Reason
}

// Judge judges a period by its summed seconds, never by a mean of shares.
func (s *Sums) Judge() Judgement {
	known, paced := s.LowMs+s.ModerateMs+s.HighMs, s.PaceLowMs+s.PaceModerateMs+s.PaceHighMs
	j := Judgement{KnownMs: known, Label: intensity.LabelNoData, Reason: s.reason(known), PaceReason: s.paceReason(paced)}
	j.Verdict = verdict(s.LowMs, known, j.Reason)
	j.PaceVerdict = verdict(s.PaceLowMs, paced, j.PaceReason)
	if known > 0 {
		total := float64(known)
		low, moderate, high := float64(s.LowMs)/total, float64(s.ModerateMs)/total, float64(s.HighMs)/total
		if index, ok := intensity.PolarizationIndex(low, moderate, high); ok {
			j.Polarization = &index
		}
		if known >= labelMs {
			j.Label = intensity.LabelOf(low, moderate, high)
		}
	}
	return j
}

func (s *Sums) reason(known int64) Reason {
	switch {
	case s.Sessions == 0:
		return ReasonNoSessions
	case s.ClassifiedMs == 0:
		return ReasonNoHR
	case known == 0:
		return ReasonNoHRMax
	case known*5 < s.TimerMs*4:
		return ReasonLowCoverage
	case s.HRSessions < fewestSessions:
		return ReasonFewSessions
	case known < leastMs:
		return ReasonLittleHR
	}
	return ReasonNone
}

func (s *Sums) paceReason(paced int64) Reason {
	switch {
	case s.PaceSessions == 0:
		return ReasonNoPace
	case s.PaceSessions < fewestSessions:
		return ReasonFewSessions
	case paced < leastMs:
		return ReasonLittlePace
	}
	return ReasonNone
}

func verdict(low, total int64, reason Reason) Verdict {
	switch {
	case reason != ReasonNone:
		return VerdictInsufficientData
	case low*5 >= total*4:
		return VerdictOK
	case low*4 >= total*3:
		return VerdictBorderline
	}
	return VerdictTooHard
}
