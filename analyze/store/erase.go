package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/schema"
	"plodwatch/schema/tables"
)

// Erasure says whose rows are to go.
type Erasure struct {
	Athlete schema.AthleteID
	// All takes every row of the athlete away; otherwise it is the rows of
	// these exports and sessions.
	All      bool
	Exports  []schema.ExportID
	Sessions []schema.SessionID
}

// oldPartsPoll is how often the server is asked whether it has removed the
// files of the rows' former state.
const oldPartsPoll = 200 * time.Millisecond

// Holding returns how many rows of the erasure each table holds, all versions
// of them; tables that hold none are not in it.
func (s *Store) Holding(ctx context.Context, e *Erasure) (map[string]uint64, error) {
	from, err := s.erasable(ctx, e)
	if err != nil {
		return nil, err
	}
	held := make(map[string]uint64)
	for _, t := range from {
		n, err := s.countRows(ctx, t.everywhere(), t.where(e, plain))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			held[t.name] = n
		}
	}
	return held, nil
}

// Erase takes the rows away from all tables and returns, when the server has no
// file any more that holds one of them, how many there were by table. What was
// computed of the athlete's days is not made anew. Rows that are written at the
// same time may stay; ask Holding.
//
// The server keeps the text of what it has deleted, so that this names nobody:
// identities appear in it as salted SHA-256.
func (s *Store) Erase(ctx context.Context, e *Erasure) (map[string]uint64, error) {
	held, err := s.Holding(ctx, e)
	if err != nil {
		return nil, err
	}
	from, err := s.erasable(ctx, e)
	if err != nil {
		return nil, err
	}
	salt := rand.Text()
	for _, t := range from {
		if held[t.name] == 0 {
			continue
		}
		if err := s.eraseFrom(ctx, t.name, t.where(e, func(column string, ids []string) string { return salted(salt, column, ids) })); err != nil {
			return nil, classify("delete from "+t.name, err)
		}
	}
	return held, nil
}

// eraseFrom deletes rows and waits until no file has them.
func (s *Store) eraseFrom(ctx context.Context, table, where string) (err error) {
	// What was replaced stays on the disk for minutes otherwise.
	alter := "ALTER TABLE `" + table + "`"
	if s.cluster != "" {
		alter += " ON CLUSTER `" + s.cluster + "`"
	}
	if err := s.conn.Exec(ctx, alter+" MODIFY SETTING old_parts_lifetime = 0"); err != nil {
		return err
	}
	defer func() {
		reset := s.conn.Exec(context.WithoutCancel(ctx), alter+" RESET SETTING old_parts_lifetime")
		if err == nil {
			err = reset
		}
	}()
	sync := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := s.conn.Exec(sync, alter+" DELETE WHERE "+where); err != nil {
		return err
	}
	old, err := s.oldParts(ctx, table)
	for err == nil && len(old) > 0 {
		// It removes them now and then; at the end of this, which drops nothing,
		// it does so at once.
		if err = s.conn.Exec(ctx, alter+" DROP PARTITION ID 'none'"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(oldPartsPoll):
		}
		var now []string
		now, err = s.oldParts(ctx, table)
		old = slices.DeleteFunc(old, func(name string) bool { return !slices.Contains(now, name) })
	}
	return err
}

// oldParts returns the parts of a table that have been replaced and are still
// on the disk.
func (s *Store) oldParts(ctx context.Context, table string) ([]string, error) {
	var rows []struct {
		Name string `ch:"name"`
	}
	err := s.conn.Select(withParameter(ctx, "table", table), &rows,
		"SELECT DISTINCT name FROM "+s.onAll("system.parts")+" WHERE database = currentDatabase() AND table = {table:String} AND NOT active")
	all := make([]string, len(rows))
	for i := range rows {
		all[i] = rows[i].Name
	}
	return all, err
}

