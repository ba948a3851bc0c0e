package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeUploads: every curl line of the README is answered with success,
// and all of them together are one upload.
func TestReadmeUploads(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	block := regexp.MustCompile("(?s)```sh\n(# Strava.*?)```").FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("the README has no block of curl lines")
	}
	p := newPerson(t)
	token := strings.TrimSpace(p.do(exitOK, "token", "add", "--athlete", "anna").stdout)
	d := p.up()
	numbers := make(map[string]int)
	for line := range strings.Lines(block[1]) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		args := strings.Replace(strings.TrimSpace(line), "curl ", "curl --silent --show-error --fail --dump-header - --output /dev/null ", 1)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", args)
		cmd.Env = append(os.Environ(), "TOKEN="+token, "URL=http://"+d.address, "FILE="+filepath.Join(activities(), "easy_run.fit"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
			continue
		}
		if m := regexp.MustCompile(`(?i)plodwatch-upload-id: (\d+)`).FindSubmatch(out); m != nil {
			numbers[string(m[1])]++
		} else if !strings.Contains(line, "/auth/login") {
			t.Errorf("%s: the answer names no upload\n%s", line, out)
		}
	}
	if len(numbers) != 1 {
		t.Errorf("the doors gave the numbers %v, want one", numbers)
	}
	for _, n := range numbers {
		if n < 6 {
			t.Errorf("only %d doors were tried", n)
		}
	}
	d.stop(os.Interrupt)
}
