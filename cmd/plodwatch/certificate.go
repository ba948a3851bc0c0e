package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificate is a pair of files that is read again when one of them changes,
// so that a renewed certificate needs no restart.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	changed [2]time.Time // of the files, when they were read
	loaded  *tls.Certificate
}

func newCertificate(certFile, keyFile string) *certificate {
	return &certificate{certFile: certFile, keyFile: keyFile}
}

// get returns the certificate. While a changed pair cannot be read, for
// example because only one of its files has been written, the old one serves.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changed [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return c.orOld(err)
		}
		changed[i] = info.ModTime()
	}
	if c.loaded != nil && changed == c.changed {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return c.orOld(err)
	}
	c.loaded, c.changed = &pair, changed
	return c.loaded, nil
}

func (c *certificate) orOld(err error) (*tls.Certificate, error) {
	if c.loaded != nil {
		return c.loaded, nil
	}
	return nil, fmt.Errorf("read the certificate: %w", err)
}
