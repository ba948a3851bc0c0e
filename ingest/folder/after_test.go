package folder_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/ingest/folder"
	"plodwatch/schema"
)

// tree lists the files of the folder with their contents.
func (w *world) tree() map[string]string {
	w.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(w.dir, path)
		files[rel] = string(data)
		return errors.Join(err, relErr)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

func (w *world) holds(want map[string]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.tree()); diff != "" {
		w.t.Errorf("folder (-want +got):\n%s", diff)
	}
}

func TestKeptFilesAreUntouched(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		path := put(t, w.dir, "anna/a.fit", "a")
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stop := w.start(folder.WithoutNotes)
		pass(time.Hour)
		stop()
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
			t.Error("the file is another one")
		}
		w.holds(map[string]string{"anna/a.fit": "a"})
	})
}

func TestMoveKeepsThePathAndOverwritesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.After = folder.AfterMove
		put(t, w.dir, "anna/june/a.fit", "one")
		put(t, w.dir, "plain", "no extension")
		put(t, w.dir, folder.DoneDir+"/plain", "there before")
		stop := w.start(folder.WithoutNotes)
		for _, content := range []string{"two", "three", "two"} {
			pass(time.Minute)
			put(t, w.dir, "anna/june/a.fit", content)
		}
		pass(time.Minute)
		stop()
		w.accepted("anna one", "me no extension", "anna two", "anna three")
		w.holds(map[string]string{
			".plodwatch-done/anna/june/a.fit":   "one",
			".plodwatch-done/anna/june/a-1.fit": "two",
			".plodwatch-done/anna/june/a-2.fit": "three",
			".plodwatch-done/anna/june/a-3.fit": "two",
			".plodwatch-done/plain":             "there before",
			".plodwatch-done/plain-1":           "no extension",
		})
		w.expect(map[string]float64{
			"removed_total moved": 5, "files_total taken": 4, "files_total duplicate": 1, "files_total ignored_name": 0,
		})
	})
}

func TestMoveWaitsForTheReceipt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.After = folder.AfterMove
		put(t, w.dir, "a.fit", "a")
		var open atomic.Bool
		w.intake.before = func(int) error {
			if open.Load() {
				return nil
			}
			return errors.New("some fault of ours")
		}
		defer w.start(folder.WithoutNotes)()
		pass(time.Minute)
		w.holds(map[string]string{"a.fit": "a"})
		open.Store(true)
		pass(time.Hour)
		w.holds(map[string]string{".plodwatch-done/a.fit": "a"})
	})
}

func TestMoveThatFailsIsReportedOnceAndTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.After = folder.AfterMove
		put(t, w.dir, "a.fit", "a")
		done := put(t, w.dir, folder.DoneDir, "a file is in the way")
		defer w.start(folder.WithoutNotes)()
		pass(10 * time.Minute)
		w.expect(map[string]float64{"files_total taken": 1, "removed_total failed": 1, "removed_total moved": 0})
		if got := w.log.count("taken file could not be moved"); got != 1 {
			t.Errorf("%d warnings, want 1", got)
		}
		if err := os.Remove(done); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		w.holds(map[string]string{".plodwatch-done/a.fit": "a"})
	})
}

func TestDoneDirectoryThatLeadsOutsideIsNotUsed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.cfg.After = folder.AfterMove
		put(t, w.dir, "a.fit", "a")
		outside := t.TempDir()
		symlink(t, outside, filepath.Join(w.dir, folder.DoneDir))
		stop := w.start(folder.WithoutNotes)
		pass(10 * time.Minute)
		stop()
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 0 || !w.exists("a.fit") {
			t.Errorf("outside of the folder there is %v, %v", entries, err)
		}
		w.expect(map[string]float64{"removed_total failed": 1})
	})
}

// database says what is queryable.
type database struct {
	ready atomic.Bool
	asked atomic.Int64
	fail  atomic.Bool
}

func (db *database) queryable(
	_ context.Context, athlete schema.AthleteID, export schema.ExportID,
) (bool, error) {
	db.asked.Add(1)
	if db.fail.Load() {
		return false, errors.New("database is away")
	}
	known := []schema.ExportID{schema.ExportIDOf([]byte("a")), schema.ExportIDOf([]byte("new"))}
	return db.ready.Load() && athlete == "anna" && slices.Contains(known, export), nil
}

func TestDeleteWaitsUntilTheExportIsQueryable(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		db := &database{}
		w.cfg.After, w.deps.Queryable = folder.AfterDelete, db.queryable
		put(t, w.dir, "anna/a.fit", "a")
		put(t, w.dir, "anna/unknown.fit", "not in the database")
		stop := w.start(folder.WithoutNotes)
		pass(10 * time.Minute)
		db.fail.Store(true)
		pass(10 * time.Minute)
		stop()
		w.holds(map[string]string{"anna/a.fit": "a", "anna/unknown.fit": "not in the database"})
		w.expect(map[string]float64{"files_total taken": 2, "removed_total deleted": 0, "removed_total failed": 2})
		if asked := db.asked.Load(); asked < 20 || asked > 120 {
			t.Errorf("the database was asked %d times in 20 minutes for two files", asked)
		}

		// It is still known after a restart that they are to be deleted.
		w.fresh()
		db.fail.Store(false)
		db.ready.Store(true)
		defer w.start(folder.WithoutNotes)()
		pass(time.Minute)
		w.holds(map[string]string{"anna/unknown.fit": "not in the database"})
		w.expect(map[string]float64{"files_total taken": 0, "files_total duplicate": 0, "removed_total deleted": 1})
		if w.exists(folder.DoneDir) {
			t.Error("an empty directory is left behind")
		}
	})
}

func TestFileThatChangedSinceItWasTakenIsNotDeletedUnread(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		db := &database{}
		w.cfg.After, w.deps.Queryable = folder.AfterDelete, func(
			ctx context.Context, athlete schema.AthleteID, export schema.ExportID,
		) (bool, error) {
			if db.asked.Load() == 3 { // while it is asked, another file takes the place
				put(t, w.dir, "anna/a.fit", "new")
				db.ready.Store(true)
			}
			return db.queryable(ctx, athlete, export)
		}
		put(t, w.dir, "anna/a.fit", "a")
		defer w.start(folder.WithoutNotes)()
		pass(5 * time.Minute)
		w.accepted("anna a", "anna new")
		w.holds(map[string]string{})
		w.expect(map[string]float64{"files_total taken": 2, "removed_total deleted": 1})
	})
}
