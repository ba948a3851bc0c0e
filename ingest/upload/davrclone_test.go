package upload_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDAVTakesAFolderFromRclone copies generated files with the real program,
// twice.
func TestDAVTakesAFolderFromRclone(t *testing.T) {
	program, err := exec.LookPath("rclone")
	if err != nil {
		t.Skip("rclone is not installed (Debian: apt-get install rclone)")
	}
	h := newDAVHouse(t, nil)
	dir := t.TempDir()
	files := copyActivities(t, dir)
	run := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stdin = strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG="+filepath.Join(t.TempDir(), "none.conf"))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("rclone %s: %v\n%s", args[0], err, &stderr)
		}
		return string(out)
	}
	pass := strings.TrimSpace(run(h.secret, "obscure", "-"))
	dav := func(args ...string) string {
		t.Helper()
		return run("", append(args, "--webdav-url", h.url, "--webdav-vendor", "other", "--webdav-user", "anna", "--webdav-pass", pass)...)
	}
	dav("copy", dir, ":webdav:watch")
	if n := h.puts(http.StatusCreated); n != len(files) {
		t.Errorf("%d files put, want %d", n, len(files))
	}
	different := make(map[string]bool)
	for _, data := range files {
		h.taken(t, "anna", data)
		different[data] = true
	}
	if n := h.jobs(); n != len(different) {
		t.Errorf("%d jobs, want %d", n, len(different))
	}
	dav("copy", dir, ":webdav:watch")
	if n := h.puts(http.StatusCreated); n != len(files) {
		t.Errorf("%d files put after the second copy, want %d", n, len(files))
	}
	dav("check", "--size-only", dir, ":webdav:watch")
	listed := strings.Fields(dav("lsf", "-R", "--files-only", ":webdav:watch"))
	if len(listed) != len(files) {
		t.Errorf("rclone lists %d files, want %d", len(listed), len(files))
	}
	dav("moveto", ":webdav:watch/2026", ":webdav:moved/2026 ü#%41")
	dav("check", "--size-only", filepath.Join(dir, "2026"), ":webdav:moved/2026 ü#%41")
	dav("purge", ":webdav:moved")
	if got := strings.Fields(dav("lsf", ":webdav:")); !slices.Equal(got, []string{"watch/"}) {
		t.Errorf("after all was removed: %q", got)
	}
	if n := h.jobs(); n != len(different) {
		t.Errorf("%d jobs, want %d", n, len(different))
	}
}

// copyActivities copies the generated activities into a folder with folders,
// and returns the content by path.
func copyActivities(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "activities", "*.*"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d generated activities, %v", len(paths), err)
	}
	files := make(map[string]string)
	for i, from := range paths {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{"", "2026", fmt.Sprintf("2026/%02d_é#%%41", i%3)} {
			to := filepath.Join(dir, folder, filepath.Base(from))
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, data, 0o600); err != nil {
				t.Fatal(err)
			}
			files[to] = string(data)
		}
	}
	return files
}
