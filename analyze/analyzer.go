package analyze

import "golang.org/x/sync/semaphore"

// Analyzer takes sessions and outcomes and writes their rows in batches. Make
// one with New, then call Run.
type Analyzer struct {
	cfg     Config
	room    *semaphore.Weighted
	in      chan item     // without a buffer, see enqueue
	stopped chan struct{} // closed when Run takes nothing more
}
