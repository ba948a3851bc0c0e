package pull_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plodwatch/ingest"
	"plodwatch/ingest/pull"
	"plodwatch/schema"
	"plodwatch/schema/streams"
)

// quick tries a file so often, without delay worth mentioning.
func quick(tries int, rules pull.Rules) pull.Config {
	cfg := pull.DefaultConfig()
	cfg.Rules, cfg.Downloads, cfg.NotNowDelay, cfg.Grace = rules, 2, time.Millisecond, time.Minute
	cfg.Delays = nil
	for range tries - 1 {
		cfg.Delays = append(cfg.Delays, time.Millisecond)
	}
	return cfg
}

// running is a Puller at work.
type running struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // valid when done is closed
}

// end stops the Puller and returns what Run returned.
func (r *running) end() error {
	r.stop()
	<-r.done
	return r.err
}

// start runs a Puller until the test ends or stop.
func (r *room) start(t *testing.T, cfg pull.Config, change func(*pull.Deps)) *running {
	t.Helper()
	deps := pull.Deps{JetStream: r.js, Intake: r.intake, Publisher: r.streams, Metrics: r.metrics, Log: r.log}
	if change != nil {
		change(&deps)
	}
	p, err := pull.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		run.err = p.Run(ctx)
	}()
	t.Cleanup(func() {
		if err := run.end(); err != nil && change == nil {
			t.Errorf("Run: %v", err)
		}
	})
	return run
}

// site is a web server that counts its connections and requests.
type site struct {
	*httptest.Server

	connections, requests atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc) *site {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", handler)
}

func serveOn(t *testing.T, address string, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("no listening on %s here: %v", address, err)
	}
	s.Listener.Close()
	s.Listener = listener
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// trust makes the Puller believe the site's certificate.
func (s *site) trust(d *pull.Deps) {
	d.RootCAs = x509.NewCertPool()
	d.RootCAs.AddCert(s.Certificate())
}

func (s *site) port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// file answers with data.
func file(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
}

// fit looks like a FIT file of so many bytes.
func fit(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.Read(data)
	copy(data[8:], ".FIT")
	return data
}

func TestFileEndsInTheIntake(t *testing.T) {
	for name, data := range map[string][]byte{"short": []byte("x"), "empty": {}, "FIT": fit(300_000), "one sniff": fit(ingest.SniffBytes)} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				if req.Header.Get("Accept-Encoding") != "" || req.Header.Get("Cookie") != "" || !strings.Contains(req.URL.RawQuery, token) {
					w.WriteHeader(http.StatusTeapot)
				}
				_, _ = w.Write(data)
			})
			r.order(t, loopback(), s.URL+"/1.fit?"+token)
			run := r.start(t, quick(1, loopback()), s.trust)
			r.wantTaken(t, data)
			if err := run.end(); err != nil {
				t.Error(err)
			}
			if n := r.metric(t, "downloads_total", "taken"); n != 1 {
				t.Errorf("%v files counted", n)
			}
			if n := r.metric(t, "bytes_total", ""); n != float64(len(data)) {
				t.Errorf("%v bytes counted, want %d", n, len(data))
			}
		})
	}
}

func TestFiveTriesThenSetAside(t *testing.T) {
	r := newRoom(t, nil)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	r.order(t, loopback(), s.URL+"/1?"+token)
	run := r.start(t, quick(5, loopback()), s.trust)
	r.wantDead(t, "not downloaded in 5 tries: status 500")
	if err := run.end(); err != nil {
		t.Error(err)
	}
	if n := s.requests.Load(); n != 5 {
		t.Errorf("%d tries, want 5", n)
	}
	if got := r.metric(t, "failures_total", "status"); got != 5 {
		t.Errorf("%v failures counted", got)
	}
	if again, aside := r.metric(t, "downloads_total", "retry"), r.metric(t, "downloads_total", "set_aside"); again != 4 || aside != 1 {
		t.Errorf("%v retries and %v set aside counted", again, aside)
	}
}

