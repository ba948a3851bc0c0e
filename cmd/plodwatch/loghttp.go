package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"plodwatch/analyze"
	"plodwatch/analyze/diary"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// pathLog takes entries of the daily log, on the socket and outside.
const pathLog = "/v1/log"

// maxLogBody bounds a request with entries, in bytes.
const maxLogBody = 1 << 20

// logBody is one entry as it crosses HTTP. Without a date it is about today,
// without an athlete about the default one.
type logBody struct {
	Athlete   string        `json:"athlete,omitempty"`
	Date      string        `json:"date,omitempty"`
	RestingHR *float64      `json:"resting_hr,omitempty"`
	HRV       *float64      `json:"hrv,omitempty"`
	SleepH    *float64      `json:"sleep_h,omitempty"`
	Energy    *diary.Energy `json:"energy,omitempty"`
	Note      string        `json:"note,omitempty"`
}

// logReply answers entries that were stored.
type logReply struct {
	Stored int `json:"stored"`
}

func bodyOf(e *diary.Entry) logBody {
	return logBody{
		Athlete: string(e.Athlete), Date: e.Day.String(), RestingHR: e.RestingHR, HRV: e.HRV, SleepH: e.SleepH, Energy: e.Energy, Note: e.Note,
	}
}

// errMediaType refuses what a page of another site could send without asking.
var errMediaType = errors.New("need Content-Type: application/json")

// logHandler stores the entry or the array of entries in a request's body: all
// of them, or none and says what is wrong.
func logHandler(h host) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entries, err := readEntries(w, r, h)
		if err == nil {
			door := store.FromHTTP
			if given := r.URL.Query().Get("door"); given == store.FromCommand || given == store.FromCSV {
				door = given
			}
			err = h.writeLog(r.Context(), entries, door)
		}
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			notNow := errors.Is(err, analyze.ErrNotNow)
			w.WriteHeader(statusOf(err, notNow))
			_ = json.NewEncoder(w).Encode(failure{Error: err.Error(), NotNow: notNow}) // the other side is gone: nobody to tell
			return
		}
		_ = json.NewEncoder(w).Encode(logReply{Stored: len(entries)}) // as above
	})
}

func statusOf(err error, notNow bool) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errMediaType):
		return http.StatusUnsupportedMediaType
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case notNow:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

func readEntries(w http.ResponseWriter, r *http.Request, h host) ([]diary.Entry, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, errMediaType
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLogBody))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '[' {
		data = append(append([]byte{'['}, data...), ']')
	}
	var bodies []logBody
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&bodies); err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	if in.More() || len(bodies) == 0 {
		return nil, fmt.Errorf("read entries: need one entry or an array of them: %w", diary.ErrBadEntry)
	}
	entries := make([]diary.Entry, len(bodies))
	var faults []error
	for i := range bodies {
		if entries[i], err = bodies[i].entry(r.Context(), h); err != nil {
			faults = append(faults, fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	return entries, errors.Join(faults...)
}

func (b *logBody) entry(ctx context.Context, h host) (diary.Entry, error) {
	e := diary.Entry{
		Athlete: schema.DefaultAthlete, RestingHR: b.RestingHR, HRV: b.HRV, SleepH: b.SleepH, Energy: b.Energy, Note: b.Note,
	}
	if b.Athlete != "" {
		e.Athlete = schema.AthleteID(b.Athlete)
	}
	err := e.Validate()
	if err != nil {
		return e, err
	}
	if b.Date == "" {
		e.Day, err = today(ctx, h, e.Athlete)
	} else {
		e.Day, err = schema.ParseDay(b.Date)
	}
	return e, err
}

// writeLog hands entries to the holder, some at a time.
func (h *remoteHost) writeLog(ctx context.Context, entries []diary.Entry, door string) error {
	for len(entries) > 0 {
		part := entries[:min(entriesPerRequest, len(entries))]
		entries = entries[len(part):]
		bodies := make([]logBody, len(part))
		for i := range part {
			bodies[i] = bodyOf(&part[i])
		}
		data, err := json.Marshal(bodies)
		if err != nil {
			return fmt.Errorf("write entries: %w", err)
		}
		var out logReply
		if err := h.call(ctx, http.MethodPost, pathLog+"?door="+door, bytes.NewReader(data), &out); err != nil {
			return err
		}
	}
	return nil
}

// withLog adds the log to what a daemon serves outside, for this machine only:
// its entries name any athlete. Pages of other sites are refused, also those
// whose name was made to point here.
func withLog(outside http.Handler, h host, fromThisMachine func(*http.Request) bool) http.Handler {
	takes := http.NewCrossOriginProtection().Handler(logHandler(h))
	mux := http.NewServeMux()
	mux.Handle("/", outside)
	mux.HandleFunc("POST "+pathLog, func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) {
			http.Error(w, "this address is for this machine only", http.StatusForbidden)
			return
		}
		takes.ServeHTTP(w, r)
	})
	return mux
}
