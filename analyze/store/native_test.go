package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// oldServer is clickhouse-server as Debian packages it (18.16), in a process
// of its own.
type oldServer struct {
	dir          string
	native, http int
	cmd          *exec.Cmd
	log          bytes.Buffer
}

const oldConfig = `<yandex><logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>%[2]d</tcp_port><http_port>%[3]d</http_port>
<path>%[1]s/data/</path><tmp_path>%[1]s/tmp/</tmp_path><user_files_path>%[1]s/files/</user_files_path>
<format_schema_path>%[1]s/formats/</format_schema_path><users_config>%[1]s/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone></yandex>`

const oldUsers = `<yandex><profiles><default/></profiles><quotas><default/></quotas><users><plod><password>secret</password>
<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></plod></users></yandex>`

func newOldServer(t *testing.T) *oldServer {
	t.Helper()
	if _, err := exec.LookPath("clickhouse-server"); err != nil {
		t.Skip("clickhouse-server is not installed (apt-get install clickhouse-server): the native protocol is not exercised")
	}
	s := &oldServer{dir: t.TempDir(), native: freePort(t), http: freePort(t)}
	for name, text := range map[string]string{"config.xml": fmt.Sprintf(oldConfig, s.dir, s.native, s.http), "users.xml": oldUsers} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { s.kill(t) })
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // tcp
}

func (s *oldServer) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command("clickhouse-server", "--config-file="+filepath.Join(s.dir, "config.xml")) //nolint:gosec // of the test
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server as a power cut would, and waits until it is gone.
func (s *oldServer) kill(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait() // killed
	s.cmd = nil
	if t.Failed() {
		t.Logf("clickhouse-server: %s", s.log.String())
	}
}

// open connects once the server answers.
func (s *oldServer) open(t *testing.T, more string) *store.Store {
	t.Helper()
	url := fmt.Sprintf("clickhouse://plod:secret@127.0.0.1:%d/old?%s", s.native, more)
	var st *store.Store
	s.await(t, func() (err error) {
		st, err = store.Open(t.Context(), store.Config{URL: url, DialTimeout: 5 * time.Second})
		return err
	})
	return st
}

// await repeats f while the server is away, which f says by analyze.ErrNotNow.
func (s *oldServer) await(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, analyze.ErrNotNow) {
			t.Fatalf("want that it is worth another try: %v", err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within a minute: %v; %s", err, s.log.String())
		case <-tick.C:
		}
	}
}

// oldTypes are those of samples_versions as far as 18.16 has them. On the wire
// they are the same bytes: DateTime64(3) is an Int64 of milliseconds.
func oldTypes() map[string]string {
	types := map[string]string{
		"athlete_id": "String", "session_id": "UUID", "decode": "UInt64", "t": "Int64", "hr": "UInt8", "hr_flag": "UInt8",
	}
	for _, name := range []string{"speed_mmps", "distance_cm", "altitude_cm", "cadence_100", "power_w", "lat_e7", "lon_e7", "temperature_dc"} {
		types[name] = "Int32"
	}
	return types
}

func createOldSamples(t *testing.T, st *store.Store) {
	t.Helper()
	types := oldTypes()
	var columns []string
	for _, name := range slices.Sorted(maps.Keys(types)) {
		columns = append(columns, name+" "+types[name])
	}
	err := st.Conn().Exec(t.Context(), "CREATE TABLE samples_versions ("+strings.Join(columns, ", ")+
		") ENGINE = ReplacingMergeTree ORDER BY (athlete_id, session_id, decode, t)")
	if err != nil {
		t.Fatal(err)
	}
}

func insertSamples(t *testing.T, st *store.Store, rows ...*analyze.SessionRow) error {
	t.Helper()
	unknown := []string{"async_insert", "insert_deduplicate", "optimize_on_insert", "parallel_distributed_insert_select"}
	return store.InsertSamples(t.Context(), st, oldTypes(), unknown, rows...)
}

