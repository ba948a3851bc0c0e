// Package tables holds the SQL that makes plodwatch's tables and views in
// ClickHouse, numbered and embedded, and applies it. decisions.md beside it
// says why the tables look as they do.
package tables

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed *.sql
var files embed.FS

// ErrNewerDatabase is wrapped by the error of Migrate when the database was
// made by a newer plodwatch. Nothing has been changed then.
var ErrNewerDatabase = errors.New("database is newer than this program")

// ErrOlderDatabase is wrapped by the error of Check when the database is yet to
// be migrated.
var ErrOlderDatabase = errors.New("database is older than this program")

// Execer is the connection Migrate works through.
type Execer interface {
	// Exec runs one statement that returns nothing.
	Exec(ctx context.Context, statement string) error
	// Uint64 runs a query that returns one row of one UInt64.
	Uint64(ctx context.Context, query string) (uint64, error)
}

// Migration is one numbered file.
type Migration struct {
	Version    uint32   // the number its name begins with, from 1
	Name       string   // file name without number and extension
	Statements []string // in order, without the final semicolon
}

const createVersions = `CREATE TABLE IF NOT EXISTS schema_versions
(
    version    UInt32 COMMENT 'number of the migration',
    name       String COMMENT 'its name',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it was applied, UTC'
)
ENGINE = ReplacingMergeTree
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'migrations that were applied to this database'`

// Migrations returns all migrations, ordered by version.
func Migrations() ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	all := make([]Migration, 0, len(names))
	for i, name := range names { // Glob sorts
		number, rest, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || version != uint64(i)+1 {
			return nil, fmt.Errorf("migration %s: want number %04d", name, i+1)
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		all = append(all, Migration{Version: uint32(version), Name: rest, Statements: split(string(text))})
	}
	return all, nil
}

// Names returns the names of all tables that the migrations make, views not
// among them.
func Names() ([]string, error) {
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	names := []string{"schema_versions"}
	for _, m := range all {
		for _, statement := range m.Statements {
			if rest, ok := strings.CutPrefix(statement, "CREATE TABLE IF NOT EXISTS "); ok {
				names = append(names, strings.Fields(rest)[0])
			}
		}
	}
	return names, nil
}

// split cuts a file into statements: each ends with a semicolon at the end of
// a line. Lines that begin with -- are comments and dropped.
func split(text string) []string {
	var all []string
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		last := strings.HasSuffix(line, ";")
		lines = append(lines, strings.TrimSuffix(line, ";"))
		if last {
			all = append(all, strings.Join(lines, "\n"))
			lines = nil
		}
	}
	if len(lines) > 0 {
		all = append(all, strings.Join(lines, "\n"))
	}
	return all
}

// Latest returns the version that Migrate brings a database to.
func Latest() (uint32, error) {
	all, err := Migrations()
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// Migrate brings the connection's current database to the latest version and
// returns how many migrations it applied: 0 when there was nothing to do. On a
// cluster it does so on every server; the zero Cluster is one server. It can be
// repeated at any time, also after it was cut off and by several processes at
// once, because every statement leaves alone what is there. It returns an error that wraps ErrNewerDatabase, and changes nothing, when the
// database has a version that this program does not know, and one that wraps
// ErrOtherLayout when its tables are those of a cluster and on is not, or the
// other way round.
func Migrate(ctx context.Context, db Execer, on Cluster) (int, error) {
	all, err := Migrations()
	if err != nil {
		return 0, err
	}
	if err := on.checkLayout(ctx, db); err != nil {
		return 0, err
	}
	create, err := on.Render([]string{createVersions})
	if err != nil {
		return 0, err
	}
	if err := db.Exec(ctx, create[0]); err != nil {
		return 0, fmt.Errorf("create table schema_versions: %w", err)
	}
	have, err := db.Uint64(ctx, "SELECT toUInt64(max(version)) FROM schema_versions")
	if err != nil {
		return 0, fmt.Errorf("read the database's version: %w", err)
	}
	latest := all[len(all)-1].Version
	if have > uint64(latest) {
		return 0, fmt.Errorf("database has version %d, this program knows %d: %w", have, latest, ErrNewerDatabase)
	}
	applied := 0
	for _, m := range all[have:] {
		if m.Statements, err = on.Render(m.Statements); err != nil {
			return applied, fmt.Errorf("migration %04d_%s: %w", m.Version, m.Name, err)
		}
		if err := apply(ctx, db, m); err != nil {
			return applied, err
		}
		applied++
	}
	return applied, nil
}

// Check returns nil when the connection's current database is of the latest
// version, an error that wraps ErrOlderDatabase when Migrate has something to
// do, and one that wraps ErrNewerDatabase when this program does not know the
// version. It changes nothing.
func Check(ctx context.Context, db Execer) error {
	latest, err := Latest()
	if err != nil {
		return err
	}
	there, err := db.Uint64(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'schema_versions'")
	if err != nil {
		return fmt.Errorf("look for the database's version: %w", err)
	}
	if there == 0 {
		return fmt.Errorf("database has no tables of ours: %w", ErrOlderDatabase)
	}
	have, err := db.Uint64(ctx, "SELECT toUInt64(max(version)) FROM schema_versions")
	switch {
	case err != nil:
		return fmt.Errorf("read the database's version: %w", err)
	case have < uint64(latest):
		return fmt.Errorf("database has version %d, this program needs %d: %w", have, latest, ErrOlderDatabase)
	case have > uint64(latest):
		return fmt.Errorf("database has version %d, this program knows %d: %w", have, latest, ErrNewerDatabase)
	}
	return nil
}

func apply(ctx context.Context, db Execer, m Migration) error {
	for i, statement := range m.Statements {
		if err := db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("migration %04d_%s, statement %d: %w", m.Version, m.Name, i+1, err)
		}
	}
	record := fmt.Sprintf("INSERT INTO schema_versions (version, name) VALUES (%d, '%s')", m.Version, m.Name)
	if err := db.Exec(ctx, record); err != nil {
		return fmt.Errorf("record migration %04d_%s: %w", m.Version, m.Name, err)
	}
	return nil
}
