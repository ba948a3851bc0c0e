package chdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The environment variables that name a libchdb.so, the first that is set wins.
const (
	envLibrary      = "PLODWATCH_LIBCHDB"
	envLibraryOther = "CHDB_LIB_PATH"
)

const howToInstall = "run `plodwatch engine install` (in the source tree: `make libchdb`), or set " +
	envLibrary + " to a libchdb.so of version 26.7"

// Find returns the path of libchdb: what PLODWATCH_LIBCHDB names, else what
// CHDB_LIB_PATH names, else the file that Install left in the cache. A variable
// that names no file is an error and is not passed over. The error is
// ErrNotInstalled, with the command that mends it, when there is no library.
func Find() (string, error) {
	for _, name := range []string{envLibrary, envLibraryOther} {
		path := os.Getenv(name)
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find libchdb: %s names a file that does not exist: %w; %s", name, ErrNotInstalled, howToInstall)
		case err != nil:
			return "", fmt.Errorf("find libchdb named by %s: %w", name, err)
		case info.IsDir():
			return "", fmt.Errorf("find libchdb: %s names a directory: %w; %s", name, ErrNotInstalled, howToInstall)
		}
		return path, nil
	}
	path, err := cachedLibrary()
	if err != nil {
		return "", err
	}
	if !isFile(path) {
		return "", fmt.Errorf("find libchdb: %w; %s", ErrNotInstalled, howToInstall)
	}
	return path, nil
}

// cachedLibrary is where Install puts the library.
func cachedLibrary() (string, error) {
	dir := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) { // the XDG base directory specification says to ignore relative ones
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the cache directory: %w", err)
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "plodwatch", "libchdb-"+Version+".so"), nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
