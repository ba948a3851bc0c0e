//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// smallDisk is a file system of its own that a test can fill.
type smallDisk struct {
	t     *testing.T
	dir   string
	image string // file behind the loop device, "" when it is a tmpfs
}

// newSmallDisk mounts an empty ext4 file system from a file without blocks, or
// a tmpfs where there are no loop devices, until the test ends.
func newSmallDisk(t *testing.T, bytes int64) *smallDisk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount the small disk that this test fills")
	}
	work := t.TempDir()
	d := &smallDisk{t: t, dir: filepath.Join(work, "disk")}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(work, "disk.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, bytes); err != nil {
		t.Fatal(err)
	}
	d.image = image
	kind := "ext4 on a loop device"
	err := runTools([]string{"mkfs.ext4", "-q", "-F", "-m", "0", image}, []string{"mount", "-o", "loop", image, d.dir})
	if err != nil {
		t.Logf("no loop device: %v", err)
		kind, d.image = "tmpfs", ""
		err = runTools([]string{"mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=700", bytes), "tmpfs", d.dir})
	}
	if err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Logf("the small disk is %s of %d MiB", kind, bytes>>20)
	t.Cleanup(func() {
		if err := runTools([]string{"umount", d.dir}); err != nil {
			t.Errorf("%v; unmounting it lazily: %v", err, runTools([]string{"umount", "-l", d.dir}))
		}
	})
	return d
}

func runTools(commands ...[]string) error {
	for _, c := range commands {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", c[0], err, out)
		}
	}
	return nil
}

// free returns how many bytes may still be written.
func (d *smallDisk) free() int64 {
	d.t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &stat); err != nil {
		d.t.Fatal(err)
	}
	return int64(stat.Bavail) * stat.Bsize
}

// leave writes junk until only so many bytes are free.
func (d *smallDisk) leave(bytes int64) {
	d.t.Helper()
	file, err := os.OpenFile(d.junk(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		d.t.Fatal(err)
	}
	at := info.Size()
	for step := int64(64 << 20); step >= 4096; {
		if d.free()-bytes < step {
			step /= 2
			continue
		}
		if err := syscall.Fallocate(int(file.Fd()), 0, at, step); err != nil {
			step /= 2
			continue
		}
		at += step
	}
}

// clear removes the junk.
func (d *smallDisk) clear() {
	d.t.Helper()
	if err := os.Remove(d.junk()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) junk() string { return filepath.Join(d.dir, "junk") }

// uploaders send files until each has been acknowledged.
type uploaders struct {
	t       *testing.T
	address atomic.Pointer[string]
	files   []truth
	next    atomic.Int64
	acked   atomic.Int64
	full    atomic.Int64 // answers 507
	wg      sync.WaitGroup
}

func (u *uploaders) start(clients int) {
	for range clients {
		u.wg.Go(func() {
			for {
				i := int(u.next.Add(1)) - 1
				if i >= len(u.files) {
					return
				}
				data, err := os.ReadFile(u.files[i].path)
				if err != nil {
					u.t.Error(err)
					return
				}
				for {
					status := uploadOnce(u.t, *u.address.Load(), data)
					if status == http.StatusCreated {
						break
					}
					if status == http.StatusInsufficientStorage {
						u.full.Add(1)
					}
					if !pause(u.t.Context(), 200*time.Millisecond) {
						return
					}
				}
				u.acked.Add(1)
			}
		})
	}
}

func (u *uploaders) reach(n int64) {
	u.t.Helper()
	within(u.t, patience, func() string {
		if got := u.acked.Load(); got < n {
			return fmt.Sprintf("%d uploads acknowledged, waiting for %d", got, n)
		}
		return ""
	})
}

// needFree is what the gate leaves free (blobs.DefaultMinFreeBytes).
const needFree = 1 << 30

// TestEndToEndDiskFull: the disk with the whole data directory fills, first up
// to what the gate leaves free and then to the last byte while files are taken,
// queued and stored. What was acknowledged is stored when there is room again.
func TestEndToEndDiskFull(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	disk := newSmallDisk(t, needFree+512<<20)
	p := newPerson(t)
	p.data = filepath.Join(disk.dir, "data")
	all, err := writeCorpus(filepath.Join(t.TempDir(), "uploads"), 120, 20)
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--upload-rate", "100000", "--upload-burst", "100000"}
	d := p.up(flags...)

	taken := d.fillsUpToTheGuard(disk, all[:60])
	t.Logf("%d uploads until the disk was too full", taken)

	u := &uploaders{t: t, files: all[taken:]}
	u.address.Store(&d.address)
	disk.clear()
	u.start(4)
	u.reach(20)
	born := d.metric("process_start_time_seconds")
	disk.leave(0)
	t.Logf("full after %d uploads: %d bytes are free", u.acked.Load(), disk.free())
	within(t, patience, func() string {
		if status, body := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "disk: ") {
			return fmt.Sprintf("/readyz: %d %s", status, body)
		}
		return ""
	})
	within(t, patience, func() string {
		if u.full.Load() < 20 {
			return fmt.Sprintf("%d answers 507", u.full.Load())
		}
		return ""
	})
	d.says("not enough space", "streams take no messages")
	if got := d.metric("process_start_time_seconds"); got != born {
		t.Errorf("another process answers: born %v, was %v", got, born)
	}
	t.Logf("still full after %d uploads", u.acked.Load())
	disk.clear()
	within(t, patience, func() string {
		if got := u.acked.Load(); got < int64(len(u.files)) {
			return fmt.Sprintf("%d of %d uploads acknowledged", got, len(u.files))
		}
		return ""
	})
	want := sums{}
	for _, f := range all {
		want.add(int64(f.Samples), f.HRSum)
	}
	q := p.quiet()
	within(t, patience, func() string {
		if got := q.sums(); got != want {
			return fmt.Sprintf("stored are %+v, uploaded were %+v", got, want)
		}
		return ""
	})
	within(t, patience, func() string {
		if status, body := d.get("/readyz"); status != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s", status, body)
		}
		return ""
	})
	d.stop(os.Interrupt)
	if got := p.sums(); got != want {
		t.Errorf("stored are %+v, uploaded were %+v", got, want)
	}
}

