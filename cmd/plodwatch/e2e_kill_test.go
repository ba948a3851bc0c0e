package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestEndToEndKilledImport: imports that are killed at random moments lose
// nothing and double nothing. Each has new files to take besides what the
// others left behind; at the end all views equal those of an import that
// nobody disturbed.
func TestEndToEndKilledImport(t *testing.T) {
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
