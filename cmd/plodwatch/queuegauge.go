package main

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/schema/streams"
)

// queueGauge says, whenever metrics are asked for, how many messages wait in
// the queues that this process may look at. A queue that does not answer in
// time is left out.
type queueGauge struct {
	js       jetstream.JetStream
	names    []string
	messages *prometheus.Desc
}

// queueAnswer is how long metrics wait for the queues.
const queueAnswer = 2 * time.Second

func newQueueGauge(js jetstream.JetStream, names ...string) *queueGauge {
	return &queueGauge{js: js, names: names, messages: prometheus.NewDesc("plodwatch_queue_messages",
		"Messages in a stream: waiting or being worked on; in DEAD, set aside.", []string{"stream"}, nil)}
}

// Describe sends the one description.
func (g *queueGauge) Describe(to chan<- *prometheus.Desc) { to <- g.messages }

// Collect asks the queues.
func (g *queueGauge) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), queueAnswer)
	defer cancel()
	for _, name := range g.names {
		st, err := g.js.Stream(ctx, name)
		if err != nil {
			continue
		}
		to <- prometheus.MustNewConstMetric(g.messages, prometheus.GaugeValue, float64(st.CachedInfo().State.Msgs), name)
	}
}

// queuesOfAll are those that a process with everything looks at.
func queuesOfAll() []string {
	return []string{streams.Exports, streams.Samples, streams.Outcomes, streams.Dead}
}