// TestEndToEndStartOnAFullDisk: a daemon was killed with work in its queues, and
// the disk is full to the last byte. The next says why it waits, what is stored can
// be asked, and when there is room again everything goes on.
func TestEndToEndStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	disk := newSmallDisk(t, needFree+512<<20)
	p := newPerson(t)
	p.data = filepath.Join(disk.dir, "data")
	all, err := writeCorpus(filepath.Join(t.TempDir(), "uploads"), 40, 8)
	if err != nil {
		t.Fatal(err)
	}
	d := p.up("--upload-rate", "100000", "--upload-burst", "100000")
	want := sums{}
	u := &uploaders{t: t, files: all}
	u.address.Store(&d.address)
	u.start(4)
	u.reach(int64(len(all)))
	for _, f := range all {
		want.add(int64(f.Samples), f.HRSum)
	}
	within(t, patience, func() string {
		if p.quiet().sums().Sessions == 0 {
			return "nothing is stored"
		}
		return ""
	})
	t.Logf("stored before: %+v", p.quiet().sums())
	d.kill()
	disk.leave(0)
	t.Logf("%d bytes are free", disk.free())

	p.do(exitOK, "sessions") // what is stored can still be asked
	next := p.begin("up")
	next.says("the disk with "+p.data+" is full", "waiting for room")
	next.p.t.Logf("%s", next.stderr)
	select {
	case err := <-next.done:
		t.Fatalf("it ended: %v\n%s", err, next.stderr)
	default:
	}
	disk.clear()
	next.awaitDaemon()
	q := p.quiet()
	within(t, patience, func() string {
		if got := q.sums(); got != want {
			return fmt.Sprintf("stored are %+v, uploaded were %+v", got, want)
		}
		return ""
	})
	if got := p.do(exitOK, "reconcile", "--deep").stdout; !strings.Contains(got, "Nothing is missing") {
		t.Errorf("reconcile: %s", got)
	}
	next.stop(os.Interrupt)

	// A new data directory, too; and whoever waits can be told to end.
	disk.leave(0)
	p.data = filepath.Join(disk.dir, "another")
	waits := p.begin("up")
	waits.says("waiting for room")
	if err := waits.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if <-waits.done; !strings.Contains(waits.stderr.String(), "interrupted before it was up") {
		t.Errorf("it says %s", waits.stderr)
	}
	waits.done <- nil
}

// says waits until the daemon has said all of this.
func (d *daemon) says(words ...string) {
	d.p.t.Helper()
	within(d.p.t, patience, func() string {
		for _, w := range words {
			if !strings.Contains(d.stderr.String(), w) {
				return "the daemon has not said: " + w
			}
		}
		return ""
	})
}

// fillsUpToTheGuard uploads until the gate has no room, and returns how many
// files it has taken.
func (d *daemon) fillsUpToTheGuard(disk *smallDisk, files []truth) int {
	t := d.p.t
	t.Helper()
	disk.leave(needFree + 512<<10)
	for i, f := range files {
		data, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := post(t, d.address, "/api/v3/uploads", strings.NewReader(string(data)), map[string]string{"Content-Type": "application/octet-stream"})
		if err != nil {
			t.Fatal(err)
		}
		if got.status == http.StatusCreated {
			continue
		}
		if got.status != http.StatusInsufficientStorage || !strings.Contains(got.body, "the disk is full") || got.header.Get("Retry-After") == "" {
			t.Errorf("upload on a full disk: %d %v %s", got.status, got.header, got.body)
		}
		disk.leave(needFree - 16<<20) // what the engine removes now makes no difference
		if status, body := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "disk: ") {
			t.Errorf("/readyz on a full disk: %d %s", status, body)
		}
		return i
	}
	t.Fatalf("%d uploads and no end: %d bytes are free", len(files), disk.free())
	return 0
}
