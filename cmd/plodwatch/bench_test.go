package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plodwatch/deploy/inprocess/chdb"
)

// BenchmarkWholeJob imports 1,000 generated one-hour FIT files at 1 Hz into an
// empty data directory with the real binary: intake, queues, decoding, analysis
// and tables, durable at every step. Set TMPDIR to choose the disk.
//
// Its limit, in the same run, is what the engine alone needs to read the rows
// of samples_versions once and write them once, into a table of the same kind.
// x-of-limit compares CPU, which other work on the machine and the disk disturb
// least. first-cpu-s is the CPU of an import of one file, most of it the start
// of the engines and making the tables, and part of the whole.
func BenchmarkWholeJob(b *testing.B) {
	const files, minutes = 1000, 60
	binary, err := e2e.binary()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	all, err := writeCorpus(filepath.Join(dir, "corpus"), files, minutes)
	if err != nil {
		b.Fatal(err)
	}
	samples := 0
	for i := range all {
		samples += all[i].Samples
	}
	first := importing(b, binary, filepath.Join(dir, "first"), all[0].path)
	var took, cpu, limit time.Duration
	var peak int64
	for b.Loop() {
		data := filepath.Join(dir, "data")
		if err := os.RemoveAll(data); err != nil {
			b.Fatal(err)
		}
		ours := importing(b, binary, data, filepath.Join(dir, "corpus"))
		took, cpu, peak = took+ours.took, cpu+ours.cpu, max(peak, ours.peakKB)
		limit += copyingSamples(b, filepath.Join(data, "clickhouse"), samples)
	}
	n := float64(b.N)
	b.ReportMetric(files*n/took.Seconds(), "files/s")
	b.ReportMetric(cpu.Seconds()/n/float64(samples)*1e6, "cpu-s/Msample")
	b.ReportMetric(limit.Seconds()/n/float64(samples)*1e6, "limit-cpu-s/Msample")
	b.ReportMetric(cpu.Seconds()/limit.Seconds(), "x-of-limit")
	b.ReportMetric(float64(peak)/1024, "peak-RSS-MiB")
	b.ReportMetric(first.cpu.Seconds(), "first-cpu-s")
}

// importCost is what an import has used.
type importCost struct {
	took, cpu time.Duration
	peakKB    int64
}

// importing runs the binary's import in a process of its own.
func importing(b *testing.B, binary, data, path string) importCost {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), binary, "import", "--data", data, path)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Join(filepath.Dir(data), "config"))
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("import: %v\n%s", err, out)
	}
	cost := importCost{took: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		cost.peakKB = int64(usage.Maxrss) //nolint:unconvert // its type differs between systems
	}
	return cost
}

// copyingSamples opens the tables of an import in this process and returns the
// CPU of copying all samples once. It fails when not all of them are there.
func copyingSamples(b *testing.B, path string, samples int) time.Duration {
	b.Helper()
	engine, err := chdb.Open(chdb.Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	}()
	client := &http.Client{Transport: engine.RoundTripper()}
	for _, sql := range []string{
		"CREATE TABLE limit_of_samples AS samples_versions",
		"SYSTEM STOP MERGES", // those of the import's own parts
	} {
		ask(b, client, sql)
	}
	began := processCPU(b)
	ask(b, client, `INSERT INTO limit_of_samples SELECT * FROM samples_versions SETTINGS optimize_on_insert = 0,
		min_insert_block_size_rows = 1048576, min_insert_block_size_bytes = 1073741824`)
	took := processCPU(b) - began
	if got, want := ask(b, client, "SELECT count() FROM limit_of_samples"), strconv.Itoa(samples); got != want {
		b.Fatalf("%s samples are there, the files have %s", got, want)
	}
	return took
}

// ask runs a statement and returns its answer as text.
func ask(b *testing.B, client *http.Client, sql string) string {
	b.Helper()
	address := "http://engine/?" + url.Values{"database": {"plodwatch"}, "query": {sql}}.Encode()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	var answer bytes.Buffer
	_, err = io.Copy(&answer, res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: status %d, %v\n%s", sql, res.StatusCode, err, &answer)
	}
	return strings.TrimSpace(answer.String())
}

// processCPU is what this process, the engine's threads among it, has used.
func processCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
