// Package blobstest is the battery that every store of exports must pass.
package blobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"plodwatch/ingest"
	"plodwatch/ingest/blobs"
	"plodwatch/schema"
)

// Store is what a store of exports offers. blobs.Dir says what its methods
// promise.
type Store interface {
	ingest.Blobs
	Has(ctx context.Context, id schema.ExportID) (bool, error)
	Stat(ctx context.Context, id schema.ExportID) (size int64, at time.Time, err error)
	Verify(ctx context.Context, id schema.ExportID) error
	Walk(ctx context.Context, fn func(schema.ExportID) error) error
	WalkPart(ctx context.Context, prefix string, fn func(schema.ExportID) error) error
	CheckDisk() error

	Taken(job schema.JobID) bool
	MarkTaken(job *schema.Job) error
	Marked(id schema.JobID) (*schema.Job, error)
	Unmark(id schema.JobID) error
	Marks(ctx context.Context, fn func(schema.JobID) error) error
}

// Place is where a store keeps what it has.
type Place struct {
	// Open opens the place once more, as another process would.
	Open func(t testing.TB) Store
	// Damage are ways to spoil what is stored of an export.
	Damage map[string]func(t testing.TB, id schema.ExportID)
	// Pieces counts everything the place holds for exports, in whatever unit;
	// a Put that fails or brings nothing new leaves none behind. Nil when
	// leftovers are swept later.
	Pieces func(t testing.TB) int
}

// Run runs the battery over places that newPlace makes, empty each.
func Run(t *testing.T, newPlace func(t *testing.T) *Place) {
	for name, test := range map[string]func(*testing.T, *Place){
		"what is put comes back":                whatIsPutComesBack,
		"same bytes are stored once":            sameBytesAreStoredOnce,
		"reader that fails leaves nothing":      readerThatFails,
		"reader that never gets on is an error": readerThatNeverGetsOn,
		"end of context ends Put":               endOfContext,
		"unknown export":                        unknownExport,
		"damage is seen and mended":             damage,
		"walk sees every export once in order":  walk,
		"ledger remembers":                      ledger,
		"several at once":                       severalAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPlace(t)) })
	}
}

// Noise returns n bytes that look like no text and do not compress.
func Noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	if n > 0 {
		b[0] = 0x0e
	}
	return b
}

// Track returns a GPX file of so many points.
func Track(points int) []byte {
	var b bytes.Buffer
	b.WriteString("\xef\xbb\xbf\r\n<?xml version=\"1.0\"?>\n<gpx><trk><trkseg>\n")
	for i := range points {
		fmt.Fprintf(&b, "<trkpt lat=\"59.9%05d\" lon=\"10.7%05d\"><time>2024-05-01T10:%02d:%02dZ</time></trkpt>\n", i, 2*i, i/60%60, i%60)
	}
	b.WriteString("</trkseg></trk></gpx>\n")
	return b.Bytes()
}

// Put puts what is new and returns its identity.
func Put(t testing.TB, s Store, data []byte) schema.ExportID {
	t.Helper()
	id, size, created, err := s.Put(t.Context(), bytes.NewReader(data))
	if err != nil || !created || size != int64(len(data)) || id != schema.ExportIDOf(data) {
		t.Fatalf("Put = %s, %d, %t, %v", id, size, created, err)
	}
	return id
}

