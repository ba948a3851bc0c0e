package store_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema"
	"plodwatch/schema/tables"
)

const deployed = "../../deploy/clickhouse"

// node is an element of a configuration.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

func (n *node) child(name string) *node {
	for i := range n.Children {
		if n.Children[i].XMLName.Local == name {
			return &n.Children[i]
		}
	}
	return &node{}
}

func readXML(t *testing.T, path string) *node {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, path))
	if err != nil {
		t.Fatal(err)
	}
	var root node
	dec := xml.NewDecoder(strings.NewReader(string(text)))
	if err := dec.Decode(&root); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var another node
	if err := dec.Decode(&another); !errors.Is(err, io.EOF) || root.XMLName.Local != "clickhouse" {
		t.Errorf("%s: after <%s> comes <%s> %v", path, root.XMLName.Local, another.XMLName.Local, err)
	}
	return &root
}

// accessStatements returns the statements of access.sql.
func accessStatements(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployed, "access.sql"))
	if err != nil {
		t.Fatal(err)
	}
	comments := regexp.MustCompile(`(?m)^--.*\n`)
	var all []string
	for s := range strings.SplitSeq(comments.ReplaceAllString(string(text), ""), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

var policyOwn = regexp.MustCompile(`^CREATE ROW POLICY IF NOT EXISTS plodwatch_own ON plodwatch\.(\w+), plodwatch\.(\w+)_local\s+FOR SELECT USING (.*) TO plodwatch_athlete$`)

// policies returns the condition under which an athlete sees a row, by table.
func policies(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, s := range accessStatements(t) {
		if m := policyOwn.FindStringSubmatch(s); m != nil && m[1] == m[2] {
			all[m[1]] = m[3]
		}
	}
	return all
}

// openDeployed opens the engine in dir with the profiles of deploy/clickhouse
// and more for its only user, default.
func openDeployed(t *testing.T, dir, user string) (*chdb.Engine, *store.Store) {
	t.Helper()
	profiles, err := os.ReadFile(filepath.Join(deployed, "users.d", "plodwatch.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "users.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	user = "<clickhouse><users><default>" + user + "</default></users></clickhouse>"
	for name, text := range map[string]string{"plodwatch.xml": string(profiles), "user.xml": user} {
		if err := os.WriteFile(filepath.Join(dir, "users.d", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	engine, err := chdb.Open(chdb.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), store.Config{RoundTripper: engine.RoundTripper()})
	if err != nil {
		t.Fatal(errors.Join(err, engine.Close()))
	}
	return engine, st
}

func closeDeployed(t *testing.T, engine *chdb.Engine, st *store.Store) {
	t.Helper()
	if err := errors.Join(st.Close(), engine.Close()); err != nil {
		t.Error(err)
	}
}

// rowFilters are the policies of access.sql for an athlete, as an engine's
// configuration says them: the one in this process has no place for policies
// made by statements.
func rowFilters(t *testing.T) string {
	t.Helper()
	var filters strings.Builder
	for table, condition := range policies(t) {
		fmt.Fprintf(&filters, "<%s><filter>%s</filter></%[1]s>", table, condition)
	}
	return "<databases><plodwatch>" + filters.String() + "</plodwatch></databases>"
}

func TestDeployedAccess(t *testing.T) {
	dir := t.TempDir()
	engine, st := openDeployed(t, dir, `<grants replace="1"><query>GRANT ALL ON *.*</query></grants>`)
	owner(t, st)
	closeDeployed(t, engine, st)
	engine, st = openDeployed(t, dir, `<profile replace="1">plodwatch_reader</profile>`+rowFilters(t))
	t.Run("a reader", func(t *testing.T) { testReader(t, st.Conn()) })
	t.Run("an athlete sees what is hers", func(t *testing.T) {
		for _, view := range []string{"sessions_versions", "samples_versions", "sessions", "samples", "sessions_and_copies"} {
			var who []string
			if err := st.Conn().QueryRow(t.Context(), "SELECT groupUniqArray(athlete_id) FROM "+view).Scan(&who); err != nil {
				t.Fatal(err)
			}
			if len(who) != 1 || who[0] != "default" {
				t.Errorf("%s shows the rows of %q", view, who)
			}
		}
	})
	closeDeployed(t, engine, st)
}

// owner makes the tables and two athletes, and checks what only an owner can.
func owner(t *testing.T, st *store.Store) {
	t.Helper()
	if _, err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, athlete := range []string{"default", "another"} {
		row := *samplesRow(schema.AthleteID(athlete), 0, 3)
		row.Version = 1
		if err := st.Write(t.Context(), &analyze.Batch{Sessions: []analyze.SessionRow{row}}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, st.Conn(), 2, "SELECT uniqExact(athlete_id) FROM samples")
	t.Run("every statement is parsed", func(t *testing.T) {
		statements := accessStatements(t)
		for _, s := range statements {
			if err := st.Conn().QueryRow(t.Context(), "SELECT formatQuery("+quote(s)+")").Scan(new(string)); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
		t.Logf("%d statements", len(statements))
	})
	t.Run("every table with athletes has a policy", func(t *testing.T) {
		have, made := policies(t), strings.Join(accessStatements(t), "\n")
		for _, table := range sharded(t) {
			if have[table] == "" || !strings.Contains(made, "plodwatch_all ON plodwatch."+table+", plodwatch."+table+"_local") {
				t.Errorf("%s: no row policy in access.sql", table)
			}
		}
	})
	t.Run("settings are known and hold", func(t *testing.T) { testProfiles(t, st.Conn()) })
}

// sharded returns the tables whose rows belong to athletes.
func sharded(t *testing.T) []string {
	t.Helper()
	all, err := tables.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile("^CREATE TABLE IF NOT EXISTS (\\w+) ON CLUSTER `c` AS ")
	var names []string
	for _, m := range all {
		statements, err := (tables.Cluster{Name: "c", Database: "d"}).Render(m.Statements)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if m := made.FindStringSubmatch(s); m != nil {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// testProfiles compares what the engine made of the file with the file.
func testProfiles(t *testing.T, conn driver.Conn) {
	const element = `SELECT count() FROM system.settings_profile_elements WHERE profile_name = ? AND setting_name = ? AND
		(? = '' OR value = ?) AND (? = '' OR toString(max) = ?) AND (NOT ? OR toString(writability) = 'CONST')`
	root := readXML(t, "users.d/plodwatch.xml")
	for _, profile := range root.child("profiles").Children {
		for _, setting := range profile.Children {
			name := setting.XMLName.Local
			if name == "constraints" {
				for _, limited := range setting.Children {
					most, fixed := limited.child("max").Text, limited.child("const").XMLName.Local != ""
					expect(t, conn, 1, element, profile.XMLName.Local, limited.XMLName.Local, "", "", most, most, fixed)
				}
				continue
			}
			expect(t, conn, 1, "SELECT count() FROM system.settings WHERE name = ? AND NOT is_obsolete", name)
			expect(t, conn, 1, element, profile.XMLName.Local, name, setting.Text, setting.Text, "", "", false)
		}
	}
	for _, s := range accessStatements(t) {
		if _, name, found := strings.Cut(s, "SETTINGS PROFILE '"); found {
			expect(t, conn, 1, "SELECT count() FROM system.settings_profiles WHERE name = ?", strings.TrimSuffix(name, "'"))
		}
	}
}

func expect(t *testing.T, conn driver.Conn, want uint64, query string, args ...any) {
	t.Helper()
	var got uint64
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&got); err != nil {
		t.Fatalf("%s %v: %v", query, args, err)
	}
	if got != want {
		t.Errorf("%s %v: %d, want %d", query, args, got, want)
	}
}

// testReader asks under the profile of readers.
func testReader(t *testing.T, conn driver.Conn) {
	for _, c := range []struct {
		query   string
		refused bool
	}{
		{"SELECT count() FROM sessions", false},
		{"SELECT count() FROM sessions SETTINGS max_execution_time = 10", false},
		{"SELECT count() FROM sessions SETTINGS max_execution_time = 61", true},
		{"SELECT count() FROM sessions SETTINGS max_execution_time = 0", true},
		{"SELECT count() FROM sessions SETTINGS max_memory_usage = 0", true},
		{"SELECT count() FROM sessions SETTINGS max_result_rows = 0", true},
		{"SELECT count() FROM sessions SETTINGS readonly = 0", true},
		{"SELECT count() FROM sessions SETTINGS allow_ddl = 1", true},
		{"SELECT number FROM numbers(10000001) FORMAT Null", true}, // too many rows of result
		{"INSERT INTO schema_versions (version, name) VALUES (4000, 'by a reader')", true},
		{"CREATE TABLE a (x UInt8) ENGINE = Memory", true},
		{"ALTER TABLE schema_versions DELETE WHERE 1", true},
		{"DROP VIEW sessions", true},
	} {
		err := conn.Exec(t.Context(), c.query)
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", c.query, err)
		}
	}
}

func TestDeployedCluster(t *testing.T) {
	root := readXML(t, "config.d/cluster.xml")
	for _, key := range []string{"remote_servers", "macros", "zookeeper", "distributed_ddl", "user_directories"} {
		if len(root.child(key).Children) == 0 {
			t.Errorf("no <%s>", key)
		}
	}
	for _, cluster := range root.child("remote_servers").Children {
		if err := (tables.Cluster{Name: cluster.XMLName.Local}).Validate(); err != nil {
			t.Error(err)
		}
		for _, shard := range cluster.Children {
			if shard.XMLName.Local == "shard" && shard.child("internal_replication").Text != "true" {
				t.Error("a shard whose replicas each get every insert")
			}
		}
	}
	inside(t)
	// The macros are those that the tables' paths are made of.
	for _, macro := range []string{"shard", "replica"} {
		if root.child("macros").child(macro).Text == "" {
			t.Errorf("no macro %s", macro)
		}
	}
}

// inside gives the file to an engine and asks what it made of it.
func inside(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(deployed, "config.d", "cluster.xml"))
	if err != nil {
		t.Fatal(err)
	}
	// The engine sees only the environment that the process began with.
	text = bytes.Replace(text, []byte(`<secret from_env="PLODWATCH_CLUSTER_SECRET"/>`), []byte("<secret>one</secret>"), 1)
	if err := os.Mkdir(filepath.Join(dir, "config.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.d", "cluster.xml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	engine, st := openDeployed(t, dir, "")
	defer closeDeployed(t, engine, st)
	expect(t, st.Conn(), 4, "SELECT uniqExact(shard_num, replica_num) FROM system.clusters WHERE cluster = 'plodwatch'")
	expect(t, st.Conn(), 2, "SELECT count() FROM system.macros WHERE (macro, substitution) IN (('shard', '01'), ('replica', 'a'))")
}
