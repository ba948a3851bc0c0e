package pull_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"plodwatch/ingest/pull"
	"plodwatch/schema/streams"
)

// dnsServer answers every question for IPv4 addresses with what answer says to
// the n-th, from 0, and has no others.
func dnsServer(t *testing.T, answer func(n int) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var asked atomic.Int64
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var msg dnsmessage.Message
			if msg.Unpack(buf[:n]) != nil || len(msg.Questions) != 1 {
				continue
			}
			msg.Response, msg.Authoritative, msg.RecursionAvailable, msg.Additionals = true, true, true, nil
			if q := msg.Questions[0]; q.Type == dnsmessage.TypeA {
				for _, addr := range answer(int(asked.Add(1) - 1)) {
					msg.Answers = append(msg.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: addr.As4()},
					})
				}
			}
			reply, err := msg.Pack()
			if err != nil {
				continue
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// TestRebindingIsRefused: a name that meant an address of the internet when
// somebody looked means loopback when the file is downloaded. The address that
// is dialed is what counts.
func TestRebindingIsRefused(t *testing.T) {
	r := newRoom(t, nil)
	inside := serve(t, file([]byte("what nobody outside may see")))
	resolver := dnsServer(t, func(n int) []netip.Addr {
		if n == 0 {
			return addrs("93.184.215.14")
		}
		return addrs("127.0.0.1")
	})
	rules := pull.Rules{Hosts: []string{"example.com"}}
	looked, err := resolver.LookupNetIP(t.Context(), "ip4", "example.com")
	if err != nil || len(looked) != 1 || looked[0] != netip.MustParseAddr("93.184.215.14") {
		t.Fatalf("who looks first sees %v, %v", looked, err)
	}
	r.order(t, rules, "https://example.com:"+inside.port(t)+"/?"+token)
	r.start(t, quick(3, rules), func(d *pull.Deps) { inside.trust(d); d.Resolver = resolver })
	r.wantDead(t, "not downloaded: private_address")
	if n := inside.connections.Load(); n != 0 {
		t.Errorf("%d connections to the inside", n)
	}
}

func TestNamesOfPrivateAddressesAreRefused(t *testing.T) {
	for name, list := range map[string][]netip.Addr{
		"loopback": addrs("127.0.0.1"), "several": addrs("127.0.0.1", "10.0.0.1", "169.254.169.254"), "unspecified": addrs("0.0.0.0"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			inside := serve(t, file([]byte("what nobody outside may see")))
			rules := pull.Rules{Hosts: []string{"*.example.com"}, AllowHTTP: true}
			r.order(t, rules, "https://files.example.com:"+inside.port(t)+"/?"+token)
			r.start(t, quick(3, rules), func(d *pull.Deps) {
				inside.trust(d)
				d.Resolver = dnsServer(t, func(int) []netip.Addr { return list })
			})
			r.wantDead(t, "not downloaded: private_address")
			if n := inside.connections.Load(); n != 0 {
				t.Errorf("%d connections to the inside", n)
			}
		})
	}
}

// TestNamesAreLookedUp shows that the servers of the tests above would have
// been reached had it been allowed.
func TestNamesAreLookedUp(t *testing.T) {
	for name, rules := range map[string]pull.Rules{
		"network": loopback(), "all": {Hosts: []string{"example.com"}, AllowPrivate: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			data := fit(5000)
			s := serve(t, file(data))
			r.order(t, rules, "https://example.com:"+s.port(t)+"/?"+token)
			r.start(t, quick(1, rules), func(d *pull.Deps) {
				s.trust(d)
				d.Resolver = dnsServer(t, func(int) []netip.Addr { return addrs("127.0.0.1") })
			})
			r.wantTaken(t, data)
		})
	}
}

func TestNameThatDoesNotExist(t *testing.T) {
	r := newRoom(t, nil)
	r.order(t, loopback(), "https://nowhere.example.com/?"+token)
	r.start(t, quick(2, loopback()), func(d *pull.Deps) {
		d.Resolver = dnsServer(t, func(int) []netip.Addr { return nil })
	})
	r.wantDead(t, "not downloaded in 2 tries: lookup")
	if n := r.messages(t, streams.Exports); n != 0 || !strings.Contains(r.logged.String(), `"host":"nowhere.example.com"`) {
		t.Errorf("%d jobs; the log: %s", n, r.logged)
	}
}
