package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far an import is: a bar on a terminal, a plain line every
// few seconds otherwise.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil when not on a terminal
	total int

	mu    sync.Mutex
	taken int
	last  time.Time
}

const plainEvery = 5 * time.Second

func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, total: total, last: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) { //nolint:gosec // descriptors are small
		p.bar = progressbar.NewOptions(2*total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
			progressbar.OptionSetDescription("taking"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	} else {
		fmt.Fprintf(w, "importing %s files\n", count(total))
	}
	return p
}

// took counts a file that has been handed in.
func (p *progress) took() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken++
	p.show("taken", p.taken, p.total, p.taken)
}

// left says how many exports still have to be analyzed.
func (p *progress) left(missing, done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe("analyzing")
		p.bar.ChangeMax(p.total + missing + done)
	}
	p.show("analyzed", done, missing+done, p.total+done)
}

// show writes the state; the bar counts taking and analyzing together.
func (p *progress) show(what string, n, of, bar int) {
	if p.bar != nil {
		_ = p.bar.Set(bar) // a bar that cannot be drawn harms nothing
		return
	}
	if time.Since(p.last) >= plainEvery {
		p.last = time.Now()
		fmt.Fprintf(p.w, "%s %s of %s\n", what, count(n), count(of))
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
