package web_test

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"plodwatch/schema"
)

// The athlete that BenchmarkPages looks at: ten years.
const (
	manySessions = 3000
	daysApart    = 365 * 10 / manySessions
	longSession  = 40_000 // samples
)

// BenchmarkPages asks for each page of an athlete with ten years of sessions,
// one of which has 40,000 samples. The measure is the server's time.
func BenchmarkPages(b *testing.B) {
	st := newStore(b)
	setMaxHR(b, st, "me", 190)
	var envs []*schema.Envelope
	for i := range manySessions {
		envs = append(envs, outing("me", i*daysApart, 400+i%300, uint8(150+i%30))) //nolint:gosec // small
	}
	long := outing("me", manySessions*daysApart, longSession, 170)
	analyzed(b, st, append(envs, long)...)
	g := newGuests()
	g.owner = true
	s := serve(b, st, g, nil)
	ask := func(b *testing.B, path string) {
		b.Helper()
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
		r.Host = "127.0.0.1"
		w := httptest.NewRecorder()
		s.web.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: %d", path, w.Code)
		}
		b.ReportMetric(float64(w.Body.Len())/1024, "KiB")
	}
	session := "/a/me/sessions/" + long.ID.String()
	for name, path := range map[string]string{
		"overview": "/a/me/", "weeks": "/a/me/weeks", "ten_years": "/a/me/weeks?weeks=520", "sessions": "/a/me/sessions",
		"page_50": "/a/me/sessions?page=50", "session": session, "curves": session + "/curves.json",
	} {
		b.Run(name, func(b *testing.B) {
			began, cpu := time.Now(), cpuTime(b)
			for b.Loop() {
				ask(b, path)
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds())/float64(b.N), "ms")
			b.ReportMetric(float64((cpuTime(b)-cpu).Milliseconds())/float64(b.N), "cpu-ms")
		})
	}
}

// cpuTime is the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
