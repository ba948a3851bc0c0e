package web

import (
	"errors"
	"net/http"

	"plodwatch/schema"
)

// Visitor is who looks at the page, and what they may.
type Visitor struct {
	ID        string           // of the token; "" for the owner, on this machine
	Athlete   schema.AthleteID // their own, or the default one
	All       bool             // sees every athlete
	MayUpload bool             // may hand files in
	MayChange bool             // may change settings and tokens, and ask SQL
}

// Local reports whether the visitor sits at this machine.
func (v Visitor) Local() bool { return v.ID == "" }

// MaySee reports whether the visitor may look at an athlete.
func (v Visitor) MaySee(a schema.AthleteID) bool { return v.All || v.Athlete == a }

// ErrRefused is wrapped by the errors of Access that are the visitor's fault:
// a token that is wrong, revoked or expired.
var ErrRefused = errors.New("token refused")

// Access says who may look. Its methods are called for each request, so that
// a revoked token ends at once.
type Access interface {
	// Owner returns who looks when a request comes from this machine, for this
	// machine and through no proxy; false for all others.
	Owner(r *http.Request) (Visitor, bool)
	// Holder returns who holds the token with this secret.
	Holder(secret string) (Visitor, error)
	// Known returns who holds the token with this id, whose secret was shown
	// before.
	Known(id string) (Visitor, error)
	// Address returns where a request comes from, as it is to be told apart
	// from others that try tokens.
	Address(r *http.Request) string
}

// cookieName is the cookie's; over TLS with the prefix that binds it to the
// host.
const cookieName = "plodwatch"

// errNobody says that a request brings nothing that tells who sends it.
var errNobody = errors.New("not signed in")

// visitor finds out who sends a request. The error is errNobody, wraps
// ErrRefused, or is that of reading the tokens.
func (w *Web) visitor(r *http.Request) (Visitor, error) {
	if v, ok := w.deps.Access.Owner(r); ok {
		return v, nil
	}
	if secret := bearer(r); secret != "" {
		return w.withToken(r, secret)
	}
	for _, c := range r.Cookies() {
		if c.Name != cookieName && c.Name != "__Host-"+cookieName {
			continue
		}
		if id, ok := w.signed.find(c.Value); ok {
			v, err := w.deps.Access.Known(id)
			if errors.Is(err, ErrRefused) {
				w.signed.end(c.Value)
			}
			return v, err
		}
	}
	return Visitor{}, errNobody
}

// withToken checks a token that a request brings, while its address has not
// tried too many wrong ones.
func (w *Web) withToken(r *http.Request, secret string) (Visitor, error) {
	from := w.deps.Access.Address(r)
	if !w.wrong.mayTry(from) {
		return Visitor{}, errTooMany
	}
	v, err := w.deps.Access.Holder(secret)
	if errors.Is(err, ErrRefused) {
		w.wrong.count(from)
	}
	return v, err
}

// errTooMany says that an address has tried too many wrong tokens.
var errTooMany = errors.New("too many wrong tokens; wait a minute")

// bearer returns the token in a request's headers.
func bearer(r *http.Request) string {
	const scheme = "Bearer "
	h := r.Header.Get("Authorization")
	if len(h) > len(scheme) && http.CanonicalHeaderKey(h[:len(scheme)-1]) == scheme[:len(scheme)-1] {
		return h[len(scheme):]
	}
	return ""
}
