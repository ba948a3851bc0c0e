package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals returns a context that ends with the first interrupt or termination
// signal, and one that ends with the second. stop gives the signals back.
func signals(ctx context.Context) (first, second context.Context, stop func()) {
	first, endFirst := context.WithCancel(ctx)
	second, endSecond := context.WithCancel(context.WithoutCancel(ctx))
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for _, end := range []context.CancelFunc{endFirst, endSecond} {
			select {
			case <-ch:
				end()
			case <-done:
				return
			}
		}
	}()
	return first, second, func() {
		signal.Stop(ch)
		close(done)
		endFirst()
		endSecond()
	}
}
