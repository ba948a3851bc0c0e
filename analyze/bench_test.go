package analyze_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/schema"
)

// hour returns a session of an hour at 1 Hz whose heart rate reaches peak.
func hour(day int, peak uint8) *schema.Envelope {
	env := run("me", day, peak)
	s := &env.Session.Samples
	*s = schema.Samples{}
	for i := range 3600 {
		hr := 120 + uint8(i/60%20) //nolint:gosec // small
		if i >= 3540 {
			hr = peak
		}
		v := int32(i) //nolint:gosec // small
		s.TimeMs = append(s.TimeMs, env.Session.StartMs+int64(i)*1000)
		s.HeartRate = append(s.HeartRate, hr)
		s.SpeedMMps = append(s.SpeedMMps, 2500+v%300)
		s.DistanceCm = append(s.DistanceCm, 270*v)
		s.LatE7 = append(s.LatE7, 480_000_000+250*v)
		s.LonE7 = append(s.LonE7, 160_000_000+130*v)
	}
	env.Session.EndMs = env.Session.StartMs + 3_600_000
	return env
}

// pass hands sessions to a new analyzer and returns when their rows are there.
func pass(b *testing.B, s analyze.Store, envs []*schema.Envelope) *analyze.Analyzer {
	b.Helper()
	a, err := analyze.New(analyze.DefaultConfig(), analyze.Deps{Store: s, Metrics: analyze.NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	for _, env := range envs {
		a.Take(ctx, env, func(err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return a
}

func hours(n int) []*schema.Envelope {
	envs := make([]*schema.Envelope, n)
	for i := range envs {
		envs[i] = hour(i, 190)
	}
	return envs
}

// cpuTime is what this process, the engine's threads among it, has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, samples int, cpu time.Duration) {
	b.Helper()
	all := float64(samples) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds()/1e6, "Msamples/s")
	b.ReportMetric(cpu.Seconds()/all*1e6, "cpu-s/Msample")
}

// BenchmarkAnalyzer hands over one-hour sessions and waits until all rows are
// durable: measuring, fingerprints, deriving and inserts.
func BenchmarkAnalyzer(b *testing.B) {
	const sessions = 300
	envs, s := hours(sessions), openStore(b)
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		pass(b, s, envs)
	}
	report(b, sessions*3600, cpuTime(b)-cpu)
}

// BenchmarkReanalyse derives stored one-hour sessions again.
func BenchmarkReanalyse(b *testing.B) {
	const sessions = 100
	a := pass(b, openStore(b), hours(sessions))
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := a.Reanalyse(b.Context(), analyze.Filter{}, nil); err != nil || n != sessions {
			b.Fatal(n, err)
		}
	}
	report(b, sessions*3600, cpuTime(b)-cpu)
}
