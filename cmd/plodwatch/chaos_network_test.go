package main

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// network is a way to a server that can be disturbed: it forwards TCP
// connections, and cuts, delays or swallows what goes through on demand.
type network struct {
	target string
	l      net.Listener

	mu    sync.Mutex
	fault networkFault
	conns map[net.Conn]struct{}
	under sync.WaitGroup
}

// networkFault is what is wrong with a network.
type networkFault int

const (
	networkSound  networkFault = iota
	networkCut                 // connections are reset, and new ones too
	networkSlow                // each piece comes 100 ms late
	networkDrops               // what is sent is swallowed; the connections end with the fault
	networkFaults              // how many there are
)

// newNetwork returns a sound network to target.
func newNetwork(t *testing.T, target string) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // ends with the test
	if err != nil {
		t.Fatal(err)
	}
	n := &network{target: target, l: l, conns: make(map[net.Conn]struct{})}
	n.under.Go(n.accept)
	t.Cleanup(func() {
		l.Close()
		n.reset()
		n.under.Wait()
	})
	return n
}

func (n *network) address() string { return n.l.Addr().String() }

func (n *network) accept() {
	for {
		in, err := n.l.Accept()
		if err != nil {
			return // closed
		}
		n.under.Go(func() { n.forward(in) })
	}
}

func (n *network) forward(in net.Conn) {
	defer in.Close()
	if n.now() == networkCut {
		return
	}
	out, err := net.DialTimeout("tcp", n.target, time.Second)
	if err != nil {
		return
	}
	defer out.Close()
	n.mu.Lock()
	n.conns[in], n.conns[out] = struct{}{}, struct{}{}
	n.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			n.pass(way[0], way[1])
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
	n.mu.Lock()
	delete(n.conns, in)
	delete(n.conns, out)
	n.mu.Unlock()
}

// pass copies from one side to the other, as well as the network does.
func (n *network) pass(from io.Reader, to io.Writer) {
	buf := make([]byte, 32<<10)
	for {
		k, err := from.Read(buf)
		switch n.now() {
		case networkDrops:
			k = 0
		case networkSlow:
			time.Sleep(100 * time.Millisecond) // what is being tried
		case networkSound, networkCut, networkFaults:
		}
		if k > 0 {
			if _, err := to.Write(buf[:k]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (n *network) now() networkFault {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fault
}

// disturb begins a fault; networkSound ends it.
func (n *network) disturb(f networkFault) {
	n.mu.Lock()
	was := n.fault
	n.fault = f
	n.mu.Unlock()
	if f == networkCut || was == networkDrops {
		n.reset()
	}
}

// reset ends all connections at once.
func (n *network) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not a good end
		}
		c.Close()
	}
}

// addNetwork puts a network before a server and has it disturbed like the
// others are killed: a network of the parts, or a route of the servers.
func (w *world) addNetwork(role, target string) (address string) {
	w.t.Helper()
	n := newNetwork(w.t, target)
	next := networkSound
	w.add(&victim{
		role: role, weight: 2,
		kill: func() {
			if next++; next == networkFaults {
				next = networkCut
			}
			n.disturb(next)
		},
		start: func() { n.disturb(networkSound) },
		ready: func() bool { return true },
	})
	return n.address()
}
