package chdb_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plodwatch/deploy/inprocess/chdb"
)

func TestFindTakesTheFirstThatIsNamed(t *testing.T) {
	dir := t.TempDir()
	ours, other := filepath.Join(dir, "a.so"), filepath.Join(dir, "b.so")
	for _, path := range []string{ours, other} {
		must(t, os.WriteFile(path, nil, 0o600))
	}
	cached := filepath.Join(dir, "plodwatch", "libchdb-"+chdb.Version+".so")
	t.Setenv("XDG_CACHE_HOME", dir)
	for name, c := range map[string]struct {
		libchdb, otherPath string
		inCache            bool
		want, wrong        string
	}{
		"the project's variable": {ours, other, true, ours, ""},
		"the other variable":     {"", other, true, other, ""},
		"the cache":              {"", "", true, cached, ""},
		"a named file missing":   {filepath.Join(dir, "none"), other, true, "", "PLODWATCH_LIBCHDB names a file that does not exist"},
		"a directory":            {dir, other, true, "", "PLODWATCH_LIBCHDB names a directory"},
		"nothing":                {"", "", false, "", "run `plodwatch engine install`"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PLODWATCH_LIBCHDB", c.libchdb)
			t.Setenv("CHDB_LIB_PATH", c.otherPath)
			must(t, os.RemoveAll(filepath.Dir(cached)))
			if c.inCache {
				must(t, os.MkdirAll(filepath.Dir(cached), 0o755))
				must(t, os.WriteFile(cached, nil, 0o600))
			}
			got, err := chdb.Find()
			if got != c.want || (err == nil) != (c.wrong == "") {
				t.Fatalf("found %q, %v", got, err)
			}
			if err != nil && (!errors.Is(err, chdb.ErrNotInstalled) || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "make libchdb")) {
				t.Errorf("the error is %v, want it to say %q and what to do", err, c.wrong)
			}
		})
	}
}

func TestInstallLeavesAnInstalledLibraryAlone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", "")
	target := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "plodwatch", "libchdb-"+chdb.Version+".so")
	must(t, os.MkdirAll(filepath.Dir(target), 0o755))
	must(t, os.WriteFile(target, []byte("here"), 0o600))
	var said bytes.Buffer
	got, err := chdb.Install(t.Context(), &said)
	if got != target || err != nil || !strings.Contains(said.String(), "is installed") {
		t.Errorf("%q %v, said %q", got, err, said.String())
	}
}

func TestInstallNeedsNpm(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", "")
	_, err := chdb.Install(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "npm is not on the PATH") || !strings.Contains(err.Error(), "PLODWATCH_LIBCHDB") {
		t.Errorf("without npm: %v", err)
	}
}

// tarball packs one file as npm does.
func tarball(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}))
	_, err := w.Write([]byte(content))
	must(t, errors.Join(err, w.Close(), z.Close()))
	path := filepath.Join(t.TempDir(), "p.tgz")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func TestInstallRefusesAnotherTarball(t *testing.T) {
	cache, bin := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	wrong := tarball(t, "package/libchdb.so", "not the library")
	// A client that brings something else than was asked for: $4 is the directory.
	must(t, os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\ncp '"+wrong+"' \"$4/p.tgz\"\n"), 0o700))
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, err := chdb.Install(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "not the pinned") {
		t.Errorf("a wrong tarball: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "plodwatch", "*"))
	must(t, err)
	for _, path := range left {
		if filepath.Base(path) != "libchdb.lock" {
			t.Errorf("%s was left behind", filepath.Base(path))
		}
	}
}

func TestTarballIsCheckedAndUnpacked(t *testing.T) {
	good := tarball(t, "package/libchdb.so", "the library")
	content, err := os.ReadFile(good)
	must(t, err)
	sum := sha512.Sum512(content)
	must(t, chdb.Verify(good, base64.StdEncoding.EncodeToString(sum[:])))
	if err = chdb.Verify(good, base64.StdEncoding.EncodeToString(make([]byte, sha512.Size))); err == nil {
		t.Error("a wrong digest was accepted")
	}
	target := filepath.Join(t.TempDir(), "lib.so")
	must(t, chdb.Unpack(t.Context(), good, target))
	if got, err := os.ReadFile(target); err != nil || string(got) != "the library" {
		t.Errorf("unpacked %q, %v", got, err)
	}
	other := filepath.Join(t.TempDir(), "lib.so")
	if err = chdb.Unpack(t.Context(), tarball(t, "package/else", "x"), other); err == nil {
		t.Error("a package without the library was accepted")
	}
}

func TestPlatformsWithoutChecksumSaySo(t *testing.T) {
	for platform, want := range map[string]string{
		"linux/amd64": "", "linux/arm64": "no pinned checksum", "darwin/arm64": "no pinned checksum",
		"darwin/amd64": "no pinned checksum", "windows/amd64": "no build for this platform",
	} {
		goos, goarch, _ := strings.Cut(platform, "/")
		err := chdb.PinFor(goos, goarch)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", platform, err, want)
		case strings.Contains(want, "checksum") && !strings.Contains(err.Error(), "PLODWATCH_LIBCHDB"):
			t.Errorf("%s: %v does not say what to do", platform, err)
		}
	}
}
