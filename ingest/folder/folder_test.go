package folder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest"
	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

// The tests of this file run on a real directory, without notifications, and
// on a clock that jumps: hours of waiting take no time. Everything is found by
// scans, which is how a network mount is watched.

// inBubble runs test with a fresh folder and a clock of its own.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// pass lets time pass, and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func appendTo(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// accepted compares what was taken, in any order.
func (w *world) accepted(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(sorted(append([]string{}, want...)), sorted(w.intake.got())); diff != "" {
		w.t.Errorf("accepted (-want +got):\n%s", diff)
	}
}

func TestWithoutNotificationsScansFindEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "a")
		defer w.start(folder.WithoutNotes)()
		pass(3 * time.Second)
		w.accepted("me a")
		put(t, w.dir, "anna/deep/b.fit", "b")
		pass(3 * time.Second)
		w.accepted("me a")
		pass(30 * time.Second)
		w.accepted("me a", "anna b")
		w.expect(map[string]float64{
			"files_total taken": 2, "trouble_total watch": 1, "pending": 0, "taken_bytes_total": 2,
		})
		if got := w.log.count("folder sends no notifications"); got != 1 {
			t.Errorf("%d warnings, want 1", got)
		}
	})
}

func TestLostNotificationsLeadToAScanAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		errs := make(chan error)
		defer w.start(func(f *folder.Folder) { folder.WithNoteErrors(f, errs) })()
		pass(time.Second)
		put(t, w.dir, "a.fit", "a")
		for range 3 {
			errs <- fsnotify.ErrEventOverflow
		}
		pass(3 * time.Second)
		w.accepted("me a")
		w.expect(map[string]float64{"trouble_total overflow": 3})
		if got := w.log.count("folder notifications were lost"); got != 1 {
			t.Errorf("%d warnings, want 1", got)
		}
	})
}

func TestFileIsLeftAloneWhileItGrows(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.Rescan = time.Second
		defer w.start(folder.WithoutNotes)()
		path := filepath.Join(w.dir, "slow.fit")
		var content strings.Builder
		for i := range 40 {
			piece := fmt.Sprintf("piece %d\n", i)
			appendTo(t, path, piece)
			content.WriteString(piece)
			pass(1900 * time.Millisecond)
		}
		if w.intake.tried() != 0 {
			t.Fatal("read while it was growing")
		}
		w.expect(map[string]float64{"pending": 1})
		pass(3 * time.Second)
		w.accepted("me " + content.String())
		pass(time.Hour)
		if w.intake.tried() != 1 {
			t.Errorf("read %d times", w.intake.tried())
		}
	})
}

func TestFileThatChangesWhileItIsReadIsNotTaken(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString(" and more")
			return errors.Join(err, f.Close())
		},
		"shrinks": func(path string) error { return os.Truncate(path, 5) },
		"is written to at its beginning": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("NEW")
			later := time.Now().Add(time.Minute)
			return errors.Join(err, f.Close(), os.Chtimes(path, later, later))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				path := put(t, w.dir, "a.fit", "what it was at first")
				changed := false
				w.intake.during = func(soFar int) {
					if soFar >= 8 && !changed {
						changed = true
						if err := change(path); err != nil {
							t.Error(err)
						}
					}
				}
				defer w.start(folder.WithoutNotes)()
				pass(time.Minute)
				now, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				w.accepted("me " + string(now))
				w.expect(map[string]float64{"files_total taken": 1, "files_total failed": 0, "pending": 0})
			})
		})
	}
}

func TestFileThatIsReplacedIsTakenAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "one")
		defer w.start(folder.WithoutNotes)()
		pass(time.Minute)
		put(t, w.dir, "a.fit", "two")
		pass(time.Minute)
		put(t, w.dir, "copy.fit", "one")
		pass(time.Minute)
		w.accepted("me one", "me two")
		w.expect(map[string]float64{"files_total taken": 2, "files_total duplicate": 1, "taken_bytes_total": 6})
	})
}

func TestNotNowLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for i := range 5 {
			put(t, w.dir, fmt.Sprintf("%d.fit", i), strconv.Itoa(i))
		}
		var open atomic.Bool
		w.intake.before = func(int) error {
			if !open.Load() {
				return fmt.Errorf("publish: %w", ingest.ErrBusy)
			}
			return nil
		}
		defer w.start(folder.WithoutNotes)()
		pass(10 * time.Minute)
		w.accepted()
		// After 1, 2, 4 ... 60 s, two files at a time.
		if tries := w.intake.tried(); tries < 15 || tries > 40 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		w.expect(map[string]float64{
			"pending": 5, "retries_total": float64(w.intake.tried()), "files_total failed": 0,
		})
		open.Store(true)
		pass(2 * time.Minute)
		if got := len(w.intake.got()); got != 5 {
			t.Errorf("%d files were taken in the end, want 5", got)
		}
		w.expect(map[string]float64{"pending": 0, "files_total taken": 5})
		for _, msg := range []string{"files cannot be taken now", "files can be taken again"} {
			if got := w.log.count(msg); got != 1 {
				t.Errorf("%q was logged %d times", msg, got)
			}
		}
	})
}

