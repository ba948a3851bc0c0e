package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/intensity"
	"plodwatch/analyze/store"
	"plodwatch/schema"
)

// BenchmarkInsert writes batches of one-hour sessions at 1 Hz with heart rate,
// speed, distance, altitude, cadence and position. Its limit, in the same run,
// is the engine's own load of the same rows as ready Native bytes into the same
// table: x-of-limit is how many times its CPU the whole write takes. (A write
// makes four parts, the limit one, so on a slow disk its time is another.)
func BenchmarkInsert(b *testing.B) {
	for _, sessions := range []int{28, 280} {
		b.Run(fmt.Sprintf("rows=%dk", sessions*3600/1000), func(b *testing.B) {
			engine := openEngine(b)
			s, err := store.Open(b.Context(), store.Config{RoundTripper: engine.RoundTripper(), Database: "bench"})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			batch := benchBatch(sessions)
			client := &http.Client{Transport: engine.RoundTripper()}
			if err := s.Write(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			native, err := ask(b, client, "SELECT * FROM samples_versions FORMAT Native", nil)
			if err != nil {
				b.Fatal(err)
			}
			var ours, oursCPU, limitCPU time.Duration
			b.ReportAllocs()
			for b.Loop() {
				empty(b, s)
				began, cpu := time.Now(), cpuTime(b)
				if err := s.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				ours, oursCPU = ours+time.Since(began), oursCPU+cpuTime(b)-cpu
				empty(b, s)
				cpu = cpuTime(b)
				if _, err := ask(b, client, "INSERT INTO samples_versions FORMAT Native", native); err != nil {
					b.Fatal(err)
				}
				limitCPU += cpuTime(b) - cpu
			}
			rows := float64(batch.Samples()) * float64(b.N)
			b.ReportMetric(rows/ours.Seconds()/1e6, "Mrows/s")
			b.ReportMetric(oursCPU.Seconds()/limitCPU.Seconds(), "x-of-limit")
			b.ReportMetric(oursCPU.Seconds()/rows*1e6, "cpu-s/Mrow")
			b.ReportMetric(limitCPU.Seconds()/rows*1e6, "limit-cpu-s/Mrow")
		})
	}
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

func empty(b *testing.B, s *store.Store) {
	b.Helper()
	if err := s.Conn().Exec(b.Context(), "TRUNCATE TABLE samples_versions"); err != nil {
		b.Fatal(err)
	}
}

func benchBatch(sessions int) *analyze.Batch {
	batch := &analyze.Batch{}
	for i := range sessions {
		const n = 3600
		start := int64(1_714_804_200_000) + int64(i)*86_400_000
		payload := schema.ExportIDOf(fmt.Appendf(nil, "%d", i))
		env := &schema.Envelope{
			Athlete: "me", Export: payload, ID: schema.SessionIDOf("me", payload, 0), DecoderVersion: 1,
			Session: schema.Session{Sport: schema.SportRunning, StartMs: start, EndMs: start + n*1000, Feel: -1},
		}
		x := &env.Session.Samples
		for k := range n {
			v := int32(k) //nolint:gosec // small
			x.TimeMs = append(x.TimeMs, start+int64(k)*1000)
			x.HeartRate = append(x.HeartRate, uint8(120+k%40)) //nolint:gosec // small
			x.SpeedMMps = append(x.SpeedMMps, 2500+v%300)
			x.DistanceCm = append(x.DistanceCm, 270*v)
			x.AltitudeCm = append(x.AltitudeCm, 40_000+v%700)
			x.Cadence100 = append(x.Cadence100, 8000+100*(v%5))
			x.LatE7 = append(x.LatE7, 480_000_000+250*v)
			x.LonE7 = append(x.LonE7, 160_000_000+130*v)
		}
		m := intensity.Measure(&env.Session)
		batch.Sessions = append(batch.Sessions, analyze.SessionRow{
			Env: env, Measured: m, Result: intensity.Derive(m, &env.Session, intensity.Inputs{}),
			Decode: analyze.Fingerprint(x, m.HRFlags), AnalyzedMs: start, Version: analyze.VersionOf(1, start),
		})
	}
	return batch
}

// ask sends a statement, with data for an INSERT, as any HTTP client would.
func ask(b *testing.B, client *http.Client, sql string, data []byte) ([]byte, error) {
	b.Helper()
	address := "http://embedded:8123/?" + url.Values{
		"database": {"bench"}, "query": {sql}, "optimize_on_insert": {"0"},
		"min_insert_block_size_rows": {"1048576"}, "min_insert_block_size_bytes": {"1073741824"},
	}.Encode()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(string(body))
	}
	return body, err
}
