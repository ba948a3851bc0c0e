package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/analyze/store/storetest"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema"
	"plodwatch/schema/tables"
)

// clusterConfig makes the engine in this process a cluster, plod, of one
// server, itself. There is no port behind it: a replica that is this server is
// asked directly. The other cluster, far, has two shards at the address shard.
func clusterConfig(shard int) string {
	replica := func(port int) string {
		return fmt.Sprintf("<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>%d</port></replica></shard>", port)
	}
	return "<clickhouse><tcp_port>9000</tcp_port><remote_servers><plod>" + replica(9000) + "</plod><far>" + replica(shard) + replica(shard) +
		"</far></remote_servers></clickhouse>"
}

// clusterUsers lets this process make tables over a cluster.
const clusterUsers = `<clickhouse><users><default><grants replace="1"><query>GRANT ALL ON *.*</query></grants></default></users></clickhouse>`

// openCluster opens the engine as the clusters of clusterConfig.
func openCluster(t *testing.T, shard int) *chdb.Engine {
	t.Helper()
	dir := t.TempDir()
	for folder, text := range map[string]string{"config.d": clusterConfig(shard), "users.d": clusterUsers} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "cluster.xml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	engine, err := chdb.Open(chdb.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

var (
	onCluster  = regexp.MustCompile(" ON CLUSTER `(?:plod|far)`")
	replicated = regexp.MustCompile(`ReplicatedReplacingMergeTree\('[^']*', '[^']*'(?:, )?`)
)

// withoutKeeper takes from statements what needs ClickHouse Keeper, which the
// engine in this process cannot have: ON CLUSTER and replication.
func withoutKeeper(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if bytes.HasPrefix(body, []byte("CREATE ")) || bytes.HasPrefix(body, []byte("ALTER ")) {
			body = onCluster.ReplaceAll(body, nil)
			body = replicated.ReplaceAll(body, []byte("ReplacingMergeTree("))
			r.ContentLength = int64(len(body))
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

var whole = flag.Bool("cluster", false, "run the whole battery over Distributed tables, not the half that joins and marks")

// TestCluster runs the battery over Distributed tables: FINAL, joins, marks on
// copies and added columns.
func TestCluster(t *testing.T) {
	shard := listenShard(t)
	engine := openCluster(t, shard.port)
	next := numbered()
	server := httptest.NewServer(withoutKeeper(engine.Handler()))
	t.Cleanup(server.Close)
	open := func(t *testing.T, cluster, database string) *store.Store {
		t.Helper()
		url := server.URL + "/" + database
		if cluster == "plod" {
			url += "?prefer_localhost_replica=1" // else it would be asked through its port
		}
		s, err := store.Open(t.Context(), store.Config{URL: url, Cluster: cluster})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("statements", func(t *testing.T) { parseAll(t, open(t, "plod", next())) })
	t.Run("layout", func(t *testing.T) {
		for from, to := range map[string]string{"": "plod", "plod": ""} {
			database := next()
			first, second := open(t, from, database), open(t, to, database)
			defer first.Close()
			defer second.Close()
			if _, err := first.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := second.Migrate(t.Context()); !errors.Is(err, tables.ErrOtherLayout) {
				t.Errorf("made for %q, migrated for %q: %v", from, to, err)
			}
		}
	})
	t.Run("shards", func(t *testing.T) {
		database := next()
		owner, reader := open(t, "far", database), open(t, "", database)
		defer owner.Close()
		defer reader.Close()
		// The tables are made; then the shards are asked who is in a return.
		if _, err := owner.Migrate(t.Context()); err == nil {
			t.Error("migrated without its shards")
		}
		if err := owner.CheckTables(t.Context()); err != nil {
			t.Fatal(err)
		}
		askShards(t, owner, reader, shard)
	})
	t.Run("erase", func(t *testing.T) {
		database := next()
		st, alone := open(t, "plod", database), open(t, "", database)
		defer st.Close()
		defer alone.Close()
		if _, err := st.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		testErase(t, st, alone)
	})
	t.Run("battery", func(t *testing.T) {
		only := []string{
			"copies of the same activity", "views speak SI units and null", "repeated delivery is invisible",
			"a decode with fewer samples leaves none over", "samples wait for their session's row", "what is missing",
			"what became of uploads", "briefs tell what a session was derived from", "judgements and tallies",
			"the rows of a report", "the week of three sessions", "a return to running passes",
			"who is warned of needs a call", "the tables are made once", "every column has a comment",
		}
		if *whole {
			only = nil
		}
		storetest.Run(t, func(t *testing.T) *store.Store { t.Helper(); return open(t, "plod", next()) }, only...)
	})
}

// parseAll has the engine read every statement that would be sent to a cluster.
func parseAll(t *testing.T, s *store.Store) {
	defer s.Close()
	all, err := tables.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	cluster, parsed := tables.Cluster{Name: "plod", Database: "plodwatch"}, 0
	for _, m := range all {
		statements, err := cluster.Render(m.Statements)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			if strings.HasPrefix(statement, "INSERT ") {
				continue // the same as on one server, where it runs
			}
			var text string
			if err := s.Conn().QueryRow(t.Context(), "SELECT formatQuery("+quote(statement)+")").Scan(&text); err != nil {
				t.Errorf("migration %d: %v\n%s", m.Version, err, statement)
				continue
			}
			if !strings.Contains(text, " ON CLUSTER plod") {
				t.Errorf("the engine does not see a cluster in %.80s", text)
			}
			parsed++
		}
	}
	if err := s.Conn().QueryRow(t.Context(), "SELECT formatQuery('CREATE TABLE a ON CLUSTER')").Scan(new(string)); err == nil {
		t.Error("the engine parses anything")
	}
	t.Logf("%d statements", parsed)
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// testErase takes one athlete of two away from the tables of a cluster, which
// a store that was not told of it refuses.
func testErase(t *testing.T, st, alone *store.Store) {
	for _, athlete := range []schema.AthleteID{"me", "you"} {
		row := *samplesRow(athlete, 0, 10)
		row.Version = 1
		if err := st.Write(t.Context(), &analyze.Batch{Sessions: []analyze.SessionRow{row}}); err != nil {
			t.Fatal(err)
		}
	}
	me, you := &store.Erasure{Athlete: "me", All: true}, &store.Erasure{Athlete: "you", All: true}
	if _, err := alone.Erase(t.Context(), me); !errors.Is(err, tables.ErrOtherLayout) {
		t.Errorf("without the cluster's name: %v", err)
	}
	if _, err := st.Erase(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	for e, want := range map[*store.Erasure]uint64{me: 0, you: 10} {
		held, err := st.Holding(t.Context(), e)
		if err != nil || held["samples_versions_local"] != want || want == 0 && len(held) > 0 {
			t.Errorf("of %s remain %v, %v", e.Athlete, held, err)
		}
	}
}
