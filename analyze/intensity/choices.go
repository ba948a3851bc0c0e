package intensity

// The choices of this package: numbers that no source gives, kept here so that
// they can be changed in one place (and RulesVersion with them). Why each is as
// it is stands in decisions.md.
const (
	second int64 = 1000
	minute       = 60 * second

	// Seconds per heart rate.
	gapLimitMs      = 30 * second // timer events present, or sparser than 1 Hz
	gapLimit1HzMs   = 10 * second // no timer events and recorded at 1 Hz
	oneHzShare      = 90          // percent of intervals that make a file 1 Hz
	oneHzIntervalMs = 1500        // an interval of 1 s, after rounding to whole seconds

	// Heart rate quality.
	hrLowest, hrHighest = 30, 230    // bpm; outside is rejected
	spikeBPMPerS        = 10         // a faster change may be a spike
	spikeReturnBPM      = 10         // ... when it comes back this close
	spikeReturnMs       = 5 * second // ... within this time

	// Stuck heart rate and cadence lock: flags only.
	stuckMs            = 60 * second
	stuckSpeedMMps     = 1000 // the speed has to change by this much ...
	stuckSpeedPercent  = 25   // ... and by this share of its mean
	lockBlockMs        = 30 * second
	lockWindowBlocks   = 4 // windows of 120 s, moved on by 30 s
	lockPearson        = 0.90
	lockDifference100  = 500 // hundredths of bpm against steps per minute
	lockTotalMs        = 300 * second
	lockMinSamples     = 20    // per window
	lockHighestCadence = 30000 // hundredths of strides per minute; above is noise

	// Observed maximum.
	observedWindowMs     = 5 * second
	observedContiguousMs = 10 * second
	observedIntervalMs   = 2 * second // longer intervals end a contiguous stretch
	observedLowest       = 150.0
	observedHighest      = 220.0

	// Motion.
	footLimitMps    = 12.5 // faster position steps on foot are dropped
	otherLimitMps   = 30.0 // ... and in any other sport
	reanchorAfter   = 3    // dropped positions that agree with each other become the track
	movingRunMMps   = 900  // moving when running
	movingOtherMMps = 280  // moving in any other sport
	ascentStepCm    = 300  // a climb counts once it exceeds this
	speedBinMMps    = 100  // width of a bin of Measured.SpeedMs
	fileHRMaxLowest = 100  // a lower max HR in a file is not believed

	// Shares, class, label and verdict.
	lowCoverage     = 0.80
	tooShortMs      = 5 * minute
	labelMs         = 30 * minute
	hardHighMs      = 5 * minute
	polarizedAbove  = 2.00
	capHighest      = 120.0 // bpm
	capPercent      = 60.0  // of max HR
	capSettleMs     = 2 * minute
	capToleranceMs  = 60 * second
	capTolerancePct = 2

	// Steady runs.
	steadyMovingMs   = 20 * minute
	steadyBlockMs    = 30 * second
	steadyCV         = 0.10
	decoupleMovingMs = 45 * minute
	decoupleSettleMs = 10 * minute
	decoupleLowShare = 0.90

	// Pace at the same effort.
	sameEffortLowPercent  = 65.0 // of max HR
	sameEffortHighPercent = 75.0
	sameEffortSettleMs    = 5 * minute // of moving time, while heart rate rises
	sameEffortMs          = 5 * minute // less than this in the band is no answer

	// Easy days: efforts over VT1, and the pace just below it.
	effortMs            = 60 * second // at or over VT1, to count as an effort
	effortRecoveryBPM   = 10.0        // below VT1: an effort is over
	nearVT1BPM          = 5.0         // this much below VT1 is near it
	paceModeratePercent = 114.0       // of threshold pace: faster is moderate (Friel's zone 3)

	// Thresholds and watches.
	vt1Percent        = 82.0 // of max HR (Haugen 2021)
	vt2Percent        = 87.0
	vt1OfLTHRPercent  = 90.0
	minimumWatchCells = 6 // arrays of fewer cells mean something else
)
