package natsd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// serverLog passes on what the server says. A fatal message ends a server on
// its own, but must not end this process: it goes to Open instead.
type serverLog struct {
	log    *slog.Logger
	fatal  chan error
	writes atomic.Pointer[error] // the first write that failed for good
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan error, 1)}
}

func (l *serverLog) debug() bool {
	return l.log.Enabled(context.Background(), slog.LevelDebug)
}

// Noticef is debug to us: the server announces its start in twenty lines.
func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }

func (l *serverLog) Warnf(format string, v ...any) { l.say(slog.LevelWarn, format, v) }

// Errorf notes when a stream says that it takes no more messages: of a stream
// that only removes messages the server shows it in no other way.
func (l *serverLog) Errorf(format string, v ...any) {
	if strings.Contains(strings.ToLower(format), "critical write error") {
		err := fmt.Errorf(format, v...)
		l.writes.CompareAndSwap(nil, &err)
	}
	l.say(slog.LevelError, format, v)
}

// writeFault returns the first write that failed for good, or nil.
func (l *serverLog) writeFault() error {
	if err := l.writes.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *serverLog) Debugf(format string, v ...any) { l.say(slog.LevelDebug, format, v) }

// Tracef says nothing: traces hold payloads.
func (l *serverLog) Tracef(string, ...any) {}

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
	l.say(slog.LevelError, format, v)
}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	ctx := context.Background()
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "nats server reports", slog.String("text", fmt.Sprintf(format, v...)))
	}
}
