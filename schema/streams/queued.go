package streams

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
)

// Queued is what the queues hold: what waits and what is in hand.
type Queued struct {
	Jobs     map[schema.JobID]bool     // to be decoded
	Outcomes map[schema.JobID]bool     // to be stored
	Sessions map[schema.SessionID]bool // to be stored
}

// LookQueued lists what the queues hold. The queues are looked at in the order in which
// work moves through them, so that what has left one during the look is seen
// in a later one, or is done.
func LookQueued(ctx context.Context, js jetstream.JetStream) (*Queued, error) {
	w := &Queued{
		Jobs: map[schema.JobID]bool{}, Outcomes: map[schema.JobID]bool{}, Sessions: map[schema.SessionID]bool{},
	}
	for _, q := range []struct {
		stream string
		add    func(id string)
	}{
		{Exports, func(id string) { addID(w.Jobs, id, schema.ParseJobID) }},
		{Samples, func(id string) { addID(w.Sessions, id, schema.ParseSessionID) }},
		{Outcomes, func(id string) { addID(w.Outcomes, id, schema.ParseJobID) }},
	} {
		subjects, err := subjectsOf(ctx, js, q.stream)
		if err != nil {
			return nil, err
		}
		for subject := range subjects {
			q.add(subject[strings.LastIndexByte(subject, '.')+1:])
		}
	}
	return w, nil
}

// LookSetAside lists what was set aside, by the subjects alone: nothing of the
// messages is read.
func LookSetAside(ctx context.Context, js jetstream.JetStream) (*Queued, error) {
	q := &Queued{
		Jobs: map[schema.JobID]bool{}, Outcomes: map[schema.JobID]bool{}, Sessions: map[schema.SessionID]bool{},
	}
	subjects, err := subjectsOf(ctx, js, Dead)
	if err != nil {
		return nil, err
	}
	for subject := range subjects {
		stage, id := stageAndID(strings.Replace(subject, root+"dead.", root, 1))
		switch stage {
		case "exports":
			addID(q.Jobs, id, schema.ParseJobID)
		case "outcomes":
			addID(q.Outcomes, id, schema.ParseJobID)
		case "samples":
			addID(q.Sessions, id, schema.ParseSessionID)
		}
	}
	return q, nil
}

// subjectsOf returns the subjects of the messages in a stream.
func subjectsOf(ctx context.Context, js jetstream.JetStream, name string) (map[string]uint64, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", name, err)
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return nil, nil
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, fmt.Errorf("look into stream %s: %w", name, err)
	}
	return info.State.Subjects, nil
}

// addID adds an identity; one of a message that is not ours is left out.
func addID[T comparable](to map[T]bool, text string, parse func(string) (T, error)) {
	if id, err := parse(text); err == nil {
		to[id] = true
	}
}
