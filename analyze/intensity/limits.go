package intensity

// Limits are the numbers behind verdicts and classes, for those who explain
// them. They are the choices of this package and cannot be changed.
type Limits struct {
	LowestBPM, HighestBPM int     // outside is rejected
	Coverage              float64 // least share of timer time with usable heart rate
	TooShortMs            int64   // least timer time
	LabelMs               int64   // least classified time for a label
	HardHighMs            int64   // this much high makes a session hard
	CapSettleMs           int64   // of running timer, left out of the cap's figures
	CapToleranceMs        int64   // allowed at or over the cap, or ...
	CapTolerancePercent   int     // ... this much of classified time
	VT1Percent            float64 // of max HR
	VT2Percent            float64 // of max HR
	VT1OfLTHRPercent      float64
}

// LimitsUsed returns the numbers of this version of the rules.
func LimitsUsed() Limits {
	return Limits{
		LowestBPM: hrLowest, HighestBPM: hrHighest, Coverage: lowCoverage, TooShortMs: tooShortMs, LabelMs: labelMs,
		HardHighMs: hardHighMs, CapSettleMs: capSettleMs, CapToleranceMs: capToleranceMs, CapTolerancePercent: capTolerancePct,
		VT1Percent: vt1Percent, VT2Percent: vt2Percent, VT1OfLTHRPercent: vt1OfLTHRPercent,
	}
}
