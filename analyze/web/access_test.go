package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"plodwatch/analyze/store"
	"plodwatch/analyze/web"
)

// TestAccess asks an empty store: nothing it holds decides who may look.
func TestAccess(t *testing.T) {
	st := newStore(t)
	for name, test := range map[string]func(*testing.T, *store.Store){
		"who may look": testWhoMayLook, "signing in": testSigningIn, "signing in leads nowhere else": testSigningInLeadsNowhereElse,
		"wrong tokens are slowed down": testWrongTokensAreSlowedDown, "other sites are refused": testOtherSitesAreRefused,
		"a stolen cookie ends with signing out": testStolenCookie, "every address says for whom it is": testAddressesSayForWhom,
	} {
		t.Run(name, func(t *testing.T) { test(t, st) })
	}
}

// testStolenCookie: signing out ends what the cookie stands for, not only the
// cookie in this browser, and time does, too.
func testStolenCookie(t *testing.T, st *store.Store) {
	now := time.Now()
	s := serve(t, st, newGuests(), func(_ *web.Config, d *web.Deps) { d.Now = func() time.Time { return now } })
	use := func(cookie string) int {
		r := s.request(t, http.MethodGet, "/a/anna/", nil)
		r.Header.Set("Cookie", cookie)
		return s.do(t, r).status
	}
	cookie, _, _ := strings.Cut(s.signIn(t, "anna-reads").header.Get("Set-Cookie"), ";")
	s.client.Jar = nil
	if got := use(cookie); got != http.StatusOK {
		t.Fatalf("the cookie %q: %d", cookie, got)
	}
	r := s.request(t, http.MethodPost, "/sign-out", url.Values{})
	r.Header.Set("Cookie", cookie)
	s.do(t, r)
	if got := use(cookie); got != http.StatusSeeOther {
		t.Errorf("after signing out: %d", got)
	}
	cookie, _, _ = strings.Cut(s.signIn(t, "anna-reads").header.Get("Set-Cookie"), ";")
	now = now.Add(7*24*time.Hour - time.Second)
	if got := use(cookie); got != http.StatusOK {
		t.Errorf("on the last day: %d", got)
	}
	now = now.Add(time.Second)
	if got := use(cookie); got != http.StatusSeeOther {
		t.Errorf("after its time: %d", got)
	}
}

