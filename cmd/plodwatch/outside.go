package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probe is one thing /readyz asks; nil means ready.
type probe struct {
	name string
	ask  func(context.Context) error
}

// outsideHandler serves what a daemon shows to the outside: metrics and
// health.
func outsideHandler(reg *prometheus.Registry, stopping *atomic.Bool, probes []probe) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
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
				http.Error(w, p.name+": "+err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "plodwatch "+version+"\n\n/metrics  Prometheus metrics\n/livez    is the process alive\n/readyz   can it take work\n/v1/log   POST entries of the daily log as JSON\n")
	})
	return mux
}

// checkListen refuses addresses that others can reach: everything served there
// is open to whoever can.
func checkListen(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("read --listen %q: need HOST:PORT: %w", addr, err)
	}
	if !loopbackOnly(host) {
		return fmt.Errorf("refuse to listen on %s: it can be reached from outside and nothing here asks for a token; use 127.0.0.1 and put a proxy before it", addr)
	}
	return nil
}

// listenOutside listens on addr, which checkListen has passed.
func listenOutside(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (choose another with --listen): %w", addr, err)
	}
	return l, nil
}

// loopbackOnly reports whether host is a loopback address.
func loopbackOnly(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serveOutside serves until ctx ends.
func serveOutside(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	srv.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}
