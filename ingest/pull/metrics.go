package pull

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the Hook and the Puller do. The sets of label values are
// closed.
type Metrics struct {
	messages  *prometheus.CounterVec // result
	queued    prometheus.Counter
	downloads *prometheus.CounterVec // result
	failures  *prometheus.CounterVec // reason
	bytes     prometheus.Counter
	seconds   prometheus.Histogram
	inHand    prometheus.Gauge
}

// What became of a message; those refused have their reason instead.
const (
	resultStored    = "stored"
	resultDuplicate = "duplicate"
	resultNotNow    = "not_now"
	resultTooLarge  = "too_large"
	resultMethod    = "method"
	resultUnread    = "unreadable"
	resultRefused   = "refused" // a file that can never be allowed
)

// What became of a download.
const (
	resultTaken     = "taken"
	resultRetry     = "retry"
	resultSetAside  = "set_aside"
	resultGivenBack = "given_back" // through no fault of its own
	resultUnsure    = "unconfirmed"
)

// NewMetrics registers the metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plodwatch_pull_" + name, Help: help}, []string{label})
	}
	m := &Metrics{
		messages:  counters("messages_total", "Messages to the hook, by what became of them or why they were refused.", "result"),
		queued:    prometheus.NewCounter(prometheus.CounterOpts{Name: "plodwatch_pull_queued_total", Help: "Files queued for download."}),
		downloads: counters("downloads_total", "Tries to download a file, by what became of them.", "result"),
		failures:  counters("failures_total", "Tries to download a file that failed, by reason.", "reason"),
		bytes:     prometheus.NewCounter(prometheus.CounterOpts{Name: "plodwatch_pull_bytes_total", Help: "Bytes downloaded."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plodwatch_pull_download_seconds", Help: "Time that one try of a download took.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9),
		}),
		inHand: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plodwatch_pull_in_hand", Help: "Files that are being downloaded."}),
	}
	reg.MustRegister(m.messages, m.queued, m.downloads, m.failures, m.bytes, m.seconds, m.inHand)
	return m
}