// Get reads an export.
func Get(t testing.TB, s Store, id schema.ExportID) []byte {
	t.Helper()
	r, size, err := s.Open(t.Context(), id)
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

func whatIsPutComesBack(t *testing.T, p *Place) {
	s := p.Open(t)
	for name, data := range map[string][]byte{
		"nothing": nil, "one byte": {0x0e}, "text": []byte("lat,lon\n1,2\n"), "a buffer": Noise(64 << 10),
		"a chunk": Noise(512 << 10), "a chunk and a byte": Noise(512<<10 + 1), "a megabyte": Noise(1 << 20), "three and a bit": Noise(3<<20 + 17),
		"one angle": []byte("<"), "short track": Track(1), "long track": Track(50_000),
	} {
		t.Run(name, func(t *testing.T) {
			before := time.Now().Add(-time.Minute)
			id := Put(t, s, data)
			for _, reader := range []Store{s, p.Open(t)} {
				if got := Get(t, reader, id); !bytes.Equal(got, data) {
					t.Errorf("%d bytes came back other than the %d that were put", len(got), len(data))
				}
				if err := reader.Verify(t.Context(), id); err != nil {
					t.Errorf("Verify: %v", err)
				}
				size, at, err := reader.Stat(t.Context(), id)
				if size != int64(len(data)) || at.Before(before) || at.After(time.Now().Add(time.Minute)) || err != nil {
					t.Errorf("Stat = %d, %s, %v", size, at, err)
				}
			}
			if _, _, created, err := s.Put(t.Context(), iotest.OneByteReader(bytes.NewReader(data[:min(len(data), 4096)]))); err != nil || created != (len(data) > 4096) {
				t.Errorf("Put byte by byte = %t, %v", created, err)
			}
		})
	}
	if err := s.CheckDisk(); err != nil {
		t.Errorf("CheckDisk: %v", err)
	}
}

func sameBytesAreStoredOnce(t *testing.T, p *Place) {
	for name, data := range map[string][]byte{"binary": Noise(700_000), "text": Track(5000)} {
		t.Run(name, func(t *testing.T) {
			stores := []Store{p.Open(t), p.Open(t)} // as two processes would
			const writers = 16
			var wg sync.WaitGroup
			created := make([]bool, writers)
			for i := range writers {
				wg.Go(func() {
					id, size, isNew, err := stores[i%2].Put(t.Context(), iotest.HalfReader(bytes.NewReader(data)))
					if err != nil || size != int64(len(data)) || id != schema.ExportIDOf(data) {
						t.Errorf("Put = %s, %d, %v", id, size, err)
					}
					created[i] = isNew
				})
			}
			wg.Wait()
			if n := len(slices.DeleteFunc(created, func(c bool) bool { return !c })); n != 1 {
				t.Errorf("%d of %d writers were told that it was new, want 1", n, writers)
			}
			if got := Get(t, stores[0], schema.ExportIDOf(data)); !bytes.Equal(got, data) {
				t.Error("other bytes came back")
			}
		})
	}
	if p.Pieces != nil && p.Pieces(t) != 2 {
		t.Errorf("%d pieces of two exports", p.Pieces(t))
	}
}

// nothingIn wants no export to be there, and no piece of one.
func nothingIn(t *testing.T, p *Place, s Store) {
	t.Helper()
	if err := s.Walk(t.Context(), func(id schema.ExportID) error { return fmt.Errorf("%s is there", id) }); err != nil {
		t.Error(err)
	}
	if p.Pieces != nil && p.Pieces(t) != 0 {
		t.Errorf("%d pieces were left behind", p.Pieces(t))
	}
}

func readerThatFails(t *testing.T, p *Place) {
	s := p.Open(t)
	cut := errors.New("connection reset")
	for name, test := range map[string]struct {
		head []byte
		fail error
	}{
		"at once":                 {nil, cut},
		"in the first buffer":     {Noise(100), cut},
		"later":                   {Noise(2_000_000), cut},
		"in text":                 {Track(5000), cut},
		"upload that was cut off": {Noise(100), io.ErrUnexpectedEOF},
		"wrapped end":             {Noise(100), fmt.Errorf("proxy: %w", io.EOF)},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, created, err := s.Put(t.Context(), io.MultiReader(bytes.NewReader(test.head), iotest.ErrReader(test.fail)))
			if !errors.Is(err, test.fail) || created {
				t.Errorf("Put = %t, %v, want the reader's error", created, err)
			}
			if errors.Is(err, ingest.ErrNotNow) {
				t.Errorf("%v is the store's fault", err)
			}
			nothingIn(t, p, s)
		})
	}
	if id := Put(t, s, Track(100)); !bytes.Equal(Get(t, s, id), Track(100)) {
		t.Error("the next export is damaged")
	}
}

