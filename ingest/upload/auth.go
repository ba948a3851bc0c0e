package upload

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"plodwatch/ingest/tokens"
	"plodwatch/schema"
)

// caller is who sends a request: somebody with a token, somebody on this
// machine while there are no tokens at all, or, for a multipart body that may
// still bring a token, nobody yet.
type caller struct {
	token tokens.Token
	local bool
}

func (c caller) known() bool { return c.local || c.token.ID != "" }

// key names the caller in limits and logs.
func (c caller) key() string {
	if c.local {
		return "local"
	}
	return c.token.ID
}

// athleteOr returns whose files the caller sends: those of the named athlete,
// or, when name is empty, the token's own.
func (g *Gate) athleteOr(c caller, name string) (schema.AthleteID, error) {
	own := c.token.Athlete
	if c.local || own == "" {
		own = g.cfg.DefaultAthlete
	}
	if name == "" {
		return own, nil
	}
	athlete, err := schema.ParseAthleteID(name)
	if err != nil {
		return "", err
	}
	if athlete != own && !c.local && !c.token.MayUploadFor(athlete) {
		return "", refuse(http.StatusForbidden, "athlete", "forbidden", "the token is for another athlete")
	}
	return athlete, nil
}

// mayReadFor reports whether the caller may see what became of an athlete's
// uploads.
func (c caller) mayReadFor(athlete schema.AthleteID) bool {
	return c.local || c.token.MayReadFor(athlete)
}

// seesAll reports whether the caller may see every athlete's uploads.
func (c caller) seesAll() bool { return c.local || c.token.Role == tokens.RoleAdmin }

// identify finds out who sends a request. A multipart upload without a token
// comes back as nobody: a form field may bring one.
func (g *Gate) identify(r *http.Request, o options) (caller, error) {
	if secret := secretOf(r, o); secret != "" {
		return g.check(secret)
	}
	some, err := g.deps.Tokens.Any()
	if err != nil {
		return caller{}, err
	}
	if !some {
		if g.FromThisMachine(r) {
			return caller{local: true}, nil
		}
		return caller{}, refuse(http.StatusUnauthorized, "access_token", "missing",
			"no tokens have been made, so only this machine is served; plodwatch token add makes one")
	}
	if o.uploads && isMultipart(r) {
		return caller{}, nil
	}
	return caller{}, errNoToken()
}

func errNoToken() error {
	return refuse(http.StatusUnauthorized, "access_token", "missing", "a token is needed: Authorization: Bearer, or as the password of Basic")
}

// check returns the caller with this token.
func (g *Gate) check(secret string) (caller, error) {
	t, err := g.deps.Tokens.Check(secret)
	if err != nil {
		return caller{}, err
	}
	return caller{token: t}, nil
}

// secretOf returns the token in a request's headers, or where the door allows
// it in the query.
func secretOf(r *http.Request, o options) string {
	if scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(secret)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if o.keyInQuery {
		return r.URL.Query().Get("api-key")
	}
	return ""
}

// FromThisMachine reports whether a request comes from this machine, for this
// machine, and through no proxy: names made to point here (DNS rebinding),
// forwarded requests and those of trusted proxies do not count.
func (g *Gate) FromThisMachine(r *http.Request) bool {
	return Proxies(g.cfg.TrustedProxies).FromThisMachine(r)
}

// Proxies are the addresses of proxies that are trusted to say whom they speak
// for. What they forward never counts as coming from this machine.
type Proxies []netip.Prefix

// FromThisMachine is Gate.FromThisMachine for a process without a gate.
func (p Proxies) FromThisMachine(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && !p.trusted(peer) && fromThisMachine(r)
}

// fromThisMachine is Gate.FromThisMachine where no proxies are known.
func fromThisMachine(r *http.Request) bool {
	for _, h := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-Proto", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return isLoopback(r.RemoteAddr) && isLoopback(r.Host)
}

// isLoopback reports whether an address, with or without port, is one of the
// loopback, or "localhost".
func isLoopback(address string) bool {
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// ClientAddr returns the address a request comes from, without a port: the
// peer's, or what trusted proxies say.
func (g *Gate) ClientAddr(r *http.Request) string { return Proxies(g.cfg.TrustedProxies).ClientAddr(r) }

// ClientAddr is Gate.ClientAddr for a process without a gate.
func (p Proxies) ClientAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && p.trusted(host); i-- {
		next := strings.TrimSpace(forwarded[i])
		if _, err := netip.ParseAddr(next); err != nil {
			break
		}
		host = next
	}
	return host
}

func (p Proxies) trusted(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, prefix := range p {
		if prefix.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// MayLook reports whether a request comes from this machine, through no proxy,
// or brings a token that is good for anything.
func (g *Gate) MayLook(r *http.Request) bool {
	return g.FromThisMachine(r) || hasToken(r, g.deps.Tokens)
}

// MayLook is Gate.MayLook for a process without a gate.
func (p Proxies) MayLook(r *http.Request, known *tokens.File) bool {
	return p.FromThisMachine(r) || hasToken(r, known)
}

// hasToken reports whether a request brings a token in its headers.
func hasToken(r *http.Request, known *tokens.File) bool {
	secret := secretOf(r, options{})
	if secret == "" {
		return false
	}
	_, err := known.Check(secret)
	return err == nil
}
