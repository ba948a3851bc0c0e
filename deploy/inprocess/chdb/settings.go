package chdb

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
)

// The engine's own files below Config.Path.
const (
	lockName   = "plodwatch.lock"
	dataName   = "data"
	backupName = "backups"
)

// element is one node of the engine's configuration.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func el(name string, value any) element {
	return element{XMLName: xml.Name{Local: name}, Text: fmt.Sprint(value)}
}

func tree(name string, children ...element) element {
	return element{XMLName: xml.Name{Local: name}, Children: children}
}

// serverConfig is config.xml. There is no logger section: with one, the engine
// logs at trace level.
func serverConfig(c Config, path string) element {
	return tree("clickhouse",
		el("users_config", filepath.Join(path, "users.xml")),
		el("max_server_memory_usage", c.MaxMemoryBytes),
		el("mark_cache_size", 64<<20), // the default is 5 GiB
		el("primary_index_cache_size", 64<<20),
		el("background_pool_size", c.BackgroundThreads),
		el("background_schedule_pool_size", 4),
		el("max_parts_cleaning_thread_pool_size", 2), // else 128 threads
		el("max_active_parts_loading_thread_pool_size", 4),
		el("max_outdated_parts_loading_thread_pool_size", 2),
		tree("backups", el("allowed_path", filepath.Join(path, backupName))),
	)
}

// rights are what anything in this process may do, and so the most that a
// statement from outside could: no SOURCES (files, URLs, other databases), no
// SYSTEM SHUTDOWN, no users.
func rights() []string {
	return []string{
		"GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, BACKUP, KILL QUERY, KILL TRANSACTION, UNDROP TABLE, dictGet, CLUSTER ON *.*",
		"GRANT SYSTEM DROP CACHE, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH LOGS, SYSTEM SYNC REPLICA, SYSTEM RELOAD ON *.*",
		"REVOKE ALTER NAMED COLLECTION, CREATE NAMED COLLECTION, DROP NAMED COLLECTION, SHOW NAMED COLLECTIONS, SHOW NAMED COLLECTIONS SECRETS ON *.*",
		"REVOKE CREATE FUNCTION, DROP FUNCTION, CREATE WORKLOAD, DROP WORKLOAD, CREATE RESOURCE, DROP RESOURCE ON *.*",
	}
}

// usersConfig is users.xml: one user, reached only from this process.
func usersConfig(c Config) element {
	grants := tree("grants")
	for _, r := range rights() {
		grants.Children = append(grants.Children, el("query", r))
	}
	return tree("clickhouse",
		tree("profiles", tree("default",
			el("max_memory_usage", c.MaxQueryMemoryBytes),
			el("max_bytes_before_external_group_by", c.MaxQueryMemoryBytes/2),
			el("max_bytes_before_external_sort", c.MaxQueryMemoryBytes/2),
			el("async_insert", 0),
			el("fsync_metadata", 1),
			// Machine code of expressions: see decisions.md.
			el("compile_expressions", 0),
			el("compile_aggregate_expressions", 0),
			el("compile_sort_description", 0),
		)),
		tree("users", tree("default",
			el("password", ""),
			tree("networks", el("ip", "::1"), el("ip", "127.0.0.1")),
			el("profile", "default"),
			el("quota", "default"),
			grants,
		)),
		tree("quotas", tree("default")),
	)
}

// writeSettings writes config.xml and users.xml and returns the path of the first.
func writeSettings(c Config, path string) (string, error) {
	config := filepath.Join(path, "config.xml")
	for _, file := range []struct {
		path string
		root element
	}{
		{config, serverConfig(c, path)},
		{filepath.Join(path, "users.xml"), usersConfig(c)},
	} {
		var b bytes.Buffer
		enc := xml.NewEncoder(&b)
		enc.Indent("", "  ")
		if err := enc.Encode(file.root); err != nil {
			return "", fmt.Errorf("write the engine's settings: %w", err)
		}
		b.WriteByte('\n')
		if err := os.WriteFile(file.path, b.Bytes(), 0o600); err != nil {
			return "", fmt.Errorf("write the engine's settings: %w", err)
		}
	}
	return config, nil
}
