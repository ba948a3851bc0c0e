package folder

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plodwatch/schema"
)

// machine drives a tracker with a clock of its own.
type machine struct {
	*tracker
	t   *testing.T
	now time.Time
}

func newMachine(t *testing.T, after After) *machine {
	t.Helper()
	cfg := DefaultConfig("/nowhere")
	cfg.After = after
	return &machine{newTracker(cfg), t, time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (m *machine) wait(d time.Duration) { m.now = m.now.Add(d) }

// see shows a file of this size and returns whether it has joined the queue.
func (m *machine) see(rel string, size int64) bool {
	return m.sawFile(rel, fileState{size: size, mtimeNs: size, inode: 1}, "me", m.now)
}

// settle shows a file until it is queued and takes it off the queue.
func (m *machine) settle(rel string, size int64) fileState {
	m.t.Helper()
	m.see(rel, size)
	m.wait(m.tracker.settle)
	if !m.see(rel, size) {
		m.t.Fatalf("a file that stayed the same for %v is not queued", m.tracker.settle)
	}
	got, state, ok := m.next(m.now)
	if !ok || got != rel {
		m.t.Fatalf("next is %q, %v, want %q", got, ok, rel)
	}
	return state
}

func (m *machine) take(rel string, s fileState) {
	m.took(rel, takenFile{state: s, athlete: "me"}, m.now)
}

func TestFileIsQueuedOnceItStaysTheSame(t *testing.T) {
	m := newMachine(t, AfterKeep)
	for size := range int64(10) {
		if m.see("a", size) {
			t.Fatal("queued although it grows")
		}
		m.wait(1900 * time.Millisecond)
	}
	if m.see("a", 9) {
		t.Fatal("queued before it had settled")
	}
	if due := m.due(m.now); len(due) != 0 {
		t.Fatalf("due are %v before the time", due)
	}
	m.wait(100 * time.Millisecond)
	if diff := cmp.Diff([]string{"a"}, m.due(m.now)); diff != "" {
		t.Fatalf("due (-want +got):\n%s", diff)
	}
	if !m.see("a", 9) {
		t.Fatal("not queued after it had settled")
	}
	if m.see("a", 9) {
		t.Fatal("queued twice")
	}
}

func TestEveryPartOfTheStateCounts(t *testing.T) {
	base := fileState{size: 5, mtimeNs: 6, inode: 7}
	for name, other := range map[string]fileState{
		"size": {6, 6, 7}, "modification time": {5, 7, 7}, "inode": {5, 6, 8},
	} {
		m := newMachine(t, AfterKeep)
		m.sawFile("a", base, "me", m.now)
		m.wait(time.Hour)
		if m.sawFile("a", other, "me", m.now) {
			t.Errorf("another %s does not start settling anew", name)
		}
		m.wait(2 * time.Second)
		if !m.sawFile("a", other, "me", m.now) {
			t.Errorf("another %s: never queued", name)
		}
	}
}

func TestTakenFileIsTakenAgainOnlyWhenItDiffers(t *testing.T) {
	m := newMachine(t, AfterKeep)
	s := m.settle("a", 5)
	m.take("a", s)
	m.wait(time.Hour)
	m.see("a", 5)
	m.wait(time.Hour)
	if m.see("a", 5) || len(m.pending) != 0 {
		t.Error("taken twice in the same state")
	}
	if got := m.sawFile("a", s, "anna", m.now); got || len(m.pending) != 1 {
		t.Error("a file that belongs to another athlete now is not considered")
	}
	m.gone("a")
	m.see("a", 6)
	if len(m.pending) != 1 {
		t.Error("a file that has grown since is not considered")
	}
	m.see("a", 5) // restored from a backup
	if len(m.pending) != 0 {
		t.Error("a file that is again what was taken is still considered")
	}
}

func TestNotNowHoldsEverythingBackForLongerAndLonger(t *testing.T) {
	m := newMachine(t, AfterKeep)
	var waits []time.Duration
	m.settle("a", 1)
	for i := range 9 {
		if first := m.notNow("a", m.now, m.now); first != (i == 0) {
			t.Errorf("failure %d: first = %v", i, first)
		}
		from := m.now
		for {
			m.see("a", 1)
			if _, _, ok := m.next(m.now); ok {
				break
			}
			if m.wait(500 * time.Millisecond); m.now.Sub(from) > time.Hour {
				t.Fatal("held back for ever")
			}
		}
		waits = append(waits, m.now.Sub(from))
	}
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}

	m.see("b", 1)
	m.wait(2 * time.Second)
	m.notNow("a", m.now, m.now)
	m.see("b", 1)
	m.wait(59 * time.Second)
	if rel, _, ok := m.next(m.now); ok {
		t.Errorf("%s is given out although everything is held back", rel)
	}
	m.wait(time.Second)
	if rel, _, ok := m.next(m.now); !ok || rel != "b" {
		t.Error("the other file is not given out after the wait")
	}
	if !m.took("b", takenFile{}, m.now) {
		t.Error("the end of holding back is not told")
	}
	m.settle("c", 1)
	m.notNow("c", m.now, m.now)
	m.wait(time.Second)
	m.see("c", 1)
	if rel, _, ok := m.next(m.now); !ok || rel != "c" {
		t.Error("after a success the waits do not begin anew")
	}
}

func TestFailuresThatWereUnderWayTogetherCountOnce(t *testing.T) {
	m := newMachine(t, AfterKeep)
	for i := range 5 {
		m.settle(strconv.Itoa(i), 1)
	}
	started := m.now
	m.wait(100 * time.Millisecond)
	for i := range 5 {
		m.notNow(strconv.Itoa(i), started, m.now)
	}
	m.wait(time.Second)
	if len(m.due(m.now)) != 5 {
		t.Errorf("due are %v, want all five", m.due(m.now))
	}
	m.see("0", 1)
	if _, _, ok := m.next(m.now); !ok {
		t.Error("five failures at once held back longer than one")
	}
}

func TestFailureIsNewsOncePerState(t *testing.T) {
	m := newMachine(t, AfterKeep)
	m.settle("a", 1)
	if !m.failed("a", m.now) {
		t.Error("the first failure is no news")
	}
	var waits []time.Duration
	for range 14 {
		from := m.now
		for len(m.due(m.now)) == 0 {
			m.wait(time.Second)
		}
		waits = append(waits, m.now.Sub(from))
		m.see("a", 1)
		m.next(m.now)
		if m.failed("a", m.now) {
			t.Error("the same failure is news again")
		}
	}
	if !slices.IsSorted(waits) || waits[0] != time.Second || waits[13] != time.Hour {
		t.Errorf("waits are %v, want growing ones from 1 s to 1 h", waits)
	}
	m.settle("a", 2)
	if !m.failed("a", m.now) {
		t.Error("the failure of another state is no news")
	}
}

func TestRefusedFileWaitsForAnotherState(t *testing.T) {
	m := newMachine(t, AfterKeep)
	s := m.settle("a", 1)
	m.refused("a", s, schema.ReasonTooLarge)
	m.see("a", 1)
	m.wait(time.Hour)
	if m.see("a", 1) || len(m.pending) != 0 {
		t.Error("a refused file is tried again in the same state")
	}
	m.settle("a", 2)
}

func TestFileThatChangesWhileReadIsConsideredAfterwards(t *testing.T) {
	m := newMachine(t, AfterKeep)
	s := m.settle("a", 1)
	m.see("a", 2)
	m.gone("a")
	if m.sawOther("a", schema.ReasonNotRegular); m.pending["a"] == nil || m.pending["a"].phase != reading {
		t.Error("a file in reading was lost sight of")
	}
	m.take("a", s)
	m.settle("a", 2)
	m.drop("a")
	m.settle("a", 3)
}

func TestOtherEntriesAreNewsOnceWhileTheyLast(t *testing.T) {
	m := newMachine(t, AfterKeep)
	news := []bool{
		m.sawOther("p", schema.ReasonNotRegular),
		m.sawOther("p", schema.ReasonNotRegular),
		m.sawOther("p", schema.ReasonUnreadable),
	}
	m.gone("p")
	news = append(news, m.sawOther("p", schema.ReasonUnreadable))
	if diff := cmp.Diff([]bool{true, false, true, true}, news); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
	m.settle("p", 1)
	if len(m.aside) != 0 {
		t.Error("an entry that has become a file is still set aside")
	}
}

func TestUnseenAreTheEntriesThatAScanShouldHaveMet(t *testing.T) {
	m := newMachine(t, AfterKeep)
	m.take("taken", m.settle("taken", 1))
	m.settle("reading", 1)
	m.see("pending", 1)
	m.see("seen", 1)
	m.sawOther("pipe", schema.ReasonNotRegular)
	got := m.unseen(map[string]bool{"seen": true})
	slices.Sort(got)
	if diff := cmp.Diff([]string{"pending", "pipe"}, got); diff != "" {
		t.Errorf("unseen (-want +got):\n%s", diff)
	}
}

func TestDeparturesAreTriedAgain(t *testing.T) {
	m := newMachine(t, AfterDelete)
	m.take("a", m.settle("a", 1))
	if diff := cmp.Diff([]string{"a"}, m.leaving(m.now)); diff != "" {
		t.Fatalf("leaving (-want +got):\n%s", diff)
	}
	for range 10 {
		if m.stayed("a", false, m.now) {
			t.Error("not yet queryable is news")
		}
	}
	m.wait(30 * time.Second)
	if len(m.leaving(m.now)) != 1 {
		t.Error("a file that is not queryable yet is asked about less than every 30 s")
	}
	if !m.stayed("a", true, m.now) || m.stayed("a", true, m.now) {
		t.Error("a failure must be news once")
	}
	m.departed("a")
	m.wait(24 * time.Hour)
	if len(m.leaving(m.now)) != 0 || len(m.taken) != 0 {
		t.Error("a file that has departed is still known")
	}
}

func TestFilesTakenByAnEarlierRunDepartToo(t *testing.T) {
	m := newMachine(t, AfterMove)
	s := fileState{size: 1, mtimeNs: 1, inode: 1}
	m.taken["a"] = takenFile{state: s, athlete: "me"}
	if len(m.leaving(m.now)) != 0 {
		t.Error("a file departs before it was seen")
	}
	m.see("a", 1)
	if len(m.leaving(m.now)) != 1 {
		t.Error("a file that an earlier run has taken does not depart")
	}
	m.gone("a")
	if len(m.leaving(m.now)) != 0 {
		t.Error("a file that is gone departs")
	}
}

func TestTakenFilesAreForgottenLongAfterTheyWereSeen(t *testing.T) {
	m := newMachine(t, AfterKeep)
	m.take("old", m.settle("old", 1))
	m.wait(31 * 24 * time.Hour)
	m.take("new", m.settle("new", 1))
	m.changed = false
	m.forget(dayOf(m.now) - 30)
	if _, ok := m.taken["old"]; ok || len(m.taken) != 1 || !m.changed {
		t.Errorf("taken are %v, changed %v", m.taken, m.changed)
	}
}
