package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// healthcheckCmd asks a running plodwatch for /readyz.
type healthcheckCmd struct {
	Address string `name:"listen" help:"Address plodwatch up listens on." default:"127.0.0.1:8020" placeholder:"HOST:PORT"`
}

// Help says more than fits a line.
func (c *healthcheckCmd) Help() string {
	return `Whether plain HTTP or HTTPS is spoken there it finds out by itself; the certificate is not
looked at, for it is another name's than the address that is asked, and nothing secret is sent.

Exit codes: 0 ready, 1 not ready, or usage.

Examples:
  plodwatch healthcheck
  plodwatch healthcheck --listen 127.0.0.1:8021   # plodwatch ingest`
}

// Run returns an error unless the answer is 200.
func (c *healthcheckCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status, body, err := askReady(ctx, "http", c.Address)
	if err == nil && status == http.StatusBadRequest && strings.Contains(body, "HTTP request to an HTTPS server") {
		status, body, err = askReady(ctx, "https", c.Address)
	}
	if err != nil {
		return fmt.Errorf("nobody answers at %s; is plodwatch up running there? plodwatch doctor says what is wrong: %w", c.Address, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("plodwatch is not ready: %d %s: %s", status, http.StatusText(status), strings.Join(strings.Fields(body), " "))
	}
	fmt.Fprintln(a.stdout, "ready")
	return nil
}

// askReady asks for /readyz and returns the status and the text.
func askReady(ctx context.Context, scheme, address string) (status int, body string, err error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, // see Help
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/readyz", http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return resp.StatusCode, string(text), err
}
