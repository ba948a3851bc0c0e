package natsd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
)

// childDirVar makes this test binary a server that publishes until killed.
const childDirVar = "PLODWATCH_NATSD_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirVar); dir != "" {
		if err := publishForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, cfg natsd.Config) *natsd.Server {
	t.Helper()
	srv, err := natsd.Open(cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeServer(t, srv) })
	return srv
}

func closeServer(t *testing.T, srv *natsd.Server) {
	t.Helper()
	if err := srv.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func connect(t *testing.T, srv *natsd.Server) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	conn, err := srv.Connect()
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatalf("jetstream.New: %v", err)
	}
	return conn, js
}

func streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: "T", Subjects: []string{"t.>"}, Storage: jetstream.FileStorage}
}

func TestSecondOpenOfADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, natsd.DefaultConfig(dir))
	if _, err := natsd.Open(natsd.DefaultConfig(dir)); !errors.Is(err, natsd.ErrLocked) {
		t.Fatalf("second Open: %v, want ErrLocked", err)
	}
	closeServer(t, first)
	open(t, natsd.DefaultConfig(dir))
}

func TestMessagesOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	srv := open(t, natsd.DefaultConfig(dir))
	conn, js := connect(t, srv)
	if _, err := js.CreateStream(t.Context(), streamConfig()); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "t.a", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	closeServer(t, srv)

	_, js = connect(t, open(t, natsd.DefaultConfig(dir)))
	stream, err := js.Stream(t.Context(), "T")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(msg.Data) != "kept" {
		t.Fatalf("message after restart: %v, %v", msg, err)
	}
}

func TestKillLosesNoAcknowledgedMessage(t *testing.T) {
	dir := t.TempDir()
	acked := runAndKill(t, dir, 300)

	_, js := connect(t, open(t, natsd.DefaultConfig(dir)))
	stream, err := js.Stream(t.Context(), "T")
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= acked; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatalf("message %d of %d acknowledged is lost: %v", seq, acked, err)
		}
		if string(msg.Data) != payload(seq) {
			t.Fatalf("message %d holds %q", seq, msg.Data)
		}
	}
}

// runAndKill starts a server in a process of its own, kills it with SIGKILL
// after atLeast acknowledgements, and returns how many it had reported.
func runAndKill(t *testing.T, dir string, atLeast uint64) uint64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDirVar+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked uint64
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		seq, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			continue // a line cut by the kill
		}
		acked = seq
		if acked == atLeast {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || acked < atLeast {
		t.Fatalf("server process ended with %v after %d acknowledgements", err, acked)
	}
	return acked
}

func payload(seq uint64) string { return "message " + strconv.FormatUint(seq, 10) }

func publishForEver(dir string) error {
	srv, err := natsd.Open(natsd.DefaultConfig(dir))
	if err != nil {
		return err
	}
	conn, err := srv.Connect()
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := js.CreateStream(ctx, streamConfig()); err != nil {
		return err
	}
	for seq := uint64(1); ; seq++ {
		ack, err := js.Publish(ctx, "t.a", []byte(payload(seq)))
		if err != nil {
			return err
		}
		if ack.Sequence != seq {
			return fmt.Errorf("message %d got sequence %d", seq, ack.Sequence)
		}
		fmt.Println(seq)
	}
}

func TestPayloadLimit(t *testing.T) {
	srv := open(t, natsd.DefaultConfig(t.TempDir()))
	conn, js := connect(t, srv)
	if got := conn.MaxPayload(); got != 8<<20 {
		t.Errorf("max payload %d, want 8 MiB", got)
	}
	if _, err := js.CreateStream(t.Context(), streamConfig()); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "t.big", make([]byte, 8<<20)); err != nil {
		t.Errorf("publish 8 MiB: %v", err)
	}
	if _, err := js.Publish(t.Context(), "t.big", make([]byte, 8<<20+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("publish 8 MiB and a byte: %v, want ErrMaxPayload", err)
	}
}

