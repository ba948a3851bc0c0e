package store_test

import (
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ClickHouse/ch-go/proto"

	"plodwatch/analyze/store"
)

// shard is the far end of a Distributed table: it shakes hands, notes what it
// is asked and hangs up.
type shard struct {
	port int

	mu    sync.Mutex
	asked []string
}

func listenShard(t *testing.T) *shard {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &shard{port: listener.Addr().(*net.TCPAddr).Port} //nolint:forcetypeassert // tcp
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	return s
}

// serve speaks the native protocol of revision 54220, which is old enough not
// to be asked how far the tables lag behind before it gets the query.
func (s *shard) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 1<<20)
	if _, err := conn.Read(buf); err != nil {
		return
	}
	var hello proto.Buffer
	hello.PutUVarInt(uint64(proto.ServerCodeHello))
	hello.PutString("shard")
	hello.PutUVarInt(1)
	hello.PutUVarInt(1)
	hello.PutUVarInt(54220)
	hello.PutString("UTC")
	if _, err := conn.Write(hello.Buf); err != nil {
		return
	}
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if n == 1 && buf[0] == byte(proto.ClientCodePing) {
			if _, err := conn.Write([]byte{byte(proto.ServerCodePong)}); err != nil {
				return
			}
			continue
		}
		s.mu.Lock()
		s.asked = append(s.asked, string(buf[:n]))
		s.mu.Unlock()
		return
	}
}

// take returns what was asked since the last call.
func (s *shard) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.asked, "\n")
	s.asked = nil
	return all
}

// everywhere finds a table of ours that is not the shard's own.
var everywhere = regexp.MustCompile("_versions`")

// askShards checks, on two shards that are not this server, that what is asked
// of each is about its own tables only, and that every view is planned without
// settings of the reader's.
func askShards(t *testing.T, owner, reader *store.Store, far *shard) {
	for query, parts := range map[string][]string{
		"SELECT count() FROM samples WHERE athlete_id = 'me'": {
			"`samples_versions_local` AS `__table1` FINAL WHERE", "`sessions_versions_local` AS `__table1` FINAL", "equals(`athlete_id`, _CAST('me', 'String'))",
		},
		"SELECT low_s FROM intensity WHERE athlete_id = 'me'": {
			"`intensity_versions_local` AS `__table1` FINAL WHERE", "`sessions_versions_local` AS `__table1` FINAL", "equals(`athlete_id`, _CAST('me', 'String'))",
		},
		"SELECT count() FROM sessions WHERE athlete_id = 'me'": {
			"`sessions_versions_local` AS `__table1` FINAL", "equals(`athlete_id`, _CAST('me', 'String'))",
		},
	} {
		far.take()
		if err := reader.Conn().Exec(t.Context(), query); err == nil {
			t.Errorf("%s: answered by a shard that cannot", query)
		}
		asked := far.take()
		for _, part := range parts {
			if !strings.Contains(asked, part) {
				t.Errorf("%s: %s is not in what the shard was asked: %q", query, part, asked)
			}
		}
		if everywhere.MatchString(asked) {
			t.Errorf("%s: a shard is to ask the others: %q", query, asked)
		}
	}
	var views []string
	if err := reader.Conn().QueryRow(t.Context(),
		"SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase() AND engine = 'View'").Scan(&views); err != nil {
		t.Fatal(err)
	}
	for _, view := range views {
		if err := reader.Conn().Exec(t.Context(), "EXPLAIN SELECT * FROM "+view); isDoubleDistributed(err) {
			t.Errorf("%s: %v", view, err)
		}
	}
	// The same join by a reader's own hand, without and with the settings.
	const join = "EXPLAIN SELECT count() FROM sessions_versions WHERE athlete_id IN (SELECT athlete_id FROM returns_versions)"
	if err := reader.Conn().Exec(t.Context(), join); !isDoubleDistributed(err) {
		t.Errorf("without settings: %v, want that the engine refuses", err)
	}
	if err := owner.Conn().Exec(t.Context(), join); isDoubleDistributed(err) {
		t.Errorf("with settings: %v", err)
	}
}

// isDoubleDistributed reports whether a plan was refused because it would have
// each shard ask all others.
func isDoubleDistributed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "code: 288")
}
