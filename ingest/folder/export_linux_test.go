package folder

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// AsNobody makes the file accesses of this goroutine, and of no other, those
// of a user without rights until the clean-up begins. The thread is given up
// at the goroutine's end.
func AsNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setfsuid(0) })
}
