package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a pair of files that is read again when one of them changes,
// so that a renewed certificate needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	changed [2]time.Time // of the files, when they were read
	failed  [2]time.Time // the same, when they last could not be read and that was logged
	loaded  *tls.Certificate
}

func newCertificate(certFile, keyFile string, log *slog.Logger) *certificate {
	return &certificate{certFile: certFile, keyFile: keyFile, log: log, failed: [2]time.Time{time.Unix(0, 1)}}
}

// get returns the certificate. While a changed pair cannot be read, for
// example because only one of its files has been written, the old one serves,
// which is logged once for each change.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changed [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return c.orOld(changed, err)
		}
		changed[i] = info.ModTime()
	}
	if c.loaded != nil && changed == c.changed {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return c.orOld(changed, err)
	}
	c.loaded, c.changed = &pair, changed
	return c.loaded, nil
}

func (c *certificate) orOld(changed [2]time.Time, err error) (*tls.Certificate, error) {
	if c.loaded == nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	if changed != c.failed {
		c.failed = changed
		c.log.Warn("the renewed certificate cannot be read; the old one serves", "error", err)
	}
	return c.loaded, nil
}
