package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// errHeld means another process holds the data directory.
var errHeld = errors.New("data directory is held by another process")

// privateMask keeps what this process makes from everybody else.
const privateMask = 0o077

// lockData takes the data directory for this process until the returned file
// is closed, or returns an error that wraps errHeld. From then on whatever the
// process makes is its user's alone: the engine in it would have others read.
func lockData(dir string) (*os.File, error) {
	syscall.Umask(privateMask)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", dir, errHeld)
	}
	return nil, fmt.Errorf("lock data directory: %w", err)
}

// socketPath returns where the process that holds dir listens for the other
// commands. A socket's path is limited to about 100 bytes, so that of a deep
// directory lies in a private folder of the temporary directory.
func socketPath(dir string) (string, error) {
	if p := filepath.Join(dir, "plodwatch.sock"); len(p) <= 100 {
		return p, nil
	}
	sum := sha256.Sum256([]byte(dir))
	private := filepath.Join(os.TempDir(), fmt.Sprintf("plodwatch-%d", os.Getuid()))
	if err := os.MkdirAll(private, 0o700); err != nil {
		return "", fmt.Errorf("create folder for the socket: %w", err)
	}
	info, err := os.Lstat(private)
	if err != nil {
		return "", fmt.Errorf("look at the folder for the socket: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(st.Uid) != os.Getuid() {
		return "", fmt.Errorf("folder for the socket %s is not private to this user", private)
	}
	return filepath.Join(private, hex.EncodeToString(sum[:8])+".sock"), nil
}
