package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/deploy/inprocess/chdb"
	"plodwatch/schema/streams"
)

// The fault harness: gates, workers, analyzers, NATS and ClickHouse as
// processes of their own, killed at random while clients upload, with a
// manifest of what was acknowledged. `make chaos SEED=1 KILLS=200 NATS=3` runs
// the long form, `go test` a short one.

// chaosSetting returns a number from the environment.
func chaosSetting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv("PLODWATCH_CHAOS_" + name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PLODWATCH_CHAOS_%s is %q: need a number above 0", name, text)
	}
	return n
}

// victim is a process that is killed and started again.
type victim struct {
	role   string
	weight int // how often it is chosen
	kill   func()
	start  func()
	ready  func() bool
	said   func() string // what it logged; may be nil

	mu       sync.Mutex
	down     bool
	kills    int
	recovery []time.Duration
}

// chaosClickHouse is the environment variable that makes the test binary a
// ClickHouse server: the data directory and the address.
const chaosClickHouse = "PLODWATCH_TEST_CLICKHOUSE"

// serveClickHouse is the embedded engine behind HTTP as a process of its own,
// so that it can be killed.
func serveClickHouse(setting string) int {
	dir, address, _ := strings.Cut(setting, " ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	engine, err := chdb.Open(chdb.Config{Path: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server := &http.Server{Handler: engine.Handler(), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	_ = server.Serve(l) // ends with the signal
	if err := engine.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// freeAddress returns an address of the loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		// Below the ports that the system gives to who asks for any, so that
		// nobody else gets it before the server does.
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+(uint32(os.Getpid())*64+e2e.ports.Add(1))%12_000) //nolint:gosec // few
		if l, err := net.Listen("tcp", address); err == nil {                                           //nolint:noctx // at once
			l.Close()
			return address
		}
	}
	t.Fatal("there is no free port from 20000 to 32000")
	return ""
}

// serverProcess is a server that is killed and started again at its address.
type serverProcess struct {
	t   *testing.T
	cmd *exec.Cmd
	run func() *exec.Cmd
	out safeBuffer // what it says, unless run has it said elsewhere
}

func (s *serverProcess) start() {
	s.cmd = s.run()
	if s.cmd.Stderr == nil {
		s.cmd.Stderr = &s.out
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Error(err)
	}
}

func (s *serverProcess) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
}

// world is all processes of a run.
type world struct {
	t       *testing.T
	p       *person // who asks
	parts   *person // who runs the parts
	rnd     *rand.Rand
	victims []*victim
	gates   []atomic.Pointer[string] // their addresses
	urls    []string                 // of the NATS servers
	names   map[string]*victim       // NATS servers by name
	kills   atomic.Int64
	leaders int // kills of the server that led the stream of jobs
}

func newWorld(t *testing.T, seed int, natsNodes int) *world {
	t.Helper()
	w := &world{t: t, p: newPerson(t), rnd: rand.New(rand.NewPCG(uint64(seed), 20)), names: map[string]*victim{}} //nolint:gosec // repeatable
	w.startNATS(natsNodes)
	clickhouse := w.startClickHouse()
	w.p.flags = []string{"--nats", strings.Join(w.urls, ","), "--nats-replicas", strconv.Itoa(natsNodes), "--clickhouse", "http://" + clickhouse}
	w.p.silent = true
	w.p.do(exitOK, "migrate")
	hasten(t, w.jetStream())
	// The parts reach the servers over networks that have faults of their own;
	// the test itself does not.
	direct := w.p.flags
	var ways []string
	for _, url := range w.urls {
		ways = append(ways, "nats://"+w.addNetwork("network", strings.TrimPrefix(url, "nats://")))
	}
	disturbed := []string{"--nats", strings.Join(ways, ","), "--clickhouse", "http://" + w.addNetwork("network", clickhouse)}
	w.gates = make([]atomic.Pointer[string], 2)
	w.parts = w.p.quiet()
	w.parts.flags = disturbed
	w.p.flags = direct
	for i := range 2 {
		w.addRole("analyze", 3, nil)
		w.addRole("ingest", 3, nil)
		w.addRole("gate", 3, func(address string) { w.gates[i].Store(&address) }, "--upload-rate", "100000", "--upload-burst", "100000")
	}
	return w
}