// TestNative writes samples through the native protocol to a server that is
// killed in between, with the code that writes them to any.
func TestNative(t *testing.T) {
	server := newOldServer(t)
	server.start(t)
	st := server.open(t, "")
	defer st.Close()
	createOldSamples(t, st)
	first, second := samplesRow("me", 0, 100_000), samplesRow("me", 1, 5)
	if err := insertSamples(t, st, first, second); err != nil {
		t.Fatal(err)
	}
	readsBack(t, st, first)
	readsBack(t, st, second)

	server.kill(t)
	third := samplesRow("you", 0, 1000)
	if err := insertSamples(t, st, third); !errors.Is(err, analyze.ErrNotNow) {
		t.Fatalf("written to a dead server: %v", err)
	}
	server.start(t)
	server.await(t, func() error { return insertSamples(t, st, third) })
	for _, row := range []*analyze.SessionRow{first, second, third} {
		readsBack(t, st, row)
	}

	// Without compression, too, and a password that is wrong.
	plain := server.open(t, "compress=none")
	defer plain.Close()
	fourth := samplesRow("you", 1, 10)
	if err := insertSamples(t, plain, fourth); err != nil {
		t.Fatal(err)
	}
	readsBack(t, plain, fourth)
	_, err := store.Open(t.Context(), store.Config{URL: fmt.Sprintf("clickhouse://plod:wrong@127.0.0.1:%d/old", server.native)})
	if !errors.Is(err, analyze.ErrNotNow) || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// samplesRow returns a session with samples that differ.
func samplesRow(athlete schema.AthleteID, ordinal, n int) *analyze.SessionRow {
	id := schema.SessionIDOf(athlete, schema.ExportIDOf([]byte("an export")), ordinal)
	env := &schema.Envelope{Athlete: athlete, ID: id}
	samples := &env.Session.Samples
	samples.TimeMs, samples.HeartRate = make([]int64, n), make([]uint8, n)
	for _, col := range samples.Int32Columns() {
		*col = make([]int32, n)
	}
	flags := make([]schema.HRFlag, n)
	for i := range n {
		samples.TimeMs[i], samples.HeartRate[i], flags[i] = 1714804200000+int64(i)*1000, uint8(60+i%120), schema.HRFlag(i%4) //nolint:gosec // small
		for k, col := range samples.Int32Columns() {
			(*col)[i] = int32(i*(k+1)) - 500 //nolint:gosec // small
		}
	}
	return &analyze.SessionRow{
		Env: env, Decode: 1<<63 + uint64(ordinal), Measured: &intensity.Measured{HRFlags: flags}, //nolint:gosec // small
	}
}

// readsBack compares the stored rows of a session, column by column.
func readsBack(t *testing.T, st *store.Store, row *analyze.SessionRow) {
	t.Helper()
	rows, err := st.Conn().Query(t.Context(), "SELECT t, hr, hr_flag, speed_mmps, temperature_dc, athlete_id, decode FROM samples_versions FINAL "+
		"WHERE session_id = toUUID('"+uuid.UUID(row.Env.ID).String()+"') ORDER BY t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	s, i := &row.Env.Session.Samples, 0
	speed, temperature := *s.Int32Columns()[0], *s.Int32Columns()[7]
	for ; rows.Next(); i++ {
		var (
			ms            int64
			hr, flag      uint8
			speeds, temps int32
			athlete       string
			decode        uint64
		)
		if err := rows.Scan(&ms, &hr, &flag, &speeds, &temps, &athlete, &decode); err != nil {
			t.Fatal(err)
		}
		if i >= s.Len() || ms != s.TimeMs[i] || hr != s.HeartRate[i] || flag != uint8(row.Measured.HRFlags[i]) ||
			speeds != speed[i] || temps != temperature[i] || athlete != string(row.Env.Athlete) || decode != row.Decode {
			t.Fatalf("row %d of %d is %d %d %d %d %d %s %d", i, s.Len(), ms, hr, flag, speeds, temps, athlete, decode)
		}
	}
	if err := rows.Err(); err != nil || i != s.Len() {
		t.Errorf("%d rows of %d: %v", i, s.Len(), err)
	}
}
