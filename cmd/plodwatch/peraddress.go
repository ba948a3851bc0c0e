package main

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// connectionsEach bounds the connections at once from one address elsewhere, so
// that one client cannot take all there are.
const connectionsEach = 64

// eachListener closes connections of an address that has too many.
type eachListener struct {
	net.Listener

	most   int
	exempt []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// limitEach bounds the connections of l from each address; in IPv6, where a
// client has as many addresses as it likes, from each /64. Those of this machine
// and of exempt are not bounded.
func limitEach(l net.Listener, most int, exempt []netip.Prefix) net.Listener {
	return &eachListener{Listener: l, most: most, exempt: exempt, open: map[netip.Prefix]int{}}
}

// Accept returns the next connection that is not one too many.
func (l *eachListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err // as it is: the server looks at its type
		}
		from, bounded := l.client(conn.RemoteAddr())
		if !bounded {
			return conn, nil
		}
		if l.enter(from) {
			return &eachConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		conn.Close()
	}
}

// client returns the addresses that count as one with this, and whether they
// are bounded.
func (l *eachListener) client(a net.Addr) (netip.Prefix, bool) {
	peer, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}, false
	}
	ip := peer.Addr().Unmap()
	if ip.IsLoopback() || slices.ContainsFunc(l.exempt, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return netip.Prefix{}, false
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip.WithZone(""), bits).Masked(), true
}

func (l *eachListener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.most {
		return false
	}
	l.open[from]++
	return true
}

func (l *eachListener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

// eachConn is a connection that is counted.
type eachConn struct {
	net.Conn

	leave func()
}

// Close closes it, and it counts no more.
func (c *eachConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
