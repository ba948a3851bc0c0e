package folder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/folder"
)

func TestRestartReadsNothingTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "a")
		put(t, w.dir, "anna/L\xf8p \"1\"\n.fit", "b")
		stop := w.start(folder.WithoutNotes)
		pass(time.Minute)
		stop()
		w.fresh()
		put(t, w.dir, "c.fit", "c")
		stop = w.start(folder.WithoutNotes)
		pass(time.Minute)
		w.accepted("me a", "anna b", "me c")
		w.expect(map[string]float64{"files_total taken": 1, "files_total duplicate": 0})
		// Not stopped in order: what was taken is on disk by now.
		defer stop()
		defer w.start(folder.WithoutNotes)()
		pass(time.Minute)
		if w.intake.tried() != 3 {
			t.Errorf("three files were read %d times", w.intake.tried())
		}
	})
}

func TestAnotherDefaultAthleteGetsTheFilesToo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		put(t, w.dir, "a.fit", "a")
		put(t, w.dir, "anna/b.fit", "b")
		stop := w.start(folder.WithoutNotes)
		pass(time.Minute)
		stop()
		w.cfg.DefaultAthlete = "grete"
		stop = w.start(folder.WithoutNotes)
		pass(time.Minute)
		stop()
		w.accepted("me a", "anna b", "grete a")
	})
}

func TestDamagedStateIsIgnored(t *testing.T) {
	for name, damage := range map[string]func(state string) string{
		"empty":              func(string) string { return "" },
		"another format":     func(s string) string { return strings.Replace(s, "state 1", "state 2", 1) },
		"cut off":            func(s string) string { return s[:strings.LastIndex(s, "end")] },
		"cut off in a line":  func(s string) string { return s[:len(s)-10] },
		"a line is missing":  func(s string) string { return s[:strings.Index(s, "\n1 ")+1] + s[strings.LastIndex(s, "\n1 ")+1:] },
		"something appended": func(s string) string { return s + "more\n" },
		"no number":          func(s string) string { return strings.Replace(s, "\n1 ", "\nx ", 1) },
		"an endless line":    func(s string) string { return s + strings.Repeat("x", 1<<20) },
		"random":             func(string) string { return "\x00\xff\x12\n\n\n" },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				put(t, w.dir, "a.fit", "a")
				put(t, w.dir, "b.fit", "b")
				stop := w.start(folder.WithoutNotes)
				pass(time.Minute)
				stop()
				state, err := os.ReadFile(w.cfg.StateFile)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(w.cfg.StateFile, []byte(damage(string(state))), 0o600); err != nil {
					t.Fatal(err)
				}
				w.fresh()
				stop = w.start(folder.WithoutNotes)
				pass(time.Minute)
				stop()
				w.accepted("me a", "me b")
				w.expect(map[string]float64{"files_total duplicate": 2, "files_total taken": 0, "trouble_total state": 1})
				mended, err := os.ReadFile(w.cfg.StateFile)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(state), string(mended)); diff != "" {
					t.Errorf("state (-before +after):\n%s", diff)
				}
			})
		})
	}
}

func TestStateThatCannotBeWrittenStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		if err := os.MkdirAll(filepath.Join(w.cfg.StateFile, "in the way"), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, w.dir, "a.fit", "a")
		stop := w.start(folder.WithoutNotes)
		pass(time.Minute)
		stop()
		w.accepted("me a")
		if got := w.log.count("folder state cannot be written"); got != 1 || w.metric("trouble_total", "state") < 2 {
			t.Errorf("%d warnings, %v counted", got, w.metric("trouble_total", "state"))
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(w.cfg.StateFile), ".folder-state-*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}