func TestFailuresAreReportedOnceAndTriedAgain(t *testing.T) {
	for result, failure := range map[string]error{
		"failed":     errors.New("some fault of ours"),
		"unreadable": schema.Reject(schema.ReasonUnreadable, "input/output error"),
	} {
		t.Run(result, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				put(t, w.dir, "a.fit", "a")
				put(t, w.dir, "b.fit", "b")
				w.intake.before = func(try int) error {
					if try <= 10 {
						return failure
					}
					return nil
				}
				defer w.start(folder.WithoutNotes)()
				pass(5 * time.Minute)
				w.expect(map[string]float64{
					"files_total " + result: 2, "files_total taken": 2, "files_total refused": 0,
					"retries_total": 0, "pending": 0,
				})
				if got := w.log.count("export could not be taken, trying again later"); got != 2 {
					t.Errorf("%d warnings for two files", got)
				}
			})
		})
	}
}

func TestRefusalIsFinal(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "a")
		w.intake.before = func(int) error { return fmt.Errorf("accept: %w", schema.Reject(schema.ReasonTooLarge, "")) }
		defer w.start(folder.WithoutNotes)()
		pass(2 * time.Hour)
		w.expect(map[string]float64{"files_total refused": 1, "pending": 0})
		if w.intake.tried() != 1 || !strings.Contains(w.log.String(), "reason=too_large") {
			t.Errorf("%d tries, log:\n%s", w.intake.tried(), w.log)
		}
		put(t, w.dir, "a.fit", "smaller")
		pass(time.Minute)
		w.expect(map[string]float64{"files_total refused": 2})
	})
}

func TestWhatIsNoFileIsCountedOnceAndNeverOpened(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		outside := put(t, t.TempDir(), "secret.fit", "secret")
		fifo(t, filepath.Join(w.dir, "pipe.fit"))
		symlink(t, "nowhere", filepath.Join(w.dir, "broken.fit"))
		symlink(t, outside, filepath.Join(w.dir, "link.fit"))
		symlink(t, filepath.Dir(outside), filepath.Join(w.dir, "linkdir"))
		put(t, w.dir, "x.fit/inside.fit", "inside")
		put(t, w.dir, ".cache/b.fit", "litter")
		put(t, w.dir, "c.fit.part", "litter")
		put(t, w.dir, "empty.fit", "")
		defer w.start(folder.WithoutNotes)()
		pass(time.Hour)
		w.accepted("me ", "me inside")
		w.expect(map[string]float64{
			"files_total not_a_regular_file": 4, "files_total ignored_name": 2, "files_total taken": 2, "pending": 0,
		})
		if got := w.log.count("folder entry is not a regular file"); got != 4 {
			t.Errorf("%d warnings for four entries", got)
		}
	})
}

func TestFolderThatGoesAwayComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.PollInterval, w.cfg.Rescan = time.Minute, time.Hour
		put(t, w.dir, "a.fit", "a")
		stop := w.start(folder.WithoutNotes)
		pass(5 * time.Minute)
		away := filepath.Join(t.TempDir(), "away")
		if err := os.Rename(w.dir, away); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Hour)
		if err := os.Mkdir(w.dir, 0o755); err != nil { // the mount point without the mount
			t.Fatal(err)
		}
		pass(90 * 24 * time.Hour)
		if err := errors.Join(os.Remove(w.dir), os.Rename(away, w.dir)); err != nil {
			t.Fatal(err)
		}
		put(t, w.dir, "b.fit", "b")
		pass(2 * time.Hour)
		stop()
		w.accepted("me a", "me b")
		if w.intake.tried() != 2 {
			t.Errorf("two files were read %d times", w.intake.tried())
		}
		for _, msg := range []string{"folder cannot be read, trying again", "folder can be read again"} {
			if got := w.log.count(msg); got != 1 {
				t.Errorf("%q was logged %d times", msg, got)
			}
		}
	})
}

func TestStoppingLeavesWhatIsUnderWayForTheNextRun(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "a")
		block := make(chan struct{})
		w.intake.before = func(try int) error {
			if try == 1 {
				<-block
				return context.Canceled
			}
			return nil
		}
		stop := w.start(folder.WithoutNotes)
		pass(time.Minute)
		time.AfterFunc(time.Second, func() { close(block) })
		stop()
		w.expect(map[string]float64{"files_total failed": 0, "files_total taken": 0})
		stop = w.start(folder.WithoutNotes)
		pass(time.Minute)
		stop()
		w.accepted("me a")
	})
}

func TestRunNeedsADirectory(t *testing.T) {
	w := newWorld(t)
	w.cfg.Dir = put(t, w.dir, "file", "")
	for _, dir := range []string{w.cfg.Dir, filepath.Join(w.dir, "missing")} {
		w.cfg.Dir = dir
		f, err := folder.New(w.cfg, w.deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Run(t.Context()); err == nil {
			t.Errorf("Run watches %s", filepath.Base(dir))
		}
	}
}
