package tokens_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"plodwatch/ingest/tokens"
)

// adderEnv names the file to which this process, started by a test, adds tokens.
const adderEnv = "PLODWATCH_TEST_TOKENS"

const addsOfProcess = 20

func TestMain(m *testing.M) {
	if path := os.Getenv(adderEnv); path != "" {
		os.Exit(addForTest(path))
	}
	os.Exit(m.Run())
}

// addForTest adds tokens once it is told to, and prints them.
func addForTest(path string) int {
	f := tokens.Open(path, time.Now)
	os.Stdout.WriteString("ready\n")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return 1
	}
	for range addsOfProcess {
		_, secret, err := f.Add(tokens.New{Athlete: "anna", Role: tokens.RoleUpload})
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			return 1
		}
		os.Stdout.WriteString(secret + "\n")
	}
	return 0
}

// TestProcessesLoseNothing: processes that add to the same new file at the same
// time lose no token.
func TestProcessesLoseNothing(t *testing.T) {
	f, path, _ := open(t)
	type adder struct {
		cmd *exec.Cmd
		out *bufio.Reader
		in  interface{ Write([]byte) (int, error) }
	}
	var adders []adder
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), adderEnv+"="+path)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		a := adder{cmd, bufio.NewReader(out), in}
		if line, err := a.out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("process says %q, %v", line, err)
		}
		adders = append(adders, a)
	}
	for _, a := range adders {
		if _, err := a.in.Write([]byte("go\n")); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range adders {
		for range addsOfProcess {
			line, err := a.out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Check(strings.TrimSuffix(line, "\n")); err != nil {
				t.Errorf("a token that was printed: %v", err)
			}
		}
		if err := a.cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if list, err := f.List(); err != nil || len(list) != len(adders)*addsOfProcess {
		t.Errorf("%d tokens, %v, want %d", len(list), err, len(adders)*addsOfProcess)
	}
}

// lines returns those of a file with three tokens, the header first, and the
// secret of the first.
func lines(t testing.TB) (*tokens.File, string, []string, string) {
	t.Helper()
	f, path, _ := open(t)
	_, secret := add(t, f, forAnna(tokens.RoleUpload))
	add(t, f, tokens.New{Athlete: "bert", Role: tokens.RoleRead, Note: "a note", Expires: start.Add(time.Hour)})
	add(t, f, forAnna(tokens.RoleAdmin))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l := strings.SplitAfter(string(data), "\n")
	if len(l) != 5 || l[4] != "" {
		t.Fatalf("%d lines, want 4 that end", len(l))
	}
	return f, path, l[:4], secret
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsAnError: a damaged file is never taken for one with other
// tokens, the error names the line and no sum, and it is no refusal.
func TestDamageIsAnError(t *testing.T) {
	sum := regexp.MustCompile(`[0-9a-f]{64}`)
	change := func(n int, from, to string) func([]string) string {
		return func(l []string) string {
			if !strings.Contains(l[n-1], from) {
				t.Fatalf("line %d has no %s", n, from)
			}
			l[n-1] = strings.Replace(l[n-1], from, to, 1)
			return strings.Join(l, "")
		}
	}
	for _, c := range []struct {
		name, says string
		damage     func(lines []string) string
	}{
		{"emptied", "line 1", func([]string) string { return "" }},
		{"zeros", "line 1", func(l []string) string { return strings.Repeat("\x00", len(strings.Join(l, ""))) }},
		{"not ours", "line 1", func([]string) string { return "{}\n" }},
		{"an older array", "line 1", func([]string) string { return "[]\n" }},
		{"header only", "line 1", func(l []string) string { return l[0] }},
		{"header without end", "line 1", func(l []string) string { return strings.TrimSuffix(l[0], "\n") }},
		{"no header", "line 1", func(l []string) string { return strings.Join(l[1:], "") }},
		{"a later version", "line 1: format \"plodwatch-tokens\" version 2", change(1, `"version":1`, `"version":2`)},
		{"cut between lines", "line 3", func(l []string) string { return l[0] + l[1] + l[2] }},
		{"cut in a line", "line 4", func(l []string) string { return l[0] + l[1] + l[2] + l[3][:40] }},
		{"last line end", "line 4", func(l []string) string { return strings.TrimSuffix(strings.Join(l, ""), "\n") }},
		{"appended", "line 5", func(l []string) string { return strings.Join(l, "") + "x" }},
		{"a line twice", "line 4: id", func(l []string) string { return l[0] + l[1] + l[2] + l[1] }},
		{"empty line", "line 3", func(l []string) string { return l[0] + l[1] + "\n" + l[2] + l[3] }},
		{"two in a line", "line 2", func(l []string) string { return l[0] + strings.TrimSuffix(l[1], "\n") + l[2] + l[3] }},
		{"short id", "line 2: id", change(2, `"id":"`, `"id":"","note":"`)},
		{"strange id", "line 3: id", func(l []string) string { l[2] = `{"id":"AAAAAAA1"}` + "\n"; return strings.Join(l, "") }},
		{"athlete", "line 3: athlete", change(3, "bert", "be rt")},
		{"role", "line 3: role", change(3, `"read"`, `"Read"`)},
		{"note", "line 3: note", change(3, "a note", `a\nnote`)},
		{"created", "line 3: created", change(3, "2026-05-17T08", "2026-05-37T08")},
		{"created missing", "line 2: created", change(2, `"created"`, `"expires"`)},
		{"expires", "line 3: expires", change(3, "2026-05-17T09", "soon")},
		{"sum too short", "line 4: sha256", func(l []string) string {
			l[3] = strings.Replace(l[3], `"}`, "", 1)[:len(l[3])-5] + "\"}\n"
			return strings.Join(l, "")
		}},
		{"sum too long", "line 4: sha256", change(4, `"}`, `00"}`)},
		{"sum of no digits", "line 2: sha256", change(2, `"sha256":"`, `"sha256":"g`)},
		{"sum of another type", "line 2", change(2, `"sha256":"`, `"sha256":1,"note":"`)},
		{"unknown field", "line 2", change(2, `"role"`, `"admin":true,"role"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, path, l, secret := lines(t)
			got(t, f, secret)
			damaged := c.damage(slices.Clone(l))
			write(t, path, damaged)
			_, checked := f.Check(secret)
			_, listed := f.List()
			some, asked := f.Any()
			_, _, added := f.Add(forAnna(tokens.RoleUpload))
			for what, err := range map[string]error{"check": checked, "list": listed, "any": asked, "add": added, "revoke": f.Revoke("aaaaaaaa")} {
				switch {
				case err == nil || errors.Is(err, tokens.ErrRefused):
					t.Errorf("%s gives %v", what, err)
				case !strings.Contains(err.Error(), c.says) || sum.MatchString(err.Error()):
					t.Errorf("%s: %q, want %q in it and no sum", what, err, c.says)
				}
			}
			if data, err := os.ReadFile(path); some || err != nil || string(data) != damaged {
				t.Errorf("any is %v; the damaged file changed: %v", some, err)
			}
			write(t, path, strings.Join(l, ""))
			got(t, f, secret)
		})
	}
}

func TestOnlyFitFilesAreRead(t *testing.T) {
	for _, c := range []struct {
		name, says string
		make       func(path string) error
	}{
		{"folder", "not a regular file", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
		{"pipe", "not a regular file", func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }},
		{"everybody writes", "everybody may write", func(path string) error { return os.Chmod(path, 0o602) }},
		{"huge", "more than", func(path string) error { return os.Truncate(path, 1<<40) }},
		{"path through a file", "not a directory", func(path string) error {
			dir := filepath.Dir(path)
			return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, path, _ := open(t)
			_, secret := add(t, f, forAnna(tokens.RoleUpload))
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			fresh := tokens.Open(path, time.Now)
			_, checked := fresh.Check(secret)
			_, asked := fresh.Any()
			_, _, added := fresh.Add(forAnna(tokens.RoleUpload))
			for what, err := range map[string]error{"check": checked, "any": asked, "add": added} {
				if err == nil || errors.Is(err, tokens.ErrRefused) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s gives %v, want %q", what, err, c.says)
				}
			}
		})
	}
}

func TestAFileThatBecomesWritableForEverybodyIsNoticed(t *testing.T) {
	f, path, _ := open(t)
	_, secret := add(t, f, forAnna(tokens.RoleUpload))
	got(t, f, secret)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Check(secret); err == nil || errors.Is(err, tokens.ErrRefused) {
		t.Errorf("check gives %v", err)
	}
}

// TestLeftoversAndLinksStandInNobodysWay: a file that a killed writer left
// under the temporary name, and a link in the place of the file.
func TestLeftoversAndLinksStandInNobodysWay(t *testing.T) {
	_, path, c := open(t)
	link := filepath.Join(t.TempDir(), "tokens.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	add(t, tokens.Open(path, c.now), forAnna(tokens.RoleRead))
	if err := os.WriteFile(path+".tmp", []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
	f := tokens.Open(link, c.now)
	_, secret := add(t, f, forAnna(tokens.RoleUpload))
	if _, err := tokens.Open(path, c.now).Check(secret); err != nil {
		t.Errorf("through the file: %v", err)
	}
	got(t, f, secret)
	if target, err := os.Readlink(link); target != path {
		t.Errorf("the link became something else: %q, %v", target, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(path + ".tmp"); err == nil {
		t.Error("the leftover is still there")
	}
}

// TestRootKeepsTheOwner: what root adds is still the service's to read.
func TestRootKeepsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	f, path, _ := open(t)
	const uid, gid = 12345, 12346
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.Chown(filepath.Dir(path), uid, gid)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		add(t, f, forAnna(tokens.RoleUpload))
		for _, name := range []string{path, path + ".lock"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != uid || st.Gid != gid {
				t.Errorf("%s belongs to %v", filepath.Base(name), st)
			}
		}
	}
}

// FuzzCheck: only the token itself is the token.
func FuzzCheck(f *testing.F) {
	file, _, _ := open(f)
	token, secret := add(f, file, forAnna(tokens.RoleUpload))
	f.Add(-1, "")
	f.Add(len("plod_"), token.ID)
	f.Add(13, "_")
	f.Add(0, "Bearer ")
	f.Add(65, "\x00\xff")
	f.Add(14, strings.Repeat("a", 52))
	f.Fuzz(func(t *testing.T, at int, text string) {
		// The token is random: what is tried is laid over it at a place.
		tried := text
		if at >= 0 && at <= len(secret) {
			tried = secret[:at] + text + secret[min(at+len(text), len(secret)):]
		}
		if tried != secret {
			wantRefused(t, file, tried, tokens.ErrUnknown)
			return
		}
		got(t, file, tried)
	})
}

// FuzzFile: whatever stands in the file is an error with a line, or tokens that
// survive being written again.
func FuzzFile(f *testing.F) {
	_, _, l, _ := lines(f)
	f.Add(strings.Join(l, ""))
	f.Add(strings.Join(l[:2], ""))
	f.Add(strings.Replace(l[0], `"count":3`, `"count":0`, 1))
	f.Add(strings.Replace(l[0], `"count":3`, `"count":1`, 1) + l[2])
	f.Add(strings.Replace(l[0], `"count":3`, `"count":1`, 1) + strings.Replace(l[2], "08:30:00Z", "08:30:00.000000001-23:59", 1))
	f.Add(strings.Replace(l[0], `"count":3`, `"count":1`, 1) + strings.Replace(l[2], "2026-", "0000-", 1))
	f.Add("")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "tokens.json")
		write(t, path, text)
		clock := func() time.Time { return start }
		file := tokens.Open(path, clock)
		before, err := file.List()
		if err != nil {
			if !regexp.MustCompile(`line [0-9]+: `).MatchString(err.Error()) || before != nil {
				t.Fatalf("%d tokens and error %q", len(before), err)
			}
			return
		}
		ids := map[string]bool{}
		for _, token := range before {
			ids[token.ID] = true
		}
		if len(ids) != len(before) || len(before) != strings.Count(text, "\n")-1 {
			t.Fatalf("%d tokens with %d ids in %d lines", len(before), len(ids), strings.Count(text, "\n"))
		}
		token, secret, err := file.Add(forAnna(tokens.RoleUpload))
		if err != nil {
			t.Fatalf("add to a good file: %v", err)
		}
		again := tokens.Open(path, clock)
		after, err := again.List()
		if want := fmt.Sprint(append(before, token)); err != nil || fmt.Sprint(after) != want {
			t.Fatalf("after adding %v, %v, want %s", after, err, want)
		}
		got(t, again, secret)
	})
}

// BenchmarkCheck is what a request pays: metadata of the file and a SHA-256.
func BenchmarkCheck(b *testing.B) {
	f, _, _ := open(b)
	_, secret := add(b, f, forAnna(tokens.RoleUpload))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Check(secret); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEachVersionIsLaterThanTheLast: two changes within a tick of the clock, or
// after it was set back, must not leave files that look alike.
func TestEachVersionIsLaterThanTheLast(t *testing.T) {
	f, path, _ := open(t)
	token, _ := add(t, f, forAnna(tokens.RoleUpload))
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, future, future); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Revoke(token.ID); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !after.ModTime().After(before.ModTime()) {
		t.Errorf("changed at %v after %v, %v", after.ModTime(), before.ModTime(), err)
	}
}
