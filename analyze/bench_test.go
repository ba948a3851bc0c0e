package analyze_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
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

// besideLimit reports the CPU of the benchmark and that of a statement, run
// once, in which the engine alone does what cannot be avoided.
func besideLimit(b *testing.B, samples int, cpu time.Duration, s *store.Store, setup, statement string) {
	b.Helper()
	took := b.Elapsed()
	for _, sql := range []string{setup, statement} {
		if sql == "" {
			continue
		}
		if err := s.Conn().Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	const times = 3
	before := cpuTime(b)
	for range times {
		if err := s.Conn().Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	all := float64(samples) * float64(b.N)
	ours, limit := cpu.Seconds()/all*1e6, (cpuTime(b)-before).Seconds()/times/float64(samples)*1e6
	b.ReportMetric(all/took.Seconds()/1e6, "Msamples/s")
	b.ReportMetric(ours, "cpu-s/Msample")
	b.ReportMetric(limit, "limit-cpu-s/Msample")
	b.ReportMetric(ours/limit, "x-of-limit")
}

// BenchmarkAnalyzer hands over one-hour sessions and waits until all rows are
// durable: measuring, fingerprints, deriving and inserts. Its limit is the
// engine's own copy of the same samples into another table.
func BenchmarkAnalyzer(b *testing.B) {
	const sessions = 300
	envs, s := hours(sessions), openStore(b)
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		pass(b, s, envs)
	}
	cpu = cpuTime(b) - cpu
	besideLimit(b, sessions*3600, cpu, s, "CREATE TABLE limit_of_samples AS samples_versions",
		fmt.Sprintf("INSERT INTO limit_of_samples SELECT * FROM samples_versions LIMIT %d SETTINGS optimize_on_insert = 0", sessions*3600))
}

// BenchmarkReanalyse derives stored one-hour sessions again. Its limit is the
// engine's own reading of the same samples.
func BenchmarkReanalyse(b *testing.B) {
	const sessions = 100
	s := openStore(b)
	a := pass(b, s, hours(sessions))
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := a.Reanalyse(b.Context(), analyze.Filter{}, nil); err != nil || n != sessions {
			b.Fatal(n, err)
		}
	}
	besideLimit(b, sessions*3600, cpuTime(b)-cpu, s, "", "SELECT count() FROM samples_versions FINAL WHERE NOT ignore(*)")
}
