// Package web is the page people look at: training intensity of one athlete or
// of many, drawn by the server from the views, readable without JavaScript, and
// kept fresh by server-sent events. It shows what the tables say and computes
// no figure of its own.
//
// A page is a line in the table of pages (pages.go), a handler in a file of its
// own, and a template of the same name in templates.
package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
)

// Config says how the page behaves.
type Config struct {
	// SignedInFor is how long somebody who gave a token stays signed in.
	// Default 7 days.
	SignedInFor time.Duration `yaml:"signed_in_for"`
	// WrongTokens is how many wrong tokens an address may try in a minute.
	// Default 10.
	WrongTokens int `yaml:"wrong_tokens"`
	// Listeners is how many pages may wait for events at once. Default 200.
	Listeners int `yaml:"listeners"`
	// Heartbeat is the time between two signs of life on a stream of events.
	// Default 15 s.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Hosts are names, besides those of the loopback, under which this machine
	// itself may ask for pages without a proxy's headers. Default none.
	Hosts []string `yaml:"hosts"`
	// Version is shown at the foot of each page.
	Version string `yaml:"-"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{SignedInFor: 7 * 24 * time.Hour, WrongTokens: 10, Listeners: 200, Heartbeat: 15 * time.Second}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.SignedInFor <= 0 {
		faults = append(faults, fmt.Errorf("signed_in_for: %s is not positive", c.SignedInFor))
	}
	if c.WrongTokens < 1 {
		faults = append(faults, fmt.Errorf("wrong_tokens: %d is not positive", c.WrongTokens))
	}
	if c.Listeners < 1 {
		faults = append(faults, fmt.Errorf("listeners: %d is not positive", c.Listeners))
	}
	if c.Heartbeat <= 0 {
		faults = append(faults, fmt.Errorf("heartbeat: %s is not positive", c.Heartbeat))
	}
	return errors.Join(faults...)
}

// Deps is what the page works with. Tables, Access and Places are required.
type Deps struct {
	// Tables returns the tables, for as long as the request lasts.
	Tables func(context.Context) (*store.Store, error)
	// Access says who looks.
	Access Access
	// Places finds time zones, for explanations.
	Places analyze.Places
	// Conn brings the events; without it pages are fresh when they are loaded.
	Conn *nats.Conn
	// The pages do without what is nil of these, and say so.
	Uploads     Uploads
	DeadLetters DeadLetters
	Settings    Settings
	Tokens      Tokens
	Queries     Queries

	Log *slog.Logger
	Now func() time.Time
}

// Web serves the pages. Make one with New, then call Run beside serving
// Handler.
type Web struct {
	cfg     Config
	deps    Deps
	pages   []page
	shapes  map[string]*template.Template // by the name of the page's template
	assets  *assets
	signed  *signedIn
	wrong   *wrongTokens
	hub     *hub
	handler http.Handler
}

// New returns a Web that serves no events until Run is called, or all faults of
// cfg and deps.
func New(cfg Config, deps Deps) (*Web, error) {
	err := cfg.Validate()
	if deps.Tables == nil || deps.Access == nil || deps.Places == nil {
		err = errors.Join(err, errors.New("tables, access and places are required"))
	}
	if err != nil {
		return nil, fmt.Errorf("set up the page: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	w := &Web{
		cfg: cfg, deps: deps, pages: pages(), hub: newHub(cfg.Listeners, deps.Log),
		signed: newSignedIn(cfg.SignedInFor, deps.Now), wrong: newWrongTokens(cfg.WrongTokens, deps.Now),
	}
	if w.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("set up the page: %w", err)
	}
	if w.shapes, err = w.loadTemplates(); err != nil {
		return nil, fmt.Errorf("set up the page: %w", err)
	}
	w.handler = w.guard(w.routes())
	return w, nil
}

// Handler serves the pages and all that belongs to them; what it does not know
// is answered with 404.
func (w *Web) Handler() http.Handler { return w.handler }

// Run brings events to the pages until ctx ends, and then ends the streams
// under way, so that a server that shuts down need not wait for them.
func (w *Web) Run(ctx context.Context) error {
	defer w.hub.close()
	if w.deps.Conn == nil {
		<-ctx.Done()
		return nil
	}
	return w.hub.run(ctx, w.deps.Conn)
}
