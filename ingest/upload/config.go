package upload

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"plodwatch/schema"
)

// Config bounds what the gate takes and from whom.
type Config struct {
	// MaxFITBytes is the largest FIT file, MaxBytes the largest body of any
	// other kind. Defaults 64 MiB and 256 MiB.
	MaxFITBytes int64 `yaml:"max_fit_bytes"`
	MaxBytes    int64 `yaml:"max_bytes"`

	// Rate is how many uploads a token may begin in a second, on average, and
	// Burst how many at once. Defaults 100 and 200.
	Rate  float64 `yaml:"rate"`
	Burst int     `yaml:"burst"`
	// Concurrency is how many uploads of one token may be under way. Default 32.
	Concurrency int `yaml:"concurrency"`

	// Stall is how long a body may send nothing. Default 30 s. After the same
	// time a body must have come with MinBytesPerSecond on average; default
	// 512.
	Stall             time.Duration `yaml:"stall"`
	MinBytesPerSecond int64         `yaml:"min_bytes_per_second"`

	// RetryAfter is the least time that a client is asked to wait when the
	// gate takes nothing now; up to as much again is added by chance, so that
	// clients do not all come back at once. Default 5 s.
	RetryAfter time.Duration `yaml:"retry_after"`

	// DefaultAthlete is whose files come without a token, from this machine
	// only. Default "me".
	DefaultAthlete schema.AthleteID `yaml:"default_athlete"`

	// TrustedProxies are the addresses whose X-Forwarded-For is believed. What
	// comes from them needs a token, also on this machine. Default none.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{
		MaxFITBytes: 64 << 20, MaxBytes: 256 << 20,
		Rate: 100, Burst: 200, Concurrency: 32,
		Stall: 30 * time.Second, MinBytesPerSecond: 512,
		RetryAfter:     5 * time.Second,
		DefaultAthlete: schema.DefaultAthlete,
	}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	positive := func(name string, ok bool) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s: must be above 0", name))
		}
	}
	positive("max_fit_bytes", c.MaxFITBytes > 0)
	positive("max_bytes", c.MaxBytes > 0)
	positive("rate", c.Rate > 0)
	positive("burst", c.Burst > 0)
	positive("concurrency", c.Concurrency > 0)
	positive("stall", c.Stall > 0)
	positive("min_bytes_per_second", c.MinBytesPerSecond > 0)
	positive("retry_after", c.RetryAfter > 0)
	if _, err := schema.ParseAthleteID(string(c.DefaultAthlete)); err != nil {
		faults = append(faults, fmt.Errorf("default_athlete: %w", err))
	}
	return errors.Join(faults...)
}
