package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// visit is one request as a page's handler sees it.
type visit struct {
	w   http.ResponseWriter
	r   *http.Request
	web *Web
	at  *page

	known   bool // whether there is a visitor
	visitor Visitor
	athlete schema.AthleteID // of the address; the visitor may see them; "" when it names none
	status  int              // of the answer; 0 = 200
}

// errNotFound is answered with 404: there is no such thing, or it is not for
// this visitor, who is not to learn the difference.
var errNotFound = errors.New("not found")

// inputError is an error that is the visitor's and is shown as it is, with 400.
type inputError string

// Error returns what is wrong.
func (e inputError) Error() string { return string(e) }

// serve finds out who visits, checks what they may, and has the page answer.
func (w *Web) serve(p *page) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodPost && r.ContentLength < maxForm {
			r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
		}
		v := &visit{w: rw, r: r, web: w, at: p}
		if err := v.admit(); err != nil {
			v.fail(err) //nolint:contextcheck // the visit holds the request
			return
		}
		if err := p.handler(w, v); err != nil {
			v.fail(err) //nolint:contextcheck // the visit holds the request
		}
	})
}

// admit fills in the visitor and the athlete, or says why it does not.
func (v *visit) admit() error {
	var err error
	v.visitor, err = v.web.visitor(v.r)
	v.known = err == nil
	if err != nil {
		if v.at.open && (errors.Is(err, errNobody) || errors.Is(err, ErrRefused)) {
			return nil
		}
		return err
	}
	if v.at.needs != nil && !v.at.needs(v.visitor) {
		return errNotFound
	}
	if name := v.r.PathValue("athlete"); name != "" {
		v.athlete, err = schema.ParseAthleteID(name)
		if err != nil || !v.visitor.MaySee(v.athlete) {
			return errNotFound
		}
	}
	return nil
}

// tables returns the tables for this visit.
func (v *visit) tables() (*store.Store, error) { return v.web.deps.Tables(v.r.Context()) }

// sql reads rows of a query into a slice of structs; see store.Select.
func (v *visit) sql(into any, query string, p store.Parameters) error {
	st, err := v.tables()
	if err != nil {
		return err
	}
	return st.Select(v.r.Context(), into, query, p)
}

// athletes returns the athletes that the visitor may see, in order.
func (v *visit) athletes() ([]schema.AthleteID, error) {
	if !v.visitor.All {
		return []schema.AthleteID{v.visitor.Athlete}, nil
	}
	st, err := v.tables()
	if err != nil {
		return nil, err
	}
	return st.Athletes(v.r.Context())
}

// link is an address with words.
type link struct {
	Name, Address string
	Here          bool // the page that is shown
}

// frame is what the layout shows around a page's own data.
type frame struct {
	Title    string
	Known    bool
	Visitor  Visitor
	Athlete  schema.AthleteID // "" on pages that are about nobody in particular
	Athletes []link           // to choose from; empty when there is one
	Nav      []link
	Version  string
	Data     any
}

// render answers with the template of this name, filled with data.
func (v *visit) render(name, title string, data any) error {
	f := frame{Title: title, Known: v.known, Visitor: v.visitor, Athlete: v.athlete, Version: v.web.cfg.Version, Data: data}
	if v.known {
		v.choices(&f)
	}
	var b bytes.Buffer
	shape, ok := v.web.shapes[name]
	if !ok {
		return fmt.Errorf("render %s: there is no such template", name)
	}
	if err := shape.Execute(&b, f); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.status != 0 {
		v.w.WriteHeader(v.status)
	}
	_, _ = v.w.Write(b.Bytes()) // the visitor has gone: nobody to tell
	return nil
}

// choices fills in the navigation. Without the tables it is shorter: an error
// is about to be shown.
func (v *visit) choices(f *frame) {
	about := v.athlete
	all, err := v.athletes()
	if about == "" {
		about = v.visitor.Athlete
		if err == nil && len(all) > 0 && v.visitor.All && len(all) == 1 {
			about = all[0]
		}
	}
	for i := range v.web.pages {
		p := &v.web.pages[i]
		if p.name != "" && (p.needs == nil || p.needs(v.visitor)) {
			f.Nav = append(f.Nav, link{p.name, p.address(url.PathEscape(string(about))), p == v.at})
		}
	}
	if err != nil || len(all) < 2 {
		return
	}
	at := v.at
	if v.athlete == "" || at.name == "" {
		at = &page{patterns: []string{"GET " + pathOverview}}
	}
	for _, a := range all {
		f.Athletes = append(f.Athletes, link{string(a), at.address(url.PathEscape(string(a))), a == v.athlete})
	}
}

// failure is what the error page shows.
type failure struct {
	Head, Words string
}

// fail answers with what went wrong. Only what is the visitor's own fault is
// told in full; the rest goes to the log.
func (v *visit) fail(err error) {
	var bad inputError
	var tooLarge *http.MaxBytesError
	f := failure{Head: "Something went wrong", Words: "The log of plodwatch says what. Try again; if it stays, look there."}
	switch {
	case errors.Is(err, errNobody), errors.Is(err, ErrRefused):
		v.askForToken()
		return
	case errors.Is(err, context.Canceled) && v.r.Context().Err() != nil:
		return // the visitor has gone
	case errors.Is(err, errNotFound):
		v.status, f = http.StatusNotFound, failure{"Not found", "There is nothing at this address, or nothing that you may see."}
	case errors.Is(err, errTooMany):
		v.w.Header().Set("Retry-After", "60")
		v.status, f = http.StatusTooManyRequests, failure{"Wait a minute", "Too many wrong tokens came from your address."}
	case errors.As(err, &bad):
		v.status, f = http.StatusBadRequest, failure{"That does not work", bad.Error()}
	case errors.As(err, &tooLarge):
		v.status, f = http.StatusRequestEntityTooLarge, failure{"Too large", "A form may hold 1 MiB."}
	case errors.Is(err, analyze.ErrNotNow), errors.Is(err, context.DeadlineExceeded):
		v.w.Header().Set("Retry-After", "5")
		v.status, f = http.StatusServiceUnavailable, failure{"Not now", "The tables do not answer at the moment. Reload in a few seconds."}
		v.web.deps.Log.Warn("a page could not be shown", "page", v.at.patterns, "error", err)
	default:
		v.status = http.StatusInternalServerError
		v.web.deps.Log.Error("a page failed", "page", v.at.patterns, "error", err)
	}
	if err := v.render("error", f.Head, f); err != nil {
		v.web.deps.Log.Error("the page about an error failed", "error", err)
		http.Error(v.w, f.Head, v.status)
	}
}

// askForToken leads people to the sign-in page, and tells programs.
func (v *visit) askForToken() {
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead || v.r.Header.Get("Authorization") != "" || v.r.URL.Path == pathEvents {
		v.w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(v.w, "a token is needed", http.StatusUnauthorized)
		return
	}
	http.Redirect(v.w, v.r, pathSignIn+"?next="+url.QueryEscape(v.r.URL.RequestURI()), http.StatusSeeOther)
}
