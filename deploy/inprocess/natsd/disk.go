package natsd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// DiskFree returns how many bytes an unprivileged process may still write to
// the disk that holds dir, and how many the disk has in all. A full disk
// leaves a stream unable to take messages until the server has been restarted,
// and shows to publishers only as a timeout; so ask before.
func DiskFree(dir string) (free, total uint64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, 0, fmt.Errorf("ask for free disk space: %w", err)
	}
	block := uint64(stat.Bsize)
	return stat.Bavail * block, stat.Blocks * block, nil
}

// defaultMaxStore is three quarters of the free disk. What the store already
// holds counts as free: otherwise each restart would allow less, down to less
// than is there.
func defaultMaxStore(dir string) (int64, error) {
	free, _, err := DiskFree(dir)
	if err != nil {
		return 0, err
	}
	held, err := dirBytes(dir)
	if err != nil {
		return 0, err
	}
	return max(int64(free/4*3)+held/4*3, 1), nil
}

func dirBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure nats directory: %w", err)
	}
	return sum, nil
}

// flock takes an exclusive lock without waiting.
func flock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
