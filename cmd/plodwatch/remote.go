package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// The process that holds a data directory serves these paths on its socket, a
// file that only its user can open. /clickhouse/ is the engine itself,
// /readonly/ its gate for queries from outside.
const (
	pathStatus     = "/v1/status"
	pathExports    = "/v1/exports"
	pathSettings   = "/v1/settings"
	pathClickHouse = "/clickhouse/"
	pathReadOnly   = "/readonly/"
)

// holderStatus is what the holder of a data directory says of itself.
type holderStatus struct {
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Version string `json:"version"`
	Parts   parts  `json:"parts"` // what it offers
	Queues  queues `json:"queues"`
}

// queues is the number of messages that wait in each stream, unacknowledged
// ones included.
type queues struct {
	Exports  uint64 `json:"exports"`
	Samples  uint64 `json:"samples"`
	Outcomes uint64 `json:"outcomes"`
}

func (q queues) empty() bool { return q.Exports+q.Samples+q.Outcomes == 0 }

// settingsReply answers a change of settings.
type settingsReply struct {
	Reanalysed int `json:"reanalysed"`
}

// failure is how an error crosses the socket.
type failure struct {
	Error   string          `json:"error"`
	NotNow  bool            `json:"not_now"`
	Refused *schema.Refusal `json:"refused,omitempty"`
}

// lastAnswers is how long requests of other commands may go on when the holder
// is about to end.
const lastAnswers = 10 * time.Second

// serveHolder serves handler to the other commands on socket until the
// returned function is called, which waits for requests under way, unless its
// context ends.
func serveHolder(ctx context.Context, socket string, handler http.Handler) (func(context.Context), error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen for other commands: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("make the socket private: %w", err)
	}
	var under atomic.Int64 // requests under way
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		under.Add(1)
		defer under.Add(-1)
		handler.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			l.Close()
		}
	}()
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, lastAnswers)
		defer cancel()
		l.Close()
		srv.SetKeepAlivesEnabled(false)
		// Not Shutdown: it waits 5 s for connections that were never used.
		for under.Load() > 0 && pause(ctx, 5*time.Millisecond) {
		}
		srv.Close()
		<-done
	}, nil
}

// holderHandler answers the other commands from the parts of a local host.
func holderHandler(h *localHost) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathStatus, func(w http.ResponseWriter, r *http.Request) {
		q, err := h.pending(r.Context())
		reply(w, holderStatus{PID: os.Getpid(), Command: h.command, Version: version, Parts: h.parts, Queues: q}, err)
	})
	mux.HandleFunc("POST "+pathExports, func(w http.ResponseWriter, r *http.Request) {
		athlete, err := schema.ParseAthleteID(r.URL.Query().Get("athlete"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		rc, err := h.accept(r.Context(), athlete, schema.Source(r.URL.Query().Get("source")), r.Body, r.URL.Query().Has("again"))
		reply(w, rc, err)
	})
	mux.HandleFunc("POST "+pathSettings, func(w http.ResponseWriter, r *http.Request) {
		var s schema.Settings
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&s); err != nil {
			reply(w, nil, fmt.Errorf("read settings: %w", err))
			return
		}
		n, err := h.setSettings(r.Context(), s)
		reply(w, settingsReply{Reanalysed: n}, err)
	})
	mux.Handle("POST "+pathLog, logHandler(h))
	handleKeeper(mux, h)
	serveDuplicates(mux, h)
	if h.engine != nil {
		mux.Handle(pathClickHouse, http.StripPrefix(strings.TrimSuffix(pathClickHouse, "/"), h.engine.Handler()))
		mux.Handle(pathReadOnly, http.StripPrefix(strings.TrimSuffix(pathReadOnly, "/"), h.engine.ReadOnlyHandler(nil)))
	}
	return mux
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		v = failure{Error: err.Error(), NotNow: errors.Is(err, ingest.ErrNotNow), Refused: schema.AsRefusal(err)}
	}
	_ = json.NewEncoder(w).Encode(v) // the other side is gone: nobody to tell
}

// remote talks to the process that holds the data directory.
type remote struct {
	client   *http.Client
	patience time.Duration // how long status waits for the answer
}

// errNoAnswer means that the process that holds a data directory does not
// answer: it has not opened its socket yet, or has closed it.
var errNoAnswer = errors.New("the process that holds the data directory does not answer")

// dialHolder connects to the holder of dir, or returns an error that wraps
// errNoAnswer, after patience at the latest.
func dialHolder(ctx context.Context, dir string, patience time.Duration) (*remote, error) {
	socket, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	r := &remote{patience: patience, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}}}
	if _, err := r.status(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	return r, nil
}

// holderAnswer is how long the holder may take to say how it is. The system
// accepts connections also for a process that was stopped (Ctrl-Z), which
// never answers.
const holderAnswer = 10 * time.Second

func (r *remote) status(ctx context.Context) (holderStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	var st holderStatus
	err := r.call(ctx, http.MethodGet, pathStatus, nil, &st)
	return st, err
}

// Accept hands one export to the holder.
func (r *remote) accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, body io.Reader, again bool) (ingest.Receipt, error) {
	q := url.Values{"athlete": {string(athlete)}, "source": {string(source)}}
	if again {
		q.Set("again", "1")
	}
	var rc ingest.Receipt
	err := r.call(ctx, http.MethodPost, pathExports+"?"+q.Encode(), body, &rc)
	return rc, err
}

func (r *remote) setSettings(ctx context.Context, s schema.Settings) (int, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return 0, fmt.Errorf("write settings: %w", err)
	}
	var out settingsReply
	err = r.call(ctx, http.MethodPost, pathSettings, bytes.NewReader(body), &out)
	return out.Reanalysed, err
}

// call makes one request to the holder and reads its JSON answer into out.
func (r *remote) call(ctx context.Context, method, path string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://plodwatch"+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json") // but for exports, whose content tells
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the running plodwatch: %w: %w", ingest.ErrNotNow, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			return fmt.Errorf("read the running plodwatch's answer: %w", err)
		}
		return nil
	}
	var f failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
		return fmt.Errorf("read the running plodwatch's answer (%s): %w", resp.Status, err)
	}
	switch {
	case f.Refused != nil:
		return f.Refused
	case f.NotNow:
		return fmt.Errorf("%s: %w", f.Error, ingest.ErrNotNow)
	}
	return errors.New(f.Error)
}
