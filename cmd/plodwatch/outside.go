package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// probe is one thing /readyz asks; nil means ready.
type probe struct {
	name string
	ask  func(context.Context) error
}

// uploadDoors are the lines about uploads on a process's first page.
const uploadDoors = "/api/v3/uploads    POST files; GET /api/openapi.yaml says more\n/dav/     WebDAV\n"

// outsideHandler serves what a process shows to the outside: health, and
// to whoever may look metrics and what exactly is wrong. All other addresses are for the rest.
func outsideHandler(reg *prometheus.Registry, stopping *atomic.Bool, probes []probe, mayLook func(*http.Request) bool, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !mayLook(r) {
			http.Error(w, "from elsewhere metrics need a token", http.StatusUnauthorized)
			return
		}
		metrics.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if stopping.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		for _, p := range probes {
			if err := p.ask(ctx); err != nil {
				text := p.name
				if mayLook(r) { // errors name servers and directories
					text += ": " + err.Error()
				}
				http.Error(w, text, http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/", rest)
	return mux
}

// plainDoors is the first page of a process that has no other: the addresses
// it answers to, and doors, which are further lines.
func plainDoors(doors string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "plodwatch "+version+"\n\n/metrics  Prometheus metrics\n/livez    is the process alive\n/readyz   can it take work\n"+doors)
	})
	return mux
}

// listenHost returns the host of an address to listen on.
func listenHost(addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("read --listen %q: need HOST:PORT: %w", addr, err)
	}
	return host, nil
}

// maxConnections bounds the connections at once, so that idle ones cannot use
// up the process's files.
const maxConnections = 1024

// listenOutside listens on addr, which checkListen has passed, with TLS when
// there is a certificate.
func listenOutside(ctx context.Context, log *slog.Logger, addr string, f *servingFlags) (net.Listener, error) {
	return listenFor(ctx, log, "--listen", addr, f)
}

// listenFor is listenOutside for the address that another flag gives.
func listenFor(ctx context.Context, log *slog.Logger, flag, addr string, f *servingFlags) (net.Listener, error) {
	var certificate *certificate
	if f.TLSCert != "" {
		certificate = newCertificate(f.TLSCert, f.TLSKey, log)
		if _, err := certificate.get(nil); err != nil {
			return nil, err
		}
	}
	proxies, err := f.trustedProxies()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (choose another with %s): %w", addr, flag, err)
	}
	l = netutil.LimitListener(limitEach(l, connectionsEach, proxies), maxConnections)
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get})
	}
	return l, nil
}

// loopbackOnly reports whether host is a loopback address.
func loopbackOnly(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveOutside serves until ctx ends, and then until the requests under way
// have been answered, for as long as grace.
func serveOutside(ctx context.Context, l net.Listener, h http.Handler, grace time.Duration) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // faults of clients
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}
