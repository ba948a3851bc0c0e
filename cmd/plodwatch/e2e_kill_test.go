package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEndToEndKilledImport: imports that are killed at random moments lose
// nothing and double nothing. Each has new files to take besides what the
// others left behind; at the end all views equal those of an import that
// nobody disturbed.
func TestEndToEndKilledImport(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	const kills = 10
	var paths []string
	for _, r := range corpus(t) {
		paths = append(paths, r.path)
	}
	paths = append(paths, activities())

	undisturbed := newPerson(t)
	start := time.Now()
	undisturbed.imports(exitOK, paths...)
	longest := time.Since(start)
	want := undisturbed.everything()

	p := newPerson(t)
	rnd := rand.New(rand.NewPCG(20, 26))
	killed := 0
	for try := 0; killed < kills; try++ {
		if try == 5*kills {
			t.Fatalf("only %d of %d imports were still running when they were to be killed", killed, try)
		}
		some := paths[:(killed+1)*len(paths)/kills]
		after := time.Duration(rnd.Float64() * float64(longest))
		if p.killedAfter(after, append([]string{"import", "--json"}, some...)...) {
			killed++
			t.Logf("killed after %.2f s, %d files", after.Seconds(), len(some))
		} else {
			longest = longest * 3 / 4
		}
	}
	p.imports(exitOK, paths...)
	want.same(t, p.everything())
	if again := p.imports(exitOK, paths...); again.SessionsAdded != 0 || again.SamplesAdded != 0 {
		t.Errorf("one more import: %+v", again)
	}
	want.same(t, p.everything())
}

// killedAfter runs a command and kills it, as a power cut would, and reports
// whether it was still running then.
func (p *person) killedAfter(d time.Duration, args ...string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), d)
	defer cancel()
	cmd := p.command(ctx, append(args, "--data", p.data)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && ctx.Err() == nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// TestEndToEndInterruptedImport: Ctrl-C ends an import with the word that it
// is not finished, and the next one finishes it.
func TestEndToEndInterruptedImport(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	runs := corpus(t)
	folder := filepath.Dir(runs[0].path)

	out := p.interrupted("import", folder) // at once, while the engines are opened
	if out.exit != exitUsage || !strings.Contains(out.stderr, "interrupted") || strings.Contains(out.stderr, "context") {
		t.Errorf("interrupted while it opens: exit %d, said %q", out.exit, out.stderr)
	}
	out = p.interruptedWhen("importing", "import", folder)
	if out.exit != exitUsage || !strings.Contains(out.stderr, "will be finished by the next import") || out.stdout != "" {
		t.Errorf("interrupted while it imports: exit %d, printed %q, said %q", out.exit, out.stdout, out.stderr)
	}
	p.imports(exitOK, folder)
	want := sums{}
	for _, r := range runs {
		want.add(int64(r.Samples), r.HRSum)
	}
	if got := p.sums(); got != want {
		t.Errorf("stored are %+v, generated were %+v", got, want)
	}
}

// interrupted sends Ctrl-C as soon as the process has made its data directory.
func (p *person) interrupted(args ...string) outcome {
	p.t.Helper()
	return p.interruptedAt(func(string) bool {
		_, err := os.Stat(filepath.Join(p.data, "lock"))
		return err == nil
	}, args...)
}

// interruptedWhen sends Ctrl-C as soon as the process has said something.
func (p *person) interruptedWhen(said string, args ...string) outcome {
	p.t.Helper()
	return p.interruptedAt(func(stderr string) bool { return strings.Contains(stderr, said) }, args...)
}

func (p *person) interruptedAt(now func(stderr string) bool, args ...string) outcome {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, append(args, "--data", p.data)...)
	var stdout, stderr safeBuffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	within(p.t, patience, func() string {
		if !now(stderr.String()) {
			return "it is not the time for Ctrl-C yet: " + stderr.String()
		}
		return ""
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return outcome{exit: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}