func TestStoreLimitIsThreeQuartersOfTheFreeDisk(t *testing.T) {
	dir := t.TempDir()
	free, total, err := natsd.DiskFree(dir)
	if err != nil || free == 0 || free > total {
		t.Fatalf("DiskFree = %d, %d, %v", free, total, err)
	}
	got := float64(open(t, natsd.DefaultConfig(dir)).MaxStoreBytes())
	if share := got / float64(free); share < 0.6 || share > 0.9 {
		t.Errorf("store limit is %.2f of the free disk, want about 0.75", share)
	}
	cfg := natsd.DefaultConfig(t.TempDir())
	cfg.MaxStoreBytes = 123 << 20
	if got := open(t, cfg).MaxStoreBytes(); got != 123<<20 {
		t.Errorf("store limit %d, want the configured one", got)
	}
	cfg = natsd.DefaultConfig(t.TempDir())
	cfg.ReserveBytes = int64(total) * 2
	if got := open(t, cfg).MaxStoreBytes(); got != cfg.ReserveBytes {
		t.Errorf("store limit %d, want at least the %d reserved", got, cfg.ReserveBytes)
	}
}

func TestStartThatCannotSucceedReturnsItsReason(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := natsd.Open(natsd.DefaultConfig(dir))
	if err == nil || !strings.Contains(err.Error(), "start nats server") {
		t.Fatalf("Open over a file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	open(t, natsd.DefaultConfig(dir)) // the failed start left no lock
}

// TestAStreamWithoutItsDescriptionIsMadeAgain: the server leaves out a stream
// whose description it cannot read; making it again brings back its messages.
func TestAStreamWithoutItsDescriptionIsMadeAgain(t *testing.T) {
	for _, damaged := range []string{"meta.inf", "meta.sum"} {
		dir := t.TempDir()
		srv := open(t, natsd.DefaultConfig(dir))
		conn, js := connect(t, srv)
		if _, err := js.CreateStream(t.Context(), streamConfig()); err != nil {
			t.Fatal(err)
		}
		for seq := range uint64(5) {
			if _, err := js.Publish(t.Context(), "t.a", []byte(payload(seq))); err != nil {
				t.Fatal(err)
			}
		}
		conn.Close()
		closeServer(t, srv)
		name := filepath.Join(dir, "jetstream", "$G", "streams", "T", damaged)
		if err := os.WriteFile(name, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, js = connect(t, open(t, natsd.DefaultConfig(dir)))
		if _, err := js.Stream(t.Context(), "T"); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("with a damaged %s: %v", damaged, err)
		}
		stream, err := js.CreateOrUpdateStream(t.Context(), streamConfig())
		if err != nil {
			t.Fatal(err)
		}
		if n := stream.CachedInfo().State.Msgs; n != 5 {
			t.Errorf("with a damaged %s %d messages come back, want 5", damaged, n)
		}
	}
}

func TestCloseGivesUpWithItsContextAndCanBeAwaitedAgain(t *testing.T) {
	srv := open(t, natsd.DefaultConfig(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := srv.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Close with a cancelled context: %v", err)
	}
	closeServer(t, srv)
	if _, err := srv.Connect(nats.Timeout(time.Second)); err == nil {
		t.Error("Connect after Close succeeded")
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	cfg := natsd.Config{MaxStoreBytes: -1, ReserveBytes: -1, MaxPayload: 33 << 20, ReadyTimeout: -1}
	err := cfg.Validate()
	for _, field := range []string{"dir", "max_store_bytes", "reserve_bytes", "max_payload", "ready_timeout"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Validate = %v, want it to name %s", err, field)
		}
	}
	if _, err := natsd.Open(cfg); err == nil {
		t.Error("Open took a faulty configuration")
	}
	if err := natsd.DefaultConfig("x").Validate(); err != nil {
		t.Errorf("default configuration: %v", err)
	}
}
