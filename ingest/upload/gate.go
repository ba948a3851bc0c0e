package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// Intake takes exports in; jobs.Intake is one.
type Intake interface {
	// Accept stores what r holds and queues a job for it. The receipt comes
	// only when both are durable.
	Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)
}

// Ledger says what became of exports; the tables do.
type Ledger interface {
	// Fates returns what is known of an athlete's exports. One that has no
	// answer yet is not in the map.
	Fates(ctx context.Context, athlete schema.AthleteID, ids []schema.ExportID) (map[schema.ExportID]Fate, error)
	// Lookup finds the export with the number of an upload, of one athlete or,
	// when athlete is empty, of any.
	Lookup(ctx context.Context, athlete schema.AthleteID, upload int64) (owner schema.AthleteID, export schema.ExportID, found bool, err error)
}

// Fate is what became of an export.
type Fate struct {
	Format   schema.Format
	Outcome  schema.Outcome
	Reason   schema.Reason
	Detail   string
	Complete bool              // all its sessions can be queried
	Sessions []FateSession     // in file order
	Members  []schema.ExportID // of an archive, in its order
}

// FateSession is a session of an export.
type FateSession struct {
	ID schema.SessionID
	// First is the export that brought the session first.
	First schema.ExportID
	// DuplicateOf is the better copy of the same activity, nil when this is it
	// and when a person said only that it does not count.
	DuplicateOf *schema.SessionID
}

// Deps are the things a Gate works with. Hook may be nil, Ledger too: then
// what became of an upload is not known here.
type Deps struct {
	Intake  Intake
	Records *Records
	Ledger  Ledger
	Tokens  *tokens.File
	// Ready returns nil when uploads can be taken, and otherwise an error that
	// wraps ingest.ErrNotNow, without waiting. It is asked before a body is
	// read.
	Ready func(ctx context.Context) error
	// Hook takes POST /api/v1/hooks/files.
	Hook    http.Handler
	Now     func() time.Time
	Metrics *Metrics
	Log     *slog.Logger
}

// Gate serves the doors.
type Gate struct {
	cfg     Config
	deps    Deps
	callers callers
	doors   []string // patterns of all doors, for the tests
	handler http.Handler
}

// New returns a Gate, or an error that names every fault of the configuration
// and every missing dependency.
func New(cfg Config, deps Deps) (*Gate, error) {
	faults := []error{cfg.Validate()}
	for _, d := range []struct {
		name    string
		missing bool
	}{
		{"intake", deps.Intake == nil},
		{"records", deps.Records == nil},
		{"tokens", deps.Tokens == nil},
		{"ready", deps.Ready == nil},
		{"now", deps.Now == nil},
		{"metrics", deps.Metrics == nil},
		{"log", deps.Log == nil},
	} {
		if d.missing {
			faults = append(faults, fmt.Errorf("%s: is missing", d.name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make gate: %w", err)
	}
	g := &Gate{cfg: cfg, deps: deps, callers: newCallers(cfg, deps.Now)}
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(g.serve("cross_site", options{open: true}, func(http.ResponseWriter, *http.Request, caller) error {
		return refuse(http.StatusForbidden, "origin", "forbidden", "pages of other sites may not have a browser send this")
	}))
	g.handler = sameSite.Handler(g.routes())
	return g, nil
}

// ServeHTTP serves the doors. Requests that a page of another site has a
// browser send are refused.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// Paths are the patterns of http.ServeMux under which the Gate wants to be
// mounted.
func Paths() []string { return []string{"/api/", "/dav/"} }

func (g *Gate) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) {
		g.doors = append(g.doors, pattern)
		mux.Handle(pattern, h)
	}
	add := func(pattern, name string, o options, d door) { handle(pattern, g.serve(name, o, d)) }
	takes, looks := options{uploads: true}, options{}
	add("POST /api/v3/uploads", "strava_upload", takes, g.stravaUpload)
	add("GET /api/v3/uploads/{id}", "strava_status", looks, g.stravaStatus)
	add("POST /api/v1/athlete/{id}/activities", "intervals_upload", takes, g.intervalsUpload)
	add("POST /api/v1/auth/login", "endurain_login", options{open: true}, g.endurainLogin)
	add("POST /api/v1/token", "endurain_login", options{open: true}, g.endurainLogin)
	add("POST /api/v1/activities/create/upload", "endurain_upload", takes, g.endurainUpload)
	add("POST /api/v1/import/{program}", "import", options{uploads: true, keyInQuery: true}, g.importUpload)
	if g.deps.Hook != nil {
		handle("POST /api/v1/hooks/files", g.watch("hook", g.deps.Hook))
	}
	add("GET /api/openapi.yaml", "openapi", options{open: true}, describe)
	dav := newDAVDoor(g)
	add("PUT "+davPrefix+"/", "dav_put", takes, dav.put)
	add(davPrefix+"/", "dav", looks, dav.other)
	known := http.NewServeMux() // all but the next
	for _, pattern := range g.doors {
		known.Handle(pattern, http.NotFoundHandler())
	}
	add("/api/", "unknown", options{open: true}, func(w http.ResponseWriter, r *http.Request, _ caller) error {
		if methods := methodsAt(known, r); methods != "" {
			w.Header().Set("Allow", methods)
			return refuse(http.StatusMethodNotAllowed, "method", "invalid", "the methods are "+methods)
		}
		return refuse(http.StatusNotFound, "path", "not found", "there is nothing at this path; GET /api/openapi.yaml lists what there is")
	})
	return Tidy(mux)
}

// methodsAt returns the methods by which a mux has something at the path of a
// request, as the header Allow lists them, or "".
func methodsAt(mux *http.ServeMux, r *http.Request) string {
	var all []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern != "" {
			all = append(all, method)
		}
	}
	return strings.Join(all, ", ")
}

// door is one way in. The error it returns is answered as a fault.
type door func(w http.ResponseWriter, r *http.Request, c caller) error

// options say what a door needs.
type options struct {
	open       bool // serves anybody
	uploads    bool // takes files: the caller must be allowed to, and limits hold
	keyInQuery bool // the token may be in ?api-key=
}

// serve puts a door behind sign-in, limits, metrics and the access log.
func (g *Gate) serve(name string, o options, d door) http.Handler {
	return g.watch(name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.enter(w, r, o, d); err != nil {
			f := faultOf(err)
			if f.status >= http.StatusInternalServerError {
				g.deps.Log.WarnContext(r.Context(), "upload not taken", "route", name, "error", f.err)
			}
			g.answerFault(w, f)
		}
	}))
}

func (g *Gate) enter(w http.ResponseWriter, r *http.Request, o options, d door) error {
	if o.open {
		return d(w, r, caller{})
	}
	c, err := g.identify(r, o)
	if err != nil {
		return err
	}
	if !o.uploads {
		return d(w, r, c)
	}
	if c.known() { // else a form field may still say who it is
		leave, err := g.mayUpload(w, c)
		if err != nil {
			return err
		}
		defer leave()
	}
	if err := g.deps.Ready(r.Context()); err != nil {
		return err
	}
	return d(w, r, c)
}