// onAll is a table of the server's own, on a cluster those of all its servers.
func (s *Store) onAll(table string) string {
	if s.cluster == "" {
		return table
	}
	return "clusterAllReplicas('" + s.cluster + "', " + table + ")"
}

// everywhere is the table that shows the rows of all shards.
func (t *erasable) everywhere() string { return tables.Readable(t.name) }

// erasable is a table that may hold rows of an erasure.
type erasable struct {
	name    string
	columns []string // of athlete_id, export_id and session_id
}

func (s *Store) erasable(ctx context.Context, e *Erasure) ([]erasable, error) {
	if err := s.checkCluster(ctx); err != nil {
		return nil, err
	}
	var rows []struct {
		Table   string   `ch:"table"`
		Columns []string `ch:"columns"`
	}
	err := s.conn.Select(ctx, &rows, `SELECT table, groupArray(name) AS columns FROM system.columns
		WHERE database = currentDatabase() AND name IN ('athlete_id', 'export_id', 'session_id')
			AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
		GROUP BY table HAVING has(columns, 'athlete_id') ORDER BY table`)
	if err != nil {
		return nil, classify("list tables", err)
	}
	var all []erasable
	for _, r := range rows {
		if e.All || len(r.Columns) > 1 {
			all = append(all, erasable{name: r.Table, columns: r.Columns})
		}
	}
	return all, nil
}

// checkCluster refuses to look on one server for what a cluster holds.
func (s *Store) checkCluster(ctx context.Context) error {
	if s.cluster != "" {
		return nil
	}
	n, err := (*execer)(s).Uint64(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine = 'Distributed'")
	if err == nil && n > 0 {
		err = fmt.Errorf("the tables are those of a cluster, which needs its name (--clickhouse-cluster): %w", tables.ErrOtherLayout)
	}
	return err
}

// where is the condition of an erasure on the table, made of conditions on
// single columns.
func (t *erasable) where(e *Erasure, in func(column string, ids []string) string) string {
	athlete := in("athlete_id", []string{string(e.Athlete)})
	if e.All {
		return athlete
	}
	var either []string
	if len(e.Exports) > 0 && slices.Contains(t.columns, "export_id") {
		either = append(either, in("export_id", textsOf(e.Exports)))
	}
	if len(e.Sessions) > 0 && slices.Contains(t.columns, "session_id") {
		either = append(either, in("session_id", textsOf(e.Sessions)))
	}
	if either == nil {
		return "0"
	}
	return athlete + " AND (" + strings.Join(either, " OR ") + ")"
}

func textsOf[T fmt.Stringer](ids []T) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = id.String()
	}
	return all
}

// plain is a condition that names identities. They hold no quotes.
func plain(column string, ids []string) string {
	return column + " IN ('" + strings.Join(ids, "','") + "')"
}

