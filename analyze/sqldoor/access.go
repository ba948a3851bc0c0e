package sqldoor

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ClickHouse's numbers for what the door itself refuses.
const (
	codeNotFound   = 48
	codeBadRequest = 36
	codeTimeout    = 159
	codeTooLarge   = 396
	codeDenied     = 497
	codeAuth       = 516
	codeUnknown    = 1002
)

// refusal is an answer of the door itself, as ClickHouse words exceptions.
type refusal struct {
	status, code int
	text         string
}

func refuse(status, code int, name, format string, args ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)\n", code, fmt.Sprintf(format, args...), name)}
}

func (f *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(f.code))
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="plodwatch"`) // not Basic: a browser would keep it
	}
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.text)
}

// refusal says why a request is not answered, or nil.
func (d *Door) refusal(r *http.Request) *refusal {
	if foreign(r) {
		return refuse(http.StatusForbidden, codeDenied, "ACCESS_DENIED", "pages of other sites may not ask here")
	}
	switch r.URL.Path {
	case "/ping":
		return nil // tells nothing, and clients ask it before they sign in
	case "/", "":
	default:
		return refuse(http.StatusNotFound, codeNotFound, "NOT_IMPLEMENTED", "there is nothing at this path; queries go to /")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, codeBadRequest, "BAD_ARGUMENTS", "the address cannot be read")
	}
	if query.Get("password") != "" {
		return refuse(http.StatusBadRequest, codeAuth, "AUTHENTICATION_FAILED",
			"a token in the address ends up in logs and is not taken; send it as Authorization: Bearer, as the password of Basic, or as X-ClickHouse-Key")
	}
	return d.stranger(r)
}

// stranger refuses whoever may not ask.
func (d *Door) stranger(r *http.Request) *refusal {
	if secret := secretOf(r); secret != "" {
		return d.bearer(r, secret)
	}
	some, err := d.deps.Tokens.Any()
	switch {
	case err != nil:
		return d.unreadable(r, err)
	case some:
		return unauthorized("a token is needed, of role admin: as Authorization: Bearer, as the password of Basic, or as X-ClickHouse-Key")
	case !d.deps.FromThisMachine(r):
		return unauthorized("no tokens have been made, so only this machine is served, by the name localhost or its loopback address; " +
			"plodwatch token add --role admin makes one")
	}
	return nil
}

func (d *Door) bearer(r *http.Request, secret string) *refusal {
	who, err := d.deps.Tokens.Bearer(secret)
	switch {
	case err != nil:
		return d.unreadable(r, err)
	case who == Unknown:
		return unauthorized("there is no such token, or its time is over")
	case who != Everyone:
		return refuse(http.StatusForbidden, codeDenied, "ACCESS_DENIED",
			"this token is for one athlete, and SQL here sees all of them; it takes a token of role admin "+
				"(an external ClickHouse can show everybody their own rows: deploy/clickhouse/access.sql)")
	}
	return nil
}

func (d *Door) unreadable(r *http.Request, err error) *refusal {
	d.deps.Log.ErrorContext(r.Context(), "tokens cannot be read", "error", err)
	return refuse(http.StatusServiceUnavailable, codeUnknown, "UNKNOWN_EXCEPTION", "the tokens cannot be read; try again later")
}

func unauthorized(text string) *refusal {
	return refuse(http.StatusUnauthorized, codeAuth, "AUTHENTICATION_FAILED", "%s", text)
}

// secretOf returns the token in a request's headers. User names mean nothing.
func secretOf(r *http.Request) string {
	if scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(secret)
	}
	if _, password, ok := r.BasicAuth(); ok && password != "" {
		return password
	}
	return r.Header.Get("X-ClickHouse-Key")
}

// foreign reports whether a browser asks for a page of another site. Such a
// request needs no leave of ours to be sent, comes from this machine, and may
// carry what the browser knows of a sign-in; the page could run the answer as a
// script.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}
