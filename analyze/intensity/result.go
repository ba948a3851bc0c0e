// Package intensity is the arithmetic: from a decoded session to seconds per
// heart rate, a closed time budget, zones, shares, caps and a verdict. It is
// pure: no clock, no log, no I/O. Rules and sources are those of SCIENCE in
// the decision record beside this file.
package intensity

import "plodwatch/schema"

// RulesVersion grows whenever the same session and settings would give other
// numbers than before; stored with every result.
const RulesVersion uint32 = 2

// HRBins is the length of the seconds-per-heart-rate histogram: one bin per
// whole bpm from 0 to 255.
const HRBins = 256

// SpeedBins is the greatest length of the speed histogram: bins of 0.1 m/s, the
// last one open (25.5 m/s and faster).
const SpeedBins = 256

// Budget splits a session's elapsed time without remainder:
// ElapsedMs = PausedMs + GapMs + NoHRMs + RejectedHRMs + ClassifiedMs.
type Budget struct {
	ElapsedMs    int64
	PausedMs     int64 // timer stopped
	GapMs        int64 // no samples: longer than the gap limit, or across a break
	NoHRMs       int64 // samples without heart rate
	RejectedHRMs int64 // heart rate out of range or a spike
	ClassifiedMs int64 // counted in HRMs
}

// TimerMs returns the running-timer time: elapsed less paused.
func (b Budget) TimerMs() int64 { return b.ElapsedMs - b.PausedMs }

// Coverage returns classified time as a share of timer time, 0 when there is
// no timer time.
func (b Budget) Coverage() float64 {
	if b.TimerMs() <= 0 {
		return 0
	}
	return float64(b.ClassifiedMs) / float64(b.TimerMs())
}

// Cause says why a stretch of a session is not classified.
type Cause string

// The causes, one per part of the budget that is not classified.
const (
	CausePaused     Cause = "paused"
	CauseGap        Cause = "gap"
	CauseNoHR       Cause = "no_hr"
	CauseSpike      Cause = "spike"
	CauseOutOfRange Cause = "out_of_range"
)

// Excluded is one stretch of a session that counts in no zone.
type Excluded struct {
	schema.Interval
	Cause Cause
}

// Measured is what a session holds before any settings: every zone model, cap
// and share is a sum over it.
type Measured struct {
	Budget        Budget
	HRMs          [HRBins]int64   // milliseconds of running timer per bpm, HROK samples only
	HRFlags       []schema.HRFlag // one per sample
	WeightMs      []int64         // per sample: milliseconds of running timer it stands for (0 across gaps)
	SpeedMMps     []int32         // per sample: speed held until the next one, mm/s, or schema.Missing; nil when nothing tells
	SpeedMs       []int64         // milliseconds of moving time per bin of 0.1 m/s, at most SpeedBins; bin SpeedBins-1 is open
	MovingMs      int64           // timer time at or above the moving speed
	DistanceM     float64         // device distance, else from positions; 0 = unknown
	HasDistance   bool
	AscentM       float64
	HRAvg         float64 // time-weighted, bpm; 0 when there is none
	HRMax         uint8   // highest accepted, bpm
	ObservedHRMax float64 // highest 5 s mean within >= 10 s contiguous clean heart rate, 150-220 bpm; 0 = none
	Flags         []schema.Flag
	Excluded      []Excluded
}

// HRMaxSource says where the max HR of a result comes from.
type HRMaxSource string

// The sources of max HR, best first.
const (
	HRMaxSetting  HRMaxSource = "setting"
	HRMaxFile     HRMaxSource = "file"
	HRMaxObserved HRMaxSource = "observed"
	HRMaxAge      HRMaxSource = "age_tanaka"
	HRMaxNone     HRMaxSource = "none"
)

// Verdict says whether a result can be trusted, and why not.
type Verdict string

