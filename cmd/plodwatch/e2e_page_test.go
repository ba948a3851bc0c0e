package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pageClient asks the daemon as a browser does that follows nothing.
func pageClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// page asks for a page; header is name and value by turns, Host among them.
func (d *daemon) page(method, path string, form url.Values, header ...string) posted {
	d.p.t.Helper()
	req, err := http.NewRequestWithContext(d.p.t.Context(), method, "http://"+d.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.p.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := pageClient().Do(req)
	if err != nil {
		d.p.t.Fatalf("%s: %v", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.p.t.Fatal(err)
	}
	return posted{status: resp.StatusCode, header: resp.Header, body: string(body)}
}

// TestEndToEndPage: the daemon's own page, for this machine, for the holders of
// tokens elsewhere, and for nobody else; it hears of a file that comes in, and
// a page that listens does not hold up the end.
func TestEndToEndPage(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, filepath.Join(activities(), "easy_run.fit"))
	secret := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "anna", "--role", "read").stdout)
	mine := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "me", "--role", "upload").stdout)
	d := p.up()
	if got := d.page(http.MethodGet, "/", nil); got.status != http.StatusSeeOther || got.header.Get("Location") != "/a/me/" {
		t.Fatalf("the first page: %d to %q", got.status, got.header.Get("Location"))
	}
	for _, path := range []string{"/a/me/", "/a/me/weeks", "/a/me/sessions"} {
		if got := d.page(http.MethodGet, path, nil); got.status != http.StatusOK || !strings.Contains(got.body, "plodwatch") {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	elsewhere := []string{"X-Forwarded-For", "203.0.113.9"}
	for _, c := range []struct {
		name, path string
		header     []string
		want       int
	}{
		{"from elsewhere", "/a/me/", elsewhere, http.StatusSeeOther},
		{"a foreign name", "/a/me/", []string{"Host", "evil.example"}, http.StatusMisdirectedRequest},
		{"a wrong token", "/a/me/", append([]string{"Authorization", "Bearer plod_wrong"}, elsewhere...), http.StatusUnauthorized},
		{"another's token", "/a/me/", append([]string{"Authorization", "Bearer " + secret}, elsewhere...), http.StatusNotFound},
		{"the athlete's token", "/a/me/", append([]string{"Authorization", "Bearer " + mine}, elsewhere...), http.StatusOK},
		{"health needs no token", "/livez", elsewhere, http.StatusOK},
	} {
		if got := d.page(http.MethodGet, c.path, nil, c.header...); got.status != c.want {
			t.Errorf("%s: %d, want %d", c.name, got.status, c.want)
		}
	}
	d.signsIn(mine, elsewhere)
	stream := d.listens()
	data, err := os.ReadFile(filepath.Join(activities(), "intervals.gpx"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := post(t, d.address, "/api/v3/uploads?filename=run.gpx", bytes.NewReader(data), map[string]string{"Authorization": "Bearer " + mine})
	if err != nil || got.status != http.StatusCreated {
		t.Fatalf("upload: %d %v", got.status, err)
	}
	heard := make(chan bool, 1)
	go func() {
		for stream.Scan() {
			if stream.Text() == "event: outcome" {
				heard <- true
			}
		}
		close(heard)
	}()
	select {
	case ok := <-heard:
		if !ok {
			t.Fatal("the stream ended before the file was heard of")
		}
	case <-time.After(patience):
		t.Fatal("nothing was heard of the file")
	}
	d.stop(syscall.SIGTERM)
	if _, more := <-heard; more {
		t.Error("the file was heard of twice")
	}
}

// signsIn signs in from elsewhere with a token, which is then revoked.
func (d *daemon) signsIn(secret string, elsewhere []string) {
	t := d.p.t
	t.Helper()
	got := d.page(http.MethodPost, "/sign-in", url.Values{"token": {secret}, "next": {"/a/me/weeks"}}, elsewhere...)
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/a/me/weeks" || cookie == "" || strings.Contains(cookie, secret) {
		t.Fatalf("sign in: %d to %q with %q", got.status, got.header.Get("Location"), cookie)
	}
	with := append([]string{"Cookie", cookie}, elsewhere...)
	if got := d.page(http.MethodGet, "/a/me/", nil, with...); got.status != http.StatusOK {
		t.Errorf("signed in: %d", got.status)
	}
	if got := d.page(http.MethodPost, "/sign-out", url.Values{}, append([]string{"Origin", "https://evil.example"}, with...)...); got.status != http.StatusForbidden {
		t.Errorf("another site's form: %d", got.status)
	}
	temporary := strings.TrimSpace(d.p.do(exitOK, "token", "add", "--athlete", "me", "--role", "read").stdout)
	got = d.page(http.MethodPost, "/sign-in", url.Values{"token": {temporary}}, elsewhere...)
	cookie, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
	id := strings.Split(temporary, "_")[1]
	d.p.do(exitOK, "token", "revoke", id)
	if got := d.page(http.MethodGet, "/a/me/", nil, append([]string{"Cookie", cookie}, elsewhere...)...); got.status != http.StatusSeeOther {
		t.Errorf("with a revoked token: %d", got.status)
	}
}

// told listens to the events of an athlete, and returns what waits until one of
// each kind was heard of.
func (d *daemon) told(athlete string, kinds ...string) (wait func()) {
	t := d.p.t
	t.Helper()
	stream := d.listensTo(athlete)
	heard := make(chan string, 1024)
	go func() {
		defer close(heard)
		for stream.Scan() {
			if kind, is := strings.CutPrefix(stream.Text(), "event: "); is {
				heard <- kind
			}
		}
	}()
	return func() {
		t.Helper()
		late := time.After(patience)
		for len(kinds) > 0 {
			select {
			case kind, more := <-heard:
				if !more {
					t.Fatalf("the stream ended before %v was heard of\n%s", kinds, d.stderr)
				}
				kinds = slices.DeleteFunc(kinds, func(k string) bool { return k == kind })
			case <-late:
				t.Fatalf("nothing was heard of %v\n%s", kinds, d.stderr)
			}
		}
	}
}

// sessionLink is how a list of sessions leads to one.
var sessionLink = regexp.MustCompile(`href="(/a/[a-z]+/sessions/[0-9a-f-]{36})"`)

// showsSession wants the list of an athlete's sessions to lead to one that is
// shown, with its curves.
func (d *daemon) showsSession(athlete string) {
	t := d.p.t
	t.Helper()
	list := d.page(http.MethodGet, "/a/"+athlete+"/sessions", nil)
	link := sessionLink.FindStringSubmatch(list.body)
	if list.status != http.StatusOK || link == nil {
		t.Fatalf("the list: %d\n%s", list.status, list.body)
	}
	if got := d.page(http.MethodGet, link[1], nil); got.status != http.StatusOK || !strings.Contains(got.body, "How the verdict came about") {
		t.Errorf("the session: %d\n%s", got.status, got.body)
	}
	if got := d.page(http.MethodGet, link[1]+"/curves.json", nil); got.status != http.StatusOK || !json.Valid([]byte(got.body)) {
		t.Errorf("its curves: %d\n%s", got.status, got.body)
	}
}

// listens opens the stream of events, which ends with the daemon.
func (d *daemon) listens() *bufio.Scanner {
	d.p.t.Helper()
	return d.listensTo("me")
}

func (d *daemon) listensTo(athlete string) *bufio.Scanner {
	t := d.p.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.address+"/events?athlete="+athlete, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pageClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	in := bufio.NewScanner(resp.Body)
	if resp.StatusCode != http.StatusOK || !in.Scan() {
		t.Fatalf("events: %d", resp.StatusCode)
	}
	return in
}

// TestEndToEndWeb: the page as a process of its own says that the tables are
// away while nobody holds them, shows them as soon as somebody does, and
// changes nothing.
func TestEndToEndWeb(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, filepath.Join(activities(), "easy_run.fit"))
	w := p.role("web")
	if got := w.page(http.MethodGet, "/a/me/", nil); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("without tables: %d", got.status)
	}
	if status, body := w.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("without tables it is ready: %d %s", status, body)
	}
	d := p.up()
	within(t, patience, func() string {
		if status, body := w.get("/readyz"); status != http.StatusOK {
			return body
		}
		return ""
	})
	here, there := d.page(http.MethodGet, "/a/me/sessions", nil), w.page(http.MethodGet, "/a/me/sessions", nil)
	if there.status != http.StatusOK || !strings.Contains(there.body, "1 to 1 of 1") || !strings.Contains(here.body, "1 to 1 of 1") {
		t.Errorf("the list: %d and %d", here.status, there.status)
	}
	if got := w.page(http.MethodGet, "/a/me/", nil, "X-Forwarded-For", "203.0.113.9"); got.status != http.StatusSeeOther {
		t.Errorf("from elsewhere: %d", got.status)
	}
	d.stop(syscall.SIGTERM)
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-w.done:
		if err != nil {
			t.Errorf("web ended with %v\n%s", err, w.stderr)
		}
	case <-time.After(patience):
		t.Fatal("web did not stop")
	}
}
