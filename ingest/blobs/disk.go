package blobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// CheckDisk returns an error that wraps ErrDiskFull when less of the disk is
// free than must be, so that Put would refuse.
func (d *Dir) CheckDisk() error {
	if d.cfg.MinFreeBytes == 0 && d.cfg.MinFreeShare == 0 {
		return nil
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.cfg.Dir, &stat); err != nil {
		return fmt.Errorf("ask for free disk space: %w", err)
	}
	block := float64(stat.Bsize)
	free, total := float64(stat.Bavail)*block, float64(stat.Blocks)*block
	if need := max(float64(d.cfg.MinFreeBytes), d.cfg.MinFreeShare*total); free < need {
		return fmt.Errorf("%.0f MiB are free where %.0f must be: %w", free/(1<<20), need/(1<<20), ErrDiskFull)
	}
	return nil
}

// diskFault adds what was done to an error of the file system, and ErrDiskFull
// when it is about room.
func diskFault(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%s: %w: %w", doing, ErrDiskFull, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// createTemp creates a file that sweep leaves alone as long as it is open.
func (d *Dir) createTemp() (*os.File, error) {
	for {
		file, err := os.CreateTemp(filepath.Join(d.cfg.Dir, tempName), "put-*")
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil && exists(file.Name()) {
			return file, nil
		}
		// A sweep came between: it holds the file, or has removed it.
		if err := errors.Join(file.Close(), remove(file.Name())); err != nil {
			return nil, err
		}
	}
}

// sweep removes the temporary files that nobody writes to.
func (d *Dir) sweep() error {
	dir := filepath.Join(d.cfg.Dir, tempName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := removeUnlocked(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func removeUnlocked(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return file.Close()
	case err != nil:
		return errors.Join(err, file.Close())
	}
	return errors.Join(remove(path), file.Close())
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
