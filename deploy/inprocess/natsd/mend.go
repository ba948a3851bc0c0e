package natsd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// mendEvery is how often the streams are asked whether a write has failed.
	mendEvery = time.Second

	// roomToMend is how much of the disk must be free before the streams are
	// opened again after a write has failed.
	roomToMend = 16 << 20

	// trialBytes is how much is written to see whether the disk takes it.
	trialBytes = 1 << 20
)

var errStopped = errors.New("nats server is stopped")

// mend watches until ctx ends. A stream whose disk was full for a moment takes
// no messages until it is opened anew, which only a restart of the server does;
// so that is done when the disk takes writes again. Connections come back by
// themselves, as they do to any server.
func (s *Server) mend(ctx context.Context) {
	ticker := time.NewTicker(mendEvery)
	defer ticker.Stop()
	for said := false; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		fault := s.writeFault()
		if fault == nil {
			said = false
			continue
		}
		if !said {
			said = true
			s.cfg.Logger.ErrorContext(ctx, "streams take no messages, will be opened again when the disk takes writes", "error", fault)
		}
		if err := tryDisk(s.dir); err != nil {
			s.cfg.Logger.DebugContext(ctx, "disk takes no writes yet", "error", err)
			continue
		}
		if err := s.restart(); err != nil { //nolint:contextcheck // the server outlives the call
			s.cfg.Logger.ErrorContext(ctx, "streams could not be opened again, will try again", "error", err)
			continue
		}
		s.cfg.Logger.WarnContext(ctx, "disk takes writes again, streams were opened anew")
	}
}

// writeFault returns why a stream takes no messages until a restart, or nil.
func (s *Server) writeFault() error {
	s.mu.Lock()
	ns, logs := s.server, s.logs
	s.mu.Unlock()
	if ns == nil {
		return errStopped // by a restart that failed
	}
	return logs.writeFault()
}

// restart stops the server and starts another on the same directory.
func (s *Server) restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		s.server = nil
	}
	ns, logs, err := start(s.cfg, s.maxStore)
	if err != nil {
		return err
	}
	s.server, s.logs = ns, logs
	return nil
}

// tryDisk returns an error unless dir's disk has room and takes a write.
func tryDisk(dir string) error {
	free, _, err := DiskFree(dir)
	if err != nil {
		return err
	}
	if free < roomToMend {
		return fmt.Errorf("%d KiB are free", free>>10)
	}
	file, err := os.Create(filepath.Join(dir, "natsd.trial"))
	if err != nil {
		return fmt.Errorf("write to nats directory: %w", err)
	}
	_, err = file.Write(make([]byte, trialBytes))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("write to nats directory: %w", err)
	}
	return nil
}

// door leads connections to the server that runs now.
type door struct{ *Server }

// InProcessConn returns a new connection to the server.
func (d door) InProcessConn() (net.Conn, error) {
	d.mu.Lock()
	ns := d.server
	d.mu.Unlock()
	if ns == nil {
		return nil, errStopped
	}
	return ns.InProcessConn()
}
