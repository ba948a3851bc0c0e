package tables

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrOtherLayout is wrapped by the error of Migrate when the database was made
// for a cluster and none was named, or the other way round. Nothing has been
// changed then.
var ErrOtherLayout = errors.New("tables are laid out differently")

// Cluster says on which cluster of ClickHouse servers the tables are to be.
// The zero value is one server by itself.
type Cluster struct {
	Name     string // as the servers' remote_servers call it
	Database string // that holds the tables on every server
}

var (
	clusterName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)
	tableHead     = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\w+)\n`)
	viewHead      = regexp.MustCompile(`^CREATE OR REPLACE VIEW (\w+)\n`)
	alterHead     = regexp.MustCompile(`^ALTER TABLE (\w+)\n`)
	modifySetting = regexp.MustCompile(`(?m)^    MODIFY SETTING `)
	engineLine    = regexp.MustCompile(`(?m)^ENGINE = ReplacingMergeTree(?:\(([^)\n]*)\))?$`)
	orderLine     = regexp.MustCompile(`(?m)^ORDER BY \(?(\w+)`)
	semiJoin      = regexp.MustCompile(`FROM (\w+) AS (\w+) FINAL\nSEMI LEFT JOIN \((SELECT ([\w, ]+) FROM \w+(?: FINAL)?(?: WHERE \w+\(\w+\))?)\) AS s\s+ON [^\n]*\n`)
	commentLine   = regexp.MustCompile(`(?m)^COMMENT '(?:[^'\\]|\\.|'')*'\z`)
)

// shardColumn decides on which shard a row lies.
const shardColumn = "athlete_id"

// localSuffix is what the name of a shard's own table has after the name by
// which everybody reads and writes it.
const localSuffix = "_local"

// Readable returns the name by which the rows of a table are read and written,
// which on a cluster is not that of the shard's own table.
func Readable(table string) string { return strings.TrimSuffix(table, localSuffix) }

// Validate reports a name that could not be meant.
func (c Cluster) Validate() error {
	if c.Name != "" && !clusterName.MatchString(c.Name) {
		return fmt.Errorf("cluster %q: need letters, digits, '_', '.' and '-', at most 63", c.Name)
	}
	return nil
}

// Render returns the statements as the cluster needs them: every DDL ON
// CLUSTER; a table whose key begins with athlete_id as a replicated table
// NAME_local on each shard and a Distributed table NAME over it; any other
// table replicated whole to every server; views that join within a shard and
// let filters through. For
// a server by itself it returns the statements as they are.
func (c Cluster) Render(statements []string) ([]string, error) {
	if c.Name == "" {
		return statements, nil
	}
	var all []string

	for _, s := range statements {
		switch {
		case tableHead.MatchString(s):
			name := tableHead.FindStringSubmatch(s)[1]
			rendered, err := c.table(name, s)
			if err != nil {
				return nil, err
			}

			all = append(all, rendered...)
		case viewHead.MatchString(s):
			comment := commentLine.FindStringIndex(s)
			if comment == nil {
				return nil, fmt.Errorf("view without a comment at its end: %.60s", s)
			}
			s = withinShards(within(s[:comment[0]])) + s[comment[0]:]
			all = append(all, viewHead.ReplaceAllString(s, "CREATE OR REPLACE VIEW ${1} ON CLUSTER "+c.quoted()+"\n"))
		case alterHead.MatchString(s):
			names, err := namesOf(alterHead.FindStringSubmatch(s)[1])
			if err != nil {
				return nil, err
			}
			if modifySetting.MatchString(s) {
				names = names[:1] // the table over the shards has none of those settings
			}
			for _, name := range names {
				all = append(all, alterHead.ReplaceAllLiteralString(s, "ALTER TABLE "+name+" ON CLUSTER "+c.quoted()+"\n"))
			}
		case strings.HasPrefix(s, "INSERT INTO "):
			all = append(all, s)
		default:
			return nil, fmt.Errorf("do not know how to run on a cluster: %.60s", s)
		}
	}
	return all, nil
}

