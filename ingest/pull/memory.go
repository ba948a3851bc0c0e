package pull

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// rememberFor is how long the ids of stored messages are known: senders
	// repeat for hours what they think has failed. To forget one costs a
	// download that finds known bytes.
	rememberFor = 24 * time.Hour

	rememberAtMost = 100_000
)

// memory knows which messages were stored. It is lost with the process; the
// queue knows for some minutes more, see streams.Pulls.
type memory struct {
	mu    sync.Mutex
	known map[messageKey]*list.Element // of remembered
	order *list.List                   // oldest first
	busy  map[messageKey]chan struct{} // closed when the message has been dealt with
}

// messageKey is the SHA-256 of a message's id, which may be long.
type messageKey [sha256.Size]byte

type remembered struct {
	key    messageKey
	stored time.Time
	stamps []int64 // when copies of it were signed
}

// seen is what a memory says of a message.
type seen uint8

const (
	seenNever   seen = iota // deal with it, then call leave
	seenOther               // stored, and now signed anew
	seenExactly             // this very one was stored
)

func newMemory() *memory {
	return &memory{known: map[messageKey]*list.Element{}, order: list.New(), busy: map[messageKey]chan struct{}{}}
}

// enter waits until nobody else deals with a message of the same id. Of one
// that was never seen it returns leave, which says whether it was stored.
func (m *memory) enter(ctx context.Context, s stamp, now time.Time) (state seen, leave func(stored bool), err error) {
	key := messageKey(sha256.Sum256([]byte(s.id)))
	for {
		m.mu.Lock()
		other, busy := m.busy[key]
		if !busy {
			defer m.mu.Unlock()
			if state = m.recall(key, s.seconds, now); state != seenNever {
				return state, nil, nil
			}
			done := make(chan struct{})
			m.busy[key] = done
			return seenNever, func(stored bool) { m.leave(key, s.seconds, now, stored, done) }, nil
		}
		m.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return seenNever, nil, fmt.Errorf("wait for an equal message: %w", ctx.Err())
		}
	}
}

func (m *memory) recall(key messageKey, seconds int64, now time.Time) seen {
	e := m.known[key]
	if e == nil {
		return seenNever
	}
	r, _ := e.Value.(*remembered)
	if slices.Contains(r.stamps, seconds) {
		return seenExactly
	}
	// Older ones are refused for their age.
	oldest := now.Add(-2 * tolerance).Unix()
	r.stamps = append(slices.DeleteFunc(r.stamps, func(s int64) bool { return s < oldest }), seconds)
	return seenOther
}

func (m *memory) leave(key messageKey, seconds int64, now time.Time, stored bool, done chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.busy, key)
	close(done)
	if !stored {
		return
	}
	m.known[key] = m.order.PushBack(&remembered{key: key, stored: now, stamps: []int64{seconds}})
	for e := m.order.Front(); e != nil; e = m.order.Front() {
		r, _ := e.Value.(*remembered)
		if m.order.Len() <= rememberAtMost && now.Sub(r.stored) <= rememberFor {
			return
		}
		m.order.Remove(e)
		delete(m.known, r.key)
	}
}
