package blobs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/ingest/blobs/blobstest"
	"plodwatch/schema"
)

func open(t testing.TB, dir string) *blobs.Dir {
	t.Helper()
	d, err := blobs.Open(blobs.Config{Dir: dir})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return d
}

func put(t testing.TB, d *blobs.Dir, data []byte) schema.ExportID {
	t.Helper()
	id, size, created, err := d.Put(t.Context(), bytes.NewReader(data))
	if err != nil || !created || size != int64(len(data)) || id != schema.ExportIDOf(data) {
		t.Fatalf("Put = %s, %d, %t, %v", id, size, created, err)
	}
	return id
}

func get(t testing.TB, d *blobs.Dir, id schema.ExportID) []byte {
	t.Helper()
	r, size, err := d.Open(t.Context(), id)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if int64(len(data)) != size {
		t.Errorf("size is %d, read %d", size, len(data))
	}
	return data
}

// files returns all files under dir, by their paths in it.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func noise(n int) []byte { return blobstest.Noise(n) }

func track(points int) []byte { return blobstest.Track(points) }

func TestWhatIsPutComesBack(t *testing.T) {
	utf16 := []byte{0xff, 0xfe}
	for _, c := range "<gpx></gpx>" {
		utf16 = append(utf16, byte(c), 0)
	}
	for name, test := range map[string]struct {
		data       []byte
		compressed bool
	}{
		"nothing":              {nil, false},
		"one byte":             {[]byte{0x0e}, false},
		"blanks only":          {[]byte(" \r\n\t "), false},
		"text":                 {[]byte("lat,lon\n1,2\n"), false},
		"a buffer":             {noise(64 << 10), false},
		"a buffer and a byte":  {noise(64<<10 + 1), false},
		"several buffers":      {noise(1 << 20), false},
		"one angle":            {[]byte("<"), true},
		"short track":          {track(1), true},
		"long track":           {track(50_000), true},
		"track in UTF-16":      {utf16, true},
		"angle after a letter": {[]byte("a<gpx>"), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir)
			id := put(t, d, test.data)
			if got := get(t, d, id); !bytes.Equal(got, test.data) {
				t.Errorf("%d bytes came back other than the %d that were put", len(got), len(test.data))
			}
			if err := d.Verify(t.Context(), id); err != nil {
				t.Errorf("Verify: %v", err)
			}
			want := filepath.Join("data", id.String()[:2], id.String())
			if test.compressed {
				want += ".zst"
			}
			if got := files(t, dir); !slices.Equal(got, []string{want}) {
				t.Errorf("files %q, want %q alone", got, want)
			}
		})
	}
}

func TestTextIsSmallOnTheDiskAndAnyToolReadsIt(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	data := track(20_000)
	put(t, d, data)
	stored, err := os.ReadFile(filepath.Join(dir, files(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > len(data)/5 {
		t.Errorf("%d bytes are stored for %d", len(stored), len(data))
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	got, err := decoder.DecodeAll(stored, nil)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("a plain decompressor reads %d bytes, %v", len(got), err)
	}
}

func TestUncompressedExportsAllowRandomAccess(t *testing.T) {
	d := open(t, t.TempDir())
	data := noise(10_000)
	r, size, err := d.Open(t.Context(), put(t, d, data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	at, ok := r.(io.ReaderAt)
	if !ok {
		t.Fatalf("%T is no io.ReaderAt", r)
	}
	got := make([]byte, 100)
	if _, err := at.ReadAt(got, size-100); err != nil || !bytes.Equal(got, data[len(data)-100:]) {
		t.Errorf("ReadAt: %v", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestDamageIsSeenAndMended(t *testing.T) {
	for name, data := range map[string][]byte{"binary": noise(100_000), "text": track(2000)} {
		for harm, damage := range map[string]func([]byte) []byte{
			"flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"cut":         func(b []byte) []byte { return b[:len(b)/2] },
			"emptied":     func([]byte) []byte { return nil },
			"longer":      func(b []byte) []byte { return append(b, 0) },
		} {
			t.Run(name+" "+harm, func(t *testing.T) {
				dir := t.TempDir()
				d := open(t, dir)
				id := put(t, d, data)
				path := filepath.Join(dir, files(t, dir)[0])
				stored, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damage(stored), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := d.Verify(t.Context(), id); !errors.Is(err, blobs.ErrCorrupt) {
					t.Fatalf("Verify: %v, want ErrCorrupt", err)
				}
				if rehashed(t, d, id) == id {
					t.Error("the SHA-256 of what is read is still right")
				}
				_, _, created, err := d.Put(t.Context(), bytes.NewReader(data))
				if err != nil || created {
					t.Fatalf("Put = %t, %v", created, err)
				}
				if !bytes.Equal(get(t, d, id), data) || len(files(t, dir)) != 1 {
					t.Errorf("not mended; files %q", files(t, dir))
				}
			})
		}
	}
}

// rehashed returns the SHA-256 of what can be read of an export.
func rehashed(t *testing.T, d *blobs.Dir, id schema.ExportID) schema.ExportID {
	t.Helper()
	r, _, err := d.Open(t.Context(), id)
	if err != nil {
		return schema.ExportID{}
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return schema.ExportID{}
	}
	return schema.ExportID(sum.Sum(nil))
}

func TestWalkSeesEveryExportOnceInOrder(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	var want []schema.ExportID
	for i := range 80 {
		data := fmt.Appendf(nil, "export %d", i)
		if i%2 == 0 {
			data = append([]byte("<"), data...)
		}
		want = append(want, put(t, d, data))
	}
	slices.SortFunc(want, func(a, b schema.ExportID) int { return bytes.Compare(a[:], b[:]) })
	for _, litter := range []string{"README", strings.Repeat("A", 64), ".zst"} {
		if err := os.WriteFile(filepath.Join(dir, "data", "00", litter), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []schema.ExportID
	if err := d.Walk(t.Context(), func(id schema.ExportID) error { got = append(got, id); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Walk saw %d exports, want %d in order", len(got), len(want))
	}
	enough := errors.New("enough")
	calls := 0
	if err := d.Walk(t.Context(), func(schema.ExportID) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("Walk = %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Walk(ctx, func(schema.ExportID) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk with an ended context: %v", err)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	d := open(t, dir)
	put(t, d, noise(10))
	put(t, d, track(1))
	if err := d.MarkTaken(&schema.Job{Athlete: "me"}); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiskGuardRefuses(t *testing.T) {
	for name, cfg := range map[string]blobs.Config{
		"bytes": {MinFreeBytes: 1 << 62},
		"share": {MinFreeShare: 0.999999},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Dir = t.TempDir()
			d, err := blobs.Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, _, _, err = d.Put(t.Context(), strings.NewReader("x"))
			if !errors.Is(err, blobs.ErrDiskFull) || !errors.Is(err, ingest.ErrNotNow) {
				t.Errorf("Put: %v, want ErrDiskFull", err)
			}
			if err := d.CheckDisk(); !errors.Is(err, blobs.ErrDiskFull) {
				t.Errorf("CheckDisk: %v, want ErrDiskFull", err)
			}
			if err := open(t, cfg.Dir).CheckDisk(); err != nil {
				t.Errorf("CheckDisk without a limit: %v", err)
			}
			if got := files(t, cfg.Dir); len(got) != 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := blobs.Open(blobs.Config{MinFreeBytes: -1, MinFreeShare: 1})
	for _, field := range []string{"dir", "min_free_bytes", "min_free_share"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("Open = %v, want it to name %s", err, field)
		}
	}
	if err := blobs.DefaultConfig("x").Validate(); err != nil {
		t.Error(err)
	}
}
