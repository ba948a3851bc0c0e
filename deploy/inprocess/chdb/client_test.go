package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

func TestHelloTellsTheVersion(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	v, err := conn.ServerVersion()
	must(t, err)
	if v.Version.Major != 26 || v.Version.Minor != 7 || v.Revision != 0 {
		t.Errorf("version %v revision %d, want 26.7 and 0", v.Version, v.Revision)
	}
	must(t, conn.Ping(t.Context()))
}

// compressions are all that clickhouse-go offers over HTTP.
func compressions() map[string]clickhouse.CompressionMethod {
	return map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
		"gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate, "brotli": clickhouse.CompressionBrotli,
	}
}

func compressed(m clickhouse.CompressionMethod) func(*clickhouse.Options) {
	return func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: m, Level: 3} }
}

func TestColumnarBatchIsStoredWhole(t *testing.T) {
	const rows = 100_000
	for name, method := range compressions() {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, engine.RoundTripper(), compressed(method))
			table(t, conn, "columnar", "id UInt64, t DateTime64(3, 'UTC'), hr UInt8, speed Nullable(Float32), kind LowCardinality(String)")
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO columnar")
			must(t, err)
			ids, times, hrs := make([]uint64, rows), make([]time.Time, rows), make([]uint8, rows)
			speeds, kinds := make([]*float32, rows), make([]string, rows)
			start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			for i := range rows {
				ids[i], times[i], hrs[i] = uint64(i), start.Add(time.Duration(i)*time.Second), uint8(i%200)
				if i%3 == 0 {
					v := float32(i%7) / 2
					speeds[i] = &v
				}
				kinds[i] = []string{"run", "ride"}[i%2]
			}
			for i, column := range []any{ids, times, hrs, speeds, kinds} {
				must(t, batch.Column(i).Append(column))
			}
			must(t, batch.Send())
			var got struct {
				N, Sum, HR, Speeds uint64
				Last               time.Time
			}
			must(t, conn.QueryRow(t.Context(), `SELECT count() AS N, sum(id) AS Sum, sum(hr) AS HR, countIf(speed IS NOT NULL) AS Speeds, max(t) AS Last
				FROM columnar WHERE kind IN ('run', 'ride')`).ScanStruct(&got))
			if got.N != rows || got.Sum != rows*(rows-1)/2 || got.HR != 9_950_000 || got.Speeds != 33_334 || !got.Last.Equal(times[rows-1]) {
				t.Errorf("stored %+v", got)
			}
		})
	}
}

func TestRowBatchKeepsEveryType(t *testing.T) {
	conn := connect(t, engine.RoundTripper(), compressed(clickhouse.CompressionLZ4))
	table(t, conn, "typed", `id UUID, f FixedString(4), e Enum8('run' = 1, 'ride' = 2), m Map(String, UInt16),
		a Array(Nullable(Int32)), p Tuple(x Float64, y String), b Bool, l Array(LowCardinality(String)), d Date32, t DateTime64(6, 'Europe/Oslo')`)
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO typed")
	must(t, err)
	minus := int32(-5)
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	in := []any{
		"61f0c404-5cb3-11e7-907b-a6006ad3dba0", "abcd", "ride",
		map[string]uint16{"z1": 60, "z2": 0},
		[]*int32{&minus, nil},
		[]any{1.5, "q'\\\n"},
		true,
		[]string{"a", "", "a"},
		time.Date(1931, 2, 3, 0, 0, 0, 0, time.UTC), at,
	}
	for range 3 {
		must(t, batch.Append(in...))
	}
	must(t, batch.Send())
	rows, err := conn.Query(t.Context(), "SELECT toString(id), f, e, m, a, p.x, p.y, b, l, d, t FROM typed")
	must(t, err)
	n := 0
	for ; rows.Next(); n++ {
		var (
			id, f, e, y string
			m           map[string]uint16
			a           []*int32
			x           float64
			b           bool
			l           []string
			d, ts       time.Time
		)
		must(t, rows.Scan(&id, &f, &e, &m, &a, &x, &y, &b, &l, &d, &ts))
		same := id == in[0] && f == "abcd" && e == "ride" && reflect.DeepEqual(m, in[3]) && reflect.DeepEqual(a, in[4]) &&
			x == 1.5 && y == "q'\\\n" && b && reflect.DeepEqual(l, in[7]) && d.Equal(in[8].(time.Time)) && ts.Equal(at)
		if !same {
			t.Errorf("row %d: %v %v %v %v %v %v %q %v %v %v %v", n, id, f, e, m, a, x, y, b, l, d, ts)
		}
	}
	must(t, rows.Err())
	if n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestParametersArriveUnchanged(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	nasty := "a'b\\c\td\ne\r`\x00☃"
	for name, run := range map[string]func() driver.Row{
		"positional": func() driver.Row {
			return conn.QueryRow(t.Context(), "SELECT ?, ?, ?", nasty, 7, []string{nasty, ""})
		},
		"named": func() driver.Row {
			return conn.QueryRow(t.Context(), "SELECT @s, @n, @a", clickhouse.Named("s", nasty), clickhouse.Named("n", 7),
				clickhouse.Named("a", []string{nasty, ""}))
		},
	} {
		var s string
		var n uint8
		var a []string
		must(t, run().Scan(&s, &n, &a))
		if s != nasty || n != 7 || !reflect.DeepEqual(a, []string{nasty, ""}) {
			t.Errorf("%s: %q %d %q", name, s, n, a)
		}
	}
	ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{
		"s": "plain", "n": "42", "e": "", "a": "['x','y']",
	}))
	var s, e string
	var n uint64
	var a []string
	must(t, conn.QueryRow(ctx, "SELECT {s:String}, {n:UInt64}, {e:String}, {a:Array(String)}").Scan(&s, &n, &e, &a))
	if s != "plain" || n != 42 || e != "" || !reflect.DeepEqual(a, []string{"x", "y"}) {
		t.Errorf("server side: %q %d %q %q", s, n, e, a)
	}
}

