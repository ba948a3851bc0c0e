package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// comers is a listener whose connections come from addresses of the test's
// choice.
type comers struct {
	net.Listener

	from []string
}

type comer struct {
	net.Conn

	from   string
	closed *bool
}

func (c comer) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from)) }
func (c comer) Close() error         { *c.closed = true; return nil }

func (l *comers) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, net.ErrClosed
	}
	c := comer{from: l.from[0], closed: new(bool)}
	l.from = l.from[1:]
	return c, nil
}

// TestNoAddressTakesAllConnections: of an address elsewhere only so many are
// taken at once; this machine and trusted proxies are not bounded.
func TestNoAddressTakesAllConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		from  string
		other string
		took  int // of 5 from the first, then 1 from the other
	}{
		"elsewhere":                {"192.0.2.7:%d", "192.0.2.8:1", 3},
		"IPv4 in IPv6":             {"[::ffff:192.0.2.7]:%d", "192.0.2.7:1", 2},
		"a network of one client":  {"[2001:db8::%d]:1", "[2001:db8:0:1::1]:1", 3},
		"this machine":             {"127.0.0.1:%d", "192.0.2.8:1", 6},
		"this machine, by IPv6":    {"[::1]:%d", "192.0.2.8:1", 6},
		"a proxy that is trusted":  {"10.1.2.3:%d", "192.0.2.8:1", 6},
		"a proxy that is not":      {"10.2.2.3:%d", "192.0.2.8:1", 3},
		"a name of a network card": {"[fe80::1%%eth0]:%d", "[fe80::2%%eth0]:1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			all := &comers{}
			for i := range 5 {
				all.from = append(all.from, strings.NewReplacer("%d", string(rune('1'+i)), "%%", "%").Replace(tt.from))
			}
			all.from = append(all.from, strings.ReplaceAll(tt.other, "%%", "%"))
			l := limitEach(all, 2, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
			var took []net.Conn
			for {
				c, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					break
				}
				took = append(took, c)
			}
			if len(took) != tt.took {
				t.Fatalf("%d connections were taken, want %d", len(took), tt.took)
			}
			for range 2 { // closed twice counts once
				took[0].Close()
			}
			all.from = []string{took[0].RemoteAddr().String(), took[0].RemoteAddr().String()}
			again := 0
			for ; ; again++ {
				if _, err := l.Accept(); err != nil {
					break
				}
			}
			if want := map[bool]int{true: 2, false: 1}[tt.took == 6]; again != want {
				t.Errorf("after one was closed %d more were taken, want %d", again, want)
			}
		})
	}
}

// TestReadinessTellsStrangersOnlyWhat.
func TestReadinessTellsStrangersOnlyWhat(t *testing.T) {
	away := []probe{{name: "clickhouse", ask: func(context.Context) error { return errors.New("dial tcp 10.0.0.6:9000: refused") }}}
	for mayLook, want := range map[bool]string{true: "clickhouse: dial tcp 10.0.0.6:9000: refused\n", false: "clickhouse\n"} {
		h := outsideHandler(prometheus.NewRegistry(), new(atomic.Bool), away, func(*http.Request) bool { return mayLook }, http.NotFoundHandler())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
			t.Errorf("may look %t: %d %q, want %q", mayLook, w.Code, w.Body, want)
		}
	}
}

// TestRenewedCertificateThatCannotBeReadIsLogged: once for each change, and the
// old one serves until a sound one comes.
func TestRenewedCertificateThatCannotBeReadIsLogged(t *testing.T) {
	certFile, keyFile, _ := selfSigned(t)
	sound, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	said := &safeBuffer{}
	c := newCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(said, nil)))
	old, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	const words = "the renewed certificate cannot be read"
	step := time.Now()
	change := func(data []byte, lines int) {
		t.Helper()
		writeFile(t, certFile, data)
		step = step.Add(time.Minute)
		if err := os.Chtimes(certFile, step, step); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if now, err := c.get(nil); err != nil || (now == old) != (lines > 0) {
				t.Errorf("another certificate serves, or none: %v", err)
			}
		}
		if n := strings.Count(said.String(), words); lines > 0 && n != lines {
			t.Errorf("it was logged %d times, want %d:\n%s", n, lines, said)
		}
	}
	change(sound[:len(sound)/2], 1)
	change([]byte("nonsense"), 2)
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if now, err := c.get(nil); err != nil || now != old {
			t.Errorf("without the file: %v", err)
		}
	}
	if n := strings.Count(said.String(), words); n != 3 {
		t.Errorf("it was logged %d times, want 3:\n%s", n, said)
	}
	change(sound, 0)
}