// The verdicts of one session.
const (
	VerdictOK          Verdict = "ok"
	VerdictNoHR        Verdict = "no_hr"
	VerdictNoHRMax     Verdict = "no_hrmax"
	VerdictLowCoverage Verdict = "low_coverage"
	VerdictTooShort    Verdict = "too_short"
)

// Class is a session's class by the share of time at each intensity.
type Class string

// The classes; ClassNone when the verdict gives no answer.
const (
	ClassNone     Class = ""
	ClassEasy     Class = "easy"
	ClassModerate Class = "moderate"
	ClassHard     Class = "hard"
)

// Label names the shape of a distribution over three zones.
type Label string

// The labels.
const (
	LabelNoData        Label = "no_data"
	LabelBase          Label = "base"
	LabelPyramidal     Label = "pyramidal"
	LabelPolarized     Label = "polarized"
	LabelThreshold     Label = "threshold"
	LabelHighIntensity Label = "high_intensity"
	LabelOther         Label = "other"
)

// ThresholdSource says where VT1 and VT2 come from.
type ThresholdSource string

// The sources of the three-zone bounds, best first.
const (
	ThresholdSetting ThresholdSource = "setting"       // VT1 and VT2 set in bpm
	ThresholdLTHR    ThresholdSource = "lthr"          // VT2 = LTHR, VT1 = 0.90 LTHR
	ThresholdHRMax   ThresholdSource = "hrmax_percent" // 82 % and 87 % of max HR
	ThresholdNone    ThresholdSource = "none"
)

// Result is a session's intensity under one set of settings. Pointers are nil
// when there is no answer; Verdict then says why.
type Result struct {
	RulesVersion uint32
	Settings     schema.Settings // as used
	HRMax        float64         // bpm, 0 = none
	HRMaxSource  HRMaxSource
	HRRest       float64 // bpm, 0 = none
	HRRestSource string  // setting, file, none

	ZoneModel  schema.ZoneModel
	ZoneBounds []float64 // lower bounds in bpm of zones 1..n
	ZoneMs     []int64   // n+1 cells: below zone 1, zones 1..n

	VT1, VT2        float64
	ThresholdSource ThresholdSource
	LowMs           int64
	ModerateMs      int64
	HighMs          int64
	LowShare        *float64 // of classified time
	ModerateShare   *float64
	HighShare       *float64
	Meets8020       *bool
	Class           Class
	Label           Label
	Polarization    *float64 // Treff 2019

	Above60Ms        int64
	Above60Share     *float64
	CapBPM           float64 // min(120, 0.60 max HR), unrounded; 0 = none
	OverCapMs        int64   // at or over the cap, first two minutes left out
	LongestOverCapMs int64
	CapOK            *bool

	LongestOverVT1Ms int64 // longest stretch at or over VT1
	Efforts          int   // rises from 10 bpm below VT1 to VT1 that stay there for a minute in all

	// Of runs with thresholds: moving time and distance up to 5 bpm below VT1,
	// the first five minutes left out, and at or over VT1.
	NearVT1Ms, OverVT1MovingMs int64
	NearVT1M, OverVT1M         float64

	ThresholdPace                         float64 // s/km as used, 0 = none; runs only
	PaceLowMs, PaceModerateMs, PaceHighMs int64   // moving time of a run by pace, see PaceTimes

	Trimp   *float64 // Banister
	Edwards *float64
	Lucia   *float64

	Efficiency *float64 // (m/min)/bpm, steady runs only
	Decoupling *float64 // percent, gated

	SameEffortMs   int64    // moving time of a run at 65 to 75 % of max HR, first five minutes left out
	SameEffortPace *float64 // median pace over that time, s/km

	WatchDeltaShare *float64 // sum over zones |ours - watch| / watch total, by the watch's own bounds
	WatchDeltaMs    []int64  // ours less the watch's, per cell
	WatchInferred   bool     // the file has no bounds; the watch's default fractions of HRMax were taken

	Verdict Verdict
}
