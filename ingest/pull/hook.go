package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// Path is where the Hook is to be mounted.
const Path = "/api/v1/hooks/files"

const (
	// storePatience is how long the queue may take; senders wait 15 s or so.
	storePatience = 8 * time.Second

	// comeBack is the least Retry-After, in seconds; up to as much again is
	// added, so that not all come back at once.
	comeBack = 30
)

// HookConfig says whose messages a Hook takes.
type HookConfig struct {
	// Secrets are those of the senders, "whsec_<base64>"; a message is to be
	// signed with one of them.
	Secrets []string `yaml:"secrets"`

	// Rules say where files may lie.
	Rules Rules `yaml:"rules"`

	// Athletes says who a sender's user is. A user who is not in it must be
	// the id of an athlete.
	Athletes map[string]schema.AthleteID `yaml:"athletes"`
}

// Validate returns all faults of the configuration at once, or nil. A Hook
// without secrets or hosts is of no use and faulty.
func (c HookConfig) Validate() error {
	faults := []error{c.Rules.Validate()}
	if len(c.Secrets) == 0 {
		faults = append(faults, errors.New("secrets: there is none"))
	}
	if len(c.Rules.Hosts) == 0 {
		faults = append(faults, errors.New("hosts: there is none"))
	}
	for i, s := range c.Secrets {
		if _, err := parseSecret(s); err != nil {
			faults = append(faults, fmt.Errorf("secrets: number %d: %w", i+1, err))
		}
	}
	for user, athlete := range c.Athletes {
		if _, err := schema.ParseAthleteID(string(athlete)); user == "" || err != nil {
			faults = append(faults, fmt.Errorf("athletes: %.80q: %w", athlete, schema.ErrBadID))
		}
	}
	return errors.Join(faults...)
}

// HookDeps are the things a Hook works with. All are required.
type HookDeps struct {
	Publisher *streams.Publisher
	Now       func() time.Time
	Metrics   *Metrics
	Log       *slog.Logger
}

// Hook takes signed messages over HTTP and queues the files that they name. It
// is safe for concurrent use.
type Hook struct {
	cfg    HookConfig
	deps   HookDeps
	keys   [][]byte
	memory *memory
	large  chan struct{} // a place for each large message in memory
}

// NewHook returns a Hook, or an error that names every fault of cfg and every
// missing dependency.
func NewHook(cfg HookConfig, deps HookDeps) (*Hook, error) {
	err := errors.Join(cfg.Validate(), missing(map[string]bool{
		"publisher": deps.Publisher == nil, "now": deps.Now == nil, "metrics": deps.Metrics == nil, "log": deps.Log == nil,
	}))
	if err != nil {
		return nil, fmt.Errorf("make hook: %w", err)
	}
	h := &Hook{cfg: cfg, deps: deps, memory: newMemory(), large: make(chan struct{}, largeAtOnce)}
	for _, s := range cfg.Secrets {
		key, err := parseSecret(s)
		if err != nil {
			return nil, fmt.Errorf("make hook: %w", err)
		}
		h.keys = append(h.keys, key)
	}
	return h, nil
}

// answer is what a Hook says to a message.
type answer struct {
	status int
	result string // of the metrics
	body   any
}

// stored is the body of a 200.
type stored struct {
	Stored    int  `json:"stored"`
	Duplicate bool `json:"duplicate"`
}

// refusal is the body of an error.
type refusal struct {
	Message string        `json:"message"`
	Reason  string        `json:"reason"`
	Index   *int          `json:"index,omitempty"` // of the first file refused
	Refused []refusedFile `json:"refused,omitempty"`
}

func refuse(status int, reason, message string) answer {
	return answer{status: status, result: reason, body: refusal{Message: message, Reason: reason}}
}

// ServeHTTP takes one message. It answers 200 when every file of it is on
// stable storage in the queue, 401 when it is not believed, 413, 400 or 422
// when it makes no sense or names a file that can never be allowed, and 503
// with Retry-After when the queue takes nothing now; errors as JSON with
// message and reason. Nothing of a message that is refused is stored.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := h.take(w, r)
	h.deps.Metrics.messages.WithLabelValues(a.result).Inc()
	if a.status == http.StatusOK {
		h.deps.Log.DebugContext(r.Context(), "hook message taken", "result", a.result)
	} else {
		h.deps.Log.InfoContext(r.Context(), "hook message refused", "status", a.status, "reason", a.result)
	}
	w.Header().Set("Content-Type", "application/json")
	switch a.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(comeBack+rand.IntN(comeBack))) //nolint:gosec // spreads load, hides nothing
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the other side is gone: nobody to tell
}