func readerThatNeverGetsOn(t *testing.T, p *Place) {
	if _, _, _, err := p.Open(t).Put(t.Context(), readFunc(func([]byte) (int, error) { return 0, nil })); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Put: %v, want io.ErrNoProgress", err)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func endOfContext(t *testing.T, p *Place) {
	s := p.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	endless := readFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, _, _, err := s.Put(ctx, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	nothingIn(t, p, s)
}

func unknownExport(t *testing.T, p *Place) {
	s := p.Open(t)
	id := schema.ExportID{1}
	if _, _, err := s.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
	if _, _, err := s.Stat(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: %v", err)
	}
	if err := s.Verify(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Verify: %v", err)
	}
	if there, err := s.Has(t.Context(), id); there || err != nil {
		t.Errorf("Has = %t, %v", there, err)
	}
	known := Put(t, s, Track(1))
	if there, err := s.Has(t.Context(), known); !there || err != nil {
		t.Errorf("Has = %t, %v for a known export", there, err)
	}
}

func damage(t *testing.T, p *Place) {
	s := p.Open(t)
	n := 0
	for _, harm := range slices.Sorted(maps.Keys(p.Damage)) {
		for name, data := range map[string][]byte{"binary": Noise(1_200_000 + n), "text": Track(20_000 + n)} {
			n += 2
			t.Run(name+" "+harm, func(t *testing.T) {
				id := Put(t, s, data)
				p.Damage[harm](t, id)
				if err := s.Verify(t.Context(), id); !errors.Is(err, blobs.ErrCorrupt) {
					t.Fatalf("Verify: %v, want ErrCorrupt", err)
				}
				_, _, created, err := s.Put(t.Context(), bytes.NewReader(data))
				if err != nil || created {
					t.Fatalf("Put = %t, %v", created, err)
				}
				if !bytes.Equal(Get(t, s, id), data) {
					t.Error("not mended")
				}
			})
		}
	}
}

func walk(t *testing.T, p *Place) {
	s := p.Open(t)
	var want []schema.ExportID
	for i := range 80 {
		data := fmt.Appendf(nil, "export %d", i)
		if i%2 == 0 {
			data = append([]byte("<"), data...)
		}
		want = append(want, Put(t, s, data))
	}
	slices.SortFunc(want, func(a, b schema.ExportID) int { return bytes.Compare(a[:], b[:]) })
	var got []schema.ExportID
	collect := func(id schema.ExportID) error { got = append(got, id); return nil }
	if err := s.Walk(t.Context(), collect); err != nil || !slices.Equal(got, want) {
		t.Errorf("Walk saw %d exports, want %d in order: %v", len(got), len(want), err)
	}
	for _, prefix := range []string{"0", "a", want[3].String()[:3], want[5].String(), "xyz"} {
		got = nil
		some := slices.DeleteFunc(slices.Clone(want), func(id schema.ExportID) bool { return !strings.HasPrefix(id.String(), prefix) })
		if err := s.WalkPart(t.Context(), prefix, collect); err != nil || !slices.Equal(got, some) {
			t.Errorf("WalkPart %q saw %d exports, want %d: %v", prefix, len(got), len(some), err)
		}
	}
	enough := errors.New("enough")
	calls := 0
	if err := s.Walk(t.Context(), func(schema.ExportID) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("Walk = %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Walk(ctx, func(schema.ExportID) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk with an ended context: %v", err)
	}
}

func ledger(t *testing.T, p *Place) {
	s := p.Open(t)
	mine := schema.Job{Athlete: "me", Export: schema.ExportIDOf([]byte("x")), Source: schema.SourceUpload, Bytes: 1, ReceivedMs: 5}
	other := schema.Job{Athlete: "you", Export: mine.Export}
	for range 2 {
		if err := s.MarkTaken(&mine); err != nil {
			t.Fatal(err)
		}
	}
	again := p.Open(t)
	if !again.Taken(mine.ID()) || again.Taken(other.ID()) {
		t.Errorf("taken: %t, not taken: %t", again.Taken(mine.ID()), !again.Taken(other.ID()))
	}
	if got, err := again.Marked(mine.ID()); err != nil || got == nil || *got != mine {
		t.Errorf("Marked = %+v, %v", got, err)
	}
	if _, err := again.Marked(other.ID()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Marked of an unknown job: %v", err)
	}
	if err := again.MarkTaken(&other); err != nil {
		t.Fatal(err)
	}
	want := []schema.JobID{mine.ID(), other.ID()}
	slices.SortFunc(want, func(a, b schema.JobID) int { return bytes.Compare(a[:], b[:]) })
	if got := marks(t, s); !slices.Equal(got, want) {
		t.Errorf("Marks: %v, want %v", got, want)
	}
	for range 2 {
		if err := s.Unmark(mine.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if again.Taken(mine.ID()) || !slices.Equal(marks(t, s), []schema.JobID{other.ID()}) {
		t.Errorf("after Unmark: %v", marks(t, s))
	}
	if err := s.MarkTaken(&mine); err != nil || !s.Taken(mine.ID()) {
		t.Errorf("marked again: %v", err)
	}
}

func marks(t *testing.T, s Store) []schema.JobID {
	t.Helper()
	var all []schema.JobID
	if err := s.Marks(t.Context(), func(id schema.JobID) error { all = append(all, id); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func severalAtOnce(t *testing.T, p *Place) {
	s := p.Open(t)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			data := Noise(300_000 + 40*i)
			id, _, created, err := s.Put(t.Context(), bytes.NewReader(data))
			if err != nil || !created {
				t.Errorf("Put = %t, %v", created, err)
				return
			}
			if got := Get(t, s, id); !bytes.Equal(got, data) {
				t.Error("other bytes came back")
			}
		})
	}
	wg.Wait()
}
