package tokens

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// change replaces the file's entries by what do makes of them, while no other
// process or File changes them. With create, missing folders are made; without,
// a missing folder holds no tokens.
func (f *File) change(create bool, do func([]entry) ([]entry, error)) error {
	path, err := f.target()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); !create && errors.Is(err, fs.ErrNotExist) {
		_, err := do(nil)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create folder of the token file: %w", err)
	}
	owner, err := ownerOf(path)
	if err != nil {
		return err
	}
	lock, err := lockFile(path+".lock", owner)
	if err != nil {
		return err
	}
	defer lock.Close()
	before, err := load(path)
	if err != nil {
		return err
	}
	entries, err := do(slices.Clone(before.entries))
	if err != nil {
		return err
	}
	data, err := encode(entries)
	if err != nil {
		return err
	}
	return replace(path, data, before.version.mtime, owner)
}

// owner is whom the file belongs to.
type owner struct{ uid, gid int }

// ownerOf returns the owner of the file at path, or, where there is none yet,
// that of its folder.
func ownerOf(path string) (owner, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return owner{}, fmt.Errorf("look at token file: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return owner{int(st.Uid), int(st.Gid)}, nil
	}
	return owner{os.Geteuid(), os.Getegid()}, nil
}

// give hands a file that root has made to o: the service, which is somebody
// else, has to read it. Others can only make files of their own.
func (o owner) give(file *os.File) error {
	if os.Geteuid() != 0 || o == (owner{0, os.Getegid()}) {
		return nil
	}
	if err := file.Chown(o.uid, o.gid); err != nil {
		return fmt.Errorf("hand token file to its owner: %w", err)
	}
	return nil
}

// target is where the file really lies: a link to it stays a link.
func (f *File) target() (string, error) {
	path, err := filepath.EvalSymlinks(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.path, nil
	}
	if err != nil {
		return "", fmt.Errorf("find token file: %w", err)
	}
	return path, nil
}

// lockFile waits until this process holds the lock at path, and returns the
// file whose Close gives it back.
func lockFile(path string, o owner) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of the token file: %w", err)
	}
	if err := o.give(lock); err != nil {
		lock.Close()
		return nil, err
	}
	for {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock token file: %w", err)
	}
	return lock, nil
}

// replace puts data in the place of the file, durably, with an mtime after that
// of the version before (in Unix nanoseconds). It is called under the lock, so
// that what a killed writer left under the temporary name can go.
func replace(path string, data []byte, before int64, o owner) error {
	temp := path + ".tmp"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an interrupted writer left: %w", err)
	}
	if err := write(temp, data, before, o); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("replace token file: %w", err), os.Remove(temp))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("open folder of the token file: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync folder of the token file: %w", err)
	}
	return nil
}

func write(path string, data []byte, before int64, o owner) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create token file: %w", err)
	}
	defer file.Close()
	if err := o.give(file); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return fmt.Errorf("write token file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("look at token file: %w", err)
	}
	if info.ModTime().UnixNano() <= before {
		later := time.Unix(0, before+1)
		if err := os.Chtimes(path, later, later); err != nil {
			return fmt.Errorf("date token file: %w", err)
		}
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync token file: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close token file: %w", err)
	}
	return nil
}
