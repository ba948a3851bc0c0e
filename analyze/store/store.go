// Package store keeps the analyzer's rows in ClickHouse through clickhouse-go:
// the engine in this process, or a server by URL, with the same code. Batches
// are written by column, and what was written reads back as sessions.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"plodwatch/schema/tables"
)

// Config says which ClickHouse to use. Either URL or RoundTripper is set.
type Config struct {
	// URL of a server: clickhouse://user:password@host:9000/database for the
	// native protocol, http:// or https:// for HTTP. A database in the URL
	// wins over Database.
	URL string
	// RoundTripper reaches an engine that speaks ClickHouse's HTTP protocol in
	// this process.
	RoundTripper http.RoundTripper
	// Database holds the tables; it is created when it is not there. Default
	// "plodwatch".
	Database string
	// MustExist makes a database that is not there an error that wraps
	// ErrNotMigrated, instead of creating it.
	MustExist bool
	// Cluster is the name of the ClickHouse cluster that holds the tables, of
	// which URL is a server; "" when URL is a server by itself.
	Cluster string
	// DialTimeout bounds connecting to a server. Default 10 s.
	DialTimeout time.Duration
	// ReadTimeout bounds the wait for a server's next bytes. Default 5 min.
	ReadTimeout time.Duration
	// MaxConns bounds the connections. Default 8.
	MaxConns int
}

// DefaultConfig returns the values that Config documents.
func DefaultConfig() Config {
	return Config{Database: "plodwatch", DialTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, MaxConns: 8}
}

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// Validate reports all faults of the configuration at once. Zero values stand
// for defaults.
func (c Config) Validate() error {
	var faults []error
	if (c.URL == "") == (c.RoundTripper == nil) {
		faults = append(faults, errors.New("need either a ClickHouse URL or an engine in this process"))
	}
	if c.Database != "" && !databaseName.MatchString(c.Database) {
		faults = append(faults, fmt.Errorf("database %q: need letters, digits and '_', at most 63", c.Database))
	}
	if c.Cluster != "" && c.URL == "" {
		faults = append(faults, errors.New("a ClickHouse cluster needs the URL of one of its servers"))
	}
	if err := (tables.Cluster{Name: c.Cluster}).Validate(); err != nil {
		faults = append(faults, err)
	}
	if c.DialTimeout < 0 || c.ReadTimeout < 0 || c.MaxConns < 0 {
		faults = append(faults, errors.New("timeouts and max connections must not be negative"))
	}
	return errors.Join(faults...)
}

// ErrNotMigrated says that the database, or tables that this program works
// with, have not been made yet.
var ErrNotMigrated = errors.New("tables are not up to date")

// Store is a connected ClickHouse. Its methods may be used from several
// goroutines at once.
type Store struct {
	conn     driver.Conn
	database string
	cluster  string // "" when it is one server

	mu    sync.Mutex
	types map[string]map[string]string // of the tables' columns, by table and name
}

// Open connects, creates the database when it is not there, and returns the
// store, which the caller closes. It does not touch the tables: see Migrate.
// An error wraps analyze.ErrNotNow when the server cannot be reached now.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check the store's config: %w", err)
	}
	opt, err := cfg.options()
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, opt)
	if hasCode(err, codeUnknownDatabase) {
		if cfg.MustExist {
			return nil, fmt.Errorf("there is no database %s: %w", opt.Auth.Database, ErrNotMigrated)
		}
		if err = createDatabase(ctx, *opt, cfg.Cluster); err == nil {
			conn, err = connect(ctx, opt)
		}
	}
	if err != nil {
		return nil, classify("connect to clickhouse", err)
	}
	return &Store{conn: conn, database: opt.Auth.Database, cluster: cfg.Cluster, types: make(map[string]map[string]string)}, nil
}

func (c Config) options() (*clickhouse.Options, error) {
	d := DefaultConfig()
	opt := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{"embedded:8123"}}
	if c.URL != "" {
		var err error
		if opt, err = clickhouse.ParseDSN(c.URL); err != nil {
			return nil, fmt.Errorf("read the clickhouse url: %w", withoutURL(err))
		}
		if !databaseName.MatchString(cmp.Or(opt.Auth.Database, d.Database)) {
			return nil, fmt.Errorf("database %q in the clickhouse url: need letters, digits and '_', at most 63", opt.Auth.Database)
		}
		if opt.Compression == nil {
			opt.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
		}
	} else {
		rt := c.RoundTripper
		opt.TransportFunc = func(*http.Transport) (http.RoundTripper, error) { return rt, nil }
	}
	opt.Auth.Database = cmp.Or(opt.Auth.Database, c.Database, d.Database)
	opt.DialTimeout = cmp.Or(c.DialTimeout, opt.DialTimeout, d.DialTimeout)
	opt.ReadTimeout = cmp.Or(c.ReadTimeout, opt.ReadTimeout, d.ReadTimeout)
	opt.MaxOpenConns = cmp.Or(c.MaxConns, d.MaxConns)
	opt.MaxIdleConns = opt.MaxOpenConns
	if c.Cluster != "" {
		opt.Settings = clusterSettings(opt.Settings)
	}
	opt.ClientInfo.Products = append(opt.ClientInfo.Products, struct{ Name, Version string }{Name: "plodwatch"})
	return opt, nil
}

