package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plodwatch/analyze"
	"plodwatch/analyze/announce"
	"plodwatch/analyze/feed"
	"plodwatch/analyze/sqldoor"
	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/ingest/inbox"
	"plodwatch/ingest/jobs"
	"plodwatch/ingest/pull"
	"plodwatch/ingest/upload"
)

// exposed are the metrics that plodwatch registers, with their labels. It is a
// prometheus.Registerer that remembers descriptions: metrics with labels are
// not gathered before they have a value.
type exposed map[string][]string

var descParts = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

// Register remembers what c describes.
func (e exposed) Register(c prometheus.Collector) error {
	to := make(chan *prometheus.Desc)
	go func() {
		c.Describe(to)
		close(to)
	}()
	for d := range to {
		m := descParts.FindStringSubmatch(d.String())
		names := []string{m[1]}
		switch c.(type) {
		case prometheus.Histogram, *prometheus.HistogramVec:
			names = []string{m[1] + "_bucket", m[1] + "_sum", m[1] + "_count"}
		}
		for _, n := range names {
			e[n] = append(strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }), "le", "job", "instance")
		}
	}
	return nil
}

// MustRegister remembers what all of them describe.
func (e exposed) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = e.Register(c) // remembers, and never fails
	}
}

// Unregister forgets nothing.
func (e exposed) Unregister(prometheus.Collector) bool { return false }

// allMetrics are those of every part.
func allMetrics() exposed {
	e := exposed{"up": {"job", "instance"}} // Prometheus's own
	e.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newQueueGauge(nil))
	analyze.NewMetrics(e)
	feed.NewMetrics(e)
	announce.NewMetrics(e)
	ingest.NewMetrics(e)
	jobs.NewMetrics(e)
	folder.NewMetrics(e)
	upload.NewMetrics(e)
	inbox.NewMetrics(e)
	pull.NewMetrics(e)
	sqldoor.NewMetrics(e)
	return e
}

var (
	promName    = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	promBraces  = regexp.MustCompile(`\{([^}]*)\}`)
	promBy      = regexp.MustCompile(`\bby \(([^)]*)\)`)
	promMatcher = regexp.MustCompile(`([a-zA-Z_]+)\s*(?:=~|!~|!=|=)`)
	promRange   = regexp.MustCompile(`\[[^\]]*\]`)
)

// faultsOf says what a query names that nothing exposes.
func (e exposed) faultsOf(expr string) (faults []string) {
	labels := map[string]bool{}
	for _, m := range promBraces.FindAllStringSubmatch(expr, -1) {
		for _, l := range promMatcher.FindAllStringSubmatch(m[1], -1) {
			labels[l[1]] = true
		}
	}
	for _, m := range promBy.FindAllStringSubmatch(expr, -1) {
		for _, l := range promName.FindAllString(m[1], -1) {
			labels[l] = true
		}
	}
	rest := promRange.ReplaceAllString(promBy.ReplaceAllString(promBraces.ReplaceAllString(expr, ""), ""), "")
	known := map[string]bool{}
	metrics := 0
	for _, name := range promName.FindAllString(rest, -1) {
		switch name {
		case "sum", "max", "rate", "increase", "histogram_quantile", "bool":
			continue
		}
		if e[name] == nil {
			faults = append(faults, "no metric "+name)
			continue
		}
		metrics++
		for _, l := range e[name] {
			known[l] = true
		}
	}
	for _, l := range slices.Sorted(maps.Keys(labels)) {
		if metrics > 0 && !known[l] {
			faults = append(faults, "no label "+l)
		}
	}
	if metrics == 0 {
		faults = append(faults, "no metric at all")
	}
	return faults
}

// TestDeployGrafanaMetrics: what the dashboards and alerts ask Prometheus is
// there, with the labels that they use.
func TestDeployGrafanaMetrics(t *testing.T) {
	e := allMetrics()
	asked := 0
	check := func(where, expr string) {
		if expr == "" {
			return
		}
		asked++
		if faults := e.faultsOf(expr); len(faults) > 0 {
			t.Errorf("%s: %s: %v", where, expr, faults)
		}
	}
	for _, d := range dashboards(t) {
		for i := range d.Panels {
			for _, q := range d.Panels[i].Targets {
				check(d.Panels[i].Title, q.Expr)
			}
		}
	}
	for _, r := range alertRules(t) {
		for _, q := range r.Data {
			check(r.UID, q.Model.Expr)
		}
	}
	if asked < 20 {
		t.Errorf("only %d queries", asked)
	}
	for expr, want := range map[string]string{
		"rate(plodwatch_nosuch_total[5m])":                           "no metric plodwatch_nosuch_total",
		`plodwatch_queue_messages{nosuch="x"}`:                       "no label nosuch",
		"sum by (nosuch) (rate(plodwatch_jobs_handled_total[5m]))":   "no label nosuch",
		"rate(plodwatch_gate_request_seconds[5m])":                   "no metric plodwatch_gate_request_seconds",
		"sum(rate(plodwatch_gate_request_seconds_bucket_total[5m]))": "no metric",
	} {
		if faults := strings.Join(e.faultsOf(expr), ", "); !strings.Contains(faults, want) {
			t.Errorf("%s: %q, want %q", expr, faults, want)
		}
	}
}
