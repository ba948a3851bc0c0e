package streams_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// shortLeases is a layout whose leases last the shortest time.
func shortLeases() streams.Layout {
	layout := streams.DefaultLayout()
	layout.LeaseLasts = time.Second
	return layout
}

// holder is one of several who would do some work.
type holder struct {
	conn *nats.Conn
	stop context.CancelFunc
	done chan error
}

// holders starts n of them over connections of their own. now counts those who
// work, and began is told by whom.
func holders(t *testing.T, url string, n int, now *atomic.Int32, began chan<- int) []holder {
	t.Helper()
	var all []holder
	for i := range n {
		conn, err := nats.Connect(url, append(streams.ConnectOptions("test", slog.New(slog.DiscardHandler)), nats.ReconnectWait(20*time.Millisecond))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		lease, err := streams.NewLease(t.Context(), js, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		h := holder{conn: conn, stop: stop, done: make(chan error, 1)}
		go func() {
			h.done <- lease.Run(ctx, func(ctx context.Context) error {
				if others := now.Add(1); others != 1 {
					t.Errorf("%d work at the same time", others)
				}
				began <- i
				<-ctx.Done()
				now.Add(-1)
				return nil
			})
		}()
		all = append(all, h)
	}
	return all
}

func (h holder) end(t *testing.T) {
	t.Helper()
	h.stop()
	if err := <-h.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestLeaseIsHeldByOneAtATime: one works; when it ends, or its connection does,
// or the server restarts, one works again.
func TestLeaseIsHeldByOneAtATime(t *testing.T) {
	dir := t.TempDir()
	srv := listen(t, dir, -1)
	conn, err := nats.Connect(srv.ClientURL(), nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	provisioned(t, conn, shortLeases())

	var now atomic.Int32
	began := make(chan int, 64)
	all := holders(t, srv.ClientURL(), 4, &now, began)
	first := <-began
	all[first].end(t)
	second := <-began
	if second == first {
		t.Fatal("who has ended works again")
	}
	all[second].conn.Close() // as when its network is cut
	third := <-began
	for third == second { // its own clock may let it go before it is lost
		third = <-began
	}
	port := portOf(t, srv.Addr().String())
	stop(srv)
	listen(t, dir, port)
	all[second].end(t)
	all[third].end(t)
	fourth := <-began
	for fourth == third {
		fourth = <-began
	}
	var rest sync.WaitGroup
	for i, h := range all {
		if i != first && i != second && i != third {
			rest.Go(func() { h.end(t) })
		}
	}
	rest.Wait()
	if n := now.Load(); n != 0 {
		t.Errorf("%d still work", n)
	}
}

// TestLeaseIsLetGoInTime: who does not reach the server has ended its work when
// another can have the lease.
func TestLeaseIsLetGoInTime(t *testing.T) {
	srv := listen(t, t.TempDir(), -1)
	own, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	q := provisioned(t, own, shortLeases())
	var all sync.WaitGroup
	defer all.Wait()
	for i := range 8 {
		conn, err := nats.Connect(srv.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		work := strconv.Itoa(i)
		lease, err := streams.NewLease(t.Context(), js, work)
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		var works atomic.Bool
		began := make(chan struct{})
		run := func(ctx context.Context) error {
			works.Store(true)
			close(began)
			<-ctx.Done()
			works.Store(false)
			return nil
		}
		all.Go(func() {
			if err := lease.Run(ctx, run); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		all.Go(func() {
			defer end()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			<-began
			leases, err := q.js.Stream(t.Context(), streams.Leases)
			if err != nil {
				t.Error(err)
				return
			}
			for first, now := uint64(0), uint64(0); now == first; { // until it was renewed
				msg, err := leases.GetLastMsgForSubject(t.Context(), streams.LeaseSubject(work))
				if err != nil {
					t.Error(err)
					return
				}
				if now = msg.Sequence; first == 0 {
					first = now
				}
				<-tick.C
			}
			conn.Close()
			for {
				_, err := q.js.Publish(t.Context(), streams.LeaseSubject(work), nil, jetstream.WithExpectLastSequencePerSubject(0))
				if err == nil {
					break
				}
				<-tick.C
			}
			if works.Load() {
				t.Error("another has the lease, and the first still works")
			}
		})
	}
}

// TestLeaseEndsWithItsWork.
func TestLeaseEndsWithItsWork(t *testing.T) {
	q := newQueue(t, shortLeases())
	lease, err := streams.NewLease(t.Context(), q.js, "test")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := lease.Run(t.Context(), func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}

// TestSetAsideIsSeenBySubject.
func TestSetAsideIsSeenBySubject(t *testing.T) {
	q := newQueue(t, streams.DefaultLayout())
	pub := q.publisher(t, streams.PublisherConfig{})
	for stage, id := range map[string]string{
		"exports": schema.JobID{1}.String(), "outcomes": schema.JobID{2}.String(), "samples": schema.SessionID{3}.String(), "pulls": "x",
	} {
		if err := pub.Publish(t.Context(), streams.Message{Subject: streams.DeadSubject(stage, id), Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	want := &streams.Queued{
		Jobs:     map[schema.JobID]bool{{1}: true},
		Outcomes: map[schema.JobID]bool{{2}: true},
		Sessions: map[schema.SessionID]bool{{3}: true},
	}
	if got, err := streams.LookSetAside(t.Context(), q.js); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("set aside are %+v, %v; want %+v", got, err, want)
	}
}