// add takes a process that runs into the world and ends it with the test.
func (w *world) add(v *victim) *victim {
	w.victims = append(w.victims, v)
	return v
}

func (w *world) startNATS(nodes int) {
	w.t.Helper()
	binary, err := e2e.nats()
	if err != nil {
		w.t.Fatal(err)
	}
	// The servers of a cluster reach each other over networks that are
	// disturbed, too, and know each other by those only. Each has a route to
	// itself, too: by their number it knows how many servers choose a leader.
	listen, ways, routes := make([]string, nodes), make([]string, nodes), make([]string, nodes)
	for i := range nodes {
		if listen[i] = freeAddress(w.t); nodes > 1 {
			ways[i] = w.addNetwork("route", listen[i])
			routes[i] = "nats://" + ways[i]
		}
	}
	for i := range nodes {
		address, health := freeAddress(w.t), freeAddress(w.t)
		dir, name := w.t.TempDir(), "n"+strconv.Itoa(i+1)
		cluster := ""
		if nodes > 1 {
			cluster = fmt.Sprintf("cluster { name: chaos, listen: %q, advertise: %q, routes: [%s], no_advertise: true }\n", listen[i], ways[i], strings.Join(routes, ", "))
		}
		config := filepath.Join(dir, "nats.conf")
		writeFile(w.t, config, fmt.Appendf(nil, "server_name: %s\nlisten: %q\nhttp: %q\njetstream { store_dir: %q, sync_interval: always }\n%s",
			name, address, health, dir, cluster))
		s := &serverProcess{t: w.t, run: func() *exec.Cmd { return exec.Command(binary, "-c", config) }} //nolint:noctx // killed below
		s.start()
		w.t.Cleanup(func() { s.kill() })
		w.urls = append(w.urls, "nats://"+address)
		// A server is back when its streams and consumers have caught up.
		w.names[name] = w.add(&victim{role: "nats", weight: 2, kill: s.kill, start: s.start, said: s.out.String, ready: func() bool {
			got, err := post(w.t, health, "GET /healthz", http.NoBody, nil)
			return err == nil && got.status == http.StatusOK
		}})
	}
	within(w.t, patience, func() string {
		conn, err := nats.Connect(strings.Join(w.urls, ","))
		if err != nil {
			return err.Error() + w.serversSaid()
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err == nil {
			_, err = js.AccountInfo(w.t.Context())
		}
		if err != nil {
			return err.Error() + w.serversSaid()
		}
		return ""
	})
}

// serversSaid is the end of what each NATS server has said.
func (w *world) serversSaid() string {
	var all strings.Builder
	for name, v := range w.names {
		text := v.said()
		fmt.Fprintf(&all, "\n%s:\n%s", name, text[max(0, len(text)-4000):])
	}
	return all.String()
}

// clickHouseProcess starts an engine behind HTTP as a process of its own, over
// a directory of its own, until the test ends.
func clickHouseProcess(t *testing.T) (address, dir string, s *serverProcess) {
	t.Helper()
	address, dir = freeAddress(t), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s = &serverProcess{t: t, run: func() *exec.Cmd {
		cmd := exec.Command(self) //nolint:noctx // killed below
		cmd.Env = append(os.Environ(), chaosClickHouse+"="+dir+" "+address)
		cmd.Stderr = os.Stderr
		return cmd
	}}
	s.start()
	t.Cleanup(func() { s.kill() })
	within(t, patience, func() string {
		if !answersSQL(t, address) {
			return "clickhouse is not up"
		}
		return ""
	})
	return address, dir, s
}

func answersSQL(t *testing.T, address string) bool {
	got, err := post(t, address, "/", strings.NewReader("SELECT 1"), nil)
	return err == nil && got.status == http.StatusOK
}

func (w *world) startClickHouse() (address string) {
	w.t.Helper()
	address, _, s := clickHouseProcess(w.t)
	w.add(&victim{role: "clickhouse", weight: 1, kill: s.kill, start: s.start, ready: func() bool { return answersSQL(w.t, address) }})
	return address
}

// addRole starts a part of the pipeline; moved is told its address each time.
func (w *world) addRole(name string, weight int, moved func(string), args ...string) {
	w.t.Helper()
	var (
		mu sync.Mutex
		d  *daemon
	)
	start := func() {
		next := w.parts.begin(name, args...)
		mu.Lock()
		d = next
		mu.Unlock()
	}
	start()
	w.add(&victim{
		role: name, weight: weight, start: start,
		kill: func() {
			_ = d.cmd.Process.Kill()
			<-d.done
			d.done <- nil // for who waits at the end
		},
		ready: func() bool {
			mu.Lock()
			now := d
			mu.Unlock()
			m := roleLine.FindStringSubmatch(now.stderr.String())
			if m == nil {
				return false
			}
			if moved != nil {
				moved(m[1])
			}
			got, err := post(w.t, m[1], "GET /readyz", http.NoBody, nil)
			return err == nil && got.status == http.StatusOK
		},
	})
	v := w.victims[len(w.victims)-1]
	v.said = func() string {
		mu.Lock()
		defer mu.Unlock()
		return d.stderr.String()
	}
	within(w.t, patience, func() string {
		if !v.ready() {
			return name + " is not ready: " + d.stderr.String()
		}
		return ""
	})
}

// jetStream returns a connection of its own, to whichever server answers.
func (w *world) jetStream() jetstream.JetStream {
	w.t.Helper()
	conn, err := nats.Connect(strings.Join(w.urls, ","), nats.MaxReconnects(-1))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	return js
}

// choose picks who is killed next: by weight, and of a cluster every second
// time the server that leads the stream of jobs. It waits until that one is up,
// and until all servers of a cluster are: one more would leave no majority. The
// order of roles depends on the seed alone.
func (w *world) choose(js jetstream.JetStream) *victim {
	total := 0
	for _, v := range w.victims {
		total += v.weight
	}
	n, lead := w.rnd.IntN(total), w.rnd.IntN(2) == 0
	v := w.victims[slices.IndexFunc(w.victims, func(v *victim) bool { n -= v.weight; return n < 0 })]
	cluster := v.role == "nats" && len(w.urls) > 1
	within(w.t, patience, func() string {
		if v.isDown() || cluster && slices.ContainsFunc(w.victims, func(o *victim) bool { return o.role == "nats" && o.isDown() }) {
			return v.role + " stays away"
		}
		return ""
	})
	if cluster && lead {
		if leader := w.leader(js); leader != nil {
			w.leaders++
			return leader
		}
	}
	return v
}

func (w *world) leader(js jetstream.JetStream) *victim {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	s, err := js.Stream(ctx, streams.Exports)
	if err != nil || s.CachedInfo().Cluster == nil {
		return nil
	}
	return w.names[s.CachedInfo().Cluster.Leader]
}

func (v *victim) isDown() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.down
}