// clusterSettings are what every statement to a cluster carries. What the URL
// says of them goes before.
func clusterSettings(url clickhouse.Settings) clickhouse.Settings {
	all := clickhouse.Settings{
		// All rows of an athlete lie on one shard, so joins do.
		"distributed_product_mode":    "local",
		"optimize_skip_unused_shards": 1,
		// Everybody writes to and reads from the same replica of a shard while it
		// lives: what was written is then there when it is asked for.
		"prefer_localhost_replica": 0,
		"load_balancing":           "in_order",
		// A table has its new columns on all replicas before rows come.
		"alter_sync": 2,
	}
	maps.Copy(all, url)
	return all
}

func connect(ctx context.Context, opt *clickhouse.Options) (driver.Conn, error) {
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func createDatabase(ctx context.Context, opt clickhouse.Options, cluster string) error {
	name := opt.Auth.Database
	opt.Auth.Database = "default"
	conn, err := connect(ctx, &opt)
	if err != nil {
		return err
	}
	statement := "CREATE DATABASE IF NOT EXISTS `" + name + "`"
	if cluster != "" {
		statement += " ON CLUSTER `" + cluster + "`"
	}
	err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close())
}

// withoutURL drops the URL, which may hold a password, from a parse error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Close ends all connections.
func (s *Store) Close() error {
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("close clickhouse connections: %w", err)
	}
	return nil
}

// Database returns the name of the database that holds the tables.
func (s *Store) Database() string { return s.database }

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	return classify("ping clickhouse", s.conn.Ping(ctx))
}

// Migrate makes or updates the tables and views, and returns how many
// migrations it applied. After any it makes the returns to running that need it;
// days and signs wait for the first Refresh. See tables.Migrate for its errors;
// ErrTablesLost is another.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	n, err := tables.Migrate(ctx, (*execer)(s), tables.Cluster{Name: s.cluster, Database: s.database})
	if err != nil {
		return n, fmt.Errorf("migrate database %s: %w", s.database, err)
	}
	if err := s.lookForTables(ctx); err != nil {
		return n, fmt.Errorf("check database %s: %w", s.database, err)
	}
	if n == 0 {
		return n, nil
	}
	if err := s.refreshAllReturns(ctx, time.Now()); err != nil {
		return n, fmt.Errorf("migrate database %s: %w", s.database, err)
	}
	return n, nil
}

// CheckTables returns nil when the tables and views are those of this program,
// an error that wraps ErrNotMigrated when Migrate is yet to be called, and one
// that wraps tables.ErrNewerDatabase when a newer program has made them, and
// ErrTablesLost. It changes nothing.
func (s *Store) CheckTables(ctx context.Context) error {
	err := tables.Check(ctx, (*execer)(s))
	if errors.Is(err, tables.ErrOlderDatabase) {
		err = fmt.Errorf("%w: %w", ErrNotMigrated, err)
	}
	if err == nil {
		err = s.lookForTables(ctx)
	}
	if err != nil {
		return fmt.Errorf("check database %s: %w", s.database, err)
	}
	return nil
}

// execer is the store as package tables sees it.
type execer Store

// Exec runs one statement.
func (e *execer) Exec(ctx context.Context, statement string) error {
	word, _, _ := strings.Cut(statement, "(")
	return classify("run "+strings.TrimSpace(word), e.conn.Exec(ctx, statement))
}

// Uint64 runs a query with a single value.
func (e *execer) Uint64(ctx context.Context, query string) (uint64, error) {
	var v uint64
	if err := e.conn.QueryRow(ctx, query).Scan(&v); err != nil {
		return 0, classify("run query", err)
	}
	return v, nil
}

// Conn returns the connection, for queries that this package has no name for.
// The caller must not close it.
func (s *Store) Conn() driver.Conn { return s.conn }
