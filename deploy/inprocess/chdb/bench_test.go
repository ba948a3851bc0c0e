package chdb_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"plodwatch/deploy/inprocess/chdb"
)

// BenchmarkColumnarInsert writes 100,000 samples of nine columns per round
// through clickhouse-go. Its limit, in the same run, is the load of the same
// rows as ready Native bytes.
func BenchmarkColumnarInsert(b *testing.B) {
	const rows = 100_000
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{"inprocess:8123"},
		TransportFunc: func(*http.Transport) (http.RoundTripper, error) { return engine.RoundTripper(), nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx := b.Context()
	err = conn.Exec(ctx, `CREATE TABLE bench (athlete UInt64, session UInt64, t DateTime, hr UInt8, speed Float32, distance Float32,
		altitude Float32, cadence UInt8, power UInt16) ENGINE = MergeTree ORDER BY (athlete, session, t)`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Exec(ctx, "DROP TABLE bench SYNC") }()
	ids, times, bytes, floats, words := make([]uint64, rows), make([]time.Time, rows), make([]uint8, rows), make([]float32, rows), make([]uint16, rows)
	for i := range rows {
		times[i] = time.Unix(1_700_000_000+int64(i), 0)
		bytes[i], floats[i], words[i] = uint8(100+i%90), float32(i%700)/100, uint16(i%400)
	}
	send := func() {
		batch, err := conn.PrepareBatch(ctx, "INSERT INTO bench")
		if err != nil {
			b.Fatal(err)
		}
		for i, column := range []any{ids, ids, times, bytes, floats, floats, floats, bytes, words} {
			if err = batch.Column(i).Append(column); err != nil {
				b.Fatal(err)
			}
		}
		if err = batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	post := func(sql string, body io.Reader) []byte {
		res, err := (&http.Client{Transport: engine.RoundTripper()}).Post("http://inprocess/?query="+url.QueryEscape(sql), "", body)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		out, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%s: %v %s", sql, err, out)
		}
		return out
	}
	send()
	ready := post("SELECT * FROM bench FORMAT Native", nil)
	var limit time.Duration
	b.ReportAllocs()
	for b.Loop() {
		send()
		b.StopTimer()
		start := time.Now()
		post("INSERT INTO bench FORMAT Native", strings.NewReader(string(ready)))
		limit += time.Since(start)
		b.StartTimer()
	}
	besideLimit(b, "Mrows/s", rows*float64(b.N)/1e6, b.Elapsed(), limit)
}

// BenchmarkSmallStatement is what a request costs beyond the engine's work, on
// a pooled connection and through the gate. Its limit, in the same run, is the
// same statement through the C interface.
func BenchmarkSmallStatement(b *testing.B) {
	for name, h := range map[string]http.Handler{"owner": engine.Handler(), "gate": engine.ReadOnlyHandler(nil)} {
		b.Run(name, func(b *testing.B) {
			direct, done := chdb.Direct(engine)
			defer done()
			var limit time.Duration
			b.ReportAllocs()
			for b.Loop() {
				w := &sink{header: http.Header{}}
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://inprocess/", strings.NewReader("SELECT 1"))
				if err != nil {
					b.Fatal(err)
				}
				h.ServeHTTP(w, r)
				if w.status != 0 {
					b.Fatal(w.status)
				}
				b.StopTimer()
				start := time.Now()
				if err := direct("SELECT 1"); err != nil {
					b.Fatal(err)
				}
				limit += time.Since(start)
				b.StartTimer()
			}
			besideLimit(b, "statements/s", float64(b.N), b.Elapsed(), limit)
		})
	}
}

// besideLimit reports the throughput of so much work, that of the limit measured
// in the same run, and how many times as long the benchmark took.
func besideLimit(b *testing.B, unit string, work float64, ours, limit time.Duration) {
	b.Helper()
	b.ReportMetric(work/ours.Seconds(), unit)
	b.ReportMetric(work/limit.Seconds(), "limit-"+unit)
	b.ReportMetric(ours.Seconds()/limit.Seconds(), "x-of-limit")
}

type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return io.Discard.Write(p) }
