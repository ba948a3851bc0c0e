package folder

import "github.com/prometheus/client_golang/prometheus"

// The closed sets of the labels.
const (
	resultTaken      = "taken"              // queued
	resultDuplicate  = "duplicate"          // the same bytes were taken before
	resultIgnored    = "ignored_name"       // litter
	resultNotRegular = "not_a_regular_file" // never opened
	resultUnreadable = "unreadable"         // the system would not let us; tried again
	resultRefused    = "refused"            // will never be taken with these bytes
	resultFailed     = "failed"             // a fault on our side; tried again

	removedMoved   = "moved"
	removedDeleted = "deleted"
	removedFailed  = "failed" // tried again

	troubleWatch    = "watch"    // a directory without notifications
	troubleOverflow = "overflow" // notifications were lost
	troubleScan     = "scan"     // the directory could not be read
	troubleState    = "state"    // the state file could not be read or written
)

// Metrics counts what watched folders do.
type Metrics struct {
	files   *prometheus.CounterVec
	removed *prometheus.CounterVec
	trouble *prometheus.CounterVec
	pending prometheus.Gauge
	retries prometheus.Counter
	bytes   prometheus.Counter
}

// NewMetrics registers the counters with reg and returns them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_folder_files_total",
			Help: "Entries of the watched folder by what became of them, each state of a file counted once.",
		}, []string{"result"}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_folder_removed_total",
			Help: "Taken files that were moved or deleted, and failures to do so.",
		}, []string{"result"}),
		trouble: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plodwatch_folder_trouble_total",
			Help: "Lost notifications, failed scans and state file failures.",
		}, []string{"reason"}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plodwatch_folder_pending",
			Help: "Files that are still growing, wait for their turn or are being read.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_folder_retries_total",
			Help: "Times a file has to be handed in again because it could not be taken at that time.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plodwatch_folder_taken_bytes_total",
			Help: "Bytes of the files that were taken, duplicates not counted.",
		}),
	}
	reg.MustRegister(m.files, m.removed, m.trouble, m.pending, m.retries, m.bytes)
	for _, result := range []string{
		resultTaken, resultDuplicate, resultIgnored, resultNotRegular, resultUnreadable, resultRefused, resultFailed,
	} {
		m.files.WithLabelValues(result)
	}
	return m
}
