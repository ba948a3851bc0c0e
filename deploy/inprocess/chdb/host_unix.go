//go:build linux || darwin

package chdb

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/ebitengine/purego"
)

// dlopen loads a shared library; its symbols stay private to it.
func dlopen(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func dlsym(handle uintptr, name string) (uintptr, error) {
	return purego.Dlsym(handle, name)
}

func register(fn any, symbol uintptr) { purego.RegisterFunc(fn, symbol) }

// fileLock is an advisory lock that the system gives back when the process
// ends, however it ends.
type fileLock struct{ f *os.File }

// lockFile takes the lock without waiting; ErrLocked when another holds it.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return &fileLock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, fmt.Errorf("lock the path: %w", err)
}

func (l *fileLock) release() { _ = l.f.Close() }
