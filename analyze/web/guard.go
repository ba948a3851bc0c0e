package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 1 << 20

// guard wraps everything the page serves: headers that keep browsers from
// mixing it with others, and refusals of what other sites send.
func (w *Web) guard(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if w.foreignName(r) {
			http.Error(rw, "this machine answers as localhost or 127.0.0.1 only", http.StatusMisdirectedRequest)
			return
		}
		sameOrigin.ServeHTTP(rw, r)
	})
}

// foreignName reports whether a request from this machine asks for a name that
// is not the machine's: a site whose name was made to point here (DNS
// rebinding). A proxy says whom it asks for.
func (w *Web) foreignName(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host := hostOf(r.Host)
	return isLoopback(hostOf(r.RemoteAddr)) && !isLoopback(host) && !slices.ContainsFunc(w.cfg.Hosts, func(h string) bool {
		return strings.EqualFold(h, host)
	})
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		address = h
	}
	return strings.Trim(address, "[]")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