func TestWhichAnswersAreWorthAnotherTry(t *testing.T) {
	r := newRoom(t, nil)
	for status, permanent := range map[int]bool{
		202: false, 204: true, 304: true, 400: true, 401: true, 403: true, 404: true, 408: false, 410: true, 425: false, 429: false,
		500: false, 502: false, 503: false, 504: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			r.purge(t)
			data := fit(1000)
			var tries atomic.Int64
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) == 1 {
					w.WriteHeader(status)
					return
				}
				_, _ = w.Write(data)
			})
			r.order(t, loopback(), s.URL+"/1?"+token)
			r.start(t, quick(2, loopback()), s.trust)
			if permanent {
				r.wantDead(t, "not downloaded: status "+strconv.Itoa(status))
			} else {
				r.wantTaken(t, data)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		least  time.Duration
		most   time.Duration
	}{
		"seconds":  {"3600", time.Hour, time.Hour},
		"a date":   {time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat), time.Hour, 2 * time.Hour},
		"endless":  {"2000000000", 6 * time.Hour, 6 * time.Hour},
		"nothing":  {"", time.Millisecond, time.Millisecond},
		"nonsense": {"soon", time.Millisecond, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(http.StatusTooManyRequests)
			})
			r.order(t, loopback(), s.URL+"/1?"+token)
			r.start(t, quick(2, loopback()), s.trust)
			waitFor(t, "the first failure", func() bool { return strings.Contains(r.logged.String(), "retry_in") })
			got := r.retryIn(t)
			if got < c.least || got > c.most {
				t.Errorf("next try in %s, want %s to %s", got, c.least, c.most)
			}
		})
	}
}

func TestSizeIsBoundedByContent(t *testing.T) {
	xml := append([]byte(`<?xml version="1.0"?><gpx>`), bytes.Repeat([]byte(" "), 30_000)...)
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"small FIT":  {fit(10_000), true},
		"large FIT":  {fit(10_001), false},
		"GPX":        {xml, true},
		"large GPX":  {append(xml, bytes.Repeat([]byte(" "), 20_000)...), false},
		"huge":       {make([]byte, 10<<20), false},
		"no content": {make([]byte, 40_000), true},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRoom(t, nil)
				var sent atomic.Int64
				s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					if !chunked {
						w.Header().Set("Content-Length", strconv.Itoa(len(c.data)))
					}
					for rest := c.data; len(rest) > 0; {
						n, err := w.Write(rest[:min(len(rest), 1000)])
						if err != nil {
							return
						}
						_ = http.NewResponseController(w).Flush()
						sent.Add(int64(n))
						rest = rest[n:]
					}
				})
				r.order(t, loopback(), s.URL+"/1?"+token)
				cfg := quick(2, loopback())
				cfg.MaxFITBytes, cfg.MaxBytes = 10_000, 40_000
				r.start(t, cfg, s.trust)
				if c.ok {
					r.wantTaken(t, c.data)
					return
				}
				r.wantDead(t, "not downloaded: too_large")
				if n := r.messages(t, streams.Exports); n != 0 {
					t.Errorf("%d jobs queued", n)
				}
				if n := r.metric(t, "bytes_total", ""); n > 100_000 {
					t.Errorf("%v bytes read of a file too large", n)
				}
			})
		}
	}
}

func TestBrokenAnswersAreTriedAgain(t *testing.T) {
	data := fit(50_000)
	for name, c := range map[string]struct {
		broken http.HandlerFunc
		reason string
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50000")
			_, _ = w.Write(data[:20_000])
		}, "connection"},
		"cut off in the head": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50000")
			_, _ = w.Write(data[:20])
		}, "connection"},
		"no answer":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "connection"},
		"silence before the header": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timeout"},
		"silence in the body": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(data[:20_000])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			var tries atomic.Int64
			s := serve(t, func(w http.ResponseWriter, req *http.Request) {
				if tries.Add(1) < 3 {
					c.broken(w, req)
					return
				}
				_, _ = w.Write(data)
			})
			r.order(t, loopback(), s.URL+"/1?"+token)
			cfg := quick(3, loopback())
			cfg.HeaderTimeout, cfg.IdleTimeout = 300*time.Millisecond, 300*time.Millisecond
			r.start(t, cfg, s.trust)
			r.wantTaken(t, data)
			if n := r.metric(t, "failures_total", c.reason); n != 2 {
				t.Errorf("%v failures for %s counted, want 2", n, c.reason)
			}
		})
	}
}

func TestServerThatIsNotBelieved(t *testing.T) {
	r := newRoom(t, nil)
	s := serve(t, file(fit(100)))
	r.order(t, loopback(), s.URL+"/1?"+token)
	r.start(t, quick(2, loopback()), nil)
	r.wantDead(t, "not downloaded in 2 tries: tls")
}

