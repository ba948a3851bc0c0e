package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"

	"plodwatch/schema"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// Event is what pages are told: something about an athlete has changed. Text
// is none of it: who wants to know more asks the page.
type Event struct {
	// Kind is "session", "export" or "warning" once something has been
	// analyzed, and "outcome" when a file has been read and its sessions are
	// on their way into the tables.
	Kind     string           `json:"kind"`
	Athlete  schema.AthleteID `json:"athlete_id"`
	Export   string           `json:"export_id,omitempty"`
	Outcome  schema.Outcome   `json:"outcome,omitempty"`
	Reason   schema.Reason    `json:"reason,omitempty"`
	Sessions int              `json:"sessions,omitempty"`
}

// kindOutcome is the kind of events about files that have been read.
const kindOutcome = "outcome"

// hub hands events from NATS to the pages that listen. Who does not take them
// in time is let go, and comes back by itself.
type hub struct {
	most int
	log  *slog.Logger

	mu     sync.Mutex
	closed bool
	all    map[*listener]struct{}
}

// listener is one page that waits for events.
type listener struct {
	events  chan Event // closed when the listener is let go
	visible func(schema.AthleteID) bool
}

// waitingEvents bounds the events that wait for one listener.
const waitingEvents = 64

func newHub(most int, log *slog.Logger) *hub {
	return &hub{most: most, log: log, all: make(map[*listener]struct{})}
}

// join returns a new listener, or nil when there are too many or the hub is
// closed.
func (h *hub) join(visible func(schema.AthleteID) bool) *listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.all) >= h.most {
		return nil
	}
	l := &listener{events: make(chan Event, waitingEvents), visible: visible}
	h.all[l] = struct{}{}
	return l
}

// leave lets a listener go; once is enough, and more does no harm.
func (h *hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(l)
}

func (h *hub) drop(l *listener) {
	if _, in := h.all[l]; in {
		delete(h.all, l)
		close(l.events)
	}
}

// tell hands an event to who may see it.
func (h *hub) tell(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.all {
		if !l.visible(e.Athlete) {
			continue
		}
		select {
		case l.events <- e:
		default:
			h.drop(l)
		}
	}
}

// close lets all listeners go and takes no new ones.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.all {
		h.drop(l)
	}
}

// run hands on what NATS brings until ctx ends. Events are for pages that are
// open now, so a plain subscription is enough: nothing is kept for later.
func (h *hub) run(ctx context.Context, conn *nats.Conn) error {
	for subject, read := range map[string]func([]byte) (Event, error){
		streams.EventSubjects: readEvent, streams.OutcomeSubjects: readOutcome,
	} {
		sub, err := conn.Subscribe(subject, func(m *nats.Msg) {
			e, err := read(m.Data)
			if err != nil {
				h.log.Debug("an event cannot be read", "error", err)
				return
			}
			if e.Athlete != "" {
				h.tell(e)
			}
		})
		if err != nil {
			return fmt.Errorf("listen for events: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }() // the connection may be closed already
	}
	<-ctx.Done()
	return nil
}

// readEvent reads what the announcer publishes.
func readEvent(data []byte) (Event, error) {
	if len(data) == 0 {
		return Event{}, nil // a probe of the queue
	}
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	return e, nil
}

// readOutcome reads what workers say of files.
func readOutcome(data []byte) (Event, error) {
	out, err := wire.DecodeOutcome(data)
	if err != nil {
		return Event{}, err
	}
	return Event{
		Kind: kindOutcome, Athlete: out.Job.Athlete, Export: out.Job.Export.String(), Outcome: out.Outcome, Reason: out.Reason,
		Sessions: len(out.Sessions),
	}, nil
}
