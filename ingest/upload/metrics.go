package upload

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the gate does, by route and outcome. The sets of label
// values are closed.
type Metrics struct {
	requests *prometheus.CounterVec   // route, status
	seconds  *prometheus.HistogramVec // route
	under    prometheus.Gauge
	bytes    prometheus.Counter
}

// NewMetrics registers the metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_gate_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plodwatch_gate_request_seconds", Help: "Time from a request's header to the end of its answer, s.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300},
		}, []string{"route"}),
		under: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_gate_requests_under_way", Help: "Requests under way.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_gate_taken_bytes_total", Help: "Bytes of the exports that were taken.",
		}),
	}
	reg.MustRegister(m.requests, m.seconds, m.under, m.bytes)
	return m
}

// watch counts and logs the requests of a route. The log has no query, for a
// token may be in it, and no path below the route, for it may be a file's name.
func (g *Gate) watch(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		g.deps.Metrics.under.Inc()
		seen := &seenWriter{ResponseWriter: w}
		// The server looks at its own request to see how much of the body is
		// left, and lets a client that still sends read the answer.
		r = r.WithContext(r.Context())
		g.guardBody(seen, r)
		defer func() { //nolint:contextcheck // the request is at hand
			g.deps.Metrics.under.Dec()
			took := time.Since(began)
			status := strconv.Itoa(seen.code())
			g.deps.Metrics.requests.WithLabelValues(route, status).Inc()
			g.deps.Metrics.seconds.WithLabelValues(route).Observe(took.Seconds())
			g.deps.Log.InfoContext(r.Context(), "request", "route", route, "method", r.Method, "status", seen.code(),
				"bytes", r.ContentLength, "took", took.Round(time.Millisecond), "client", g.ClientAddr(r))
		}()
		next.ServeHTTP(seen, r)
	})
}

// seenWriter remembers the status of an answer.
type seenWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader remembers the status.
func (w *seenWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *seenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *seenWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
