package schema

import "slices"

// Flag names something odd about a file or a session. The set is closed.
type Flag string

// Flags of files and sessions.
const (
	FlagTruncated          Flag = "truncated"           // ends before it should; what is complete was kept
	FlagCRCBad             Flag = "crc_bad"             // FIT checksum does not match
	FlagUnfinalised        Flag = "unfinalised"         // FIT header without a data size
	FlagChained            Flag = "chained"             // several FIT sections in one file
	FlagCorrupt            Flag = "corrupt"             // unreadable part left out
	FlagSynthesisedSession Flag = "synthesised_session" // no session message; made from the records
	FlagUnassignedRecords  Flag = "unassigned_records"  // records outside every session
	FlagRelativeClock      Flag = "relative_clock"      // times were relative and have been shifted
	FlagZoneRefused        Flag = "zone_refused"        // local time offset was nonsense
	FlagNoZone             Flag = "no_zone"             // times without a zone, read as UTC
	FlagHRFromMessages     Flag = "hr_from_hr_messages" // heart rate merged from strap messages
	FlagHRFromDeveloper    Flag = "hr_from_developer"   // heart rate from a developer field
	FlagDuplicateTimes     Flag = "duplicate_times"     // several samples at one instant, merged
	FlagBackwardTimes      Flag = "backward_times"      // samples out of order, sorted
	FlagClockJump          Flag = "clock_jump"          // a jump of more than 24 h inside a session
	FlagDroppedValues      Flag = "dropped_values"      // single values that could not be read
	FlagNoTimes            Flag = "no_times"            // samples without times
	FlagBudget             Flag = "over_budget"         // a limit on messages was reached; the rest left out
	FlagStuckHR            Flag = "stuck_hr"            // same heart rate for over 60 s while speed changes
	FlagCadenceLock        Flag = "cadence_lock"        // heart rate follows the step rate
	FlagPositionSpikes     Flag = "position_spikes"     // positions that imply an impossible speed, left out
	FlagSummaryMissing     Flag = "summary_unreadable"  // summary messages could not be read; made from the records
)

// AddFlag returns flags with f in it, sorted, without repeats.
func AddFlag(flags []Flag, f Flag) []Flag {
	i, found := slices.BinarySearch(flags, f)
	if found {
		return flags
	}
	return slices.Insert(flags, i, f)
}

// HRFlag is the quality mark of one heart rate sample.
type HRFlag uint8

// Quality marks of a heart rate sample, in the order in which they are
// decided. Only HROK samples count as classified time.
const (
	HROK         HRFlag = iota
	HRMissing           // absent, 0 or 255 in the file
	HROutOfRange        // below 30 or above 230 bpm
	HRSpike             // jumps by more than 10 bpm per second and comes back within 5 s
)
