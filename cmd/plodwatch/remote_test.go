package main

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestHolderThatNeverAnswersIsNotWaitedForForEver: a stopped process still has
// its lock and its socket, and the system accepts connections for it.
func TestHolderThatNeverAnswersIsNotWaitedForForEver(t *testing.T) {
	dir := t.TempDir()
	socket, err := socketPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody ever accepts
	if _, err := dialHolder(t.Context(), dir, 100*time.Millisecond); !errors.Is(err, errNoAnswer) {
		t.Errorf("%v, want that it does not answer", err)
	}
}
