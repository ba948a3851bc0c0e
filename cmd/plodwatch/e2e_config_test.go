package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestEndToEndQueryOnlyReads: whatever does more than read the tables is
// refused with a reason, reaches nothing, and changes nothing.
func TestEndToEndQueryOnlyReads(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, corpus(t)[0].path)
	before := p.everything()

	var asked atomic.Int32
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer outside.Close()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("5318008\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, sql, says string }{
		{"a file", "SELECT * FROM file('" + secret + "', 'CSV', 'a Int64')", "file is refused"},
		{"a file in a subquery", "SELECT (SELECT max(a) FROM file('" + secret + "', 'CSV', 'a Int64'))", "file is refused"},
		{"a file in capitals with a comment", "SELECT * FROM FILE/**/('" + secret + "', 'CSV', 'a Int64')", "refused"},
		{"a url", "SELECT * FROM url('" + outside.URL + "/x', 'CSV', 'a Int64')", "url is refused"},
		{"another server", "SELECT * FROM remote('" + outside.Listener.Addr().String() + "', 'system', 'one')", "remote is refused"},
		{"a command", "SELECT * FROM executable('id', 'CSV', 'a String')", "refused"},
		{"insert", "INSERT INTO samples_versions (athlete_id) VALUES ('me')", "INSERT is refused"},
		{"insert into a file", "INSERT INTO FUNCTION file('" + dir + "/out.csv') SELECT 1", "INSERT is refused"},
		{"into a file", "SELECT 1 INTO OUTFILE '" + dir + "/out.csv'", "writes a file"},
		{"system", "SYSTEM SHUTDOWN", "SYSTEM is refused"},
		{"drop", "DROP TABLE exports_versions", "DROP is refused"},
		{"delete", "ALTER TABLE sessions_versions DELETE WHERE 1", "ALTER is refused"},
		{"two statements", "SELECT 1; SELECT 2", "one statement"},
		{"a hidden second statement", "SELECT 1; -- \nDROP TABLE exports_versions", "one statement"},
		{"lifting its limits", "SELECT 1 SETTINGS readonly = 0", "readonly"},
		{"nothing", " ", "Empty query"},
		{"a table that is not there", "SELECT * FROM nosuch", "nosuch"},
	}
	// Through the daemon that holds the data, and without one.
	refuse := func(cases []struct{ name, sql, says string }) {
		t.Helper()
		for _, c := range cases {
			got := p.do(exitUsage, "query", c.sql)
			if !strings.Contains(got.stderr, c.says) || got.stdout != "" || strings.Contains(got.stderr, "5318008") {
				t.Errorf("%s: printed %q and said %q, want %q", c.name, got.stdout, got.stderr, c.says)
			}
		}
	}
	d := p.up()
	refuse(cases)
	d.stop(os.Interrupt)
	for i := 0; i < len(cases); i += 3 {
		refuse(cases[i : i+1])
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests left the process", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.csv")); err == nil {
		t.Error("a file was written")
	}
	before.same(t, p.everything())
}

// TestEndToEndQueryForms: the forms an answer can have.
func TestEndToEndQueryForms(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.do(exitOK, "migrate")
	for _, c := range []struct {
		name string
		exit int
		args []string
		want string
	}{
		{"csv", exitOK, []string{"--format", "CSVWithNames", "SELECT 1 AS a, 'x' AS b"}, "\"a\",\"b\"\n1,\"x\"\n"},
		{"json", exitOK, []string{"--json", "SELECT toUInt64(18446744073709551615) AS a, [1, 2] AS b, NULL AS c"}, `{"a":18446744073709551615,"b":[1,2],"c":null}` + "\n"},
		{"table", exitOK, []string{"SELECT 42 AS answer"}, "answer"},
		{"both", exitUsage, []string{"--json", "--format", "CSV", "SELECT 1"}, ""},
	} {
		if got := p.do(c.exit, append([]string{"query"}, c.args...)...).stdout; !strings.Contains(got, c.want) {
			t.Errorf("%s: printed %q, want %q", c.name, got, c.want)
		}
	}
}

// TestEndToEndSettings: a flag wins over the environment, the environment over
// the settings file, and a key that nobody knows is refused.
func TestEndToEndSettings(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A command that reads says which data directory it found empty.
	file := write("good.yaml", "data: "+filepath.Join(dir, "by-file")+"\nlog_level: error\n")
	used := func(env []string, args ...string) string {
		t.Helper()
		q := *p
		q.env = append(append([]string{}, p.env...), env...)
		got := q.run(append([]string{"sessions"}, args...)...)
		_, rest, found := strings.Cut(got.stderr, "no data in ")
		if got.exit != exitUsage || !found {
			t.Fatalf("exit %d, said %q", got.exit, got.stderr)
		}
		path, _, _ := strings.Cut(rest, " ")
		return filepath.Base(path)
	}
	environment := "PLODWATCH_DATA=" + filepath.Join(dir, "by-environment")
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{"nothing set", nil, nil, "plodwatch"},
		{"file", nil, []string{"--config", file}, "by-file"},
		{"file named by the environment", []string{"PLODWATCH_CONFIG=" + file}, nil, "by-file"},
		{"environment over file", []string{environment}, []string{"--config", file}, "by-environment"},
		{"flag over both", []string{environment}, []string{"--config", file, "--data", filepath.Join(dir, "by-flag")}, "by-flag"},
	} {
		if got := used(c.env, c.args...); got != c.want {
			t.Errorf("%s: used %s, want %s", c.name, got, c.want)
		}
	}

	// The settings file of the user is read when it is there.
	config := t.TempDir()
	if err := os.MkdirAll(filepath.Join(config, "plodwatch"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "plodwatch", "config.yaml"), []byte("data: "+filepath.Join(dir, "by-home")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := used([]string{"XDG_CONFIG_HOME=" + config}); got != "by-home" {
		t.Errorf("the user's file: used %s, want by-home", got)
	}

	for _, c := range []struct{ name, text, says string }{
		{"typo.yaml", "dta: /tmp/x\nfolder: /tmp/y\n", "unknown key in the settings file: dta"},
		{"level.yaml", "log-level: loud\n", "log-level"},
		{"settle.yaml", "settle: soon\n", "settle"},
		{"after.yaml", "after: shred\n", "after"},
		{"broken.yaml", "data: [\n", "read settings"},
		{"list.yaml", "- data\n", "read settings"},
	} {
		got := p.run("up", "--check-config", "--config", write(c.name, c.text))
		if got.exit != exitUsage || !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s: exit %d, said %q, want %q", c.name, got.exit, got.stderr, c.says)
		}
	}
	if got := p.run("up", "--config", filepath.Join(dir, "missing.yaml")); got.exit != exitUsage {
		t.Errorf("a settings file that is not there: exit %d, said %q", got.exit, got.stderr)
	}
}