func TestSettingsHoldForOneQuery(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 17}))
	var with, without uint64
	must(t, conn.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size'))").Scan(&with))
	must(t, conn.QueryRow(t.Context(), "SELECT toUInt64(getSetting('max_block_size'))").Scan(&without))
	if with != 17 || without == 17 {
		t.Errorf("with %d, without %d", with, without)
	}
	must(t, conn.Exec(t.Context(), "SET max_block_size = 19"))
	must(t, conn.QueryRow(t.Context(), "SELECT toUInt64(getSetting('max_block_size'))").Scan(&without))
	if without == 19 {
		t.Error("a SET reached the next request")
	}
}

func TestEmptyResultHasItsColumns(t *testing.T) {
	conn := connect(t, engine.RoundTripper(), compressed(clickhouse.CompressionZSTD))
	table(t, conn, "nothing", "a Int32, b LowCardinality(String), c Array(Nullable(Float64))")
	for query, want := range map[string][]string{
		"SELECT a, b, c FROM nothing": {"a", "b", "c"},
		"SELECT a AS `odd ' \" name`, count() FROM nothing WHERE a > ? GROUP BY a -- why not": {"odd ' \" name", "count()"},
		"WITH x AS (SELECT 1 AS one WHERE 0) SELECT one FROM x FORMAT Native;":                {"one"},
		"SHOW TABLES LIKE 'there is none'":                                                    {"name"},
		"(SELECT a FROM nothing) UNION ALL (SELECT a FROM nothing)":                           {"a"},
	} {
		var args []any
		if strings.Contains(query, "?") {
			args = append(args, 5)
		}
		rows, err := conn.Query(t.Context(), query, args...)
		must(t, err)
		if got := rows.Columns(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: columns %q, want %q", query, got, want)
		}
		if rows.Next() {
			t.Errorf("%s: has a row", query)
		}
		must(t, rows.Err())
		must(t, rows.Close())
	}
	rows, err := conn.Query(t.Context(), "OPTIMIZE TABLE nothing FINAL")
	must(t, err)
	must(t, rows.Close())
}

func TestExceptionIsTyped(t *testing.T) {
	for name, method := range compressions() {
		conn := connect(t, engine.RoundTripper(), compressed(method))
		for query, code := range map[string]int32{
			"SELECT * FROM no_such_table":    60,
			"SELEC 1":                        62,
			"SELECT throwIf(1, 'ours')":      395,
			"SELECT 1; SELECT 2":             62,
			"INSERT INTO no_such VALUES (1)": 60,
			"SELECT no_such_column":          47,
		} {
			err := conn.Exec(t.Context(), query)
			var e *clickhouse.Exception
			if !errors.As(err, &e) || e.Code != code {
				t.Errorf("%s, %s: %v, want code %d", name, query, err, code)
			}
		}
		must(t, conn.Ping(t.Context()))
	}
}

func TestExceptionInTheMiddleIsTyped(t *testing.T) {
	for name, method := range compressions() {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, engine.RoundTripper(), compressed(method))
			ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1, "max_block_size": 10_000}))
			rows, err := conn.Query(ctx, "SELECT number, throwIf(number = 500000, 'in the middle') FROM numbers(1000000)")
			must(t, err)
			n := 0
			for rows.Next() {
				n++
			}
			var e *clickhouse.Exception
			if err := rows.Err(); !errors.As(err, &e) || e.Code != 395 || !strings.Contains(e.Message, "in the middle") {
				t.Errorf("after %d rows: %v, want code 395", n, err)
			}
			if n == 0 || n > 500_000 {
				t.Errorf("%d rows came before it broke", n)
			}
			_ = rows.Close()
			must(t, conn.Ping(t.Context()))
		})
	}
}

