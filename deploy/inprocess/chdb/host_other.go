//go:build !linux && !darwin

package chdb

import (
	"errors"
	"runtime"
)

var errPlatform = errors.New("libchdb has no build for " + runtime.GOOS + "; use an external ClickHouse server")

func dlopen(string) (uintptr, error) { return 0, errPlatform }

func dlsym(uintptr, string) (uintptr, error) { return 0, errPlatform }

func register(any, uintptr) {}

type fileLock struct{}

func lockFile(string) (*fileLock, error) { return nil, errPlatform }

func (*fileLock) release() {}
