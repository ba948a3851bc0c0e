package jobs

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// Metrics counts what the Intake, the Publisher and the Runner do. The sets of
// label values are closed.
type Metrics struct {
	accepted       *prometheus.CounterVec // source, result
	published      *prometheus.CounterVec // queue
	publishedBytes *prometheus.CounterVec // queue
	publishFailed  *prometheus.CounterVec // queue, reason
	handled        *prometheus.CounterVec // result
	waited         prometheus.Counter
	seconds        prometheus.Histogram
	inHand         prometheus.Gauge
}

// Label values: what became of an export that was handed in, and of a job.
const (
	resultQueued    = "queued"
	resultDuplicate = "duplicate"
	resultNotNow    = "not_now"
	resultEnded     = "context_ended"
	resultFailed    = "failed"

	resultDone     = "done"
	resultRetry    = "retry"      // a fault of ours, given back
	resultPoison   = "poison"     // set aside after too many tries
	resultUnread   = "unreadable" // set aside: the message cannot be decoded
	resultGiveBack = "given_back" // not finished before the end
	resultUnsure   = "unconfirmed"

	reasonTooLarge = "too_large"

	queueExports  = "exports"
	queueSamples  = "samples"
	queueOutcomes = "outcomes"
	queueAny      = "any" // of a batch as a whole
)

// NewMetrics registers the metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plodwatch_jobs_" + name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		accepted:       counters("accepted_total", "Exports handed in, by door and what became of them.", "source", "result"),
		published:      counters("published_total", "Messages published, by queue.", "queue"),
		publishedBytes: counters("published_bytes", "Bytes published, by queue.", "queue"),
		publishFailed:  counters("publish_failed_total", "Messages and batches that were not published.", "queue", "reason"),
		handled:        counters("handled_total", "Jobs taken from the queue, by what became of them.", "result"),
		waited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_jobs_back_pressure_total", Help: "Times that a job in hand had to wait for a server or a disk.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plodwatch_jobs_handle_seconds", Help: "Time that one try of a job took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
		inHand: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_jobs_in_hand", Help: "Jobs that are being worked on.",
		}),
	}
	reg.MustRegister(m.waited, m.seconds, m.inHand)
	return m
}

func (m *Metrics) accept(source schema.Source, result string) {
	switch source {
	case schema.SourceFolder, schema.SourceImport, schema.SourceUpload, schema.SourceArchive:
	default:
		source = "other"
	}
	m.accepted.WithLabelValues(string(source), result).Inc()
}

func (m *Metrics) publish(queue string, size int) {
	m.published.WithLabelValues(queue).Inc()
	m.publishedBytes.WithLabelValues(queue).Add(float64(size))
}

func (m *Metrics) publishFailure(queue string, err error) {
	reason := resultOf(err)
	if errors.Is(err, ingest.ErrSessionTooLarge) {
		reason = reasonTooLarge
	}
	m.publishFailed.WithLabelValues(queue, reason).Inc()
}

// resultOf sorts an error into a label value.
func resultOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return resultEnded
	case errors.Is(err, ingest.ErrNotNow):
		return resultNotNow
	}
	return resultFailed
}
