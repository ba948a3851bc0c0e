package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/ingest"
	"plodwatch/schema"
)

// duplicatesCmd shows and decides which sessions are copies of others.
type duplicatesCmd struct {
	List duplicatesListCmd `cmd:"" default:"withargs" help:"List the sessions that do not count, and why."`
	Keep duplicatesKeepCmd `cmd:"" help:"Have a session count, whatever it looks like." example:"plodwatch duplicates keep b5d809a0"`
	Drop duplicatesDropCmd `cmd:"" help:"Have a session not count." example:"plodwatch duplicates drop b5d809a0 --of ddbbdd3e"`
	Auto duplicatesAutoCmd `cmd:"" help:"Take back what was said of a session: the rules decide again." example:"plodwatch duplicates auto b5d809a0"`
}

type duplicatesListCmd struct {
	Athlete string `help:"Only this athlete." placeholder:"ID" complete:"athlete"`
	JSON    bool   `help:"Print JSON lines."`
}

// Help says more than fits a line.
func (c *duplicatesListCmd) Help() string {
	return `The same activity often comes from several files: a watch and a phone, a FIT file and
Strava's GPX copy, a damaged file and a clean one, a copy whose clock has the wrong zone.
All are kept and one counts: clean before salvaged, with heart rate before without, FIT
before TCX before GPX. When a better file comes, or the best one is deleted, it is decided
again.

Examples:
  plodwatch duplicates
  plodwatch duplicates keep 3f2a9c01       # both were real
  plodwatch duplicates drop 3f2a9c01       # this one does not count
  plodwatch query 'SELECT reason, count() FROM duplicates GROUP BY reason'`
}

// Run prints the copies.
func (c *duplicatesListCmd) Run(ctx context.Context, a *app) error {
	athlete := schema.AthleteID(c.Athlete)
	if c.Athlete != "" {
		if _, err := schema.ParseAthleteID(c.Athlete); err != nil {
			return err
		}
	}
	return a.withStore(ctx, func(h host) error {
		all, err := h.store().Duplicates(ctx, athlete)
		if err != nil {
			return err
		}
		if c.JSON {
			out := json.NewEncoder(a.stdout)
			for i := range all {
				if err := out.Encode(&all[i]); err != nil {
					return fmt.Errorf("print: %w", err)
				}
			}
			return nil
		}
		if len(all) == 0 {
			fmt.Fprintln(a.stdout, "No session is a copy of another.")
			return nil
		}
		t := newTable(a.stdout, "athlete", "session", "started", "sport", "format", "counts instead", "why", "sure")
		for i := range all {
			d := &all[i]
			format, instead := d.Format, "nothing"
			if d.Salvaged {
				format += ", damaged"
			}
			if d.DuplicateOf != nil {
				instead = d.DuplicateOf.String()[:8]
			}
			t.row(d.Athlete, d.SessionID.String()[:8], d.StartedAt.Format(time.DateTime), d.Sport, format, instead,
				duplicateReason(d.Reason), fmt.Sprintf("%.0f %%", 100*d.Confidence))
		}
		return t.flush()
	})
}

// duplicateReason says a reason in a few words.
func duplicateReason(r string) string {
	switch duplicates.Reason(r) {
	case duplicates.ReasonStart:
		return "starts within 3 minutes of it"
	case duplicates.ReasonOverlap:
		return "at the same time as it"
	case duplicates.ReasonShifted:
		return "the same by a clock in another zone"
	case duplicates.ReasonPerson:
		return "a person said so"
	case duplicates.ReasonNone:
	}
	return r
}

type duplicatesKeepCmd struct {
	Session string `arg:"" help:"The session's id, or its beginning." complete:"session"`
}

// Run has the session count.
func (c *duplicatesKeepCmd) Run(ctx context.Context, a *app) error {
	return a.choose(ctx, c.Session, duplicates.ChoiceKeep, "")
}

type duplicatesDropCmd struct {
	Session string `arg:"" help:"The session's id, or its beginning." complete:"session"`
	Of      string `help:"It is a copy of this session." placeholder:"ID" complete:"session"`
}

