// Package natsd runs a NATS server with JetStream inside this process.
//
// It listens on no socket: clients of the same process reach it through
// [Server.Connect]. Every message is on disk (fsync) before it is
// acknowledged, and a lock on the directory keeps a second server away, for
// two servers on one directory both acknowledge and lose messages. After a full
// disk the server is restarted by itself, for its streams take no messages
// before.
//
// The package knows nothing of plodwatch and is the only user of nats-server.
package natsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// DefaultMaxPayload is the largest message in bytes, headers included,
	// that the server takes unless told otherwise: 8 MiB.
	DefaultMaxPayload = 8 << 20

	// LargestMaxPayload is the most that MaxPayload can be: the file store
	// refuses messages over 32 MiB whatever the server's limit says.
	LargestMaxPayload = 32 << 20

	// DefaultReadyTimeout is how long Open waits for the store to be read.
	DefaultReadyTimeout = time.Minute

	// reconnectWait is how long connections wait before they try again when
	// the server has been restarted.
	reconnectWait = 100 * time.Millisecond

	// memoryStoreBytes bounds memory streams. We have none; the server wants
	// a number, and its own default is three quarters of the machine.
	memoryStoreBytes = 64 << 20
)

// ErrLocked says that another server, here or in another process, has the
// directory open.
var ErrLocked = errors.New("directory is in use by another server")

// Config says where the server keeps its streams and how much it may keep.
type Config struct {
	// Dir is the directory of the streams. It is made (0700) when missing.
	Dir string

	// Name is the server's name in logs and stream information;
	// "plodwatch" when empty.
	Name string

	// MaxStoreBytes bounds all streams together. 0 means three quarters of
	// what the disk has free at start, counting what Dir already holds as
	// free.
	MaxStoreBytes int64

	// ReserveBytes is what MaxStoreBytes is at least when it is left to the
	// server: the sum of the limits of the streams to come, for streams that
	// reserve more than is allowed in all cannot be made. On a small disk it
	// is DiskFree that keeps writers from filling it.
	ReserveBytes int64

	// MaxPayload is the largest message in bytes, headers included;
	// DefaultMaxPayload when 0.
	MaxPayload int

	// ReadyTimeout bounds the start; DefaultReadyTimeout when 0.
	ReadyTimeout time.Duration

	// NoSync gives up the fsync before each acknowledgement. A power cut then
	// loses up to two minutes of acknowledged messages. For benchmarks.
	NoSync bool

	// Logger receives what the server says; nothing is logged when nil.
	Logger *slog.Logger
}

// DefaultConfig returns the configuration of a server in dir.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:          dir,
		Name:         "plodwatch",
		MaxPayload:   DefaultMaxPayload,
		ReadyTimeout: DefaultReadyTimeout,
	}
}