func TestRedirectsAreCheckedAgain(t *testing.T) {
	data := fit(1000)
	inside := serveOn(t, "127.0.0.2:0", file([]byte("what nobody outside may see")))
	to := func(url string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Referer") != "" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			if n := len(r.URL.Path); strings.HasPrefix(r.URL.Path, "/again") && n > len("/again") {
				http.Redirect(w, r, r.URL.Path[:n-1]+"?"+token, http.StatusFound)
				return
			}
			if r.URL.Path == "/there" {
				_, _ = w.Write(data)
				return
			}
			http.Redirect(w, r, url, http.StatusFound)
		}
	}
	for name, c := range map[string]struct {
		path, url string
		reason    string // "" = the file comes
	}{
		"to the file":      {"/1", "/there?" + token, ""},
		"three":            {"/again12", "/there", ""},
		"four":             {"/again123", "/there", "too_many_redirects"},
		"round in circles": {"/1", "/1", "too_many_redirects"},
		"to loopback":      {"/1", inside.URL, "private_address"},
		"to metadata":      {"/1", "http://169.254.169.254/latest/", "private_address"},
		"to this network":  {"/1", "https://[::1]/", "private_address"},
		"without TLS":      {"/1", "http://example.com/", "scheme"},
		"to another host":  {"/1", "https://evil.example/", "host_not_allowed"},
		"to a file":        {"/1", "file:///etc/passwd", "url"},
		"to a password":    {"/1", "https://a:geheim@example.com/", "url"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, nil)
			s := serve(t, to(c.url))
			r.order(t, loopback(), s.URL+c.path+"?"+token)
			r.start(t, quick(2, loopback()), s.trust)
			if c.reason == "" {
				r.wantTaken(t, data)
			} else {
				r.wantDead(t, "not downloaded: "+c.reason)
			}
		})
	}
	if n := inside.connections.Load(); n != 0 {
		t.Errorf("%d connections to the inside", n)
	}
}

func TestRulesHoldForWhatIsQueued(t *testing.T) {
	r := newRoom(t, nil)
	s := serve(t, file(fit(100)))
	r.order(t, loopback(), s.URL+"/1?"+token)
	r.start(t, quick(2, pull.Rules{Hosts: []string{"example.com"}, AllowPrivate: true}), s.trust)
	r.wantDead(t, "not downloaded: host_not_allowed")
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestForeignMessageInTheQueueIsSetAside(t *testing.T) {
	r := newRoom(t, nil)
	for name, text := range map[string]string{
		"no JSON": "x", "no address": `{"athlete":"me"}`, "no athlete": `{"url":"https://example.com/"}`, "odd tries": `{"athlete":"me","url":"https://example.com/","tried":-9}`,
	} {
		t.Run(name, func(t *testing.T) {
			r.purge(t)
			if err := r.streams.Publish(t.Context(), streams.Message{Subject: streams.PullSubject("x"), Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
			r.start(t, quick(2, loopback()), nil)
			r.wantDead(t, "not downloaded: unreadable")
		})
	}
}

// intakeFunc is an Intake.
type intakeFunc func(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error)

func (f intakeFunc) Accept(ctx context.Context, athlete schema.AthleteID, source schema.Source, r io.Reader) (ingest.Receipt, error) {
	return f(ctx, athlete, source, r)
}

func TestFullIntakeIsNoFailure(t *testing.T) {
	r := newRoom(t, nil)
	data := fit(1000)
	s := serve(t, file(data))
	r.order(t, loopback(), s.URL+"/1?"+token)
	var busy atomic.Int64
	r.start(t, quick(2, loopback()), func(d *pull.Deps) {
		s.trust(d)
		d.Intake = intakeFunc(func(ctx context.Context, athlete schema.AthleteID, source schema.Source, body io.Reader) (ingest.Receipt, error) {
			if busy.Add(1) <= 8 {
				return ingest.Receipt{}, ingest.ErrBusy
			}
			if athlete != "me" || source != schema.SourceUpload {
				t.Errorf("handed in for %s by %s", athlete, source)
			}
			return r.intake.Accept(ctx, athlete, source, body)
		})
	})
	r.wantTaken(t, data)
	if n := r.metric(t, "failures_total", ""); n != 0 {
		t.Errorf("%v failures counted", n)
	}
	if n := r.metric(t, "downloads_total", "given_back"); n != 8 {
		t.Errorf("%v given back, want 8", n)
	}
}

func TestIntakeThatFails(t *testing.T) {
	r := newRoom(t, nil)
	s := serve(t, file(fit(1000)))
	r.order(t, loopback(), s.URL+"/1?"+token)
	r.start(t, quick(2, loopback()), func(d *pull.Deps) {
		s.trust(d)
		d.Intake = intakeFunc(func(context.Context, schema.AthleteID, schema.Source, io.Reader) (ingest.Receipt, error) {
			return ingest.Receipt{}, errors.New("out of luck")
		})
	})
	r.wantDead(t, "not downloaded in 2 tries: intake")
}

// TestStopInTheMiddleLosesNothing: a download that is cut off goes back, again
// and again. Each stop may cost one try, when the server hands the order to
// somebody who is just leaving.
func TestStopInTheMiddleLosesNothing(t *testing.T) {
	r := newRoom(t, nil)
	data := fit(100_000)
	var through atomic.Bool
	held := make(chan struct{}, 1)
	s := serve(t, func(w http.ResponseWriter, req *http.Request) {
		if through.Load() {
			_, _ = w.Write(data)
			return
		}
		_, _ = w.Write(data[:50_000])
		_ = http.NewResponseController(w).Flush()
		held <- struct{}{}
		<-req.Context().Done()
	})
	r.order(t, loopback(), s.URL+"/1?"+token)
	for range 4 {
		cfg := quick(6, loopback())
		cfg.Grace = 0
		run := r.start(t, cfg, s.trust)
		waitFor(t, "a download", func() bool { return len(held) > 0 })
		<-held
		if err := run.end(); err != nil {
			t.Fatal(err)
		}
		if n := r.messages(t, streams.Pulls); n != 1 {
			t.Fatalf("%d downloads left, want 1", n)
		}
	}
	through.Store(true)
	r.start(t, quick(6, loopback()), s.trust)
	r.wantTaken(t, data)
}

// TestGraceLetsADownloadFinish: what is in hand when Run is to end is finished.
func TestGraceLetsADownloadFinish(t *testing.T) {
	r := newRoom(t, nil)
	data := fit(100_000)
	held, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data[:50_000])
		_ = http.NewResponseController(w).Flush()
		close(held)
		<-release
		_, _ = w.Write(data[50_000:])
	})
	r.order(t, loopback(), s.URL+"/1?"+token)
	run := r.start(t, quick(1, loopback()), s.trust)
	<-held
	run.stop()
	close(release)
	if err := run.end(); err != nil {
		t.Fatal(err)
	}
	r.wantTaken(t, data)
}

