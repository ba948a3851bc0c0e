package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"plodwatch/analyze/place"
	"plodwatch/analyze/store"
	"plodwatch/analyze/web"
	"plodwatch/deploy/inprocess/chdb"
)

// engine is the one engine that this process may hold; each test has a
// database of its own.
var engine *chdb.Engine //nolint:gochecknoglobals // one a process

func TestMain(m *testing.M) { os.Exit(withEngine(m)) }

func withEngine(m *testing.M) int {
	dir, err := os.MkdirTemp("", "web")
	if err == nil {
		defer os.RemoveAll(dir)
		engine, err = chdb.Open(chdb.Config{Path: dir})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := errors.Join(engine.Close(), goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// database is the number of the next one.
var database atomic.Int64 //nolint:gochecknoglobals // counts

// newStore returns tables that are migrated and empty.
func newStore(tb testing.TB) *store.Store {
	tb.Helper()
	name := fmt.Sprintf("t%d", database.Add(1))
	st, err := store.Open(tb.Context(), store.Config{RoundTripper: engine.RoundTripper(), Database: name})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	if _, err := st.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return st
}

// guests is who may look: holders of tokens, by secret, and the owner where
// owner is set. The daemon's own is tested with it.
type guests struct {
	owner bool

	mu     sync.Mutex
	tokens map[string]web.Visitor
	broken error // of reading the tokens
}

func newGuests() *guests {
	return &guests{tokens: map[string]web.Visitor{
		"anna-reads": {ID: "tokenann", Athlete: "anna"},
		"bert-reads": {ID: "tokenber", Athlete: "bert"},
		"admin":      {ID: "tokenadm", Athlete: "anna", All: true, MayUpload: true, MayChange: true},
	}}
}

func (g *guests) Owner(*http.Request) (web.Visitor, bool) {
	return web.Visitor{Athlete: "me", All: true, MayUpload: true, MayChange: true}, g.owner
}

func (g *guests) Holder(secret string) (web.Visitor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return web.Visitor{}, g.broken
	}
	if v, ok := g.tokens[secret]; ok {
		return v, nil
	}
	return web.Visitor{}, web.ErrRefused
}

func (g *guests) Known(id string) (web.Visitor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.tokens {
		if v.ID == id {
			return v, g.broken
		}
	}
	return web.Visitor{}, errors.Join(web.ErrRefused, g.broken)
}

func (g *guests) Address(r *http.Request) string { return r.Header.Get("Test-From") }

func (g *guests) revoke(secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tokens, secret)
}

// site is the page behind a real server, as somebody's browser sees it.
type site struct {
	*httptest.Server

	web    *web.Web
	client *http.Client
	stop   func() // ends the page's Run and waits for it; more than once is once
}

// serve serves the page. Its Run ends with the test.
func serve(tb testing.TB, st *store.Store, access web.Access, change func(*web.Config, *web.Deps)) *site {
	tb.Helper()
	cfg := web.DefaultConfig()
	deps := web.Deps{
		Tables: func(context.Context) (*store.Store, error) { return st, nil }, Access: access, Places: place.New(),
	}
	if change != nil {
		change(&cfg, &deps)
	}
	page, err := web.New(cfg, deps)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- page.Run(ctx) }()
	s := &site{Server: httptest.NewServer(page.Handler()), web: page}
	s.stop = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		s.stop()
		s.Close()
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s.client = &http.Client{Transport: s.Client().Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return s
}

// answer is what a page says.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(tb testing.TB, r *http.Request) answer {
	tb.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (s *site) request(tb testing.TB, method, path string, form url.Values) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		tb.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (s *site) get(tb testing.TB, path string) answer {
	tb.Helper()
	return s.do(tb, s.request(tb, http.MethodGet, path, nil))
}

func (s *site) signIn(tb testing.TB, secret string) answer {
	tb.Helper()
	return s.do(tb, s.request(tb, http.MethodPost, "/sign-in", url.Values{"token": {secret}}))
}
