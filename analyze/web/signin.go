package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxSignedIn bounds who is signed in at once; beyond it the one whose time
// ends first goes.
const maxSignedIn = 10_000

// signedIn remembers who is signed in: what the cookie says, and whose token
// was shown. It lives in memory; after a restart people sign in again.
type signedIn struct {
	lasts time.Duration
	now   func() time.Time

	mu  sync.Mutex
	all map[string]sitting // by the cookie's value
}

type sitting struct {
	token string // its id
	until time.Time
}

func newSignedIn(lasts time.Duration, now func() time.Time) *signedIn {
	return &signedIn{lasts: lasts, now: now, all: make(map[string]sitting)}
}

// begin signs the holder of a token in and returns the cookie's value, which
// says nothing about the token.
func (s *signedIn) begin(token string) string {
	value := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(s.all) >= maxSignedIn {
		s.forget(now)
	}
	s.all[value] = sitting{token, now.Add(s.lasts)}
	return value
}

// forget drops those whose time is over, or else the one that ends first.
func (s *signedIn) forget(now time.Time) {
	first := ""
	for value, at := range s.all {
		if !now.Before(at.until) {
			delete(s.all, value)
		} else if first == "" || at.until.Before(s.all[first].until) {
			first = value
		}
	}
	if len(s.all) >= maxSignedIn {
		delete(s.all, first)
	}
}

func (s *signedIn) find(value string) (token string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.all[value]
	if !ok || !s.now().Before(at.until) {
		delete(s.all, value)
		return "", false
	}
	return at.token, true
}

func (s *signedIn) end(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, value)
}

// wrongTokens counts wrong tokens by address, a minute at a time.
type wrongTokens struct {
	most int
	now  func() time.Time

	mu    sync.Mutex
	since time.Time
	tries map[string]int
}

func newWrongTokens(most int, now func() time.Time) *wrongTokens {
	return &wrongTokens{most: most, now: now, tries: make(map[string]int)}
}

func (t *wrongTokens) mayTry(from string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.since) >= time.Minute {
		t.since = now
		clear(t.tries)
	}
	return t.tries[from] < t.most
}

func (t *wrongTokens) count(from string) {
	const maxAddresses = 100_000
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tries) < maxAddresses {
		t.tries[from]++
	}
}

// signInData is what the sign-in page shows.
type signInData struct {
	Next, Fault string
}

// signIn shows the form that takes a token, and takes it.
func (w *Web) signIn(v *visit) error {
	next := localPath(v.r.FormValue("next"))
	if v.known {
		http.Redirect(v.w, v.r, next, http.StatusSeeOther)
		return nil
	}
	if v.r.Method != http.MethodPost {
		return v.render("signin", "Sign in", signInData{Next: next})
	}
	holder, err := w.withToken(v.r, strings.TrimSpace(v.r.PostFormValue("token")))
	switch {
	case errors.Is(err, ErrRefused):
		v.status = http.StatusUnauthorized
		return v.render("signin", "Sign in", signInData{Next: next, Fault: "This token is not known here, was revoked, or has expired."})
	case errors.Is(err, errTooMany):
		v.w.Header().Set("Retry-After", "60")
		v.status = http.StatusTooManyRequests
		return v.render("signin", "Sign in", signInData{Next: next, Fault: "Too many wrong tokens. Wait a minute."})
	case err != nil:
		return err
	}
	http.SetCookie(v.w, w.cookie(v.r, w.signed.begin(holder.ID), int(w.cfg.SignedInFor.Seconds())))
	w.deps.Log.Info("signed in to the page", "token_id", holder.ID)
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
	return nil
}

// signOut ends what the cookie stands for.
func (w *Web) signOut(v *visit) error {
	for _, c := range v.r.Cookies() {
		if strings.HasSuffix(c.Name, cookieName) {
			w.signed.end(c.Value)
		}
	}
	http.SetCookie(v.w, w.cookie(v.r, "", -1))
	http.Redirect(v.w, v.r, "/sign-in", http.StatusSeeOther)
	return nil
}

func (w *Web) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if c.Secure {
		c.Name = "__Host-" + cookieName
	}
	return c
}

// localPath returns a path of this page to go to, "/" when it is not one: a
// link to the sign-in page must not lead elsewhere.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
