package streams

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrQueued says that a message for the same subject is in the queue
	// already; the new one was not taken.
	ErrQueued = errors.New("already queued")

	// ErrBusy says that the message was not acknowledged and should be
	// published again later: the stream is full, the server slow, gone or
	// electing. The message may have been stored all the same.
	ErrBusy = errors.New("queue takes nothing now")

	// ErrFull is the ErrBusy of a stream that has reached its limit.
	ErrFull = fmt.Errorf("stream is full: %w", ErrBusy)

	// ErrTooLarge says that the message is larger than the server takes.
	ErrTooLarge = errors.New("message too large")

	// ErrClosed says that the connection or the puller has been closed for
	// good.
	ErrClosed = errors.New("connection is closed")
)

// Error codes of the server that the client library does not name.
const (
	codeStoreFailed     jetstream.ErrorCode = 10077
	codeTooManyRequests jetstream.ErrorCode = 10167
)

// fault turns what the server or the client library said about a publish into
// one of our sentinels, or leaves it as it is.
func fault(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return apiFault(api)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case isTransient(err):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

func apiFault(api *jetstream.APIError) error {
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return ErrQueued
	case codeStoreFailed:
		return fmt.Errorf("%w: %w", ErrFull, api)
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return fmt.Errorf("%w: %w", ErrTooLarge, api)
	case codeTooManyRequests:
		return fmt.Errorf("%w: %w", ErrBusy, api)
	}
	if api.Code >= http.StatusInternalServerError || api.Code == http.StatusTooManyRequests {
		return fmt.Errorf("%w: %w", ErrBusy, api)
	}
	return api
}

// Transient reports whether err, of a call to the server, may be gone when the
// same call is made again: the server is away, slow or electing.
func Transient(err error) bool { return errors.Is(fault(err), ErrBusy) }

// isTransient reports whether err is one of those that a slow disk, a restart,
// an election or a reconnect cause. A missing permission looks the same.
func isTransient(err error) bool {
	for _, known := range []error{
		nats.ErrTimeout,
		nats.ErrNoResponders,
		nats.ErrDisconnected,
		nats.ErrReconnectBufExceeded,
		nats.ErrConnectionReconnecting,
		nats.ErrStaleConnection,
		jetstream.ErrAsyncPublishTimeout,
		jetstream.ErrTooManyStalledMsgs,
		jetstream.ErrNoStreamResponse,
		context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
