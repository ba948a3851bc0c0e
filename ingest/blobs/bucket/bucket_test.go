package bucket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"plodwatch/deploy/inprocess/natsd"
	"plodwatch/ingest"
	"plodwatch/ingest/blobs/blobstest"
	"plodwatch/ingest/blobs/bucket"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	chunks = "$O.plodwatch-blobs.C."
	stream = "OBJ_plodwatch-blobs"
)

// room is a server in this process with buckets.
type room struct {
	server *natsd.Server
	js     jetstream.JetStream
}

func newRoom(t *testing.T, layout bucket.Layout) *room {
	t.Helper()
	server, err := natsd.Open(natsd.DefaultConfig(t.TempDir()))
	if err != nil {
		t.Fatalf("open server: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Errorf("close server: %v", err)
		}
	})
	r := &room{server: server}
	if r.js, err = jetstream.New(r.connect(t)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be repeated
		if err := bucket.Provision(t.Context(), r.js, layout); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *room) connect(t testing.TB) *nats.Conn {
	t.Helper()
	conn, err := r.server.Connect(streams.ConnectOptions("test", slog.New(slog.DiscardHandler))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func (r *room) open(t testing.TB) *bucket.Bucket {
	t.Helper()
	b, err := bucket.New(r.connect(t), bucket.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func (r *room) stream(t testing.TB) jetstream.Stream {
	t.Helper()
	s, err := r.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// info is the description of an export, as any client of NATS reads it.
func (r *room) info(t testing.TB, id schema.ExportID) *jetstream.ObjectInfo {
	t.Helper()
	store, err := r.js.ObjectStore(t.Context(), "plodwatch-blobs")
	if err != nil {
		t.Fatal(err)
	}
	info, err := store.GetInfo(t.Context(), id.String())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// messages counts what the bucket holds below a subject.
func (r *room) messages(t testing.TB, subject string) uint64 {
	t.Helper()
	info, err := r.stream(t).Info(t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		t.Fatal(err)
	}
	var n uint64
	for _, k := range info.State.Subjects {
		n += k
	}
	return n
}

func TestBattery(t *testing.T) {
	blobstest.Run(t, func(t *testing.T) *blobstest.Place {
		r := newRoom(t, bucket.Layout{Replicas: 1})
		subject := func(t testing.TB, id schema.ExportID) string { return chunks + r.info(t, id).NUID }
		drop := func(t testing.TB, id schema.ExportID) {
			t.Helper()
			msg, err := r.stream(t).GetLastMsgForSubject(t.Context(), subject(t, id))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.stream(t).DeleteMsg(t.Context(), msg.Sequence); err != nil {
				t.Fatal(err)
			}
		}
		add := func(t testing.TB, id schema.ExportID, n int) {
			t.Helper()
			if _, err := r.js.Publish(t.Context(), subject(t, id), blobstest.Noise(n)); err != nil {
				t.Fatal(err)
			}
		}
		return &blobstest.Place{
			Open: func(t testing.TB) blobstest.Store { return r.open(t) },
			Damage: map[string]func(testing.TB, schema.ExportID){
				"last part lost": drop,
				"all parts lost": func(t testing.TB, id schema.ExportID) {
					if err := r.stream(t).Purge(t.Context(), jetstream.WithPurgeSubject(subject(t, id))); err != nil {
						t.Fatal(err)
					}
				},
				"other bytes": func(t testing.TB, id schema.ExportID) {
					info := r.info(t, id)
					drop(t, id)
					add(t, id, int(info.Size)-(int(info.Chunks)-1)*(512<<10))
				},
				"too many bytes": func(t testing.TB, id schema.ExportID) {
					drop(t, id)
					add(t, id, 600<<10)
				},
			},
		}
	})
}

// TestAnyClientReadsTheBucket: it is an object store as others know it.
func TestAnyClientReadsTheBucket(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	data := blobstest.Noise(1_500_000)
	id := blobstest.Put(t, r.open(t), data)
	store, err := r.js.ObjectStore(t.Context(), "plodwatch-blobs")
	if err != nil {
		t.Fatal(err)
	}
	got, err := store.GetBytes(t.Context(), id.String())
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("GetBytes: %d bytes, %v", len(got), err)
	}
	if info := r.info(t, id); info.Chunks != 3 || info.Size != uint64(len(data)) {
		t.Errorf("description: %+v", info)
	}
	// What others put is theirs: not listed, not swept.
	if _, err := store.PutString(t.Context(), "note", "of somebody"); err != nil {
		t.Fatal(err)
	}
	b := r.open(t)
	seen := 0
	if err := b.Walk(t.Context(), func(schema.ExportID) error { seen++; return nil }); err != nil || seen != 1 {
		t.Errorf("Walk saw %d exports, %v", seen, err)
	}
	if n, err := b.Sweep(t.Context(), time.Now().Add(24*time.Hour)); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	if text, err := store.GetString(t.Context(), "note"); text != "of somebody" || err != nil {
		t.Errorf("the other's object: %q, %v", text, err)
	}
	// An object that somebody removed with another client can be put again.
	if err := store.Delete(t.Context(), id.String()); err != nil {
		t.Fatal(err)
	}
	if there, err := b.Has(t.Context(), id); there || err != nil {
		t.Errorf("Has after Delete = %t, %v", there, err)
	}
	blobstest.Put(t, b, data)
}

// TestSweepTakesWhatIsCutOffAndNothingElse: chunks of a Put that was cut off go
// when they are old, whole exports and young chunks stay.
func TestSweepTakesWhatIsCutOffAndNothingElse(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	b := r.open(t)
	data := blobstest.Noise(1_100_000)
	whole := blobstest.Put(t, b, data)
	lost := schema.ExportIDOf([]byte("never described"))
	for _, name := range []string{lost.String() + "-a", lost.String() + "-a", whole.String() + "-loser"} {
		if _, err := r.js.Publish(t.Context(), chunks+name, []byte("part")); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	if n, err := b.Sweep(t.Context(), now.Add(30*time.Minute)); n != 0 || err != nil {
		t.Errorf("Sweep of young chunks = %d, %v", n, err)
	}
	if n, err := b.Sweep(t.Context(), now.Add(2*time.Hour)); n != 2 || err != nil {
		t.Errorf("Sweep = %d, %v, want 2", n, err)
	}
	if n := r.messages(t, chunks+">"); n != 3 {
		t.Errorf("%d chunks are left, want the 3 of the whole export", n)
	}
	if got := blobstest.Get(t, b, whole); !bytes.Equal(got, data) {
		t.Error("the whole export is damaged")
	}
	// What was damaged leaves its old chunks when it is put anew.
	msg, err := r.stream(t).GetLastMsgForSubject(t.Context(), chunks+r.info(t, whole).NUID)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stream(t).DeleteMsg(t.Context(), msg.Sequence); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := b.Put(t.Context(), bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Sweep(t.Context(), now.Add(3*time.Hour)); n != 1 || err != nil {
		t.Errorf("Sweep of the old chunks = %d, %v, want 1", n, err)
	}
	if got := blobstest.Get(t, b, whole); !bytes.Equal(got, data) {
		t.Error("the mended export is damaged")
	}
}

// TestSweepDisturbsNoPuts: sweeps while others put, and no export is hurt.
func TestSweepDisturbsNoPuts(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	b := r.open(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			if _, _, _, err := b.Put(t.Context(), bytes.NewReader(blobstest.Noise(100+i))); err != nil {
				t.Errorf("Put: %v", err)
			}
		}
	}()
	sweeper := r.open(t)
	for busy := true; busy; {
		if n, err := sweeper.Sweep(t.Context(), time.Now()); n != 0 || err != nil {
			t.Fatalf("Sweep = %d, %v", n, err)
		}
		select {
		case <-done:
			busy = false
		default:
		}
	}
	seen := 0
	err := b.Walk(t.Context(), func(id schema.ExportID) error { seen++; return b.Verify(t.Context(), id) })
	if err != nil || seen != 40 {
		t.Errorf("%d exports of 40, %v", seen, err)
	}
}

func TestRunSweepsUntilItIsStopped(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	cfg := bucket.DefaultConfig()
	cfg.OrphanAge, cfg.SweepEvery = time.Nanosecond, 10*time.Millisecond
	b, err := bucket.New(r.connect(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, slog.New(slog.DiscardHandler)) }()
	orphan := chunks + schema.ExportIDOf([]byte("x")).String() + "-a"
	if _, err := r.js.Publish(t.Context(), orphan, []byte("part")); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.messages(t, orphan) != 0 {
		if time.Now().After(deadline) {
			t.Fatal("the orphan is still there")
		}
		<-tick.C
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestFullBucketTakesNothing(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1, MaxBytes: 2 << 20})
	b := r.open(t)
	id := blobstest.Put(t, b, blobstest.Noise(700_000))
	_, _, _, err := b.Put(t.Context(), bytes.NewReader(blobstest.Noise(1_900_000)))
	if !errors.Is(err, ingest.ErrDiskFull) {
		t.Errorf("Put into what is left: %v, want ErrDiskFull", err)
	}
	full := r.open(t) // asks anew
	if err := full.CheckDisk(); !errors.Is(err, ingest.ErrDiskFull) {
		t.Errorf("CheckDisk of a full bucket: %v", err)
	}
	if _, _, _, err := full.Put(t.Context(), strings.NewReader("x")); !errors.Is(err, ingest.ErrDiskFull) {
		t.Errorf("Put into a full bucket: %v", err)
	}
	if err := full.Verify(t.Context(), id); err != nil {
		t.Errorf("what was there: %v", err)
	}
	if n, err := full.Sweep(t.Context(), time.Now().Add(2*time.Hour)); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	if err := r.open(t).CheckDisk(); err != nil {
		t.Errorf("CheckDisk after the sweep: %v", err)
	}
}

func TestServerThatIsAwayIsNotNow(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	conn := r.connect(t)
	b, err := bucket.New(conn, bucket.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	id := blobstest.Put(t, b, []byte("x"))
	conn.Close()
	if _, _, _, err := b.Put(t.Context(), strings.NewReader("y")); !errors.Is(err, ingest.ErrNotNow) {
		t.Errorf("Put: %v", err)
	}
	if _, _, err := b.Open(t.Context(), id); !errors.Is(err, ingest.ErrNotNow) {
		t.Errorf("Open: %v", err)
	}
	if b.Taken(schema.JobID{1}) {
		t.Error("a job is taken although nobody says so")
	}
}

func TestMissingBucketSaysWhatToDo(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	if err := r.js.DeleteObjectStore(t.Context(), "plodwatch-blobs"); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := r.open(t).Put(t.Context(), strings.NewReader("y"))
	if err == nil || errors.Is(err, ingest.ErrNotNow) || !strings.Contains(err.Error(), "plodwatch migrate") {
		t.Errorf("Put: %v", err)
	}
}

// TestReaderLastsAndEnds: reading goes on however long it takes, and Close ends
// it.
func TestReaderLastsAndEnds(t *testing.T) {
	r := newRoom(t, bucket.Layout{Replicas: 1})
	b := r.open(t)
	id := blobstest.Put(t, b, blobstest.Noise(1_200_000))
	rd, _, err := b.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, rd, 600_000); err != nil {
		t.Fatal(err)
	}
	if err := rd.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := rd.Read(make([]byte, 1)); err == nil {
		t.Error("Read after Close")
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for _, test := range []struct {
		err   error
		names string
	}{
		{bucket.Layout{MaxBytes: -1}.Validate(), "replicas: max_bytes:"},
		{bucket.Config{}.Validate(), "orphan_age: sweep_every:"},
	} {
		for name := range strings.FieldsSeq(test.names) {
			if test.err == nil || !strings.Contains(test.err.Error(), name) {
				t.Errorf("%v does not name %s", test.err, name)
			}
		}
	}
	if data, err := json.Marshal(bucket.DefaultConfig()); err != nil || bucket.DefaultConfig().Validate() != nil {
		t.Errorf("defaults: %s", data)
	}
}