// TestCrashBetweenIntakeAndAck: the connection of one process ends for good
// right after the intake has the file. Another downloads it again, and nothing
// is queued twice.
func TestCrashBetweenIntakeAndAck(t *testing.T) {
	r := newRoom(t, nil)
	data := fit(10_000)
	s := serve(t, file(data))
	r.order(t, loopback(), s.URL+"/1?"+token)
	conn, publisher := r.connect(t, streams.PublisherConfig{})
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	crashed := r.start(t, quick(2, loopback()), func(d *pull.Deps) {
		s.trust(d)
		d.JetStream, d.Publisher = js, publisher
		d.Intake = intakeFunc(func(ctx context.Context, athlete schema.AthleteID, source schema.Source, body io.Reader) (ingest.Receipt, error) {
			receipt, err := r.intake.Accept(ctx, athlete, source, body)
			conn.Close()
			return receipt, err
		})
	})
	<-crashed.done
	if crashed.err == nil {
		t.Error("Run says nothing of a connection that is closed")
	}
	if n := r.messages(t, streams.Pulls); n != 1 {
		t.Fatalf("%d downloads left, want 1", n)
	}
	r.start(t, quick(2, loopback()), s.trust)
	r.wantTaken(t, data)
	if n := s.requests.Load(); n != 2 {
		t.Errorf("%d downloads, want 2", n)
	}
}

// TestKilledAgainAndAgain: a file whose download kills the process is set
// aside.
func TestKilledAgainAndAgain(t *testing.T) {
	r := newRoom(t, func(l *streams.Layout) { l.WorkerAckWait = 100 * time.Millisecond })
	s := serve(t, file(fit(10)))
	r.order(t, loopback(), s.URL+"/1?"+token)
	for range 3 {
		conn, _ := r.connect(t, streams.PublisherConfig{})
		js, err := jetstream.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		consumer, err := js.Consumer(t.Context(), streams.Pulls, streams.Fetcher)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	r.start(t, quick(3, loopback()), s.trust)
	r.wantDead(t, "not downloaded: unfinished")
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestRunEndsWithoutAQueue(t *testing.T) {
	r := newRoom(t, nil)
	if err := r.js.DeleteStream(t.Context(), streams.Pulls); err != nil {
		t.Fatal(err)
	}
	run := r.start(t, quick(1, loopback()), func(*pull.Deps) {})
	<-run.done
	if run.err == nil {
		t.Error("no error")
	}
}
