package fitfile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/tormoder/fit/dyncrc16"
)

func TestChecksumEqualsTheTableDrivenOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		want := dyncrc16.Checksum(data)
		if got := checksum(data); got != want {
			t.Fatalf("checksum of %d bytes = %#04x, want %#04x", n, got, want)
		}
		whole := append(bytes.Clone(data), byte(want), byte(want>>8))
		if got := checksum(whole); got != 0 {
			t.Fatalf("checksum of %d bytes with their checksum = %#04x, want 0", n, got)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	data := make([]byte, 1<<17)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		checksum(data)
	}
}
