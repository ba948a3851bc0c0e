package pull

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// Config says how a Puller downloads.
type Config struct {
	// Rules say where files may lie. They hold for what is in the queue
	// already, too, and for every redirect.
	Rules Rules `yaml:"rules"`

	// Downloads is how many files are downloaded at the same time. Default 4.
	Downloads int `yaml:"downloads"`

	// Delays are how long a file waits after each try that failed; after the
	// last delay comes one more try, after which it is set aside. A server's
	// Retry-After may make it longer, up to 6 h. Default 10 s, 1 min, 10 min,
	// 1 h.
	Delays []time.Duration `yaml:"delays"`

	// NotNowDelay is how long a download waits, in hand, when the intake takes
	// nothing; that is no failed try. Default 15 s.
	NotNowDelay time.Duration `yaml:"not_now_delay"`

	// MaxFITBytes and MaxBytes are the largest FIT file, as its content says,
	// and the largest other one. Defaults 64 MiB and 256 MiB.
	MaxFITBytes int64 `yaml:"max_fit_bytes"`
	MaxBytes    int64 `yaml:"max_bytes"`

	// MaxRedirects is how many redirects are followed. Default 3.
	MaxRedirects int `yaml:"max_redirects"`

	// How long a connection, the header of an answer, a pause in its body, and
	// a download as a whole may take. Defaults 10 s, 30 s, 30 s and 30 min.
	DialTimeout   time.Duration `yaml:"dial_timeout"`
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	IdleTimeout   time.Duration `yaml:"idle_timeout"`
	TotalTimeout  time.Duration `yaml:"total_timeout"`

	// Grace is how long downloads in hand may go on after the end of Run's
	// context before theirs ends, too. Default 20 s.
	Grace time.Duration `yaml:"grace"`
}

// DefaultConfig returns the values plodwatch runs with; the rules allow
// nothing.
func DefaultConfig() Config {
	return Config{
		Downloads:     4,
		Delays:        []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour},
		NotNowDelay:   15 * time.Second,
		MaxFITBytes:   64 << 20,
		MaxBytes:      256 << 20,
		MaxRedirects:  3,
		DialTimeout:   10 * time.Second,
		HeaderTimeout: 30 * time.Second,
		IdleTimeout:   30 * time.Second,
		TotalTimeout:  30 * time.Minute,
		Grace:         20 * time.Second,
	}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	faults := []error{c.Rules.Validate()}
	for _, f := range []struct {
		name  string
		value int64
		least int64
	}{
		{"downloads", int64(c.Downloads), 1},
		{"not_now_delay", int64(c.NotNowDelay), 1},
		{"max_fit_bytes", c.MaxFITBytes, 1},
		{"max_bytes", c.MaxBytes, 1},
		{"max_redirects", int64(c.MaxRedirects), 0},
		{"dial_timeout", int64(c.DialTimeout), 1},
		{"header_timeout", int64(c.HeaderTimeout), 1},
		{"idle_timeout", int64(c.IdleTimeout), 1},
		{"total_timeout", int64(c.TotalTimeout), 1},
		{"grace", int64(c.Grace), 0},
	} {
		if f.value < f.least {
			faults = append(faults, fmt.Errorf("%s: %d is less than %d", f.name, f.value, f.least))
		}
	}
	for _, d := range c.Delays {
		if d <= 0 {
			faults = append(faults, fmt.Errorf("delays: %s is not positive", d))
		}
	}
	return errors.Join(faults...)
}

// tries is how often a file is tried.
func (c *Config) tries() int { return len(c.Delays) + 1 }

// Intake takes exports in. jobs.Intake is one, and says what its errors mean.
type Intake interface {
	Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)
}

// Deps are the things a Puller works with. All are required but Resolver and
// RootCAs.
type Deps struct {
	JetStream jetstream.JetStream
	Intake    Intake
	Publisher *streams.Publisher // for what is set aside
	Metrics   *Metrics
	Log       *slog.Logger

	Resolver *net.Resolver  // looks up hosts; nil for the system's
	RootCAs  *x509.CertPool // whom to believe who a server is; nil for the system's
}

// Puller takes files to download from the queue, downloads them and hands them
// to the intake.
type Puller struct {
	cfg    Config
	deps   Deps
	client *http.Client

	mu   sync.Mutex
	left []*download // to be given back at the end
}

// New returns a Puller, or an error that names every fault of cfg and every
// missing dependency.
func New(cfg Config, deps Deps) (*Puller, error) {
	err := errors.Join(cfg.Validate(), missing(map[string]bool{
		"jetstream": deps.JetStream == nil, "intake": deps.Intake == nil, "publisher": deps.Publisher == nil,
		"metrics": deps.Metrics == nil, "log": deps.Log == nil,
	}))
	if err != nil {
		return nil, fmt.Errorf("make puller: %w", err)
	}
	p := &Puller{cfg: cfg, deps: deps}
	p.client = p.newClient()
	return p, nil
}
