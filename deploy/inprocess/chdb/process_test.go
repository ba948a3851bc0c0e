package chdb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/chdb"
)

// childPath names the data path for this binary when it is started as the
// other process of a test.
const childPath = "PLODWATCH_TEST_CHILD_PATH"

func leaked() error { return goleak.Find() }

// child opens the path, inserts until it is killed, and says how far it came;
// with an engine that cannot be opened it says why.
func child(dir string) int {
	e, err := chdb.Open(chdb.Config{Path: dir})
	switch {
	case errors.Is(err, chdb.ErrLocked):
		fmt.Println("locked", err)
		return 0
	case err != nil:
		fmt.Println("failed", err)
		return 1
	}
	if os.Getenv(childPath+"_CLOSE") != "" {
		fmt.Println(closeWhileRunning(e, dir))
		return 0
	}
	ctx := context.Background()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"inprocess:8123"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return e.RoundTripper(), nil },
	})
	if err == nil {
		err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS kept (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1")
	}
	if os.Getenv(childPath+"_COUNT") != "" {
		var rows, distinct uint64
		if err == nil {
			err = conn.QueryRow(ctx, "SELECT count(), uniqExact(n) FROM kept").Scan(&rows, &distinct)
		}
		fmt.Println("counted", rows, distinct, err, e.Close())
		return 0
	}
	for batch := uint64(0); err == nil; batch++ {
		err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO kept SELECT number + %d FROM numbers(1000)", batch*1000))
		if err == nil {
			fmt.Println("acknowledged", (batch+1)*1000)
		}
	}
	fmt.Println("failed", err)
	return 1
}

// closeWhileRunning closes an engine in the middle of a statement and opens the
// next one, on another path and then on the same again.
func closeWhileRunning(e *chdb.Engine, dir string) error {
	rt := e.RoundTripper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://inprocess/", strings.NewReader("SELECT number FROM numbers(1000000000000)"))
	if err != nil {
		return err
	}
	res, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	var read sync.WaitGroup
	var ended error
	began := make(chan struct{})
	read.Go(func() {
		defer func() { _ = res.Body.Close() }()
		if _, ended = io.ReadFull(res.Body, make([]byte, 1000)); ended == nil {
			close(began)
			_, ended = io.Copy(io.Discard, res.Body)
		}
	})
	<-began
	if err = e.Close(); err != nil {
		return err
	}
	read.Wait()
	if ended == nil {
		return errors.New("the answer that was cut looks whole")
	}
	if err = e.Close(); !errors.Is(err, chdb.ErrClosed) {
		return fmt.Errorf("the second close: %w", err)
	}
	res, err = rt.RoundTrip(req.Clone(context.Background()))
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("a closed engine answers %s", res.Status)
	}
	for _, path := range []string{dir + "2", dir} {
		if e, err = chdb.Open(chdb.Config{Path: path}); err != nil {
			return err
		}
		if err = e.Close(); err != nil {
			return err
		}
	}
	if err = goleak.Find(); err != nil {
		return err
	}
	return errors.New("all is well")
}

func TestCloseEndsWhatRunsAndFreesThePath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	cmd, said := startChild(t, dir, childPath+"_CLOSE=1")
	var lines []string
	for said.Scan() {
		lines = append(lines, said.Text())
	}
	must(t, cmd.Wait())
	if len(lines) != 1 || lines[0] != "all is well" {
		t.Errorf("the other process said %q", lines)
	}
}

func TestRecoveredNilDereferenceDoesNotHang(t *testing.T) {
	deref := func(p *int) (v any) {
		defer func() { v = recover() }()
		return *p
	}
	if err, ok := deref(nil).(error); !ok || !strings.Contains(err.Error(), "nil pointer dereference") {
		t.Errorf("recovered %v", err)
	}
	must(t, connect(t, engine.RoundTripper()).Ping(t.Context()))
}

func startChild(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(append(os.Environ(), childPath+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

func TestKilledProcessLeavesWhatItAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	writer, lines := startChild(t, dir)
	acknowledged := 0
	for i := 0; i < 5 && lines.Scan(); i++ {
		if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d", &acknowledged); err != nil {
			t.Fatalf("the writer said %q", lines.Text())
		}
	}
	other, said := startChild(t, dir)
	if !said.Scan() || !strings.HasPrefix(said.Text(), "locked") || !strings.Contains(said.Text(), "held by another process") {
		t.Errorf("a second process on the path said %q, want it to be locked out", said.Text())
	}
	must(t, other.Wait())
	must(t, writer.Process.Kill())
	for lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "acknowledged %d", &acknowledged)
	}
	if err := writer.Wait(); err == nil {
		t.Fatal("the writer ended by itself, want it killed")
	}
	if acknowledged < 5000 {
		t.Fatalf("the writer acknowledged %d rows, want at least 5000", acknowledged)
	}
	again, said := startChild(t, dir, childPath+"_COUNT=1")
	var rows, distinct int
	if !said.Scan() {
		t.Fatal("the path could not be opened again")
	}
	if _, err := fmt.Sscanf(said.Text(), "counted %d %d <nil> <nil>", &rows, &distinct); err != nil {
		t.Fatalf("the reader said %q", said.Text())
	}
	must(t, again.Wait())
	if rows < acknowledged || rows > acknowledged+1000 || rows != distinct {
		t.Errorf("%d rows, %d distinct after kill, want %d or one batch more", rows, distinct, acknowledged)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := chdb.Open(chdb.Config{Path: t.TempDir()}); !errors.Is(err, chdb.ErrAlreadyOpen) {
		t.Errorf("a second engine: %v, want ErrAlreadyOpen", err)
	}
	_, err := chdb.Open(chdb.Config{Path: t.TempDir(), Library: filepath.Join(t.TempDir(), "no.so")})
	if !errors.Is(err, chdb.ErrNotInstalled) || !strings.Contains(err.Error(), "make libchdb") {
		t.Errorf("a library that is not there: %v, want ErrNotInstalled and the way to mend it", err)
	}
	_, err = chdb.Open(chdb.Config{Database: "a b", MaxMemoryBytes: 1, BackgroundThreads: -1})
	for _, field := range []string{"path", "database", "max memory", "background threads"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("a bad config: %v, want it to name %s", err, field)
		}
	}
}
