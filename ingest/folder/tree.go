package folder

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"plodwatch/schema"
)

// entry is what a tree holds at rel: a file, litter, or a directory that could
// not be read.
type entry struct {
	rel    string // below the root
	info   fs.FileInfo
	litter bool
	err    error // could not be looked at; without the path
}

func (e entry) file(path string) File {
	switch {
	case e.err != nil:
		return File{Path: path, Reason: schema.ReasonUnreadable, Err: e.err}
	case e.litter:
		f := File{Path: path, Reason: schema.ReasonLitter}
		if e.info != nil && !e.info.IsDir() {
			f.Size, f.ModTime = e.info.Size(), e.info.ModTime()
		}
		return f
	default:
		return fileOf(path, e.info, false)
	}
}

// tree walks below a root without ever leaving it.
type tree struct {
	root *os.Root
	// enter is asked before a directory is read; false leaves it out.
	enter func(rel string, info fs.FileInfo) bool
	// visit gets everything that is not a directory, litter directories, and
	// directories that cannot be read. Its errors end the walk.
	visit func(entry) error
}

// walk visits what is below the directory rel, in lexical order.
func (t *tree) walk(ctx context.Context, rel string) error {
	// Not waiting, should a pipe have taken the directory's place.
	dir, err := t.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		return t.visit(entry{rel: rel, err: bare(err)})
	}
	info, err := dir.Stat()
	if err != nil {
		dir.Close()
		return t.visit(entry{rel: rel, err: bare(err)})
	}
	if !t.enter(rel, info) {
		dir.Close()
		return nil
	}
	// An error half way through leaves the entries read so far.
	entries, readErr := dir.ReadDir(-1)
	dir.Close()
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	for _, d := range entries {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("walk: %w", err)
		}
		if err := t.step(ctx, filepath.Join(rel, d.Name()), d); err != nil {
			return err
		}
	}
	if readErr != nil {
		return t.visit(entry{rel: rel, err: bare(readErr)})
	}
	return nil
}

func (t *tree) step(ctx context.Context, rel string, d fs.DirEntry) error {
	litter := isLitter(d.Name())
	if d.IsDir() && !litter {
		return t.walk(ctx, rel)
	}
	info, err := d.Info() // read together with the directory, inside the root
	switch {
	case err != nil && litter:
		return t.visit(entry{rel: rel, litter: true})
	case err != nil:
		return t.visit(entry{rel: rel, err: bare(err)})
	default:
		return t.visit(entry{rel: rel, info: info, litter: litter})
	}
}
