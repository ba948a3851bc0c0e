package analyze

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of the result label.
const (
	resultStored   = "stored"
	resultNotNow   = "not_now"
	resultSetAside = "permanent"
)

// The values of the cause label.
const (
	causeInputs  = "inputs"
	causeRequest = "request"
)

func resultOf(err error) string {
	switch {
	case err == nil:
		return resultStored
	case errors.Is(err, ErrPermanent):
		return resultSetAside
	default:
		return resultNotNow
	}
}

// Metrics counts what the analyzer does.
type Metrics struct {
	sessions     *prometheus.CounterVec // by result
	exports      *prometheus.CounterVec // by result
	batches      *prometheus.CounterVec // by result
	verdicts     *prometheus.CounterVec // by verdict
	rederived    *prometheus.CounterVec // by cause
	sweeps       *prometheus.CounterVec // by result
	refreshed    prometheus.Counter
	copies       prometheus.Counter
	samples      prometheus.Counter
	rowsInHand   prometheus.Gauge
	batchSeconds prometheus.Histogram
	batchRows    prometheus.Histogram
}

// NewMetrics makes the metrics, whose names begin with plodwatch_analyze_, and
// registers them with reg. It panics when they are registered there already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plodwatch_analyze_" + name, Help: help}, []string{label})
	}
	m := &Metrics{
		sessions:  vec("sessions_total", "Sessions by what became of them: stored, not_now, permanent.", "result"),
		exports:   vec("exports_total", "Outcomes of exports by what became of them: stored, not_now, permanent.", "result"),
		batches:   vec("batches_total", "Batches by what became of them: stored, not_now, permanent.", "result"),
		verdicts:  vec("verdicts_total", "Stored sessions by verdict.", "verdict"),
		rederived: vec("rederived_total", "Stored sessions that were derived again, by cause: inputs, request.", "cause"),
		sweeps:    vec("sweeps_total", "Searches for sessions to derive again: stored, not_now, permanent.", "result"),
		refreshed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_analyze_refreshed_total", Help: "Athletes whose days and what follows from them were made again.",
		}),
		copies: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_analyze_copy_verdicts_total", Help: "Changed verdicts on whether a session is a copy of another.",
		}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_analyze_samples_total", Help: "Samples of stored sessions.",
		}),
		rowsInHand: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_analyze_rows_in_hand", Help: "Samples gathered or being written.",
		}),
		batchSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plodwatch_analyze_batch_seconds", Help: "Time to derive and write a batch.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}),
		batchRows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plodwatch_analyze_batch_rows", Help: "Samples per batch.",
			Buckets: prometheus.ExponentialBuckets(100, 4, 8),
		}),
	}
	for _, result := range []string{resultStored, resultNotNow, resultSetAside} {
		for _, v := range []*prometheus.CounterVec{m.sessions, m.exports, m.batches, m.sweeps} {
			v.WithLabelValues(result)
		}
	}
	m.rederived.WithLabelValues(causeInputs)
	m.rederived.WithLabelValues(causeRequest)
	reg.MustRegister(m.sessions, m.exports, m.batches, m.verdicts, m.rederived, m.sweeps,
		m.refreshed, m.copies, m.samples, m.rowsInHand, m.batchSeconds, m.batchRows)
	return m
}
