package chdb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// maxLibraryBytes bounds what is unpacked; libchdb.so 26.7 has 566 MB.
const maxLibraryBytes = 2 << 30

// Install puts libchdb into $XDG_CACHE_HOME/plodwatch (default
// ~/.cache/plodwatch) and returns its path. It fetches the package with the npm
// client, which must be on the PATH, compares the SHA-512 of the tarball with
// the one pinned for this platform, and unpacks the library to a temporary file
// that is synced and renamed. A library that is there already is left alone.
// Installs at the same time wait for each other. One line per step is written
// to w.
func Install(ctx context.Context, w io.Writer) (string, error) {
	target, err := cachedLibrary()
	if err != nil {
		return "", err
	}
	if isFile(target) {
		say(w, "libchdb %s is installed", Version)
		return target, nil
	}
	p, err := pinFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(target)
	if err = os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create the cache directory: %w", err)
	}
	lock, err := waitForLock(ctx, filepath.Join(dir, "libchdb.lock"))
	if err != nil {
		return "", err
	}
	defer lock.release()
	if isFile(target) { // another process was faster
		return target, nil
	}
	work, err := os.MkdirTemp(dir, ".libchdb-")
	if err != nil {
		return "", fmt.Errorf("create a directory to unpack in: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()

	say(w, "fetching %s@%s (178 MB)", p.pkg, Version)
	tarball, err := fetch(ctx, p, work)
	if err != nil {
		return "", err
	}
	say(w, "checking its SHA-512")
	if err = verify(tarball, p); err != nil {
		return "", err
	}
	say(w, "unpacking libchdb.so (566 MB)")
	unpacked := filepath.Join(work, "libchdb.so")
	if err = unpack(ctx, tarball, unpacked); err != nil {
		return "", err
	}
	if err = os.Rename(unpacked, target); err != nil {
		return "", fmt.Errorf("put libchdb in its place: %w", err)
	}
	if err = syncDir(dir); err != nil {
		return "", err
	}
	say(w, "installed libchdb %s", Version)
	return target, nil
}

func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...)
}

// waitForLock takes the lock that keeps two installs from doing the same work.
func waitForLock(ctx context.Context, path string) (*fileLock, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := lockFile(path)
		if !errors.Is(err, ErrLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another install to end: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// fetch lets npm download the package's tarball into dir.
func fetch(ctx context.Context, p pin, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("fetch libchdb: npm is not on the PATH; install Node.js, which brings it, or set %s to a libchdb.so of version 26.7: %w",
			envLibrary, err)
	}
	cmd := exec.CommandContext(ctx, npm, "pack", p.pkg+"@"+Version, "--pack-destination", dir, "--silent", "--ignore-scripts")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err = cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("fetch %s@%s with npm: %w: %s", p.pkg, Version, err, lastLine(out.String()))
	}
	// npm prints the name, but also what it thinks of its own version: look.
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("fetch %s@%s with npm: it left %d tarballs", p.pkg, Version, len(found))
	}
	return found[0], nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// verify compares a tarball with the pinned digest.
func verify(tarball string, p pin) error {
	f, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("open the package: %w", err)
	}
	defer func() { _ = f.Close() }()
	sum := sha512.New()
	if _, err = io.Copy(sum, f); err != nil {
		return fmt.Errorf("read the package: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != p.sha512 {
		return fmt.Errorf("check %s@%s: its SHA-512 is %s, not the pinned %s; nothing was installed", p.pkg, Version, got, p.sha512)
	}
	return nil
}

// unpack streams package/libchdb.so out of the tarball into target and syncs it.
func unpack(ctx context.Context, tarball, target string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("open the package: %w", err)
	}
	defer func() { _ = f.Close() }()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack the package: %w", err)
	}
	tr := tar.NewReader(zr)
	for {
		head, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("unpack the package: there is no libchdb.so in it")
		}
		if err != nil {
			return fmt.Errorf("unpack the package: %w", err)
		}
		if head.Name != "package/libchdb.so" || head.Typeflag != tar.TypeReg {
			continue
		}
		if head.Size > maxLibraryBytes {
			return fmt.Errorf("unpack libchdb.so: it claims %d bytes, more than %d", head.Size, int64(maxLibraryBytes))
		}
		return writeSynced(target, contextReader{ctx, tr})
	}
}

func writeSynced(target string, r io.Reader) error {
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("create libchdb.so: %w", err)
	}
	if _, err = io.Copy(out, r); err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write libchdb.so: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the cache directory: %w", err)
	}
	err = d.Sync()
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("sync the cache directory: %w", err)
	}
	return nil
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read reads unless the context has ended.
func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
