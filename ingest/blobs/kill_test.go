package blobs_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"plodwatch/ingest/blobs"
)

// writerEnv names the store that this process, started by a test, puts its
// standard input into.
const writerEnv = "PLODWATCH_TEST_BLOBS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		os.Exit(writeForTest(dir))
	}
	os.Exit(m.Run())
}

func writeForTest(dir string) int {
	d, err := blobs.Open(blobs.Config{Dir: dir})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	head, said := noise(1<<20), false
	// The head is read in many calls; when the last has been taken it is said.
	input := readFunc(func(p []byte) (int, error) {
		if len(head) > 0 {
			n := copy(p, head)
			head = head[n:]
			return n, nil
		}
		if !said {
			said = true
			os.Stdout.WriteString("written\n")
		}
		return os.Stdin.Read(p)
	})
	if _, _, _, err := d.Put(context.Background(), input); err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}

func TestLeftoversOfAKilledWriterAreSweptAndThoseOfTheLivingNot(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "written\n" {
		t.Fatalf("writer says %q, %v", line, err)
	}

	open(t, dir)
	if got := files(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], "tmp") {
		t.Fatalf("files while the writer lives: %q, want its temporary one", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	d := open(t, dir)
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files after the writer was killed: %q", got)
	}
	put(t, d, noise(1<<20))
}

func TestSweepDoesNotDisturbWriters(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 60 {
			data := noise(100 + i)
			if _, _, _, err := d.Put(t.Context(), io.MultiReader(bytes.NewReader(data))); err != nil {
				t.Errorf("Put: %v", err)
			}
		}
	}()
	for {
		open(t, dir)
		select {
		case <-done:
			if got := files(t, dir); len(got) != 60 {
				t.Errorf("%d exports of 60", len(got))
			}
			return
		default:
		}
	}
}
