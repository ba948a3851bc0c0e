package chdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxIdle bounds the connections kept for the next statement; each holds about
// 100 kB and takes 0.1 ms to make anew.
const maxIdle = 16

// session is what a connection is made with: the same session, the same
// connection may serve.
type session struct {
	database string
	settings map[string]string
	// last is set after everything else, and so cannot be undone by it: readonly.
	last map[string]string
}

func (s session) key() string {
	return s.database + "\x00" + assignments(s.settings) + "\x00" + assignments(s.last)
}

// pool keeps connections that ended their last statement well.
type pool struct {
	lib   *library
	args  []string
	count atomic.Uint64

	mu     sync.Mutex
	idle   []*conn // the longest unused first
	closed bool
}

func newPool(lib *library, args []string) *pool { return &pool{lib: lib, args: args} }

// get hands out an idle connection of this session, or a new one.
func (p *pool) get(s session) (*conn, error) {
	key := s.key()
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if c := p.idle[i]; c.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			p.mu.Unlock()
			return c, nil
		}
	}
	p.mu.Unlock()
	return p.dial(s)
}

// dial makes a new connection and gives it its session, one SET at a time:
// arguments of the connection itself would swallow errors.
func (p *pool) dial(s session) (*conn, error) {
	c, err := p.lib.dial(p.args)
	if err != nil {
		return nil, err
	}
	c.key, c.database = s.key(), s.database
	c.comment = "plodwatch-" + strconv.FormatUint(p.count.Add(1), 10)
	// The library comes with settings of an interactive shell: any text is a
	// SELECT, and functions look into this process's memory.
	settings := map[string]string{"implicit_select": "0", "allow_introspection_functions": "0"}
	maps.Copy(settings, s.settings)
	if own := settings["log_comment"]; own != "" {
		c.comment = own + " (" + c.comment + ")"
	}
	settings["log_comment"] = c.comment
	setup := []string{"SET " + assignments(settings)}
	if s.database != "" {
		setup = append([]string{"USE " + quoteName(s.database)}, setup...)
	}
	if len(s.last) > 0 {
		setup = append(setup, "SET "+assignments(s.last))
	}
	for _, sql := range setup {
		if err := c.exec(sql); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// put takes a connection back for reuse.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	drop := c
	if !p.closed {
		p.idle = append(p.idle, c)
		drop = nil
		if len(p.idle) > maxIdle {
			drop = p.idle[0]
			p.idle = slices.Delete(p.idle, 0, 1)
		}
	}
	p.mu.Unlock()
	if drop != nil {
		drop.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// killEvery is how often a statement that must end is killed: it may not have
// begun when the first KILL comes.
const killEvery = 20 * time.Millisecond

// killWhenDone kills whatever c runs once ctx ends, again and again until the
// returned function is called, which reports whether ctx ended. It must be
// called before c goes back: a late KILL would hit the next statement.
func (p *pool) killWhenDone(ctx context.Context, c *conn) (end func() bool) {
	over, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		tick := time.NewTicker(killEvery)
		defer tick.Stop()
		for {
			p.kill(c.comment)
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	return func() bool {
		if stop() {
			return false
		}
		close(over)
		<-ended
		return true
	}
}

// kill asks the engine to end the statement with this log_comment. It cannot
// fail in a way that helps anybody: it is repeated.
func (p *pool) kill(comment string) {
	c, err := p.get(session{})
	if err != nil {
		return
	}
	if c.exec("KILL QUERY WHERE Settings['log_comment'] = "+quoteText(comment)+" ASYNC") != nil {
		c.close()
		return
	}
	p.put(c)
}

// assignments writes settings as SET wants them, in a fixed order.
func assignments(settings map[string]string) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(settings)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s = %s", name, quoteText(settings[name]))
	}
	return b.String()
}
