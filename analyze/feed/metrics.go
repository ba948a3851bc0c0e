package feed

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of a message, the values of the label "result".
const (
	resultStored   = "stored"    // durable and acknowledged
	resultLater    = "later"     // not storable now, kept in hand and tried again
	resultBack     = "back"      // given back to the queue at the end
	resultSetAside = "set_aside" // moved to the stream DEAD
	resultUnacked  = "unacked"   // durable, but the server could not be told; comes again
)

// Metrics counts what a Feed does.
type Metrics struct {
	messages *prometheus.CounterVec
	inHand   *prometheus.GaugeVec
}

// NewMetrics registers a feed's metrics with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_feed_messages_total",
			Help: "Messages taken from the queues for the analyzer, by what became of them.",
		}, []string{"stream", "result"}),
		inHand: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "plodwatch_feed_in_hand_messages",
			Help: "Messages taken from the queues and not yet acknowledged.",
		}, []string{"stream"}),
	}
	reg.MustRegister(m.messages, m.inHand)
	return m
}

func (m *Metrics) count(stream, result string, n int) {
	m.messages.WithLabelValues(strings.ToLower(stream), result).Add(float64(n))
}

func (m *Metrics) hold(stream string, n int) {
	m.inHand.WithLabelValues(strings.ToLower(stream)).Add(float64(n))
}