// within writes a semi-join of two tables as IN: the engine passes a reader's
// filter on to the shards past that, but not past a join.
func within(s string) string {
	return semiJoin.ReplaceAllStringFunc(s, func(join string) string {
		m := semiJoin.FindStringSubmatch(join)
		table, alias, query, columns := m[1], m[2], m[3], m[4]
		key := alias + "." + strings.ReplaceAll(columns, ", ", ", "+alias+".")
		return "FROM " + table + " AS " + alias + " FINAL\nWHERE (" + key + ") IN (" + query + ")\n"
	})
}

// withinShards has a view join within each shard, beside the settings it has.
func withinShards(view string) string {
	const here = "distributed_product_mode = 'local'\n"
	if strings.Contains(view, "\nSETTINGS ") {
		return strings.TrimSuffix(view, "\n") + ", " + here
	}
	return view + "SETTINGS " + here
}

// table renders one CREATE TABLE: the shards' tables and the one over them, or
// a table that every server has whole, because its rows belong to no athlete.
func (c Cluster) table(name, s string) ([]string, error) {
	engine, order, comment := engineLine.FindStringSubmatch(s), orderLine.FindStringSubmatch(s), commentLine.FindString(s)
	if engine == nil || order == nil || comment == "" {
		return nil, fmt.Errorf("table %s: need lines that begin with ENGINE, ORDER BY and COMMENT", name)
	}
	local, where, replica := name+localSuffix, "{shard}", "{replica}"
	sharded := order[1] == shardColumn
	if !sharded {
		local, where, replica = name, "all", "{shard}-{replica}"
	}
	args := fmt.Sprintf("'/clickhouse/tables/%s/%s/%s', '%s'", where, c.Database, local, replica)
	if engine[1] != "" {
		args += ", " + engine[1]
	}
	s = strings.Replace(s, engine[0], "ENGINE = ReplicatedReplacingMergeTree("+args+")", 1)
	all := []string{tableHead.ReplaceAllLiteralString(s, "CREATE TABLE IF NOT EXISTS "+local+" ON CLUSTER "+c.quoted()+"\n")}
	if sharded {
		all = append(all, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s ON CLUSTER %s AS `%s`.%s\n"+
			"ENGINE = Distributed('%s', '%s', '%s', cityHash64("+shardColumn+"))\n"+
			"SETTINGS fsync_after_insert = 1, fsync_directories = 1\n%s",
			name, c.quoted(), c.Database, local, c.Name, c.Database, local, comment))
	}
	return all, nil
}

// namesOf returns the tables that make up one of ours on a cluster, the shards'
// own first, so that a row with a new column finds its place.
func namesOf(table string) ([]string, error) {
	migrations, err := Migrations()
	if err != nil {
		return nil, err
	}
	for _, m := range migrations {
		for _, s := range m.Statements {
			head, order := tableHead.FindStringSubmatch(s), orderLine.FindStringSubmatch(s)
			switch {
			case head == nil || head[1] != table || order == nil:
			case order[1] == shardColumn:
				return []string{table + localSuffix, table}, nil
			default:
				return []string{table}, nil
			}
		}
	}
	return nil, fmt.Errorf("no migration makes table %s", table)
}

func (c Cluster) quoted() string { return "`" + c.Name + "`" }

// checkLayout refuses a database whose tables are those of a cluster when none
// is meant, and the other way round: either would make tables beside those
// that hold the rows.
func (c Cluster) checkLayout(ctx context.Context, db Execer) error {
	if err := c.Validate(); err != nil {
		return err
	}
	const query = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'exports_versions' AND engine "
	distributed, err := db.Uint64(ctx, query+"= 'Distributed'")
	if err != nil {
		return fmt.Errorf("look how the tables are laid out: %w", err)
	}
	alone, err := db.Uint64(ctx, query+"!= 'Distributed'")
	switch {
	case err != nil:
		return fmt.Errorf("look how the tables are laid out: %w", err)
	case distributed > 0 && c.Name == "":
		return fmt.Errorf("database was made for a cluster, which needs its name (--clickhouse-cluster): %w", ErrOtherLayout)
	case alone > 0 && c.Name != "":
		return fmt.Errorf("database was made for one server, not for cluster %s; use another database: %w", c.Name, ErrOtherLayout)
	}
	return nil
}
