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
		{patterns: []string{"GET " + pathHome}, handler: (*Web).home},
		{patterns: []string{"GET " + pathOverview}, name: "Overview", handler: (*Web).overview},
		{patterns: []string{"GET " + pathWeeks}, name: "Weeks", handler: (*Web).weeks},
		{patterns: []string{"GET " + pathSessions}, name: "Sessions", handler: (*Web).sessions},
		{patterns: []string{"GET " + pathSession}, handler: (*Web).session},
		{patterns: []string{"GET " + pathCurves}, handler: (*Web).curves},

		{patterns: []string{"GET " + pathImports}, name: "Imports", handler: (*Web).imports},
		{patterns: []string{"POST " + pathImports}, needs: mayUpload, handler: (*Web).takeFiles},
		{patterns: []string{"POST " + pathDead}, needs: mayChange, handler: (*Web).deadDo},
		{patterns: []string{"GET " + pathAthlete}, name: "Athletes", handler: (*Web).athletePage},
		{patterns: []string{"GET " + pathWhatIf}, handler: (*Web).whatIf},
		{patterns: []string{"POST " + pathAthlete}, needs: mayChange, handler: (*Web).setSettings},
		{patterns: []string{"POST " + pathTokens}, needs: mayChange, handler: (*Web).addToken},
		{patterns: []string{"POST " + pathRevoke}, needs: mayChange, handler: (*Web).revokeToken},
		{patterns: []string{"GET " + pathQuery, "POST " + pathQuery}, name: "Query", handler: (*Web).query},
		{patterns: []string{"GET " + pathDocs, "GET " + pathDoc}, name: "Docs", open: true, handler: (*Web).docs},

		{patterns: []string{"GET " + pathEvents}, handler: (*Web).events},
		{patterns: []string{"GET " + pathSignIn, "POST " + pathSignIn}, open: true, handler: (*Web).signIn},
		{patterns: []string{"POST " + pathSignOut}, open: true, handler: (*Web).signOut},
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
