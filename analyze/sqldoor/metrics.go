package sqldoor

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the door does. The labels' values are a closed set.
type Metrics struct {
	requests *prometheus.CounterVec // result
	seconds  prometheus.Histogram
	under    prometheus.Gauge
	bytes    prometheus.Counter
}

// The results of a request.
const (
	resultAnswered     = "answered"
	resultUnauthorized = "unauthorized" // no token, or none that is known
	resultRefused      = "refused"      // by who asks, or by what is asked
	resultTooMuch      = "too_much"     // time, memory, rows, bytes, queries at once
	resultFailed       = "failed"       // an error in the query, or of the engine
	resultBroken       = "broken_off"   // after the answer had begun
)

// NewMetrics registers the metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_sql_requests_total", Help: "Requests of outside SQL tools, by what came of them.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plodwatch_sql_request_seconds", Help: "Time from a request's header to the end of its answer, s.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60},
		}),
		under: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_sql_requests_under_way", Help: "Requests under way, those that wait for their turn included.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_sql_answer_bytes_total", Help: "Bytes of answers, as sent.",
		}),
	}
	for _, r := range []string{resultAnswered, resultUnauthorized, resultRefused, resultTooMuch, resultFailed, resultBroken} {
		m.requests.WithLabelValues(r)
	}
	reg.MustRegister(m.requests, m.seconds, m.under, m.bytes)
	return m
}

func (m *Metrics) count(out *patient, broken bool, took time.Duration) {
	result := resultOf(out.status, out.Header().Get("X-ClickHouse-Exception-Code"))
	if broken {
		result = resultBroken
	}
	m.requests.WithLabelValues(result).Inc()
	m.seconds.Observe(took.Seconds())
	m.bytes.Add(float64(out.bytes))
}

// resultOf tells what came of a request by its answer's status and by
// ClickHouse's number of the exception in it.
func resultOf(status int, exception string) string {
	switch status {
	case 0, http.StatusOK:
		return resultAnswered
	case http.StatusUnauthorized:
		return resultUnauthorized
	case http.StatusForbidden:
		return resultRefused
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		return resultTooMuch
	}
	switch exception {
	case "164", "497": // READONLY, ACCESS_DENIED
		return resultRefused
	case "202", "241", "396": // too many queries, memory, too many rows or bytes
		return resultTooMuch
	}
	return resultFailed
}