// strike kills a victim, starts it again after a while and measures how long
// it takes from the kill until it is ready.
func (w *world) strike(v *victim, away time.Duration, wg *sync.WaitGroup) {
	v.mu.Lock()
	v.down = true
	v.kills++
	v.mu.Unlock()
	began := time.Now()
	v.kill()
	w.kills.Add(1)
	wg.Go(func() {
		pause(w.t.Context(), away)
		v.start()
		for !v.ready() && pause(w.t.Context(), 20*time.Millisecond) {
			if time.Since(began) > patience {
				text := ""
				if v.said != nil {
					text = v.said()
				}
				w.t.Errorf("%s did not come back\n%s", v.role, text)
				break
			}
		}
		v.mu.Lock()
		v.down = false
		v.recovery = append(v.recovery, time.Since(began))
		v.mu.Unlock()
	})
}

// upload has clients upload files while kills go on: the i-th file is not
// begun before its share of the kills was done, so that there is load all the
// time. It returns how many tries got no success.
func (w *world) upload(files []truth, clients, kills int) (failed *atomic.Int64, done chan struct{}) {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
	)
	failed, done = new(atomic.Int64), make(chan struct{})
	for range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				for w.kills.Load() < int64(i*kills/len(files)) {
					if !pause(w.t.Context(), 5*time.Millisecond) {
						return
					}
				}
				data, err := os.ReadFile(files[i].path)
				if err != nil {
					w.t.Error(err)
					return
				}
				for try := 0; ; try++ {
					address := w.gates[(i+try)%len(w.gates)].Load()
					if uploadOnce(w.t, *address, data) == http.StatusCreated {
						break
					}
					failed.Add(1)
					if !pause(w.t.Context(), 50*time.Millisecond) {
						return
					}
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	return failed, done
}

