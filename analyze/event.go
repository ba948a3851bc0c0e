package analyze

import "plodwatch/schema"

// The kinds of events, as they stand in subjects.
const (
	EventWarning = "warning" // a pattern was found on one of the last days
	EventSession = "session" // a session was analyzed
	EventExport  = "export"  // an export was rejected
)

// Event is something that happened, for listeners outside.
type Event struct {
	Kind    string
	Athlete schema.AthleteID
	ID      string // the same event has the same one
	Data    []byte // JSON

	Day    schema.Day // of a warning
	Signal string     // of a warning
	AtMs   int64      // when a session or export was analyzed, Unix ms
}
