package tables_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"plodwatch/schema/tables"
)

// recorder is a database that remembers what it was told. Whether the SQL is
// right is for the battery in analyze/store/storetest to say, on real engines.
type recorder struct {
	version    uint64
	statements []string
	failAt     int // 1 = the first
}

var errFull = errors.New("disk is full")

func (r *recorder) Exec(_ context.Context, statement string) error {
	r.statements = append(r.statements, statement)
	if len(r.statements) == r.failAt {
		return errFull
	}
	return nil
}

func (r *recorder) Uint64(_ context.Context, query string) (uint64, error) {
	if strings.Contains(query, "system.tables") {
		return 0, nil
	}
	return r.version, nil
}

func TestMigrationsAreNumberedAndRepeatable(t *testing.T) {
	all, err := tables.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		if m.Version != uint32(i)+1 || m.Name == "" || len(m.Statements) == 0 { //nolint:gosec // few
			t.Errorf("migration %d: %d %q with %d statements", i, m.Version, m.Name, len(m.Statements))
		}
		for _, s := range m.Statements {
			if !repeatable(s) {
				t.Errorf("migration %d has a statement that cannot be repeated: %.60s", m.Version, s)
			}
			if strings.Contains(s, "\nCREATE ") {
				t.Errorf("migration %d: two statements in one: %.60s", m.Version, s)
			}
		}
	}
	if first := all[0].Statements; len(first) != 5 || !strings.HasPrefix(first[2], "CREATE TABLE IF NOT EXISTS samples_versions\n(") {
		t.Errorf("the first migration was cut into %d statements", len(first))
	}
}

// repeatable reports whether running a statement again changes nothing. Rows
// that are inserted again replace themselves.
func repeatable(s string) bool {
	verb, _, _ := strings.Cut(s, "\n")
	switch {
	case strings.HasPrefix(verb, "CREATE TABLE IF NOT EXISTS "), strings.HasPrefix(verb, "CREATE OR REPLACE VIEW "):
		return true
	case strings.HasPrefix(verb, "ALTER TABLE "):
		return strings.Count(s, "COLUMN ") == strings.Count(s, "ADD COLUMN IF NOT EXISTS ")+strings.Count(s, "MODIFY COLUMN ")
	}
	return strings.HasPrefix(verb, "INSERT INTO ") && strings.HasSuffix(verb, "_versions VALUES")
}

func TestMigrateAppliesWhatIsMissing(t *testing.T) {
	latest, err := tables.Latest()
	if err != nil {
		t.Fatal(err)
	}
	for have, want := range map[uint64]int{0: int(latest), 1: int(latest) - 1, uint64(latest): 0} {
		db := &recorder{version: have}
		n, err := tables.Migrate(t.Context(), db, tables.Cluster{})
		if err != nil || n != want {
			t.Errorf("from version %d: applied %d, %v; want %d", have, n, err, want)
		}
		recorded := 0
		for _, s := range db.statements {
			if strings.HasPrefix(s, "INSERT INTO schema_versions") {
				recorded++
			}
		}
		if recorded != want {
			t.Errorf("from version %d: recorded %d migrations, want %d", have, recorded, want)
		}
	}
}

func TestMigrateStopsAtAFault(t *testing.T) {
	db := &recorder{failAt: 3}
	n, err := tables.Migrate(t.Context(), db, tables.Cluster{})
	if !errors.Is(err, errFull) || n != 0 || len(db.statements) != 3 {
		t.Errorf("applied %d, %v, after %d statements", n, err, len(db.statements))
	}
	if !strings.Contains(err.Error(), "migration 0001_tables, statement 2") {
		t.Errorf("the error does not say where: %v", err)
	}
}

func TestMigrateRefusesANewerDatabase(t *testing.T) {
	db := &recorder{version: 4000}
	if _, err := tables.Migrate(t.Context(), db, tables.Cluster{}); !errors.Is(err, tables.ErrNewerDatabase) {
		t.Errorf("got %v", err)
	}
	if len(db.statements) > 1 {
		t.Errorf("it was changed: %q", db.statements[1:])
	}
}
