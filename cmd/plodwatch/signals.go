package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after a signal another counts as the same: some
// tools send it to the process and to its group.
const sameSignal = 500 * time.Millisecond

// signals returns a context that ends with the first interrupt or termination
// signal, and one that ends with the second. stop gives the signals back.
func signals(ctx context.Context) (first, second context.Context, stop func()) {
	first, endFirst := context.WithCancel(ctx)
	second, endSecond := context.WithCancel(context.WithoutCancel(ctx))
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var last time.Time
		for _, end := range []context.CancelFunc{endFirst, endSecond} {
			for asked := false; !asked; {
				select {
				case <-ch:
					asked = time.Since(last) > sameSignal
				case <-done:
					return
				}
			}
			last = time.Now()
			end()
		}
	}()
	return first, second, func() {
		signal.Stop(ch)
		close(done)
		endFirst()
		endSecond()
	}
}
