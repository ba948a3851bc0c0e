package web

import (
	"net/http"
	"strings"
)

// Address is one address at which a Web answers, for its documentation.
type Address struct {
	// Method and Path as http.ServeMux has them, Path without "{$}".
	Method, Path string
	// About says what is there.
	About string
	// For says who is answered; others are told to sign in, or that there is
	// nothing.
	For string
}

// Addresses returns all addresses of the page, in the order of the table of
// pages.
func Addresses() []Address {
	var all []Address
	for _, p := range pages() {
		for i, pattern := range p.patterns {
			method, path, _ := strings.Cut(pattern, " ")
			all = append(all, Address{method, strings.TrimSuffix(path, "{$}"), p.about[min(i, len(p.about)-1)], p.audience()})
		}
	}
	return append(all, Address{http.MethodGet, assetPath + "{sum}/{name}", "scripts, style sheets and pictures of the pages", forEverybody})
}

// Who is answered.
const (
	forEverybody = "everybody"
	forAdmins    = "this machine, tokens of role admin"
	forUploaders = "this machine, tokens that may upload"
	forLookers   = "this machine, any token"
)

// audience says who is answered.
func (p *page) audience() string {
	switch {
	case p.open:
		return forEverybody
	case p.needs == nil:
		return forLookers
	case p.needs(Visitor{MayUpload: true}):
		return forUploaders
	}
	return forAdmins
}