func TestFailedBatchStoresNothing(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	table(t, conn, "picky", "n UInt64, CONSTRAINT small CHECK n < 10")
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO picky")
	must(t, err)
	must(t, batch.Column(0).Append([]uint64{1, 2, 30}))
	var e *clickhouse.Exception
	if err = batch.Send(); !errors.As(err, &e) || e.Code != 469 {
		t.Errorf("send: %v, want code 469", err)
	}
	var n uint64
	must(t, conn.QueryRow(t.Context(), "SELECT count() FROM picky").Scan(&n))
	if n != 0 {
		t.Errorf("%d rows of a failed batch are stored", n)
	}
}

// running counts the statements the engine works on, apart from the one that asks.
func running(t *testing.T, conn driver.Conn) uint64 {
	t.Helper()
	var n uint64
	must(t, conn.QueryRow(context.WithoutCancel(t.Context()), "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%' AND query_kind != 'KillQuery'").Scan(&n))
	return n
}

func waitUntilIdle(t *testing.T, conn driver.Conn) {
	t.Helper()
	for running(t, conn) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("statements are still running")
		}
	}
}

func TestEndOfContextKillsTheStatement(t *testing.T) {
	watch := connect(t, engine.RoundTripper())
	for name, query := range map[string]string{
		"before the first row": "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)",
		"while streaming":      "SELECT number FROM numbers(1000000000000)",
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, engine.RoundTripper())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg sync.WaitGroup
			wg.Go(func() {
				for running(t, watch) == 0 {
					if t.Context().Err() != nil {
						return
					}
				}
				cancel()
			})
			rows, err := conn.Query(ctx, query)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				_ = rows.Close()
			}
			wg.Wait()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the query ended with %v, want context canceled", err)
			}
			waitUntilIdle(t, watch)
			must(t, conn.Ping(t.Context()))
		})
	}
}

func TestCancelledInsertLeavesNothingBehind(t *testing.T) {
	conn := connect(t, engine.RoundTripper())
	must(t, conn.Exec(t.Context(), "CREATE TABLE abandoned (n UInt64) ENGINE = MergeTree ORDER BY n"))
	ctx, cancel := context.WithCancel(t.Context())
	body := &endless{onRead: func(i int) {
		if i == 50 {
			cancel()
		}
	}}
	err := conn.InsertFormat(ctx, "TSV", "INSERT INTO abandoned", body)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("insert ended with %v, want context canceled", err)
	}
	waitUntilIdle(t, conn)
	var n uint64
	must(t, conn.QueryRow(t.Context(), "SELECT count() FROM abandoned").Scan(&n))
	if n != 0 {
		t.Errorf("%d rows of a cancelled insert are stored", n)
	}
	must(t, conn.Exec(t.Context(), "DROP TABLE abandoned SYNC"))
}

// endless is a body that never ends.
type endless struct {
	reads  int
	onRead func(int)
}

func (e *endless) Read(p []byte) (int, error) {
	e.reads++
	e.onRead(e.reads)
	return copy(p, "1\n2\n3\n"), nil
}

func TestManyGoroutinesAtOnce(t *testing.T) {
	conn := connect(t, engine.RoundTripper(), compressed(clickhouse.CompressionLZ4), func(o *clickhouse.Options) {
		o.MaxOpenConns = 8
	})
	table(t, conn, "crowd", "g UInt8, n UInt64")
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for g := range uint8(8) {
		wg.Go(func() {
			errs <- func() error {
				for round := range 5 {
					batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO crowd")
					if err != nil {
						return err
					}
					for n := range uint64(1000) {
						if err = batch.Append(g, n); err != nil {
							return err
						}
					}
					if err = batch.Send(); err != nil {
						return err
					}
					var count uint64
					if err = conn.QueryRow(t.Context(), "SELECT count() FROM crowd WHERE g = ?", g).Scan(&count); err != nil {
						return err
					}
					if want := uint64(round+1) * 1000; count != want {
						return fmt.Errorf("goroutine %d sees %d rows, want %d", g, count, want)
					}
					if err = conn.Exec(t.Context(), "SELECT throwIf(1)"); err == nil {
						return errors.New("no error from throwIf")
					}
				}
				return nil
			}()
		})
	}
	wg.Wait()
	for range 8 {
		must(t, <-errs)
	}
}