// salted is a condition that does not.
func salted(salt, column string, ids []string) string {
	sums := make([]string, len(ids))
	for i, id := range ids {
		sum := sha256.Sum256([]byte(salt + id))
		sums[i] = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	return "hex(SHA256(concat('" + salt + "', toString(" + column + ")))) IN ('" + strings.Join(sums, "','") + "')"
}

func (s *Store) countRows(ctx context.Context, table, where string) (uint64, error) {
	var n uint64
	err := s.conn.QueryRow(ctx, "SELECT count() FROM `"+table+"` WHERE "+where).Scan(&n)
	return n, classify("count rows of "+table, err)
}

// Detached returns the parts that a server has set aside, by table: what they
// hold cannot be asked.
func (s *Store) Detached(ctx context.Context) (map[string]uint64, error) {
	var rows []struct {
		Table string `ch:"table"`
		N     uint64 `ch:"n"`
	}
	err := s.conn.Select(ctx, &rows, "SELECT table, count() AS n FROM "+s.onAll("system.detached_parts")+" WHERE database = currentDatabase() GROUP BY table")
	if err != nil {
		return nil, classify("list detached parts", err)
	}
	all := make(map[string]uint64)
	for _, r := range rows {
		all[r.Table] = r.N
	}
	return all, nil
}

// Taken is an export with its sessions, as it may be erased.
type Taken struct {
	Athlete  schema.AthleteID
	Export   schema.ExportID
	Parent   string // the archive it came out of; "" when none
	Format   schema.Format
	Sessions []schema.SessionID
	Members  []schema.ExportID // of an archive
}

// FindExports returns the exports whose identity begins with these hexadecimal
// digits, or that hold a session whose identity does, at most so many, of one
// athlete or, when athlete is empty, of any.
func (s *Store) FindExports(ctx context.Context, athlete schema.AthleteID, prefix string, limit int) ([]Taken, error) {
	return s.taken(ctx, athlete, `startsWith(export_id, {prefix:String}) OR arrayExists(id -> startsWith(toString(id), {prefix:String}), session_ids)`,
		clickhouse.Parameters{"prefix": strings.ToLower(prefix)}, limit)
}

// ExportsOf returns all exports of an athlete.
func (s *Store) ExportsOf(ctx context.Context, athlete schema.AthleteID) ([]Taken, error) {
	return s.taken(ctx, athlete, "1", clickhouse.Parameters{}, 0)
}

// ExportsWith returns the athlete's exports that hold one of these sessions.
func (s *Store) ExportsWith(ctx context.Context, athlete schema.AthleteID, sessions []schema.SessionID) ([]Taken, error) {
	return s.taken(ctx, athlete, "hasAny(session_ids, {sessions:Array(UUID)})", clickhouse.Parameters{"sessions": textArray(sessions)}, 0)
}

// Owners returns the athletes who have an export.
func (s *Store) Owners(ctx context.Context, export schema.ExportID) ([]schema.AthleteID, error) {
	all, err := s.taken(ctx, "", "export_id = {export:String}", clickhouse.Parameters{"export": export.String()}, 0)
	owners := make([]schema.AthleteID, len(all))
	for i := range all {
		owners[i] = all[i].Athlete
	}
	return owners, err
}

func (s *Store) taken(ctx context.Context, athlete schema.AthleteID, which string, p clickhouse.Parameters, limit int) ([]Taken, error) {
	query := `SELECT athlete_id, export_id, parent_id, format, arrayMap(id -> toString(id), session_ids) AS sessions, member_ids
		FROM exports_versions FINAL WHERE ({athlete:String} = '' OR athlete_id = {athlete:String}) AND (` + which + `)
		ORDER BY athlete_id, export_id`
	if limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	p["athlete"] = string(athlete)
	var rows []struct {
		AthleteID string   `ch:"athlete_id"`
		ExportID  string   `ch:"export_id"`
		ParentID  string   `ch:"parent_id"`
		Format    string   `ch:"format"`
		Sessions  []string `ch:"sessions"`
		MemberIDs []string `ch:"member_ids"`
	}
	if err := s.conn.Select(clickhouse.Context(ctx, clickhouse.WithParameters(p)), &rows, query); err != nil {
		return nil, classify("look for exports", err)
	}
	all := make([]Taken, len(rows))
	for i, r := range rows {
		k := &all[i]
		k.Athlete, k.Parent, k.Format = schema.AthleteID(r.AthleteID), r.ParentID, schema.Format(r.Format)
		var err error
		if k.Export, err = schema.ParseExportID(r.ExportID); err != nil {
			return nil, err
		}
		for _, text := range r.Sessions {
			id, err := schema.ParseSessionID(text)
			if err != nil {
				return nil, err
			}
			k.Sessions = append(k.Sessions, id)
		}
		for _, text := range r.MemberIDs {
			id, err := schema.ParseExportID(text)
			if err != nil {
				return nil, err
			}
			k.Members = append(k.Members, id)
		}
	}
	return all, nil
}
