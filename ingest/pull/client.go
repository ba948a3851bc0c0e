package pull

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 64 << 10

// newClient returns a client that obeys the rules on every connection and
// every redirect, whatever a host's name means from one moment to the next. It
// asks no proxy, keeps no cookies and leaves bodies as they come.
func (p *Puller) newClient() *http.Client {
	dialer := &net.Dialer{
		Timeout:  p.cfg.DialTimeout,
		Resolver: p.deps.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return p.cfg.Rules.checkDial(address)
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: p.deps.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    p.cfg.DialTimeout,
			ResponseHeaderTimeout:  p.cfg.HeaderTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConnsPerHost:    p.cfg.Downloads,
			IdleConnTimeout:        p.cfg.IdleTimeout,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > p.cfg.MaxRedirects {
				return &faultError{reason: reasonRedirects, permanent: true}
			}
			if reason := p.cfg.Rules.check(req.URL); reason != "" {
				return &faultError{reason: reason, permanent: true}
			}
			req.Header.Del("Referer") // it would tell where we come from, secrets included
			return nil
		},
	}
}

// checkDial returns an error when a connection to address, an IP address and a
// port, is not allowed. It is asked right before the connection is made.
func (r Rules) checkDial(address string) error {
	if addr, err := netip.ParseAddrPort(address); err == nil && r.permits(addr.Addr()) {
		return nil
	}
	return &faultError{reason: reasonAddress, permanent: true}
}

// Why a download fails, besides the reasons of the rules.
const (
	reasonRedirects   = "too_many_redirects"
	reasonLookup      = "lookup"
	reasonTLS         = "tls"
	reasonTimeout     = "timeout"
	reasonConnection  = "connection"
	reasonStatus      = "status"
	reasonTooLarge    = "too_large"
	reasonIntake      = "intake"
	reasonBusy        = "not_now"     // no failure: the intake takes nothing
	reasonInterrupted = "interrupted" // no failure: the Puller ends
	reasonKilled      = "unfinished"  // whoever had it in hand was killed
	reasonUnread      = "unreadable"  // the message in the queue
)

// faultError says why a try failed, in words of our own: what the libraries
// say quotes addresses, which may hold secrets.
type faultError struct {
	reason    string
	permanent bool
	status    int           // of the answer, when there was one
	after     time.Duration // how long the server asks to wait
}

// Error returns the reason, and the status when there is one.
func (f *faultError) Error() string {
	if f.status != 0 {
		return f.reason + " " + strconv.Itoa(f.status)
	}
	return f.reason
}

// faultOf puts an error of the client or of a body into our words.
func faultOf(ctx context.Context, err error) *faultError {
	var own *faultError
	var lookup *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var late net.Error
	switch cause := context.Cause(ctx); {
	case errors.As(err, &own):
		return own
	case errors.As(cause, &own):
		return own
	case errors.As(err, &lookup):
		return &faultError{reason: reasonLookup}
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert):
		return &faultError{reason: reasonTLS}
	case errors.As(err, &late) && late.Timeout():
		return &faultError{reason: reasonTimeout}
	case errors.Is(cause, context.Canceled):
		return &faultError{reason: reasonInterrupted}
	}
	return &faultError{reason: reasonConnection}
}

// longestWait bounds what a server may ask for.
const longestWait = 6 * time.Hour

// faultOfStatus returns the fault of an answer, or nil when it holds a file.
// Of the answers that blame the request (4xx) only those that speak of time
// are worth another try.
func faultOfStatus(resp *http.Response, now time.Time) *faultError {
	code := resp.StatusCode
	if code == http.StatusOK {
		return nil
	}
	f := &faultError{reason: reasonStatus, status: code, after: retryAfter(resp.Header.Get("Retry-After"), now)}
	switch code {
	case http.StatusAccepted, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		f.permanent = code < http.StatusInternalServerError
	}
	return f
}

// retryAfter reads a Retry-After in either of its forms.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestWait)
	}
	return 0
}
