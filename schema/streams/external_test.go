package streams_test

import (
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"plodwatch/schema/streams"
)

// listen starts a server that listens on loopback; port -1 takes a free one.
func listen(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, JetStreamMaxStore: 8 << 30, JetStreamMaxMemory: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		t.Fatal("server is not ready")
	}
	t.Cleanup(func() { stop(srv) })
	return srv
}

func stop(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

func TestServerThatRestartsLosesNothing(t *testing.T) {
	dir := t.TempDir()
	srv := listen(t, dir, -1)
	opts := append(streams.ConnectOptions("test", slog.New(slog.DiscardHandler)), nats.ReconnectWait(20*time.Millisecond))
	conn, err := nats.Connect(srv.ClientURL(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	q := provisioned(t, conn, streams.DefaultLayout())
	publisher := q.publisher(t, streams.PublisherConfig{RetryFor: time.Minute, AckTimeout: time.Second})
	puller := q.puller(t, streams.Exports, streams.Worker)

	batch := publisher.Begin()
	const count = 60
	for i := range count {
		if i == count/2 {
			port := srv.Addr().String()
			stop(srv)
			srv = listen(t, dir, portOf(t, port))
		}
		if err := batch.Publish(t.Context(), streams.Message{Subject: jobSubject(byte(i)), Data: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Flush(t.Context()); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	seen := map[string]int{}
	for len(seen) < count {
		d := next(t, puller)
		seen[d.Subject()]++
		if err := d.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for subject, n := range seen {
		if n != 1 {
			t.Errorf("%s was stored %d times", subject, n)
		}
	}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
