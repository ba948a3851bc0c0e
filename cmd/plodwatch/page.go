package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"plodwatch/analyze/place"
	"plodwatch/analyze/web"
	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// origins tells where requests come from.
type origins interface {
	FromThisMachine(r *http.Request) bool
	ClientAddr(r *http.Request) string
}

// pageAccess tells the page who looks, by where requests come from and the
// token file.
type pageAccess struct {
	origins

	tokens *tokens.File
	own    schema.AthleteID // of whom this machine's files are
}

// Owner returns the owner for requests of this machine.
func (p pageAccess) Owner(r *http.Request) (web.Visitor, bool) {
	if !p.FromThisMachine(r) {
		return web.Visitor{}, false
	}
	return web.Visitor{Athlete: p.own, All: true, MayUpload: true, MayChange: true}, true
}

// Holder returns who holds a token.
func (p pageAccess) Holder(secret string) (web.Visitor, error) {
	return visitorOf(p.tokens.Check(secret))
}

// Known returns who holds the token with an id.
func (p pageAccess) Known(id string) (web.Visitor, error) {
	return visitorOf(p.tokens.Find(id))
}

// Address returns where a request comes from.
func (p pageAccess) Address(r *http.Request) string { return p.ClientAddr(r) }

func visitorOf(t tokens.Token, err error) (web.Visitor, error) {
	if errors.Is(err, tokens.ErrRefused) {
		err = fmt.Errorf("%w: %w", web.ErrRefused, err)
	}
	if err != nil {
		return web.Visitor{}, err
	}
	admin := t.Role == tokens.RoleAdmin
	return web.Visitor{ID: t.ID, Athlete: t.Athlete, All: admin, MayUpload: t.MayUpload(), MayChange: admin}, nil
}

// newPage makes the page of this process.
func (h *localHost) newPage(gate *upload.Gate, own string) (*web.Web, error) {
	file, err := h.app.tokenFile()
	if err != nil {
		return nil, err
	}
	cfg := web.DefaultConfig()
	cfg.Version = version
	deps := web.Deps{
		Tables: h.tables, Access: pageAccess{origins: gate, tokens: file, own: schema.AthleteID(own)},
		Places: place.New(), Conn: h.conn, Log: h.app.log,
	}
	h.addDoors(&deps, gate, file)
	return web.New(cfg, deps)
}

// withPage serves a page beside f, which serves HTTP; both end with ctx, so
// that the streams of the page hold nobody up.
func withPage(ctx context.Context, page *web.Web, f func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return page.Run(ctx) })
	group.Go(func() error { return f(ctx) })
	return group.Wait()
}
