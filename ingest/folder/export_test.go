package folder

import "errors"

// WithoutNotes makes f run as on a system that has no notifications left.
func WithoutNotes(f *Folder) {
	f.openNotes = func() (*notes, error) {
		return &notes{failed: make(chan error)}, errors.New("too many open files")
	}
}

// WithNoteErrors makes f run without notifications but for these errors.
func WithNoteErrors(f *Folder, errs <-chan error) {
	f.openNotes = func() (*notes, error) {
		return &notes{failed: make(chan error), errs: errs}, nil
	}
}
