package schema

// Format is the file format an export was decoded from.
type Format string

// The formats plodwatch knows. FormatArchive is a zip whose members are
// exports of their own.
const (
	FormatUnknown Format = "unknown"
	FormatFIT     Format = "fit"
	FormatGPX     Format = "gpx"
	FormatTCX     Format = "tcx"
	FormatArchive Format = "zip"
)

// Sport is the FIT profile's name of a sport in snake case, for example
// "running", "cycling", "swimming", "cross_country_skiing", "transition";
// "generic" when the file does not say.
type Sport string

// The sports the arithmetic treats specially.
const (
	SportGeneric    Sport = "generic"
	SportRunning    Sport = "running"
	SportCycling    Sport = "cycling"
	SportSwimming   Sport = "swimming"
	SportWalking    Sport = "walking"
	SportHiking     Sport = "hiking"
	SportTransition Sport = "transition"
)

// OffsetSource says where a session's offset to UTC comes from.
type OffsetSource string

// The sources of a UTC offset. OffsetFile covers FIT local_timestamp and GPX
// times with a zone.
const (
	OffsetNone OffsetSource = ""
	OffsetFile OffsetSource = "file"
)

// TimerEvent is a start or a stop of the watch's timer.
type TimerEvent struct {
	AtMs int64
	Stop bool // false = start
}

// Interval is a half-open stretch of time [FromMs, ToMs).
type Interval struct {
	FromMs, ToMs int64
}

// WatchZones is what the watch itself says about time in heart rate zones.
// With n bounds there are n+1 cells: cell 0 lies below the first bound, cell
// n at or above the last. Either slice may be empty when the file lacks it.
type WatchZones struct {
	TimeMs      []int64 // milliseconds per cell
	BoundsBPM   []uint8 // lower bounds of zones 1..n, bpm
	MaxHR       uint8   // bpm, 0 = not given
	RestHR      uint8   // bpm, 0 = not given
	ThresholdHR uint8   // bpm, 0 = not given
}

// Lap is one lap of a session as the watch wrote it.
type Lap struct {
	StartMs, EndMs int64
	ElapsedMs      int64
	TimerMs        int64
	DistanceCm     int64
	AvgHR, MaxHR   uint8 // bpm, 0 = not given
	Zones          WatchZones
}

// FileFacts is what a file says about its athlete. Zero means not given.
// MaxHRSource names the message the maximum was taken from, best first:
// time_in_zone, zones_target, user_profile.
type FileFacts struct {
	MaxHR       uint8
	MaxHRSource string
	RestHR      uint8
	ThresholdHR uint8
}

// WatchSummary is the watch's own summary of a session, kept for comparison
// and for sessions without samples. Zero means not given.
type WatchSummary struct {
	ElapsedMs    int64
	TimerMs      int64
	DistanceCm   int64
	AscentM      int32
	AvgHR, MaxHR uint8
	AvgSpeedMMps int32
	CaloriesKcal int32
}

// Session is one workout in one sport, as decoded: nothing in it is derived by
// the arithmetic, and samples are never altered.
type Session struct {
	Ordinal      int // position in the file, from 0
	Sport        Sport
	SubSport     string // FIT profile's name in snake case, "" when not given
	StartMs      int64  // the session's start
	EndMs        int64  // the session's end; never before the last sample
	UTCOffsetS   int32  // seconds east of UTC; meaningful when OffsetSource is not empty
	OffsetSource OffsetSource
	TimerEvents  []TimerEvent // sorted by time; empty when the file has none
	Breaks       []Interval   // stretches across which no time is counted (GPX segment ends, clock jumps)
	Laps         []Lap
	Watch        WatchSummary
	WatchZones   WatchZones
	Facts        FileFacts
	RPE          float32 // 0-10, meaningful when HasRPE
	HasRPE       bool
	Feel         int16  // 0-100, -1 = not given
	Device       string // manufacturer and product, "" when not given
	Flags        []Flag // sorted, no repeats
	Samples      Samples
}

// RawCounts is what a file holds before any interpretation, for checks against
// other parsers.
type RawCounts struct {
	Records      int   `json:"records"`        // FIT record messages, GPX and TCX track points
	HRRecords    int   `json:"hr_records"`     // of those, with a heart rate present (a 0 counts here)
	HRSum        int64 `json:"hr_sum"`         // their sum, whole bpm
	HRMsgSamples int   `json:"hr_msg_samples"` // heart rates inside FIT hr messages
	HRAfterMerge int   `json:"hr_after_merge"` // records with a heart rate after the merge of hr messages
	Sessions     int   `json:"sessions"`       // session messages; GPX: tracks; TCX: activities
	FirstUnix    int64 `json:"first_unix"`     // first time of the records, seconds, relative clocks as they stand
	LastUnix     int64 `json:"last_unix"`
}

// Recording is what one export decodes to.
type Recording struct {
	Format         Format
	DecoderVersion uint32
	Sessions       []Session
	Raw            RawCounts
	Unassigned     int    // records that belong to no session
	DroppedValues  int    // single values dropped because they could not be read
	Flags          []Flag // of the file as a whole, sorted, no repeats
	// Outcome and Reason say how it went: decoded, or salvaged with the first
	// reason that made it so. A skipped or rejected file comes as *Refusal.
	Outcome Outcome
	Reason  Reason
	Detail  string // of a salvaged file: the first thing that was wrong, for people; never a file name
}

// Envelope is one session on its way from worker to analyzer.
type Envelope struct {
	Athlete        AthleteID
	Export         ExportID  // the file as it was handed in
	ID             SessionID // see SessionIDOf
	Format         Format
	DecoderVersion uint32
	Salvaged       bool  // the file was damaged; a clean copy of the session is better
	ReceivedMs     int64 // when the export was taken
	Session        Session
}
