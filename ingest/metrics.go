package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/schema"
)

// Metrics counts what workers do. All labels are from closed sets.
type Metrics struct {
	exports  *prometheus.CounterVec // outcome, reason, format
	failures *prometheus.CounterVec // kind
	sessions prometheus.Counter
	samples  prometheus.Counter
	bytes    prometheus.Counter
	decode   *prometheus.HistogramVec // format
}

// The values of the label kind of plodwatch_ingest_failures_total.
const (
	failureNotNow  = "not_now"  // the server would not take it now
	failureBlob    = "blob"     // the stored bytes cannot be read, or are not what they were
	failureStopped = "stopped"  // the work was stopped from outside
	failureOther   = "internal" // a fault of ours
)

// NewMetrics registers the counters with reg and returns them. It panics when
// reg has them already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		exports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_ingest_exports_total",
			Help: "Exports worked on to the end, by what became of them.",
		}, []string{"outcome", "reason", "format"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_ingest_failures_total",
			Help: "Jobs that did not come to an end and will be tried again, by kind of failure.",
		}, []string{"kind"}),
		sessions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_ingest_sessions_total",
			Help: "Sessions published.",
		}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_ingest_samples_total",
			Help: "Samples in the sessions published.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_ingest_bytes_total",
			Help: "Bytes of the exports worked on to the end, as they were handed in.",
		}),
		decode: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "plodwatch_ingest_decode_seconds",
			Help:    "Time a decoder took for one file.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
		}, []string{"format"}),
	}
	reg.MustRegister(m.exports, m.failures, m.sessions, m.samples, m.bytes, m.decode)
	return m
}

func (m *Metrics) finished(out *schema.ExportOutcome, samples int) {
	m.exports.WithLabelValues(string(out.Outcome), string(out.Reason), string(out.Format)).Inc()
	m.sessions.Add(float64(len(out.Sessions)))
	m.samples.Add(float64(samples))
	m.bytes.Add(float64(out.Job.Bytes))
}
