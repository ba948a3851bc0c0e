// Package streams holds what plodwatch's rooms agree on about NATS JetStream:
// subjects, streams and consumers as values, how messages are published so
// that none is lost, and how they are pulled, kept in hand, acknowledged and
// set aside.
package streams

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"plodwatch/schema"
)

// Names of the streams. The first four are work queues: an acknowledged
// message is gone.
const (
	Pulls    = "PULLS"    // files to download, for the fetchers
	Exports  = "EXPORTS"  // jobs for the workers
	Samples  = "SAMPLES"  // decoded sessions for the analyzers
	Outcomes = "OUTCOMES" // what became of exports, for the analyzers
	Events   = "EVENTS"   // for listeners outside; kept 7 days
	Dead     = "DEAD"     // messages set aside; kept 90 days
	Leases   = "LEASES"   // who does alone what several could do
)

// Names of the durable consumers of the work queues.
const (
	Worker   = "worker"   // of Exports
	Analyzer = "analyzer" // of Samples and of Outcomes
	Fetcher  = "fetcher"  // of Pulls
)

const root = "plodwatch.v1."

// InboxSubjects matches the subjects of all athletes' inboxes. Behind them is
// no stream: who sends an export there asks for an answer.
const InboxSubjects = root + "inbox.*"

// InboxSubject is where services that speak NATS send exports of an athlete.
func InboxSubject(athlete schema.AthleteID) string { return root + "inbox." + Token(string(athlete)) }

// InboxAthlete returns the athlete of an inbox's subject, or an error that
// wraps schema.ErrBadID.
func InboxAthlete(subject string) (schema.AthleteID, error) {
	athlete, ok := strings.CutPrefix(subject, root+"inbox.")
	if !ok {
		return "", fmt.Errorf("read athlete: not the subject of an inbox: %w", schema.ErrBadID)
	}
	return schema.ParseAthleteID(athlete)
}

// PullSubject is where the download of a file is queued.
func PullSubject(id string) string { return root + "pulls." + Token(id) }

// ExportSubject is where the job with this identity is queued.
func ExportSubject(id schema.JobID) string { return root + "exports." + id.String() }

// SamplesSubject is where a decoded session is queued.
func SamplesSubject(athlete schema.AthleteID, id schema.SessionID) string {
	return root + "samples." + Token(string(athlete)) + "." + id.String()
}

// EventSubjects matches the subjects of all events, OutcomeSubjects those of
// what became of exports.
const (
	EventSubjects   = root + "events.>"
	OutcomeSubjects = root + "outcomes.*"
)

// OutcomeSubject is where the outcome of the job with this identity is queued.
func OutcomeSubject(id schema.JobID) string { return root + "outcomes." + id.String() }

// EventSubject is where events of a kind about an athlete are announced.
func EventSubject(kind string, athlete schema.AthleteID) string {
	return root + "events." + Token(kind) + "." + Token(string(athlete))
}

// DeadSubject is where a message is set aside: stage is the queue that it came
// from ("pulls", "exports", "samples" or "outcomes"), id the last token of its subject.
func DeadSubject(stage, id string) string {
	return root + "dead." + Token(stage) + "." + Token(id)
}

// Token returns s itself when it can stand in a subject: 1 to 64 characters of
// [A-Za-z0-9_-]. Anything else comes back as "h_" and 32 hexadecimal digits of
// its SHA-256, so that foreign text can neither break out of its place nor
// match another's subscription.
func Token(s string) string {
	if s != "" && len(s) <= 64 && strings.IndexFunc(s, notTokenRune) < 0 {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "h_" + hex.EncodeToString(sum[:16])
}

func notTokenRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

// stageAndID returns the token after the version and the last token of one of
// our subjects.
func stageAndID(subject string) (stage, id string) {
	rest := strings.TrimPrefix(subject, root)
	stage, _, _ = strings.Cut(rest, ".")
	return stage, rest[strings.LastIndexByte(rest, '.')+1:]
}
