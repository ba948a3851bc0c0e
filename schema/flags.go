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

// FlagText says a flag in a few words for people.
func FlagText(f Flag) string {
	switch f {
	case FlagTruncated:
		return "the file ends too early; what is complete was kept"
	case FlagCRCBad:
		return "the file's checksum does not match"
	case FlagUnfinalised:
		return "the watch never finished the file"
	case FlagChained:
		return "the file holds several FIT files, one after the other"
	case FlagCorrupt:
		return "an unreadable part was left out"
	case FlagSynthesisedSession:
		return "the file has no summary; the session was made from its records"
	case FlagUnassignedRecords:
		return "records outside every session were left out"
	case FlagRelativeClock:
		return "the watch's clock was not set; times were shifted to what the file says elsewhere"
	case FlagZoneRefused:
		return "the file's local time makes no sense and was not believed"
	case FlagNoZone:
		return "the file's times have no zone and were read as UTC"
	case FlagHRFromMessages:
		return "heart rate was merged from the strap's own messages"
	case FlagHRFromDeveloper:
		return "heart rate comes from a developer field"
	case FlagDuplicateTimes:
		return "several samples at one instant were merged"
	case FlagBackwardTimes:
		return "samples were out of order and have been sorted"
	case FlagClockJump:
		return "the clock jumps by more than a day; the time between is not counted"
	case FlagDroppedValues:
		return "single values could not be read"
	case FlagNoTimes:
		return "samples without times were left out"
	case FlagBudget:
		return "the file has more than any real one; the rest was left out"
	case FlagStuckHR:
		return "the heart rate stands still for over a minute while the speed changes"
	case FlagCadenceLock:
		return "the heart rate follows the steps; the sensor may have counted them"
	case FlagPositionSpikes:
		return "positions that imply an impossible speed were left out"
	case FlagSummaryMissing:
		return "the file's summary cannot be read; it was made from the records"
	}
	return string(f)
}
