package folder

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// notes are the notifications of the system. The zero value never gets any.
type notes struct {
	watcher *fsnotify.Watcher
	events  <-chan fsnotify.Event
	errs    <-chan error
	// failed gets the first directory that could not be watched; what comes
	// while it is full is dropped.
	failed chan error
}

// openNotes starts notifications; without them err says why.
func openNotes() (*notes, error) {
	n := &notes{failed: make(chan error, 1)}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return n, err
	}
	n.watcher, n.events, n.errs = w, w.Events, w.Errors
	return n, nil
}

// watch asks for notifications from a directory; asking twice does no harm. It
// is safe for concurrent use. A directory that is gone is no failure.
func (n *notes) watch(dir string) {
	if n.watcher == nil {
		return
	}
	err := n.watcher.Add(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fsnotify.ErrClosed) {
		return
	}
	select {
	case n.failed <- bare(err):
	default:
	}
}

func (n *notes) close() {
	if n.watcher != nil {
		n.watcher.Close()
	}
}