// Validate returns all faults of the configuration at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("dir: must not be empty"))
	}
	if c.MaxStoreBytes < 0 {
		faults = append(faults, fmt.Errorf("max_store_bytes: %d is negative", c.MaxStoreBytes))
	}
	if c.ReserveBytes < 0 {
		faults = append(faults, fmt.Errorf("reserve_bytes: %d is negative", c.ReserveBytes))
	}
	if c.MaxPayload < 0 || c.MaxPayload > LargestMaxPayload {
		faults = append(faults, fmt.Errorf("max_payload: %d is not within 0..%d", c.MaxPayload, LargestMaxPayload))
	}
	if c.ReadyTimeout < 0 {
		faults = append(faults, fmt.Errorf("ready_timeout: %s is negative", c.ReadyTimeout))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	def := DefaultConfig(c.Dir)
	if c.Name == "" {
		c.Name = def.Name
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = def.MaxPayload
	}
	if c.ReadyTimeout == 0 {
		c.ReadyTimeout = def.ReadyTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server is a running server. Its methods may be called from any goroutine.
type Server struct {
	cfg      Config
	lock     *os.File
	dir      string
	maxStore int64

	mu     sync.Mutex
	server *server.Server // nil after a restart that failed
	logs   *serverLog

	stopMending context.CancelFunc
	mended      chan struct{} // closed when nothing restarts the server any more

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error
}

// Open starts a server and returns when its streams have been read and it
// takes messages. The caller closes it.
//
// It returns ErrLocked when the directory is in use, and an error when the
// server is not ready within cfg.ReadyTimeout.
func Open(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check nats server configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make nats directory: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, lock: lock, dir: cfg.Dir, closed: make(chan struct{}), mended: make(chan struct{})}
	if s.maxStore, err = maxStoreOf(cfg); err == nil {
		err = s.restart()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stopMending = stop
	go func() {
		defer close(s.mended)
		s.mend(ctx)
	}()
	return s, nil
}

func maxStoreOf(cfg Config) (int64, error) {
	if cfg.MaxStoreBytes > 0 {
		return cfg.MaxStoreBytes, nil
	}
	bytes, err := defaultMaxStore(cfg.Dir)
	return max(bytes, cfg.ReserveBytes), err
}

func start(cfg Config, maxStore int64) (*server.Server, *serverLog, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName:             cfg.Name,
		DontListen:             true,
		NoSigs:                 true,
		NoLog:                  true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               cfg.Dir,
		SyncAlways:             !cfg.NoSync,
		JetStreamMaxStore:      maxStore,
		JetStreamMaxMemory:     memoryStoreBytes,
		MaxPayload:             int32(cfg.MaxPayload),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("create nats server: %w", err)
	}
	logs := newServerLog(cfg.Logger)
	ns.SetLogger(logs, logs.debug(), false)

	started := make(chan struct{})
	go func() {
		defer close(started)
		ns.Start()
	}()
	if err := awaitReady(ns, logs, started, cfg.ReadyTimeout); err != nil {
		ns.Shutdown()
		<-started
		ns.WaitForShutdown()
		return nil, nil, err
	}
	return ns, logs, nil
}

func awaitReady(ns *server.Server, logs *serverLog, started <-chan struct{}, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-started:
	case err := <-logs.fatal:
		return fmt.Errorf("start nats server: %w", err)
	case <-timer.C:
		return fmt.Errorf("start nats server: streams not read within %s", limit)
	}
	// Start returns early after a fatal error, which then is in the channel.
	select {
	case err := <-logs.fatal:
		return fmt.Errorf("start nats server: %w", err)
	default:
	}
	if !ns.JetStreamEnabled() {
		return errors.New("start nats server: jetstream is not enabled")
	}
	return nil
}

// Connect returns a connection that stays inside the process. The caller
// closes it before the server. Options given override the package's own
// (a name, and reconnecting for ever).
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	all := make([]nats.Option, 0, len(opts)+4)
	all = append(all, nats.Name("plodwatch"), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait))
	all = append(all, opts...)
	all = append(all, nats.InProcessServer(door{s}))
	conn, err := nats.Connect("", all...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats server in process: %w", err)
	}
	return conn, nil
}

// MaxStoreBytes returns how much all streams together may hold.
func (s *Server) MaxStoreBytes() int64 { return s.maxStore }

// Dir returns the directory of the streams.
func (s *Server) Dir() string { return s.dir }

// Close stops the server, waits until all its goroutines have ended, and
// unlocks the directory. It returns ctx's error when that takes longer; the
// stop then goes on, and a further Close waits for it. Close connections and
// stop consumers first.
func (s *Server) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		go func() {
			defer close(s.closed)
			s.stopMending()
			<-s.mended
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.server != nil {
				s.server.Shutdown()
				s.server.WaitForShutdown()
			}
			s.closeErr = s.lock.Close()
		}()
	})
	select {
	case <-s.closed:
		return s.closeErr
	case <-ctx.Done():
		return fmt.Errorf("stop nats server: %w", context.Cause(ctx))
	}
}

// lockDir takes the exclusive lock of dir, which ends with the returned
// file's Close or the process's end, however that comes.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "natsd.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of nats directory: %w", err)
	}
	if err := flock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("lock nats directory %s: %w", dir, err), file.Close())
	}
	return file, nil
}
