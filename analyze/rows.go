package analyze

import (
	"plodwatch/analyze/duplicates"
	"plodwatch/analyze/intensity"
	"plodwatch/schema"
)

// Where a session's UTC offset comes from when the file does not say:
// OffsetPosition from the time zone at its first position, OffsetAthlete from
// the time zone set for the athlete.
const (
	OffsetPosition schema.OffsetSource = "position"
	OffsetAthlete  schema.OffsetSource = "athlete"
)

// Dated is one row of an athlete's settings as stored.
type Dated struct {
	schema.Settings
	Version uint64 // time of writing, Unix ms; 0 = there are no settings
}

// Inputs is what a session's intensity depends on beyond the session: when any
// of it changes, the session is derived again.
type Inputs struct {
	Settings      Dated               // valid on the session's local day
	UTCOffsetS    int32               // local time less UTC, seconds
	OffsetSource  schema.OffsetSource // file, position, athlete, or none: taken as UTC
	LocalDay      schema.Day          // calendar day of the session's start
	ObservedHRMax float64             // highest observed heart rate of the athlete up to the session, bpm; 0 = none
}

// SessionRow is one session with all that its rows in the store hold.
type SessionRow struct {
	Env        *schema.Envelope
	Measured   *intensity.Measured
	Result     intensity.Result
	Inputs     Inputs
	SettingsID string // fingerprint of the settings as used
	Decode     uint64 // fingerprint of the samples, see Fingerprint
	// Mark is the verdict that the session's row had before, kept until it is
	// decided again; zero for a new session.
	Mark duplicates.Mark
	// SamplesStored is true when the store has the samples of this Decode
	// already, so that only the session and its intensity are written.
	SamplesStored bool
	AnalyzedMs    int64  // Unix ms
	Version       uint64 // see VersionOf
}

// ExportRow is one export's outcome with what its row in the store holds.
type ExportRow struct {
	Outcome    *schema.ExportOutcome
	AnalyzedMs int64
	Version    uint64
}

// Batch is what one write makes durable.
type Batch struct {
	Sessions []SessionRow
	Exports  []ExportRow
}

// Samples returns the number of sample rows that the batch writes.
func (b *Batch) Samples() int {
	n := 0
	for i := range b.Sessions {
		if !b.Sessions[i].SamplesStored {
			n += b.Sessions[i].Env.Session.Samples.Len()
		}
	}
	return n
}

// versionTimeBits leaves room for Unix milliseconds until the year 2527.
const versionTimeBits = 44

// VersionOf returns the version of a row: the decoder's version first, then
// the time of analysis in Unix ms, so that work repeated by an old decoder
// never hides what a newer one wrote.
func VersionOf(decoderVersion uint32, analyzedMs int64) uint64 {
	const timeMask = 1<<versionTimeBits - 1
	return uint64(decoderVersion)<<versionTimeBits | uint64(max(0, analyzedMs))&timeMask
}

// SessionKey names a stored session.
type SessionKey struct {
	Athlete schema.AthleteID
	ID      schema.SessionID
}

// Brief is what is stored of a session's own start and of the inputs its
// intensity was derived from.
type Brief struct {
	SessionKey
	StartMs       int64               // Unix ms
	ObservedHRMax float64             // by the session itself, bpm, 0 = none
	UTCOffsetS    int32               // as used
	OffsetSource  schema.OffsetSource // as used
	LocalDay      schema.Day          // as used
	SettingsAt    uint64              // Dated.Version as used
	ObservedUsed  float64             // Inputs.ObservedHRMax as used
	HRMaxSource   intensity.HRMaxSource
	RulesVersion  uint32
}

// Stored is a session read back, with what its row holds beside it.
type Stored struct {
	Env          *schema.Envelope
	Decode       uint64 // fingerprint of its samples
	Version      uint64
	Mark         duplicates.Mark // whether it is a copy
	Budget       intensity.Budget
	RulesVersion uint32 // of the arithmetic behind Budget
}

// Judgement is what is stored of a session's intensity. Without an answer
// pointers are nil, and Verdict says why.
type Judgement struct {
	SettingsID        string      // fingerprint of the settings as used
	SettingsFrom      *schema.Day // from when they hold; nil when nothing was set
	HRMax             *float64    // bpm
	HRMaxSource       intensity.HRMaxSource
	LowMs, ModerateMs int64 // of classified time
	HighMs            int64
	LowShare          *float64 // of classified time, 0 to 1
	Meets8020         *bool
	Class             intensity.Class
	Label             intensity.Label
	CapOK             *bool
	Pace              ByPace
	Verdict           intensity.Verdict
	RulesVersion      uint32
	AnalyzedMs        int64 // Unix ms
}
