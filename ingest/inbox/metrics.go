package inbox

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what an Inbox does. The sets of label values are closed.
type Metrics struct {
	messages *prometheus.CounterVec // result
	bytes    prometheus.Counter
	inHand   prometheus.Gauge
}

// What became of a message.
const (
	resultQueued    = "queued"
	resultDuplicate = "duplicate"
	resultRefused   = "refused" // no athlete
	resultTooLarge  = "too_large"
	resultNotNow    = "not_now"
	resultFailed    = "failed"
	resultDropped   = "dropped" // so often at least one was lost unseen
)

// NewMetrics registers the metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_inbox_messages_total", Help: "Exports that came by NATS, by what became of them.",
		}, []string{"result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_inbox_bytes_total", Help: "Bytes of the exports that were taken by NATS.",
		}),
		inHand: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_inbox_in_hand", Help: "Exports that are being handed to the intake.",
		}),
	}
	reg.MustRegister(m.messages, m.bytes, m.inHand)
	return m
}
