package schema

import "errors"

// Outcome says what became of an export. Every export ends in exactly one.
type Outcome string

// The outcomes.
const (
	OutcomeDecoded   Outcome = "decoded"   // read whole
	OutcomeSalvaged  Outcome = "salvaged"  // damaged; every readable part was kept
	OutcomeDuplicate Outcome = "duplicate" // the same bytes were taken before
	OutcomeSkipped   Outcome = "skipped"   // a valid file that holds no activity
	OutcomeRejected  Outcome = "rejected"  // cannot be read, or refused
)

// Reason says why an export has its outcome. The set is closed; texts for
// people are in ReasonText.
type Reason string

// The reasons.
const (
	ReasonNone            Reason = ""
	ReasonArchive         Reason = "archive"             // decoded: a zip, its members are exports of their own
	ReasonSameBytes       Reason = "same_bytes"          // duplicate
	ReasonTruncated       Reason = "truncated"           // salvaged
	ReasonCRC             Reason = "crc_mismatch"        // salvaged
	ReasonCorrupt         Reason = "corrupt_part"        // salvaged
	ReasonNoSession       Reason = "no_session_message"  // decoded or salvaged: session made from the records
	ReasonOverBudget      Reason = "over_budget"         // salvaged or rejected
	ReasonNotActivity     Reason = "not_an_activity"     // skipped: settings, monitoring, sleep, course, workout ...
	ReasonRoute           Reason = "route_without_times" // skipped
	ReasonNoSamples       Reason = "no_samples"          // skipped: nothing recorded in it
	ReasonUnsupported     Reason = "unsupported_format"  // skipped: not a format plodwatch reads
	ReasonLitter          Reason = "ignored_name"        // skipped
	ReasonEmpty           Reason = "empty_file"          // rejected
	ReasonNotRegular      Reason = "not_a_regular_file"  // rejected
	ReasonUnreadable      Reason = "unreadable"          // rejected: the system would not let us read it
	ReasonTooLarge        Reason = "too_large"           // rejected
	ReasonBomb            Reason = "compression_bomb"    // rejected
	ReasonMalformed       Reason = "malformed"           // rejected
	ReasonRelativeClock   Reason = "relative_clock"      // rejected: no absolute time can be found
	ReasonEntities        Reason = "custom_entities"     // rejected: XML with entity definitions
	ReasonSessionTooLarge Reason = "session_too_large"   // rejected: does not fit a message
	ReasonNested          Reason = "nested_too_deep"     // skipped or rejected: archives inside archives
	ReasonPoison          Reason = "poison"              // rejected: set aside after repeated deliveries
)

// Refusal is the error of a decoder or the worker that ends an export as
// skipped or rejected. Detail is safe to show: it never holds file names.
type Refusal struct { //nolint:errname // a refusal is a result with a reason, and an error second
	Outcome Outcome
	Reason  Reason
	Detail  string
	Err     error // cause, may be nil
}

// Error returns outcome, reason and detail.
func (r *Refusal) Error() string {
	s := string(r.Outcome) + ": " + string(r.Reason)
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Skip returns a Refusal with the outcome skipped.
func Skip(reason Reason, detail string) *Refusal {
	return &Refusal{Outcome: OutcomeSkipped, Reason: reason, Detail: detail}
}

// Reject returns a Refusal with the outcome rejected.
func Reject(reason Reason, detail string) *Refusal {
	return &Refusal{Outcome: OutcomeRejected, Reason: reason, Detail: detail}
}

// AsRefusal returns the Refusal inside err, or nil when there is none.
func AsRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// ReasonText says a reason in a few words for people.
func ReasonText(r Reason) string {
	switch r {
	case ReasonNone:
		return ""
	case ReasonArchive:
		return "a zip; its members are counted as files of their own"
	case ReasonSameBytes:
		return "the same bytes were taken before"
	case ReasonTruncated:
		return "ends too early; everything complete was kept"
	case ReasonCRC:
		return "checksum does not match; everything readable was kept"
	case ReasonCorrupt:
		return "a part cannot be read; the rest was kept"
	case ReasonNoSession:
		return "no session message; the session was made from the records"
	case ReasonOverBudget:
		return "more messages than any real file; the rest was left out"
	case ReasonNotActivity:
		return "settings, monitoring, sleep, a course or a workout: no activity in it"
	case ReasonRoute:
		return "a route without times"
	case ReasonNoSamples:
		return "nothing was recorded in it"
	case ReasonUnsupported:
		return "not a format plodwatch reads"
	case ReasonLitter:
		return "temporary or hidden file"
	case ReasonEmpty:
		return "no bytes in it"
	case ReasonNotRegular:
		return "a device, a pipe or a link, not a file"
	case ReasonUnreadable:
		return "the system would not let it be read"
	case ReasonTooLarge:
		return "larger than any real file of its kind"
	case ReasonBomb:
		return "unpacks to far more than any real file"
	case ReasonMalformed:
		return "cannot be read as what it claims to be"
	case ReasonRelativeClock:
		return "its clock was never set, and nothing in it tells the time"
	case ReasonEntities:
		return "defines XML entities, which no watch does"
	case ReasonSessionTooLarge:
		return "a session is too large for a message"
	case ReasonNested:
		return "an archive inside an archive inside an archive"
	case ReasonPoison:
		return "set aside after it failed repeatedly"
	}
	return string(r)
}