// testWhoMayLook goes through who asks, how they say who they are, and what
// they get. The store is empty: an athlete without sessions has a page, too.
func testWhoMayLook(t *testing.T, st *store.Store) {
	with := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	}
	t.Run("by token", func(t *testing.T) {
		s := serve(t, st, newGuests(), nil)
		for _, c := range []struct {
			name, path string
			as         func(*http.Request)
			want       int
		}{
			{"nobody", "/a/anna/", func(*http.Request) {}, http.StatusSeeOther},
			{"nobody, the first page", "/", func(*http.Request) {}, http.StatusSeeOther},
			{"nobody, an address that is none", "/nothing", func(*http.Request) {}, http.StatusNotFound},
			{"nobody, events", "/events", func(*http.Request) {}, http.StatusUnauthorized},
			{"nobody, a wrong cookie", "/a/anna/", func(r *http.Request) { r.Header.Set("Cookie", "plodwatch=x") }, http.StatusSeeOther},
			{"nobody, the token's id as cookie", "/a/anna/", func(r *http.Request) { r.Header.Set("Cookie", "plodwatch=tokenann") }, http.StatusSeeOther},
			{"nobody, the token as cookie", "/a/anna/", func(r *http.Request) { r.Header.Set("Cookie", "plodwatch=anna-reads") }, http.StatusSeeOther},
			{"a wrong token", "/a/anna/", with("wrong"), http.StatusUnauthorized},
			{"own athlete", "/a/anna/", with("anna-reads"), http.StatusOK},
			{"another athlete", "/a/bert/", with("anna-reads"), http.StatusNotFound},
			{"another athlete's events", "/events?athlete=bert", with("anna-reads"), http.StatusNotFound},
			{"an athlete that is none", "/a/an%20na/", with("admin"), http.StatusNotFound},
			{"admin, own", "/a/anna/", with("admin"), http.StatusOK},
			{"admin, any", "/a/bert/", with("admin"), http.StatusOK},
			{"assets are for all", "/favicon.ico", func(*http.Request) {}, http.StatusFound},
			{"the sign-in page is for all", "/sign-in", func(*http.Request) {}, http.StatusOK},
		} {
			r := s.request(t, http.MethodGet, c.path, nil)
			c.as(r)
			got := s.do(t, r)
			if got.status != c.want {
				t.Errorf("%s: %d, want %d", c.name, got.status, c.want)
			}
			if l := got.header.Get("Location"); c.want == http.StatusSeeOther && !strings.HasPrefix(l, "/sign-in?next=") {
				t.Errorf("%s: sent to %q", c.name, l)
			}
		}
	})
	t.Run("owner", func(t *testing.T) {
		g := newGuests()
		g.owner = true
		s := serve(t, st, g, nil)
		for _, path := range []string{"/a/me/", "/a/anna/"} {
			if got := s.get(t, path); got.status != http.StatusOK || !strings.Contains(got.body, "Nothing here yet") {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	})
	t.Run("tokens that cannot be read", func(t *testing.T) {
		g := newGuests()
		g.broken = errors.New("the disk is away")
		s := serve(t, st, g, nil)
		r := s.request(t, http.MethodGet, "/a/anna/", nil)
		with("anna-reads")(r)
		if got := s.do(t, r); got.status != http.StatusInternalServerError || strings.Contains(got.body, "disk") {
			t.Errorf("%d: %s", got.status, got.body)
		}
	})
}

// testSigningIn: the cookie is not the token, ends with it, and leads nowhere
// but into the page.
func testSigningIn(t *testing.T, st *store.Store) {
	g := newGuests()
	s := serve(t, st, g, nil)
	if got := s.signIn(t, "wrong"); got.status != http.StatusUnauthorized || len(got.header.Values("Set-Cookie")) != 0 {
		t.Fatalf("a wrong token: %d, %v", got.status, got.header)
	}
	got := s.signIn(t, "anna-reads")
	cookie := got.header.Get("Set-Cookie")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/" {
		t.Fatalf("signed in: %d to %q", got.status, got.header.Get("Location"))
	}
	for _, word := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="} {
		if !strings.Contains(cookie, word) {
			t.Errorf("the cookie %q has no %s", cookie, word)
		}
	}
	if strings.Contains(cookie, "anna-reads") || strings.Contains(cookie, "tokenann") {
		t.Errorf("the cookie holds the token: %q", cookie)
	}
	if got := s.get(t, "/a/anna/"); got.status != http.StatusOK || !strings.Contains(got.body, "Sign out") {
		t.Errorf("own page: %d", got.status)
	}
	if got := s.get(t, "/a/bert/"); got.status != http.StatusNotFound {
		t.Errorf("another's page: %d", got.status)
	}
	g.revoke("anna-reads")
	if got := s.get(t, "/a/anna/"); got.status != http.StatusSeeOther {
		t.Errorf("with a revoked token: %d", got.status)
	}
	s.signIn(t, "bert-reads")
	if got := s.get(t, "/a/bert/"); got.status != http.StatusOK {
		t.Errorf("bert's page: %d", got.status)
	}
	if got := s.do(t, s.request(t, http.MethodPost, "/sign-out", url.Values{})); got.status != http.StatusSeeOther {
		t.Errorf("sign out: %d", got.status)
	}
	if got := s.get(t, "/a/bert/"); got.status != http.StatusSeeOther {
		t.Errorf("after signing out: %d", got.status)
	}
}

func testSigningInLeadsNowhereElse(t *testing.T, st *store.Store) {
	s := serve(t, st, newGuests(), nil)
	for next, want := range map[string]string{
		"/a/anna/weeks?x=1": "/a/anna/weeks?x=1", "https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/",
		"a/anna": "/", "": "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x=y": "/",
	} {
		got := s.do(t, s.request(t, http.MethodPost, "/sign-in", url.Values{"token": {"anna-reads"}, "next": {next}}))
		if got.header.Get("Location") != want {
			t.Errorf("next %q leads to %q, want %q", next, got.header.Get("Location"), want)
		}
		s.do(t, s.request(t, http.MethodPost, "/sign-out", url.Values{}))
	}
}

