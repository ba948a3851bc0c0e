//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cutPower leaves of the disk what had reached it: the device's bytes at this
// moment, without what the file system still held in memory. The processes
// that write to it must stand still, and be killed before it is used again.
func (d *smallDisk) cutPower(kill func()) {
	d.t.Helper()
	after := d.image + ".cut"
	if err := runTools([]string{"cp", "--sparse=auto", d.image, after}); err != nil {
		d.t.Fatal(err)
	}
	kill()
	if err := runTools([]string{"umount", d.dir}, []string{"mv", after, d.image}, []string{"mount", "-o", "loop", d.image, d.dir}); err != nil {
		d.t.Fatal(err)
	}
}

// TestEndToEndPowerCut: whenever the power goes, what was acknowledged before
// is a session afterwards. The disk is a file system of its own, of which only
// what was synced survives.
func TestEndToEndPowerCut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	cuts, seed := chaosSetting(t, "CUTS", 1), chaosSetting(t, "SEED", 1)
	d := newSmallDisk(t, 3<<30)
	if d.image == "" {
		t.Skip("without a loop device there is no disk whose power could be cut")
	}
	all, err := writeCorpus(filepath.Join(t.TempDir(), "uploads"), 60*cuts, 2)
	if err != nil {
		t.Fatal(err)
	}
	p := newPerson(t)
	p.data = filepath.Join(d.dir, "data")
	rnd := rand.New(rand.NewPCG(uint64(seed), 5)) //nolint:gosec // repeatable
	var (
		mu      sync.Mutex
		acked   = map[string]bool{} // exports
		address atomic.Pointer[string]
		next    atomic.Int64
		clients sync.WaitGroup
	)
	up := p.up()
	address.Store(&up.address)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	for range 4 {
		clients.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				data, err := os.ReadFile(all[i].path)
				if err != nil {
					t.Error(err)
					return
				}
				sum := sha256.Sum256(data)
				for uploadOnce(t, *address.Load(), data) != http.StatusCreated {
					if !pause(t.Context(), 50*time.Millisecond) {
						return
					}
				}
				mu.Lock()
				acked[hex.EncodeToString(sum[:])] = true
				mu.Unlock()
			}
		})
	}
	for cut := range cuts {
		least := len(all)*cut/cuts + 5 + rnd.IntN(len(all)/cuts-10)
		within(t, patience, func() string {
			if n := count(); n < least {
				return fmt.Sprintf("%d uploads acknowledged, waiting for %d", n, least)
			}
			return ""
		})
		if err := up.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		before := make([]string, 0, len(acked))
		for id := range acked {
			before = append(before, id)
		}
		mu.Unlock()
		d.cutPower(up.powerCut)
		t.Logf("power cut %d after %d acknowledged uploads", cut+1, len(before))
		up = p.up()
		address.Store(&up.address)
		within(t, patience, func() string {
			there := map[string]bool{}
			for _, s := range rows[struct{ ID string }](p.quiet(), "SELECT export_id AS ID FROM sessions_and_copies") {
				there[s.ID] = true
			}
			lost := 0
			for _, id := range before {
				if !there[id] {
					lost++
				}
			}
			if lost > 0 {
				return fmt.Sprintf("%d of %d acknowledged uploads are not there after power cut %d", lost, len(before), cut+1)
			}
			return ""
		})
	}
	clients.Wait()
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
	up.stop(os.Interrupt)
}
