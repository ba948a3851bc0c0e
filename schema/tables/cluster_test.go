package tables_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plodwatch/schema/tables"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clusterTables returns what a cluster is told, without the bodies of views.
func clusterTables(t *testing.T) string {
	t.Helper()
	db := &recorder{}
	if _, err := tables.Migrate(t.Context(), db, tables.Cluster{Name: "plod", Database: "plodwatch"}); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, s := range db.statements {
		if head, body, found := strings.Cut(s, "\n("); found && strings.HasPrefix(s, "CREATE OR REPLACE VIEW ") {
			settings := body[strings.LastIndex(body, "\nSETTINGS "):]
			if strings.Contains(body, "SEMI LEFT JOIN") {
				t.Errorf("a filter on it does not reach the shards: %s", head)
			}
			if at := strings.LastIndex(body, "\nFROM "); at > 0 && strings.Count(body[at:], "\n") < 6 {
				settings = body[at:]
			}
			s = head + " ..." + settings
		}
		text.WriteString(s + ";\n\n")
	}
	return text.String()
}

func TestClusterStatements(t *testing.T) {
	golden := filepath.Join("testdata", "cluster.sql")
	got := clusterTables(t)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil { //nolint:gosec // part of the source
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil { //nolint:gosec // part of the source
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for line := range strings.Lines(got) {
		ddl := strings.HasPrefix(line, "CREATE ") || strings.HasPrefix(line, "ALTER ")
		if ddl && !strings.Contains(line, " ON CLUSTER `plod`") {
			t.Errorf("not on the cluster: %s", line)
		}
	}
}

func TestClusterNames(t *testing.T) {
	for name, want := range map[string]bool{
		"": true, "plod": true, "eu-1.prod": true, "a`b": false, "a'b": false, "{cluster}": false, "1st": false, strings.Repeat("a", 64): false,
	} {
		if err := (tables.Cluster{Name: name}).Validate(); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
		if want {
			continue
		}
		db := &recorder{}
		if _, err := tables.Migrate(t.Context(), db, tables.Cluster{Name: name}); err == nil || len(db.statements) > 0 {
			t.Errorf("%q: %v after %d statements", name, err, len(db.statements))
		}
	}
}

// TestClusterRefusesWhatItDoesNotKnow makes sure that a migration of a new
// kind is given thought.
func TestClusterRefusesWhatItDoesNotKnow(t *testing.T) {
	on := tables.Cluster{Name: "plod", Database: "plodwatch"}
	for _, s := range []string{
		"DROP TABLE samples_versions",
		"ALTER TABLE unheard_of\n    ADD COLUMN IF NOT EXISTS a Int64",
		"CREATE TABLE IF NOT EXISTS a\n(\n    athlete_id String\n)\nENGINE = MergeTree\nORDER BY athlete_id\nCOMMENT 'a'",
		"CREATE OR REPLACE VIEW a\n(\n    x UInt8\n)\nAS SELECT 1 AS x",
	} {
		if got, err := on.Render([]string{s}); err == nil {
			t.Errorf("%s\nbecame %q", s, got)
		}
		if got, err := (tables.Cluster{}).Render([]string{s}); err != nil || len(got) != 1 || got[0] != s {
			t.Errorf("one server: %q, %v", got, err)
		}
	}
}

// laidOut is a database in which the tables are Distributed, or are not.
type laidOut struct {
	recorder
	distributed bool
}

func (l *laidOut) Uint64(ctx context.Context, query string) (uint64, error) {
	switch {
	case strings.HasSuffix(query, "engine = 'Distributed'") == l.distributed && strings.Contains(query, "'Distributed'"):
		return 1, nil
	case strings.Contains(query, "'Distributed'"):
		return 0, nil
	}
	return l.recorder.Uint64(ctx, query)
}

func TestMigrateKeepsTheLayout(t *testing.T) {
	for _, distributed := range []bool{false, true} {
		for _, name := range []string{"", "plod"} {
			db := &laidOut{distributed: distributed}
			_, err := tables.Migrate(t.Context(), db, tables.Cluster{Name: name, Database: "plodwatch"})
			if fits := distributed == (name != ""); fits != (err == nil) || !fits && (!errors.Is(err, tables.ErrOtherLayout) || len(db.statements) > 0) {
				t.Errorf("distributed %v, cluster %q: %v after %d statements", distributed, name, err, len(db.statements))
			}
		}
	}
}