func testWrongTokensAreSlowedDown(t *testing.T, st *store.Store) {
	s := serve(t, st, newGuests(), nil)
	try := func(from, secret string) int {
		r := s.request(t, http.MethodPost, "/sign-in", url.Values{"token": {secret}})
		r.Header.Set("Test-From", from)
		return s.do(t, r).status
	}
	for i := range 10 {
		if got := try("10.0.0.1", "wrong"); got != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, got)
		}
	}
	if got := try("10.0.0.1", "anna-reads"); got != http.StatusTooManyRequests {
		t.Errorf("the eleventh try: %d", got)
	}
	if got := try("10.0.0.2", "anna-reads"); got != http.StatusSeeOther {
		t.Errorf("from elsewhere: %d", got)
	}
}

// testOtherSitesAreRefused: forms of other sites, and sites whose name was made
// to point here.
func testOtherSitesAreRefused(t *testing.T, st *store.Store) {
	g := newGuests()
	g.owner = true
	s := serve(t, st, g, nil)
	post := func(name, value string) int {
		r := s.request(t, http.MethodPost, "/sign-out", url.Values{})
		r.Header.Set(name, value)
		return s.do(t, r).status
	}
	if got := post("Sec-Fetch-Site", "cross-site"); got != http.StatusForbidden {
		t.Errorf("a form of another site: %d", got)
	}
	if got := post("Origin", "https://evil.example"); got != http.StatusForbidden {
		t.Errorf("a form of another origin: %d", got)
	}
	if got := post("Origin", s.URL); got != http.StatusSeeOther {
		t.Errorf("our own form: %d", got)
	}
	for host, want := range map[string]int{
		"evil.example": http.StatusMisdirectedRequest, "evil.example:8020": http.StatusMisdirectedRequest,
		"localhost:8020": http.StatusOK, "[::1]:8020": http.StatusOK, "127.0.0.1": http.StatusOK, "localhost.evil.example": http.StatusMisdirectedRequest,
	} {
		r := s.request(t, http.MethodGet, "/a/me/", nil)
		r.Host = host
		if got := s.do(t, r).status; got != want {
			t.Errorf("asked for %s: %d, want %d", host, got, want)
		}
	}
	got := s.get(t, "/a/me/")
	for name, word := range map[string]string{
		"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if !strings.Contains(got.header.Get(name), word) {
			t.Errorf("%s is %q", name, got.header.Get(name))
		}
	}
	if strings.Contains(got.body, "style=") || strings.Contains(got.body, "<style") || strings.Contains(got.body, "onclick") {
		t.Error("the page has styles or scripts in it, which its own policy forbids")
	}
}

// testAddressesSayForWhom: who is not signed in sees what is for everybody, and
// nothing else; a holder of a token that only reads sees no more than is said.
func testAddressesSayForWhom(t *testing.T, st *store.Store) {
	s := serve(t, st, newGuests(), nil)
	s.client.Jar = nil
	at := strings.NewReplacer("{athlete}", "anna", "{session}", "00000000-0000-4000-8000-000000000000", "{token}", "none",
		"{kind}", "howto", "{name}", "sql", "{sum}", "none")
	all := web.Addresses()
	if len(all) < 20 {
		t.Fatalf("only %d addresses", len(all))
	}
	for _, a := range all {
		if a.About == "" {
			t.Errorf("%s %s: nothing is said about it", a.Method, a.Path)
		}
		if strings.HasPrefix(a.Path, "/sign-") {
			continue // answers 401 to no token, and leads to itself
		}
		path := at.Replace(a.Path)
		got := s.do(t, s.request(t, a.Method, path, nil))
		stranger := got.status != http.StatusUnauthorized && !strings.HasPrefix(got.header.Get("Location"), "/sign-in")
		if stranger != (a.For == "everybody") {
			t.Errorf("%s %s is for %s; a stranger gets %d", a.Method, a.Path, a.For, got.status)
		}
		if strings.Contains(a.For, "any token") || a.For == "everybody" {
			continue
		}
		r := s.request(t, a.Method, path, nil)
		r.Header.Set("Authorization", "Bearer anna-reads")
		if got := s.do(t, r); got.status != http.StatusNotFound {
			t.Errorf("%s %s is for %s; who may only look gets %d", a.Method, a.Path, a.For, got.status)
		}
	}
}
