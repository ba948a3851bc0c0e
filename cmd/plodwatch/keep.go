package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest"
	"plodwatch/schema/streams"
	"plodwatch/schema/wire"
)

// keeper is the part of a host that looks after what it keeps.
type keeper interface {
	// dead returns the messages set aside with these numbers, or all.
	dead(ctx context.Context, ids []uint64) ([]deadRow, error)
	// deadDo retries or drops those messages, or all, and says how it went.
	deadDo(ctx context.Context, action string, ids []uint64) ([]deadRow, error)
	// settle waits until what is queued now, and what follows from it, has
	// been worked on; but not for a process that goes on after this command.
	settle(ctx context.Context) error
	// reconcile compares what there is, and has said what it finds.
	reconcile(ctx context.Context, opts reconcileOptions, say func(*reconcileEvent) error) error
	// reprocess queues stored exports again.
	reprocess(ctx context.Context, opts reprocessOptions) (reprocessReply, error)
	// erase takes exports or an athlete out of everything that is kept.
	erase(ctx context.Context, opts eraseOptions) (eraseReport, error)
}

// Paths on the socket of the process that holds the data directory.
const (
	pathDead      = "/v1/dead"
	pathReconcile = "/v1/reconcile"
	pathReprocess = "/v1/reprocess"
	pathErase     = "/v1/erase"
)

// errNoQueues says that the process at hand has no queues.
var errNoQueues = fmt.Errorf("it holds the data directory without the queues; try again: %w", ingest.ErrNotNow)

func (h *localHost) dead(ctx context.Context, ids []uint64) ([]deadRow, error) {
	all := []deadRow{}
	err := h.eachDead(ctx, ids, func(_ *streams.DeadLetter, row deadRow) error {
		all = append(all, row)
		return nil
	})
	return all, err
}

// eachDead calls f for the messages set aside with these numbers, or all.
func (h *localHost) eachDead(ctx context.Context, ids []uint64, f func(*streams.DeadLetter, deadRow) error) error {
	if h.js == nil {
		return fmt.Errorf("plodwatch %s: %w", h.command, errNoQueues)
	}
	codec, err := wire.NewCodec()
	if err != nil {
		return err
	}
	one := func(l *streams.DeadLetter) error { return f(l, deadRowOf(l, codec)) }
	if len(ids) == 0 {
		return streams.DeadLetters(ctx, h.js, one)
	}
	for _, id := range ids {
		l, err := streams.FindDeadLetter(ctx, h.js, id)
		if err == nil {
			err = one(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *localHost) deadDo(ctx context.Context, action string, ids []uint64) ([]deadRow, error) {
	// First all of them: that the numbers are right, and because what fails
	// once more is set aside once more, under a new number.
	all, err := h.dead(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range all {
		row := &all[i]
		l, err := streams.FindDeadLetter(ctx, h.js, row.ID)
		switch {
		case err != nil:
		case action == deadRetry:
			row.Done, err = "queued_again", l.Retry(ctx, h.js, h.publisher)
		case action == deadDrop:
			row.Done, err = "dropped", l.Drop(ctx, h.js)
		default:
			err = fmt.Errorf("no such action: %q", action)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			row.Done, row.Error = "", err.Error()
		}
	}
	return all, nil
}

const settlePoll = 100 * time.Millisecond

// settle waits for this process's own work.
func (h *localHost) settle(ctx context.Context) error { return h.drain(ctx, nil) }

// drain waits until the messages that the queues hold now have left them, and
// so have those that follow from them: archives in archives make jobs twice.
// It calls left, if given, with the number of messages now and then.
func (p *pipeline) drain(ctx context.Context, left func(uint64)) error {
	for _, name := range []string{streams.Exports, streams.Exports, streams.Exports, streams.Samples, streams.Outcomes} {
		if err := p.drainOne(ctx, name, left); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipeline) drainOne(ctx context.Context, name string, left func(uint64)) error {
	stream, err := p.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", name, err)
	}
	for last := stream.CachedInfo().State.LastSeq; ; {
		info, err := stream.Info(ctx)
		switch {
		case err != nil && !errors.Is(err, jetstream.ErrNoStreamResponse):
			return fmt.Errorf("look at stream %s: %w", name, err)
		case err == nil && (info.State.Msgs == 0 || info.State.FirstSeq > last):
			return nil
		case err == nil && left != nil:
			left(info.State.Msgs)
		}
		if err := p.stages.dead(); err != nil {
			return err
		}
		if !pause(ctx, settlePoll) {
			return fmt.Errorf("wait for the work that was queued: %w", ctx.Err())
		}
	}
}

// handleKeeper serves what a keeper can on the socket.
func handleKeeper(mux *http.ServeMux, h *localHost) {
	mux.HandleFunc("GET "+pathDead, func(w http.ResponseWriter, r *http.Request) {
		ids, err := idsOf(r.URL.Query())
		if err != nil {
			reply(w, nil, err)
			return
		}
		all, err := h.dead(r.Context(), ids)
		reply(w, all, err)
	})
	mux.HandleFunc("POST "+pathDead, func(w http.ResponseWriter, r *http.Request) {
		ids, err := idsOf(r.URL.Query())
		if err != nil {
			reply(w, nil, err)
			return
		}
		all, err := h.deadDo(r.Context(), r.URL.Query().Get("action"), ids)
		reply(w, all, err)
	})
	mux.HandleFunc("POST "+pathReprocess, func(w http.ResponseWriter, r *http.Request) {
		var opts reprocessOptions
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&opts); err != nil {
			reply(w, nil, fmt.Errorf("read options: %w", err))
			return
		}
		out, err := h.reprocess(r.Context(), opts)
		reply(w, out, err)
	})
	mux.HandleFunc("POST "+pathErase, func(w http.ResponseWriter, r *http.Request) {
		var opts eraseOptions
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&opts); err != nil {
			reply(w, nil, fmt.Errorf("read options: %w", err))
			return
		}
		out, err := h.erase(r.Context(), opts)
		reply(w, out, err)
	})
	mux.HandleFunc("POST "+pathReconcile, h.serveReconcile)
}

func idsOf(q url.Values) ([]uint64, error) {
	var ids []uint64
	for _, text := range q["id"] {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read number of message: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func idsQuery(ids []uint64) url.Values {
	q := url.Values{}
	for _, id := range ids {
		q.Add("id", strconv.FormatUint(id, 10))
	}
	return q
}

func (h *remoteHost) dead(ctx context.Context, ids []uint64) ([]deadRow, error) {
	var all []deadRow
	err := h.call(ctx, http.MethodGet, pathDead+"?"+idsQuery(ids).Encode(), nil, &all)
	return all, err
}

func (h *remoteHost) deadDo(ctx context.Context, action string, ids []uint64) ([]deadRow, error) {
	q := idsQuery(ids)
	q.Set("action", action)
	var all []deadRow
	err := h.call(ctx, http.MethodPost, pathDead+"?"+q.Encode(), nil, &all)
	return all, err
}

func (h *remoteHost) erase(ctx context.Context, opts eraseOptions) (eraseReport, error) {
	var out eraseReport
	body, err := json.Marshal(opts)
	if err != nil {
		return out, fmt.Errorf("write options: %w", err)
	}
	err = h.call(ctx, http.MethodPost, pathErase, bytes.NewReader(body), &out)
	return out, err
}

// settle does not wait: the process that holds the data directory goes on.
func (h *remoteHost) settle(context.Context) error { return nil }
