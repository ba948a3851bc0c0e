package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema/streams"
)

// natsProcess is a NATS server that can be stopped and started again on its
// port and its storage.
type natsProcess struct {
	t      *testing.T
	binary string
	dir    string
	port   int
	args   []string      // beyond the address
	opts   []nats.Option // of who may do anything
	cmd    *exec.Cmd
}

// newNATS starts a server on a free port of the loopback address.
func newNATS(t *testing.T) *natsProcess {
	t.Helper()
	return startNATS(t, []string{"-js", "-sd", t.TempDir()})
}

// startNATS is newNATS with what a connection that may do anything needs.
func startNATS(t *testing.T, args []string, opts ...nats.Option) *natsProcess {
	t.Helper()
	dir := t.TempDir()
	binary, err := e2e.nats()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(freeAddress(t), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	n := &natsProcess{t: t, binary: binary, dir: dir, port: number, args: args, opts: opts}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *natsProcess) url() string { return "nats://127.0.0.1:" + strconv.Itoa(n.port) }

func (n *natsProcess) start() {
	n.t.Helper()
	n.cmd = exec.CommandContext(context.WithoutCancel(n.t.Context()), n.binary, append([]string{
		"-a", "127.0.0.1", "-p", strconv.Itoa(n.port),
	}, n.args...)...)
	n.cmd.Env = append(os.Environ(), "PLODWATCH_NATS_STORE="+n.dir)
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	within(n.t, patience, func() string {
		conn, err := nats.Connect(n.url(), n.opts...)
		if err != nil {
			return err.Error()
		}
		conn.Close()
		return ""
	})
}

func (n *natsProcess) stop() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	if err := n.cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			n.t.Errorf("nats-server: %v", err)
		}
	}
	n.cmd = nil
}

// jetStream returns a connection of its own to the server's streams.
func (n *natsProcess) jetStream() jetstream.JetStream {
	n.t.Helper()
	conn, err := nats.Connect(n.url(), n.opts...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		n.t.Fatal(err)
	}
	return js
}

// gate starts a gate of its own on a free port.
func (p *person) gate(args ...string) *daemon {
	p.t.Helper()
	return p.role("gate", args...)
}

var roleLine = regexp.MustCompile(`plodwatch [a-z]+ is up: http://(\S+)\n`)

// role starts a part of the pipeline as a process of its own, on a free port,
// and waits until it is up.
func (p *person) role(name string, args ...string) *daemon {
	p.t.Helper()
	d := p.begin(name, args...)
	d.awaitUp()
	return d
}

// begin starts a part of the pipeline as a process of its own, on a free port.
func (p *person) begin(name string, args ...string) *daemon {
	p.t.Helper()
	d := &daemon{p: p, stderr: &safeBuffer{}, done: make(chan error, 1)}
	d.cmd = p.command(p.t.Context(), append([]string{name, "--data", p.data, "--listen", "127.0.0.1:0"}, args...)...)
	d.cmd.Stdout, d.cmd.Stderr = d.stderr, d.stderr
	if err := d.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	p.t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill() // only when the test has failed
			<-d.done
		}
	})
	return d
}

// awaitUp waits until a process that has begun says that it is up.
func (d *daemon) awaitUp() {
	d.p.t.Helper()
	within(d.p.t, patience, func() string {
		select {
		case err := <-d.done:
			d.done <- err
			d.p.t.Fatalf("%s ended: %v\n%s", d.cmd.Args, err, d.stderr)
		default:
		}
		m := roleLine.FindStringSubmatch(d.stderr.String())
		if m == nil {
			return "not up: " + d.stderr.String()
		}
		d.address = m[1]
		return ""
	})
}

// end stops a part that is a process of its own.
func (d *daemon) end() {
	d.p.t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.p.t.Fatal(err)
	}
	select {
	case err := <-d.done:
		if err != nil {
			d.p.t.Errorf("it ended with %v\n%s", err, d.stderr)
		}
	case <-time.After(patience):
		d.p.t.Fatalf("it did not stop\n%s", d.stderr)
	}
}