// TestEndToEndCheckConfig: --check-config judges what `up` would be given,
// starts nothing and leaves nothing behind.
func TestEndToEndCheckConfig(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	folder := t.TempDir()
	busy := httptest.NewServer(http.NotFoundHandler()) // a daemon that runs while its new settings are checked
	defer busy.Close()
	for _, c := range []struct {
		name string
		exit int
		says string
		args []string
	}{
		{"all well", exitOK, "", []string{"--folder", folder}},
		{"address in use", exitOK, "", []string{"--listen", busy.Listener.Addr().String()}},
		{"open to everybody", exitUsage, "refuse to listen", []string{"--listen", "0.0.0.0:8020"}},
		{"open by IPv6", exitUsage, "refuse to listen", []string{"--listen", "[::]:8020"}},
		{"open by leaving it out", exitUsage, "refuse to listen", []string{"--listen", ":8020"}},
		{"no port", exitUsage, "--listen", []string{"--listen", "127.0.0.1"}},
		{"bad athlete", exitUsage, "athlete", []string{"--athlete", "a/b"}},
		{"bad settle", exitUsage, "settle", []string{"--folder", folder, "--settle", "-1s"}},
	} {
		got := p.do(c.exit, append([]string{"up", "--check-config"}, c.args...)...)
		if !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s: said %q, want %q", c.name, got.stderr, c.says)
		}
	}
	if _, err := os.Stat(p.data); err == nil {
		t.Error("checking the configuration made the data directory")
	}
}

// TestEndToEndExitCodes of check and of wrong usage.
func TestEndToEndExitCodes(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	good := filepath.Join(activities(), "intervals.fit")
	bad := filepath.Join(t.TempDir(), "bad.fit")
	if err := os.WriteFile(bad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		exit int
		args []string
	}{
		{exitOK, []string{"check", good}},
		{exitOK, []string{"check", "--json", good, filepath.Join(activities(), "answers.json")}}, // skipped is not rejected
		{exitRejected, []string{"check", bad}},
		{exitRejected, []string{"check", bad, good}},
		{exitUsage, []string{"check", bad + ".gone", good}},
		{exitUsage, []string{"check"}},
		{exitUsage, []string{"check", "--max-hr", "9000", good}},
		{exitUsage, []string{"import", good + ".gone"}},
		{exitUsage, []string{"import", "--athlete", "a b", good}},
		{exitUsage, []string{"sessions", "--from", "yesterday"}},
		{exitUsage, []string{"nosuch"}},
		{exitUsage, []string{"sessions", "--nosuch"}},
		{exitUsage, []string{"query", "SELECT 1"}}, // there is no data yet
		{exitOK, []string{"help", "athlete", "set"}},
		{exitUsage, []string{"help", "nosuch"}},
		{exitOK, []string{"version"}},
		{exitOK, []string{}},
	} {
		got := p.run(append(c.args, "--data="+p.data)...)
		if len(c.args) == 0 {
			got = p.run()
		}
		if got.exit != c.exit {
			t.Errorf("plodwatch %s: exit %d, want %d: %s", strings.Join(c.args, " "), got.exit, c.exit, got.stderr)
		}
		if (got.exit == exitUsage) != (got.stderr != "") && c.args[0] != "check" {
			t.Errorf("plodwatch %s: exit %d and said %q", strings.Join(c.args, " "), got.exit, got.stderr)
		}
	}
}

// TestEndToEndWithoutEngine: where the engine's library is missing, the one
// message names the command that installs it.
func TestEndToEndWithoutEngine(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, c := range []struct{ name, env string }{
		{"empty cache", "XDG_CACHE_HOME=" + t.TempDir()},
		{"named file is not there", "PLODWATCH_LIBCHDB=" + filepath.Join(t.TempDir(), "libchdb.so")},
	} {
		q := *p
		q.env = []string{c.env}
		for _, v := range p.env {
			if name, _, _ := strings.Cut(v, "="); name != "PLODWATCH_LIBCHDB" && name != "CHDB_LIB_PATH" && name != "XDG_CACHE_HOME" {
				q.env = append(q.env, v)
			}
		}
		got := q.do(exitUsage, "import", corpus(t)[0].path)
		if !strings.Contains(got.stderr, "plodwatch engine install") || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: said %q", c.name, got.stderr)
		}
	}
	// Once it is installed the same command works.
	if got := p.imports(exitOK, corpus(t)[0].path); got.SessionsAdded != 1 {
		t.Errorf("after that import says %+v", got)
	}
}
