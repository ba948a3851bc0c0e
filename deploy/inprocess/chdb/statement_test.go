package chdb_test

import (
	"maps"
	"testing"

	"plodwatch/deploy/inprocess/chdb"
)

func TestStatementIsReadAsClickHouseReadsIt(t *testing.T) {
	for _, c := range []struct{ sql, verb, format, head, data, bare string }{
		{"select 1", "SELECT", "", "", "", "select 1"},
		{"-- x\n/* y */ # z\n(SELECT 1) -- end", "(", "", "", "", "-- x\n/* y */ # z\n(SELECT 1)"},
		{"SELECT 1 FORMAT JSON ; ", "SELECT", "JSON", "", "", "SELECT 1 "},
		{"SELECT 1 format `x`", "SELECT", "", "", "", "SELECT 1 format `x`"},
		{"SELECT 'FORMAT JSON'", "SELECT", "", "", "", "SELECT 'FORMAT JSON'"},
		{"SELECT $a$ FORMAT CSV $a$ FORMAT TSV", "SELECT", "TSV", "", "", "SELECT $a$ FORMAT CSV $a$ "},
		{"SELECT format FROM t", "SELECT", "", "", "", "SELECT format FROM t"},
		{"SELECT format AS a, b FROM t FORMAT CSV SETTINGS x = 1", "SELECT", "CSV", "", "", "SELECT format AS a, b FROM t  SETTINGS x = 1"},
		{"SELECT (SELECT 1 FORMAT CSV)", "SELECT", "", "", "", "SELECT (SELECT 1 FORMAT CSV)"},
		{"SELECT 'it''s; \\' FORMAT' FORMAT TSV", "SELECT", "TSV", "", "", "SELECT 'it''s; \\' FORMAT' "},
		{"INSERT INTO t FORMAT CSV\n1;2\n", "INSERT", "CSV", "INSERT INTO t ", "1;2\n", ""},
		{"INSERT INTO t (format, values) FORMAT TSV \r\n\n1", "INSERT", "TSV", "INSERT INTO t (format, values) ", "\n1", ""},
		{"INSERT INTO db.format (a) SETTINGS async_insert = 0 VALUES (1)", "INSERT", "Values", "INSERT INTO db.format (a) SETTINGS async_insert = 0 ", " (1)", ""},
		{"INSERT INTO values VALUES (1)", "INSERT", "Values", "INSERT INTO values ", " (1)", ""},
		{"INSERT INTO t SELECT 1", "INSERT", "", "", "", "INSERT INTO t SELECT 1"},
		{"", "", "", "", "", ""},
		{"'unclosed", "", "", "", "", "'unclosed"},
	} {
		verb, format, head, data := chdb.Statement(c.sql)
		if verb != c.verb || format != c.format || head != c.head || data != c.data {
			t.Errorf("%q: verb %q format %q head %q data %q", c.sql, verb, format, head, data)
		}
		if c.verb != "INSERT" || c.bare != "" {
			if bare := chdb.Bare(c.sql); bare != c.bare {
				t.Errorf("%q: bare %q, want %q", c.sql, bare, c.bare)
			}
		}
	}
}

func TestSettingsAtTheEndAreLifted(t *testing.T) {
	for _, c := range []struct {
		sql, rest string
		settings  map[string]string
	}{
		{"SELECT 1 SETTINGS max_execution_time=10", "SELECT 1 ", map[string]string{"max_execution_time": "10"}},
		{"SELECT 1 settings a = 1, b = 'x' FORMAT CSV;", "SELECT 1  FORMAT CSV;", map[string]string{"a": "1", "b": "x"}},
		{"SELECT 1 FORMAT CSV SETTINGS a = true -- end", "SELECT 1 FORMAT CSV  -- end", map[string]string{"a": "true"}},
		{"SELECT 1 FORMAT CSV SETTINGS a = 1 ; ;", "SELECT 1 FORMAT CSV  ; ;", map[string]string{"a": "1"}},
		{"SELECT 1", "SELECT 1", nil},
		{"SETTINGS a = 1", "SETTINGS a = 1", nil},
		{"SELECT (SELECT 1 SETTINGS a = 1)", "SELECT (SELECT 1 SETTINGS a = 1)", nil},
		{"SELECT 1 SETTINGS a = 1 UNION ALL SELECT 2", "SELECT 1 SETTINGS a = 1 UNION ALL SELECT 2", nil},
		{"SELECT 1 SETTINGS a = 1; SELECT 2", "SELECT 1 SETTINGS a = 1; SELECT 2", nil},
		{"SELECT 1 SETTINGS a = 'it''s'", "SELECT 1 SETTINGS a = 'it''s'", nil},
		{`SELECT 1 SETTINGS a = 'x\'`, `SELECT 1 SETTINGS a = 'x\'`, nil},
		{"SELECT 1 SETTINGS a = [1]", "SELECT 1 SETTINGS a = [1]", nil},
		{"SELECT 1 SETTINGS a = -1", "SELECT 1 SETTINGS a = -1", nil},
		{"SELECT 1 SETTINGS a = 1,", "SELECT 1 SETTINGS a = 1,", nil},
		{"SELECT 1 AS settings, 2", "SELECT 1 AS settings, 2", nil},
		{"SELECT 1 'SETTINGS a = 1'", "SELECT 1 'SETTINGS a = 1'", nil},
	} {
		rest, settings := chdb.LiftSettings(c.sql)
		if rest != c.rest || !maps.Equal(settings, c.settings) {
			t.Errorf("%q: %q %v, want %q %v", c.sql, rest, settings, c.rest, c.settings)
		}
	}
}

func FuzzStatement(f *testing.F) {
	for _, s := range []string{"SELECT 1 FORMAT JSON;", "INSERT INTO t VALUES (1)", "INSERT INTO t FORMAT TSV\n1", "$a$b$a$", "'\\", "/*", "FORMAT", "((("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		_, _, head, data := chdb.Statement(sql)
		if len(head)+len(data) > len(sql) {
			t.Errorf("%q has more head and data than text", sql)
		}
		_ = chdb.Bare(sql)
		if rest, settings := chdb.LiftSettings(sql); len(settings) == 0 && rest != sql {
			t.Errorf("%q lost %q", sql, rest)
		}
	})
}