// messages is how many messages a stream holds.
func messages(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// TestEndToEndGateRole: a gate of its own hands uploads to a daemon elsewhere;
// the queue away or full is an answer that says when to come again, and
// nothing that was taken is dropped.
func TestEndToEndGateRole(t *testing.T) {
	t.Parallel()
	runs := corpus(t)
	server := newNATS(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url()}
	p.do(exitOK, "migrate")
	g := p.gate()
	send := func(i int) posted {
		t.Helper()
		data, err := os.ReadFile(runs[i].path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := post(t, g.address, "/api/v3/uploads", strings.NewReader(string(data)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	taken := func(i int) {
		t.Helper()
		within(t, patience, func() string {
			if got := send(i); got.status != http.StatusCreated {
				return fmt.Sprintf("upload %d: %d %s", i, got.status, got.body)
			}
			return ""
		})
	}
	later := func(i int, why string) {
		t.Helper()
		got := send(i)
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if got.status != http.StatusServiceUnavailable || err != nil || seconds < 1 || seconds > 60 {
			t.Errorf("upload while the queue is %s: %d, Retry-After %q: %s", why, got.status, got.header.Get("Retry-After"), got.body)
		}
	}
	taken(0)
	if got := messages(t, server.jetStream(), streams.Exports); got != 1 {
		t.Errorf("%d jobs wait, want 1", got)
	}

	server.stop()
	within(t, patience, func() string {
		if code, _ := g.get("/readyz"); code != http.StatusServiceUnavailable {
			return fmt.Sprintf("/readyz says %d without the queue", code)
		}
		return ""
	})
	later(1, "away")
	server.start()
	taken(1)

	js := server.jetStream()
	exports, err := js.Stream(t.Context(), streams.Exports)
	if err != nil {
		t.Fatal(err)
	}
	cfg := exports.CachedInfo().Config
	full := cfg
	full.MaxBytes = int64(exports.CachedInfo().State.Bytes) + 1
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	later(2, "full")
	if got := messages(t, js, streams.Exports); got != 2 {
		t.Errorf("%d jobs wait in the full queue, want the 2 that were taken", got)
	}
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	taken(2)

	// A daemon does the work, and the gate knows what became of it.
	d := p.up()
	want := sums{}
	for i := range 3 {
		want.add(int64(runs[i].Samples), runs[i].HRSum)
	}
	q := p.quiet()
	within(t, patience, func() string {
		if got := q.sums(); got != want {
			return fmt.Sprintf("stored are %+v, uploaded were %+v", got, want)
		}
		return ""
	})
	var r receipt
	if err := json.Unmarshal([]byte(send(0).body), &r); err != nil || r.Status != "Your activity is ready." {
		t.Errorf("the first upload again: %+v, %v", r, err)
	}
	g.end()
	d.stop(os.Interrupt)
}

// TestEndToEndGateMemory: a body of 200 MB in chunks goes through a gate that
// is to keep to 64 MiB, while a client that sends next to nothing does not
// hold others up.
func TestEndToEndGateMemory(t *testing.T) {
	t.Parallel()
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	const size = 200 << 20
	server := newNATS(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url()}
	p.do(exitOK, "migrate")
	p.env = append(p.env, "GOMEMLIMIT=64MiB")
	g := p.gate()

	var dialer net.Dialer
	slow, err := dialer.DialContext(t.Context(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "POST /api/v3/uploads HTTP/1.1\r\nHost: "+g.address+"\r\nContent-Length: 1000\r\n\r\nP"); err != nil {
		t.Fatal(err)
	}

	before := peakRSS(t, g)
	got, err := post(t, g.address, "/api/v3/uploads?filename=export.zip", &zipLike{left: size, rnd: rand.NewChaCha8([32]byte{7})}, nil)
	if err != nil || got.status != http.StatusCreated {
		t.Fatalf("large upload: %d %s %v", got.status, got.body, err)
	}
	after := peakRSS(t, g)
	t.Logf("peak memory of the gate: %d MiB before, %d MiB after %d MiB", before>>10, after>>10, size>>20)
	if after > 64<<10 {
		t.Errorf("the gate used %d KiB, want at most 64 MiB", after)
	}
	if n := messages(t, server.jetStream(), streams.Exports); n != 1 {
		t.Errorf("%d jobs wait, want 1", n)
	}
	g.end()
}

// zipLike reads as random bytes that begin like a zip.
type zipLike struct {
	left int
	rnd  *rand.ChaCha8
	head bool
}

func (z *zipLike) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	_, _ = z.rnd.Read(p[:n])
	if !z.head {
		z.head = true
		copy(p[:n], "PK\x03\x04")
	}
	z.left -= n
	return n, nil
}

// peakRSS is the most memory a process has had, in KiB.
func peakRSS(t *testing.T, d *daemon) int {
	t.Helper()
	file, err := os.Open("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system does not tell a process's memory")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("the process's status has no VmHWM")
	return 0
}