// TestChaos: whatever is killed, what was acknowledged is there, once.
func TestChaos(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a while")
	}
	seed, kills := chaosSetting(t, "SEED", 1), chaosSetting(t, "KILLS", 10)
	nodes, files := chaosSetting(t, "NATS", 1), chaosSetting(t, "FILES", 5*kills)
	all, err := writeCorpus(filepath.Join(t.TempDir(), "uploads"), files, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, seed, nodes)
	js := w.jetStream()
	began := time.Now()
	failed, done := w.upload(all, 8, kills)
	var recovering sync.WaitGroup
	for range kills {
		w.strike(w.choose(js), time.Duration(w.rnd.IntN(500))*time.Millisecond, &recovering)
		pause(t.Context(), time.Duration(100+w.rnd.IntN(400))*time.Millisecond)
	}
	recovering.Wait()
	within(t, 2*patience, func() string {
		select {
		case <-done:
			return ""
		default:
			return "not all uploads are acknowledged"
		}
	})
	uploaded := time.Since(began)
	lost, doubled := w.settle(js, all)
	w.report(seed, files, lost, doubled, failed.Load(), uploaded, time.Since(began))
	if lost != 0 || doubled != 0 {
		t.Errorf("%d acknowledged files are lost, %d are there twice", lost, doubled)
	}
	for _, v := range w.victims {
		if v.role == "gate" || v.role == "ingest" || v.role == "analyze" {
			v.kill()
		}
	}
}

// settle waits until the queues are empty and the tables hold what was
// uploaded, and returns what is missing and what is there more than once.
func (w *world) settle(js jetstream.JetStream, all []truth) (lost, doubled int) {
	w.t.Helper()
	want := sums{}
	exports := map[string]int{}
	for _, f := range all {
		want.add(int64(f.Samples), f.HRSum)
		data, err := os.ReadFile(f.path)
		if err != nil {
			w.t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		exports[hex.EncodeToString(sum[:])] = 1
	}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		waiting := uint64(0)
		for _, name := range []string{streams.Exports, streams.Samples, streams.Outcomes} {
			waiting += messages(w.t, js, name)
		}
		if waiting == 0 && w.p.sums() == want {
			break
		}
		pause(w.t.Context(), 200*time.Millisecond)
	}
	if n := messages(w.t, js, streams.Dead); n != 0 {
		w.t.Errorf("%d messages were set aside", n)
	}
	if got := w.p.sums(); got != want {
		w.t.Errorf("stored are %+v, uploaded were %+v", got, want)
	}
	for _, s := range rows[struct{ ID string }](w.p, "SELECT export_id AS ID FROM sessions_and_copies") {
		exports[s.ID]--
	}
	for _, n := range exports {
		lost, doubled = lost+max(0, n), doubled+max(0, -n)
	}
	return lost, doubled
}

// report prints the table.
func (w *world) report(seed, files, lost, doubled int, failed int64, uploaded, took time.Duration) {
	var out bytes.Buffer
	t := newTable(&out, "role", "number", "kills or faults", "recovery s: median", "worst")
	total := 0
	for _, role := range []string{"gate", "ingest", "analyze", "nats", "clickhouse", "network", "route"} {
		n, kills := 0, 0
		var recovery []time.Duration
		for _, v := range w.victims {
			if v.role == role {
				n, kills = n+1, kills+v.kills
				recovery = append(recovery, v.recovery...)
			}
		}
		if n == 0 {
			continue
		}
		slices.Sort(recovery)
		total += kills
		median, worst := "-", "-"
		if len(recovery) > 0 {
			median = fmt.Sprintf("%.2f", recovery[len(recovery)/2].Seconds())
			worst = fmt.Sprintf("%.2f", recovery[len(recovery)-1].Seconds())
		}
		t.row(role, strconv.Itoa(n), strconv.Itoa(kills), median, worst)
	}
	if err := t.flush(); err != nil {
		w.t.Fatal(err)
	}
	leaders := ""
	if len(w.urls) > 1 {
		leaders = fmt.Sprintf(" (%d of the leader)", w.leaders)
	}
	w.t.Logf("seed %d: %d kills and faults%s, %d files acknowledged, %d lost, %d doubled; %d tries without success; uploaded in %.0f s, all stored after %.0f s\n%s",
		seed, total, leaders, files, lost, doubled, failed, uploaded.Seconds(), took.Seconds(), &out)
}
