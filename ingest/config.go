package ingest

// Config bounds what a Worker and Inspect take.
type Config struct{}

// DefaultConfig returns the limits plodwatch runs with.
func DefaultConfig() Config { return Config{} }

// Validate returns an error that names every field whose value is not usable.
func (c Config) Validate() error { return nil }
