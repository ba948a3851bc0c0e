package folder

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// errChanged means that a file is not, or no longer, what it was when it was
// found settled.
var errChanged = errors.New("file changed")

// take is one reading of a file and what came of it.
type take struct {
	rel     string
	state   fileState
	athlete schema.AthleteID
	started time.Time

	receipt ingest.Receipt
	err     error // nil, or wraps errChanged, ingest.ErrNotNow, a refusal, ...
}

// read hands the file to the Acceptor and fills in what came of it.
func (f *Folder) read(ctx context.Context, t *take) {
	root, err := os.OpenRoot(f.cfg.Dir)
	if err != nil {
		t.err = refuseOpen(err)
		return
	}
	defer root.Close()
	// A link that took the file's place would be followed here, but never out
	// of the folder, and what it leads to is another inode.
	file, err := root.OpenFile(t.rel, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.err = errChanged
		return
	}
	if err != nil {
		t.err = refuseOpen(err)
		return
	}
	defer file.Close()
	r := &steadyReader{file: file, want: t.state}
	if err := r.check(); err != nil {
		t.err = err
		return
	}
	t.receipt, t.err = f.deps.Acceptor.Accept(ctx, t.athlete, schema.SourceFolder, r)
	if t.err == nil && r.read != t.state.size {
		t.err = errors.New("acceptor did not read to the end")
	}
	if r.changed && !errors.Is(t.err, errChanged) {
		t.err = errChanged
	}
}

// steadyReader reads a file that must stay as it is: at its end, and as soon
// as there is more of it than there should be, it returns errChanged when it
// did not. Its errors never hold the path.
type steadyReader struct {
	file    *os.File
	want    fileState
	read    int64
	changed bool
}

// Read implements io.Reader.
func (r *steadyReader) Read(p []byte) (int, error) {
	if r.changed {
		return 0, errChanged
	}
	n, err := r.file.Read(p)
	r.read += int64(n)
	switch {
	case r.read > r.want.size:
		r.changed = true
		return 0, errChanged
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		if r.read != r.want.size {
			r.changed = true
			return n, errChanged
		}
		if err := r.check(); err != nil {
			return n, err
		}
		return n, io.EOF
	default:
		return n, bare(err)
	}
}

// check compares the open file with what it should be.
func (r *steadyReader) check() error {
	info, err := regular(r.file)
	if err != nil {
		return err
	}
	if stateOf(info) != r.want {
		r.changed = true
		return errChanged
	}
	return nil
}