func (h *Hook) take(w http.ResponseWriter, r *http.Request) answer {
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, resultMethod, "messages are posted")
	}
	s, reason := readStamp(r.Header, h.deps.Now())
	if reason != "" {
		return unbelieved(reason)
	}
	body, leave, err := h.body(w, r)
	defer leave()
	if errors.Is(err, errCrowded) {
		return notNow()
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, resultTooLarge, "a message has at most 1 MiB")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, resultUnread, "the message did not arrive whole")
	}
	if !s.signedBy(h.keys, body) {
		return unbelieved(reasonSignature)
	}
	return h.believe(r.Context(), s, body)
}

// unbelieved refuses a message for its signature.
func unbelieved(reason string) answer {
	message := map[string]string{
		reasonUnsigned:  "need the headers webhook-id, webhook-timestamp and webhook-signature",
		reasonBadHeader: "webhook-id, webhook-timestamp or webhook-signature cannot be read",
		reasonTooOld:    "webhook-timestamp is more than 5 minutes ago",
		reasonTooNew:    "webhook-timestamp is more than 5 minutes ahead",
		reasonSignature: "no signature of webhook-signature is right",
		reasonReplayed:  "this very message was taken before; one that is repeated is to be signed anew",
	}[reason]
	return refuse(http.StatusUnauthorized, reason, message)
}

// believe takes a message whose signature is right.
func (h *Hook) believe(ctx context.Context, s stamp, body []byte) answer {
	state, leave, err := h.memory.enter(ctx, s, h.deps.Now())
	switch {
	case err != nil:
		return notNow()
	case state == seenExactly:
		return unbelieved(reasonReplayed)
	case state == seenOther:
		return answer{status: http.StatusOK, result: resultDuplicate, body: stored{Duplicate: true}}
	}
	a := h.store(ctx, s, body)
	leave(a.status == http.StatusOK)
	return a
}

func (h *Hook) store(ctx context.Context, s stamp, body []byte) answer {
	var n notice
	if err := json.Unmarshal(body, &n); err != nil {
		return refuse(http.StatusBadRequest, reasonMalformed, "the message is not JSON of the form that is known here")
	}
	switch files := len(n.ActivityFiles) + len(n.Files); {
	case files == 0:
		return refuse(http.StatusUnprocessableEntity, reasonNoFiles, "neither activityFiles nor files names a file")
	case files > maxFiles:
		return refuse(http.StatusUnprocessableEntity, reasonManyFiles, fmt.Sprintf("a message names at most %d files", maxFiles))
	}
	orders, refused := n.orders(h.cfg.Rules, h.cfg.Athletes)
	if len(refused) > 0 {
		first := refused[0]
		return answer{status: http.StatusUnprocessableEntity, result: resultRefused, body: refusal{
			Message: fmt.Sprintf("file %d is not allowed (%s); nothing of the message was taken", first.Index, first.Reason),
			Reason:  first.Reason, Index: &first.Index, Refused: refused,
		}}
	}
	if err := h.queue(ctx, s, orders); err != nil {
		h.deps.Log.WarnContext(ctx, "files of a message cannot be queued", "files", len(orders), "error", err)
		return notNow()
	}
	h.deps.Metrics.queued.Add(float64(len(orders)))
	return answer{status: http.StatusOK, result: resultStored, body: stored{Stored: len(orders)}}
}

func notNow() answer {
	return refuse(http.StatusServiceUnavailable, resultNotNow, "nothing can be stored now; send it again later")
}

// queue stores all orders. Some may be stored when it fails: a repetition of
// the message finds them.
func (h *Hook) queue(ctx context.Context, s stamp, orders []order) error {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	batch := h.deps.Publisher.Begin()
	for _, o := range orders {
		msg, err := o.message(s.id)
		if err != nil {
			return err
		}
		if err := batch.Publish(ctx, msg); err != nil {
			return err
		}
	}
	return batch.Flush(ctx)
}