// Run has the session not count.
func (c *duplicatesDropCmd) Run(ctx context.Context, a *app) error {
	return a.choose(ctx, c.Session, duplicates.ChoiceDrop, c.Of)
}

type duplicatesAutoCmd struct {
	Session string `arg:"" help:"The session's id, or its beginning." complete:"session"`
}

// Run has the rules decide again.
func (c *duplicatesAutoCmd) Run(ctx context.Context, a *app) error {
	return a.choose(ctx, c.Session, duplicates.ChoiceNone, "")
}

// choose stores what a person says of a session and prints what follows.
func (a *app) choose(ctx context.Context, session string, choice duplicates.Choice, of string) (err error) {
	h, err := a.openHost(ctx, storeAndAnalyzer, "duplicates")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	one, err := oneSession(ctx, h, session)
	if err != nil {
		return err
	}
	c := analyze.DuplicateChoice{
		SessionKey: analyze.SessionKey{Athlete: schema.AthleteID(one.Athlete), ID: schema.SessionID(one.SessionID)}, Choice: choice,
	}
	if of != "" {
		other, err := oneSession(ctx, h, of)
		if err != nil {
			return err
		}
		if other.Athlete != one.Athlete || other.SessionID == one.SessionID {
			return errors.New("--of must be another session of the same athlete")
		}
		c.Of = schema.SessionID(other.SessionID)
	}
	changed, err := h.choose(ctx, c)
	if err != nil {
		return err
	}
	if changed == 0 {
		fmt.Fprintln(a.stdout, "Noted. It changes nothing now.")
		return nil
	}
	fmt.Fprintf(a.stdout, "Noted. The verdict on %d of the athlete's sessions has changed; see plodwatch duplicates.\n", changed)
	return nil
}

// The paths of copies on the socket.
const (
	pathChoose = "/v1/duplicates"
	pathSettle = "/v1/settle"
)

// changedReply answers what may have changed verdicts.
type changedReply struct {
	Changed int `json:"changed"`
}

// serveDuplicates adds what concerns copies to the socket.
func serveDuplicates(mux *http.ServeMux, h *localHost) {
	mux.HandleFunc("POST "+pathChoose, func(w http.ResponseWriter, r *http.Request) {
		var c analyze.DuplicateChoice
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&c); err != nil {
			reply(w, nil, fmt.Errorf("read choice: %w", err))
			return
		}
		n, err := h.choose(r.Context(), c)
		reply(w, changedReply{Changed: n}, err)
	})
	mux.HandleFunc("POST "+pathSettle, func(w http.ResponseWriter, r *http.Request) {
		athlete, err := schema.ParseAthleteID(r.URL.Query().Get("athlete"))
		if err == nil {
			err = h.settleCopies(r.Context(), athlete)
		}
		reply(w, changedReply{}, err)
	})
}

func (h *localHost) choose(ctx context.Context, c analyze.DuplicateChoice) (int, error) {
	if h.analyzer == nil {
		return 0, fmt.Errorf("plodwatch %s holds the data directory and decides nothing; try again: %w", h.command, ingest.ErrNotNow)
	}
	return h.analyzer.Choose(ctx, c)
}

func (p *pipeline) settleCopies(ctx context.Context, athlete schema.AthleteID) error {
	if p.analyzer == nil {
		return nil
	}
	_, err := p.analyzer.Settle(ctx, []schema.AthleteID{athlete})
	return err
}

func (h *remoteHost) choose(ctx context.Context, c analyze.DuplicateChoice) (int, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return 0, fmt.Errorf("write choice: %w", err)
	}
	var out changedReply
	err = h.call(ctx, http.MethodPost, pathChoose, stringBody(string(data)), &out)
	return out.Changed, err
}

func (h *remoteHost) settleCopies(ctx context.Context, athlete schema.AthleteID) error {
	var out changedReply
	return h.call(ctx, http.MethodPost, pathSettle+"?"+url.Values{"athlete": {string(athlete)}}.Encode(), http.NoBody, &out)
}
