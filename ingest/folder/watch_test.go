package folder_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The tests of this file run on real notifications and the real clock.

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestFilesThatAreThereAndFilesThatComeAreTaken(t *testing.T) {
	w := newWorld(t).quick()
	put(t, w.dir, "old.fit", "old")
	put(t, w.dir, "anna/2019/06/deep.fit", "deep")
	put(t, w.dir, "Morning runs/x.fit", "no athlete")
	defer w.start()()
	w.await("the files that were there", func() bool { return len(w.intake.got()) == 3 })
	put(t, w.dir, "new.fit", "new")
	put(t, w.dir, "anna/2019/06/new.fit", "new")
	w.await("the files that came", func() bool { return len(w.intake.got()) == 5 })
	want := []string{"anna deep", "anna new", "me new", "me no athlete", "me old"}
	if diff := cmp.Diff(want, sorted(w.intake.got())); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	w.await("the counters", func() bool { return w.metric("files_total", "taken") == 5 && w.metric("pending", "") == 0 })
	if got := w.log.count("folder has a subfolder whose name is no athlete id"); got != 1 {
		t.Errorf("%d warnings about the subfolder that is no athlete, want 1", got)
	}
}

func TestZipIsHandedInWhole(t *testing.T) {
	w := newWorld(t).quick()
	defer w.start()()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for i := range 20 {
		f, err := z.Create(fmt.Sprintf("activities/%d.fit", i))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, i)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, w.dir, "export.zip", archive.String())
	w.await("the zip", func() bool { return len(w.intake.got()) == 1 })
	if w.intake.got()[0] != "me "+archive.String() {
		t.Error("the zip was not handed in as it is")
	}
}

func TestFileRenamedIntoPlaceIsTaken(t *testing.T) {
	w := newWorld(t).quick()
	defer w.start()()
	outside := put(t, t.TempDir(), "x", "from outside")
	if err := os.Rename(outside, filepath.Join(w.dir, "outside.fit")); err != nil {
		t.Fatal(err)
	}
	part := put(t, w.dir, "a.fit.part", "downloaded")
	w.await("the litter", func() bool { return w.metric("files_total", "ignored_name") == 1 })
	if err := os.Rename(part, filepath.Join(w.dir, "a.fit")); err != nil {
		t.Fatal(err)
	}
	w.await("both files", func() bool { return len(w.intake.got()) == 2 })
	want := []string{"me downloaded", "me from outside"}
	if diff := cmp.Diff(want, sorted(w.intake.got())); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
}

func TestSubfoldersThatComeWithFilesInsideAreSeen(t *testing.T) {
	w := newWorld(t).quick()
	put(t, w.dir, "first.fit", "first")
	defer w.start()()
	w.await("the first scan", func() bool { return len(w.intake.got()) == 1 })
	const n = 30
	for i := range n { // written at once: directories are not yet watched
		put(t, w.dir, fmt.Sprintf("a%d/b/c/x.fit", i), "x")
	}
	moved := t.TempDir()
	put(t, moved, "tree/sub/y.fit", "y")
	if err := os.Rename(filepath.Join(moved, "tree"), filepath.Join(w.dir, "tree")); err != nil {
		t.Fatal(err)
	}
	w.await("the files in new subfolders", func() bool { return len(w.intake.got()) == n+2 })
	put(t, w.dir, "a7/b/c/later.fit", "later")
	put(t, w.dir, "tree/sub/later.fit", "later")
	w.await("the files that come later", func() bool { return len(w.intake.got()) == n+4 })
}

func TestThousandsOfFilesAreTakenOnceEach(t *testing.T) {
	w := newWorld(t).quick()
	const n = 3000
	for i := range n / 2 {
		put(t, w.dir, fmt.Sprintf("a%d/%d.fit", i%7, i), strconv.Itoa(i))
	}
	stop := w.start()
	for i := n / 2; i < n; i++ {
		put(t, w.dir, fmt.Sprintf("a%d/%d.fit", i%7, i), strconv.Itoa(i))
	}
	w.await("all files", func() bool { return len(w.intake.got()) == n && w.metric("pending", "") == 0 })
	stop()
	if w.intake.tried() != n {
		t.Errorf("%d files were read %d times", n, w.intake.tried())
	}
	w.fresh()
	stop = w.start()
	put(t, w.dir, "new.fit", "new")
	w.await("the new file", func() bool { return len(w.intake.got()) == n+1 })
	stop()
	if w.intake.tried() != n+1 {
		t.Errorf("after a restart %d files were read, want the new one only", w.intake.tried()-n)
	}
}

func TestFileWrittenInPiecesIsTakenOnceAndWhole(t *testing.T) {
	w := newWorld(t).quick()
	w.cfg.Settle = 300 * time.Millisecond
	defer w.start()()
	for attempt := range 20 {
		before := w.intake.tried()
		var content strings.Builder
		name := fmt.Sprintf("slow%d.fit", attempt)
		f, err := os.Create(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		last, longest := time.Now(), time.Duration(0)
		tick := time.NewTicker(30 * time.Millisecond)
		for i := range 20 {
			piece := fmt.Sprintf("%d: piece %d\n", attempt, i)
			if _, err := f.WriteString(piece); err != nil {
				t.Fatal(err)
			}
			content.WriteString(piece)
			longest, last = max(longest, time.Since(last)), time.Now()
			<-tick.C
		}
		tick.Stop()
		f.Close()
		if longest > w.cfg.Settle/2 {
			continue // a busy machine has stopped writing for too long
		}
		w.await("the whole file", func() bool { return slices.Contains(w.intake.got(), "me "+content.String()) })
		if got := w.intake.tried() - before; got != 1 {
			t.Errorf("the file was read %d times", got)
		}
		return
	}
	t.Skip("the machine is too busy to write without long pauses")
}
