package web

import (
	"net/http"
	"strings"
)

// page is one page: where it is and who answers. The table in pages is the one
// place that knows them all.
type page struct {
	// patterns of http.ServeMux, the page's own address first. {athlete} in
	// one is checked before the handler is called.
	patterns []string
	// about says what is there, a line for each pattern or one for all of them.
	about []string
	// name in the navigation; "" for pages that are not in it.
	name string
	// needs says what a visitor must be allowed besides looking; nil: nothing.
	needs func(Visitor) bool
	// open pages answer to people who are not signed in, too.
	open    bool
	handler func(*Web, *visit) error
}

// Where the pages are.
const (
	pathHome     = "/{$}"
	pathOverview = "/a/{athlete}/{$}"
	pathWeeks    = "/a/{athlete}/weeks"
	pathSessions = "/a/{athlete}/sessions"
	pathSession  = "/a/{athlete}/sessions/{session}"
	pathCurves   = "/a/{athlete}/sessions/{session}/curves.json"
	pathSignIn   = "/sign-in"
	pathSignOut  = "/sign-out"
	pathEvents   = "/events"
)

// pages is the table of pages, those of the navigation in its order.
func pages() []page {
	return []page{
		{patterns: []string{"GET " + pathHome}, about: []string{"to the overview, or who needs a call"}, handler: (*Web).home},
		{patterns: []string{"GET " + pathOverview}, about: []string{"7, 28 and 90 days against the 80 % line"}, name: "Overview", handler: (*Web).overview},
		{patterns: []string{"GET " + pathWeeks}, about: []string{"weeks"}, name: "Weeks", handler: (*Web).weeks},
		{patterns: []string{"GET " + pathSessions}, about: []string{"sessions, searched and by pages"}, name: "Sessions", handler: (*Web).sessions},
		{patterns: []string{"GET " + pathSession}, about: []string{"a session, and how its verdict came about"}, handler: (*Web).session},
		{patterns: []string{"GET " + pathCurves}, about: []string{"its curves, as JSON"}, handler: (*Web).curves},

		{patterns: []string{"GET " + pathImports}, about: []string{"what became of files"}, name: "Imports", handler: (*Web).imports},
		{patterns: []string{"POST " + pathImports}, about: []string{"hand in files, as a form of several parts"}, needs: mayUpload, handler: (*Web).takeFiles},
		{patterns: []string{"POST " + pathDead}, about: []string{"queue again or drop messages that were set aside"}, needs: mayChange, handler: (*Web).deadDo},
		{patterns: []string{"GET " + pathAthlete}, about: []string{"settings by date, max HR candidates, tokens"}, name: "Athletes", handler: (*Web).athletePage},
		{patterns: []string{"GET " + pathWhatIf}, about: []string{"what other settings would change; nothing is stored"}, handler: (*Web).whatIf},
		{patterns: []string{"POST " + pathAthlete}, about: []string{"store settings, and analyze again"}, needs: mayChange, handler: (*Web).setSettings},
		{patterns: []string{"POST " + pathTokens}, about: []string{"make a token, which is shown once"}, needs: mayChange, handler: (*Web).addToken},
		{patterns: []string{"POST " + pathRevoke}, about: []string{"take a token back"}, needs: mayChange, handler: (*Web).revokeToken},
		{patterns: []string{"GET " + pathQuery, "POST " + pathQuery}, about: []string{"the form for read-only SQL; 403 without role admin", "its answer, as a page, CSV, JSON lines or Parquet; 403 without role admin"}, name: "Query", handler: (*Web).query},
		{patterns: []string{"GET " + pathDocs, "GET " + pathDoc}, about: []string{"this documentation", "one of its pages"}, name: "Docs", open: true, handler: (*Web).docs},

		{patterns: []string{"GET " + pathEvents}, about: []string{"server-sent events: that something has changed"}, handler: (*Web).events},
		{patterns: []string{"GET " + pathSignIn, "POST " + pathSignIn}, about: []string{"the form that takes a token", "sign in; a cookie is set"}, open: true, handler: (*Web).signIn},
		{patterns: []string{"POST " + pathSignOut}, about: []string{"sign out"}, open: true, handler: (*Web).signOut},
	}
}

// address returns the page's address for an athlete.
func (p *page) address(athlete string) string {
	_, path, _ := strings.Cut(p.patterns[0], " ")
	return strings.TrimSuffix(strings.ReplaceAll(path, "{athlete}", athlete), "{$}")
}

// routes puts the pages and what belongs to them behind one handler.
func (w *Web) routes() http.Handler {
	mux := http.NewServeMux()
	for i := range w.pages {
		p := &w.pages[i]
		for _, pattern := range p.patterns {
			mux.Handle(pattern, w.serve(p))
		}
	}
	mux.Handle("GET "+assetPath, w.assets)
	mux.Handle("GET /favicon.ico", http.RedirectHandler(assetPath+w.assets.sum+"/icon.svg", http.StatusFound))
	mux.Handle("/", w.serve(&page{open: true, handler: (*Web).unknown}))
	return mux
}

// unknown answers to addresses that no page has.
func (w *Web) unknown(*visit) error { return errNotFound }
