package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"plodwatch/testdata/gen/activity"
)

// The end-to-end tests run the program as a person does: the binary that `go
// build` makes, as a process of its own, over the real engines.

// patience bounds every wait for a process. It is reached only by one that
// hangs.
const patience = 2 * time.Minute

// shared is what the end-to-end tests make once.
type shared struct {
	dir    string
	binary func() (string, error)
	nats   func() (string, error) // the server of the nats-server module
	corpus func() ([]truth, error)
	engine *sync.Mutex    // held by who has the engine of this process
	ports  *atomic.Uint32 // for who needs an address before there is a server
}

// e2e is filled by TestMain.
var e2e shared

// truth is one generated file and what is in it.
type truth struct {
	path string
	activity.Truth
}

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if setting := os.Getenv(chaosClickHouse); setting != "" {
		return serveClickHouse(setting)
	}
	dir, err := os.MkdirTemp("", "plodwatch-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := setNATSPasswords(filepath.Join(dir, "nats")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	e2e = shared{
		dir:    dir,
		engine: new(sync.Mutex),
		ports:  new(atomic.Uint32),
		binary: sync.OnceValues(func() (string, error) { return build(filepath.Join(dir, "plodwatch"), ".") }),
		nats: sync.OnceValues(func() (string, error) {
			return build(filepath.Join(dir, "nats-server"), "github.com/nats-io/nats-server/v2")
		}),
		corpus: sync.OnceValues(func() ([]truth, error) { return writeCorpus(filepath.Join(dir, "corpus"), 24, 8) }),
	}
	return m.Run()
}

// build builds a main package to a file.
func build(to, pkg string) (string, error) {
	args := []string{"build", "-o", to}
	if raced {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}

// writeCorpus writes so many runs of so many minutes.
func writeCorpus(dir string, files, minutes int) ([]truth, error) {
	c, err := activity.NewCorpus(minutes, files, 7)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var all []truth
	var buf []byte
	for i := range files {
		t := truth{path: filepath.Join(dir, fmt.Sprintf("run-%03d.fit", i))}
		if buf, t.Truth, err = c.Write(buf, i); err != nil {
			return nil, err
		}
		if err := os.WriteFile(t.path, buf, 0o644); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// corpus returns the generated runs.
func corpus(t *testing.T) []truth {
	t.Helper()
	all, err := e2e.corpus()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// activities is the folder of files with known answers.
func activities() string { return filepath.Join("..", "..", "testdata", "activities") }

// person is somebody at a terminal: a binary, settings and a data directory of
// their own.
type person struct {
	t      *testing.T
	binary string
	data   string
	env    []string
	flags  []string // given with every command
	silent bool     // does not log what it runs
}

// newPerson returns a person with an empty data directory. Where the engine's
// library is missing the test fails, and says how to get it.
func newPerson(t *testing.T) *person {
	t.Helper()
	binary, err := e2e.binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &person{t: t, binary: binary, data: filepath.Join(dir, "data")}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PLODWATCH_") || name == "PLODWATCH_LIBCHDB" {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_DATA_HOME="+filepath.Join(dir, "share"))
	if got := p.run("engine", "path"); got.exit != exitOK {
		t.Fatalf("these tests need the engine's library: %s", got.stderr)
	}
	return p
}

// outcome is what a finished process left behind.
type outcome struct {
	exit           int // -1 when a signal ended it
	stdout, stderr string
	took           time.Duration
	peakKB         int64 // most memory it had
}

// command prepares a process. It is killed when the test hangs.
func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, append(slices.Clone(p.flags), args...)...)
	cmd.Env = p.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // says where it hangs
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs a command without the data directory.
func (p *person) run(args ...string) outcome {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.t.Fatalf("plodwatch %s: %v\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), &stderr)
	}
	out := outcome{exit: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		out.peakKB = int64(usage.Maxrss) //nolint:unconvert // its type differs between systems
	}
	if !p.silent {
		p.t.Logf("plodwatch %.60s: exit %d, %.2f s, %d MB", strings.Join(args, " "), out.exit, out.took.Seconds(), out.peakKB/1024)
	}
	return out
}

// do runs a command on the data directory and wants an exit code.
func (p *person) do(exit int, args ...string) outcome {
	p.t.Helper()
	got := p.run(append(args, "--data", p.data)...)
	if got.exit != exit {
		p.t.Fatalf("plodwatch %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got.exit, exit, got.stdout, got.stderr)
	}
	return got
}

// imports imports paths and returns what `import --json` says.
func (p *person) imports(exit int, paths ...string) importResult {
	p.t.Helper()
	got := p.do(exit, append([]string{"import", "--json"}, paths...)...)
	var res importResult
	if err := json.Unmarshal([]byte(got.stdout), &res); err != nil {
		p.t.Fatalf("import --json printed %q: %v\n%s", got.stdout, err, got.stderr)
	}
	return res
}

// quiet returns p for questions that are asked again and again.
func (p *person) quiet() *person {
	q := *p
	q.silent = true
	return &q
}

// rows runs a query in a process of its own and returns its rows.
func rows[T any](p *person, sql string) []T {
	p.t.Helper()
	return decodeLines[T](p.t, p.do(exitOK, "query", "--json", sql).stdout)
}

// decodeLines reads one JSON value a line.
func decodeLines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	dec := json.NewDecoder(strings.NewReader(text))
	for dec.More() {
		var row T
		if err := dec.Decode(&row); err != nil {
			t.Fatalf("read row %d: %v\n%.500s", len(all), err, text)
		}
		all = append(all, row)
	}
	return all
}

// sums are the three numbers that do not change when nothing new is taken.
type sums struct {
	Samples  int64 `json:"samples"`
	HRSum    int64 `json:"hr_sum"`
	Sessions int64 `json:"sessions"`
}

const sumsQuery = "SELECT count() AS samples, sum(hr) AS hr_sum, uniqExact(session_id) AS sessions FROM samples_and_copies"

func (p *person) sums() sums {
	p.t.Helper()
	all := rows[sums](p, sumsQuery)
	if len(all) != 1 {
		p.t.Fatalf("%d rows", len(all))
	}
	return all[0]
}

// within waits until ready returns "", and fails with what it said last.
func within(t *testing.T, limit time.Duration, ready func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		why := ready()
		if why == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, why)
		}
		<-tick.C
	}
}

// outcomes writes the endings of an import as "decoded 3, rejected bomb 1".
func (r *importResult) outcomes() string {
	var parts []string
	for _, e := range r.Outcomes {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s", e.Outcome, e.Reason))+fmt.Sprintf(" %d", e.Files))
	}
	return strings.Join(parts, ", ")
}
