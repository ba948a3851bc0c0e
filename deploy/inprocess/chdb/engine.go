package chdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// held is true while this process has an engine. It is the process's state and
// not ours: libchdb keeps one server behind global variables of its own.
var held atomic.Bool

// Engine is a ClickHouse engine in this process. Its methods may be used from
// many goroutines. Make one with Open.
type Engine struct {
	cfg     Config
	lib     *library
	args    []string
	lock    *fileLock
	anchor  *conn // keeps the server up while no statement runs
	pool    *pool
	version string
	zone    string
	turns   chan struct{} // one per statement from outside
	// forbidden are the functions that a statement from outside may not use.
	forbidden map[string]bool

	closing context.Context
	close   context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// Open loads libchdb and opens the data in cfg.Path, creating both the path and
// the database when they are not there. The caller closes the engine.
//
// Errors: ErrNotInstalled when there is no library, ErrAlreadyOpen when this
// process has an engine, ErrLocked when another process holds the path, and the
// faults that Config.Validate finds.
func Open(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check the engine's config: %w", err)
	}
	if cfg.Library == "" {
		found, err := Find()
		if err != nil {
			return nil, err
		}
		cfg.Library = found
	} else if !isFile(cfg.Library) {
		return nil, fmt.Errorf("open libchdb: the configured path names no file: %w; %s", ErrNotInstalled, howToInstall)
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("find the data path: %w", err)
	}
	cfg.Path = path
	if !held.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("open the engine: %w; close it first", ErrAlreadyOpen)
	}
	e, err := open(cfg)
	if err != nil {
		held.Store(false)
		return nil, err
	}
	return e, nil
}

func open(cfg Config) (*Engine, error) {
	for _, dir := range []string{cfg.Path, filepath.Join(cfg.Path, dataName), filepath.Join(cfg.Path, backupName)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("create the data path: %w", err)
		}
	}
	lock, err := lockFile(filepath.Join(cfg.Path, lockName))
	if err != nil {
		if errors.Is(err, ErrLocked) {
			err = fmt.Errorf("open the engine: %w; stop that one, or talk to it instead", err)
		}
		return nil, err
	}
	e := &Engine{cfg: cfg, lock: lock, turns: make(chan struct{}, cfg.Outside.MaxConcurrent)}
	e.closing, e.close = context.WithCancel(context.Background())
	if err := e.start(); err != nil {
		e.close()
		if e.anchor != nil {
			e.anchor.close()
		}
		lock.release()
		return nil, err
	}
	return e, nil
}

func (e *Engine) start() error {
	config, err := writeSettings(e.cfg, e.cfg.Path)
	if err != nil {
		return err
	}
	if e.lib, err = loadLibrary(e.cfg.Library); err != nil {
		return err
	}
	// Before the first connection: the engine's handlers and Go's would fight
	// over SIGSEGV, and a recovered nil dereference would hang the process.
	e.lib.setSignalHandlersEnabled(0)
	e.args = []string{"clickhouse", "--config-file=" + config, "--path=" + filepath.Join(e.cfg.Path, dataName)}
	if e.anchor, err = e.lib.dial(e.args); err != nil {
		return err
	}
	// Not created again: the engine's user may have been set to read only.
	if there, err := e.anchor.value("SELECT count() FROM system.databases WHERE name = "+quoteText(e.cfg.Database), nil); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	} else if strings.TrimSpace(there) == "0" {
		if err := e.anchor.exec("CREATE DATABASE " + quoteName(e.cfg.Database)); err != nil {
			return fmt.Errorf("create the database: %w", err)
		}
	}
	about, err := e.anchor.value("SELECT version(), timezone()", nil)
	if err != nil {
		return fmt.Errorf("ask the engine's version: %w", err)
	}
	e.version, e.zone, _ = strings.Cut(strings.TrimSpace(about), "\t")
	if e.forbidden, err = forbidden(e.anchor); err != nil {
		return err
	}
	e.pool = newPool(e.lib, e.args)
	return nil
}

// Version is that of the ClickHouse inside, 26.7.2.1 for instance.
func (e *Engine) Version() string { return e.version }

// Close kills what still runs, waits for it to end, and gives the data path
// back. A second Close returns ErrClosed.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	e.closed = true
	e.mu.Unlock()
	e.close()
	e.running.Wait()
	e.pool.close()
	e.anchor.close()
	e.lock.release()
	held.Store(false)
	return nil
}

// enter counts a statement in, unless the engine is closing. The context ends
// with the caller's or the engine's; leave must be called.
func (e *Engine) enter(ctx context.Context) (inner context.Context, leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, refuse(codeAborted, "ABORTED", "the engine is closed")
	}
	e.running.Add(1)
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.closing, func() { cancel(ErrClosed) })
	return inner, func() {
		stop()
		cancel(nil)
		e.running.Done()
	}, nil
}

// quoteName and quoteText make SQL of a name and of a text.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
