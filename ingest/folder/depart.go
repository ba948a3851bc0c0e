package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errNotYet means that a file must stay where it is for the time being.
var errNotYet = errors.New("not queryable yet")

// departed is what came of letting one taken file go.
type departed struct {
	rel  string
	done takenFile
	err  error // nil, or wraps errNotYet, errChanged, ...
}

// depart moves or deletes taken files, as configured, one after the other.
func (f *Folder) depart(ctx context.Context, files []departed) []departed {
	for i := range files {
		if ctx.Err() != nil {
			return files[:i]
		}
		d := &files[i]
		if f.cfg.After == AfterMove {
			d.err = f.moveAway(d.rel, d.done.state)
		} else {
			d.err = f.deleteStored(ctx, d.rel, d.done)
		}
	}
	return files
}

func (f *Folder) moveAway(rel string, want fileState) error {
	root, err := os.OpenRoot(f.cfg.Dir)
	if err != nil {
		return bare(err)
	}
	defer root.Close()
	_, err = setAside(root, rel, filepath.Join(DoneDir, rel), want)
	return err
}

// deleteStored deletes a file whose export has reached the database. It is
// renamed first and looked at once more, so that no file is deleted that took
// its place in the meantime.
func (f *Folder) deleteStored(ctx context.Context, rel string, done takenFile) error {
	ok, err := f.deps.Queryable(ctx, done.athlete, done.export)
	if err != nil {
		return fmt.Errorf("ask for export: %w", err)
	}
	if !ok {
		return errNotYet
	}
	root, err := os.OpenRoot(f.cfg.Dir)
	if err != nil {
		return bare(err)
	}
	defer root.Close()
	at, err := setAside(root, rel, filepath.Join(DoneDir, "deleting-"+done.export.String()), done.state)
	if err != nil {
		return err
	}
	if err := root.Remove(at); err != nil {
		return bare(err)
	}
	// Only an empty directory lets itself be removed; any other stays.
	_ = root.Remove(DoneDir)
	return nil
}

// setAside renames the file rel to dest, or to dest with a suffix when that is
// in use, and returns the new name. It is undone when what was renamed is not
// in the state want: errChanged.
func setAside(root *os.Root, rel, dest string, want fileState) (string, error) {
	info, err := root.Lstat(rel)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || stateOf(info) != want) {
		return "", errChanged
	}
	if err != nil {
		return "", bare(err)
	}
	if err := root.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return "", bare(err)
	}
	dest, err = rename(root, rel, dest)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errChanged
	}
	if err != nil {
		return "", err
	}
	if err := confirm(root, rel, dest, want); err != nil {
		return "", err
	}
	return dest, nil
}

// confirm checks that what was renamed from rel to dest is in the state want,
// and moves it back when another file had taken its place: errChanged.
func confirm(root *os.Root, rel, dest string, want fileState) error {
	// Not the inode: some file systems make it up from the path.
	info, err := root.Lstat(dest)
	if err == nil && info.Size() == want.size && info.ModTime().UnixNano() == want.mtimeNs {
		return nil
	}
	if _, err := rename(root, dest, rel); err != nil {
		return fmt.Errorf("move another file back: %w", err)
	}
	return errChanged
}

// rename renames a file without replacing another one, and returns the name
// that it has got. A plain rename replaces, hard links are not available
// everywhere: an empty file that is ours holds the name until the rename.
func rename(root *os.Root, from, to string) (string, error) {
	const most = 10000
	ext := filepath.Ext(to)
	for n := range most {
		name := to
		if n > 0 {
			name = strings.TrimSuffix(to, ext) + "-" + strconv.Itoa(n) + ext
		}
		holder, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", bare(err)
		}
		holder.Close()
		if err := root.Rename(from, name); err != nil {
			return "", errors.Join(bare(err), removed(root, name))
		}
		return name, nil
	}
	return "", fmt.Errorf("find a free name: %d are in use", most)
}

func removed(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil {
		return bare(err)
	}
	return nil
}
