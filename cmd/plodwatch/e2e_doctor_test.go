package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// doctors runs the doctor and returns its findings by check; of several of one
// check the worst.
func (p *person) doctors(exit int, args ...string) map[string]finding {
	p.t.Helper()
	worse := map[verdict]int{soundVerdict: 0, doubtVerdict: 1, brokenVerdict: 2}
	found := map[string]finding{}
	for _, f := range decodeLines[finding](p.t, p.do(exit, append([]string{"doctor", "--json"}, args...)...).stdout) {
		check, _, _ := strings.Cut(f.Check, " ")
		if was, ok := found[check]; !ok || worse[f.Verdict] > worse[was.Verdict] {
			found[check] = f
		}
	}
	return found
}

// wantFinding wants a check to say something, and what is wrong to say what to
// do.
func wantFinding(t *testing.T, found map[string]finding, check string, v verdict, says string) {
	t.Helper()
	f, ok := found[check]
	if !ok || f.Verdict != v || !strings.Contains(f.Says, says) {
		t.Errorf("%s: found %+v, want %s that says %q", check, f, v, says)
	}
}

// wantSound wants no check to say anything but ok, except those named.
func wantSound(t *testing.T, found map[string]finding, except ...string) {
	t.Helper()
	for check, f := range found {
		if f.Verdict == soundVerdict {
			continue
		}
		named := false
		for _, e := range except {
			named = named || e == check
		}
		if !named {
			t.Errorf("%s: %+v", check, f)
		}
	}
}

const anyPort = "127.0.0.1:0"

// TestEndToEndDoctorOnASoundSetUp: nothing is wrong before there are data,
// with data, and while a plodwatch runs.
func TestEndToEndDoctorOnASoundSetUp(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	found := p.doctors(exitOK, "--listen", anyPort)
	wantSound(t, found)
	wantFinding(t, found, "data", soundVerdict, "not there yet")
	if _, err := os.Stat(p.data); err == nil {
		t.Error("the doctor made the data directory")
	}
	p.imports(exitOK, corpus(t)[0].path)
	found = p.doctors(exitOK, "--listen", anyPort)
	wantSound(t, found)
	for _, check := range []string{"engine", "data", "holder", "clickhouse", "nats", "blobs", "disk", "clock", "listen", "tokens", "tables"} {
		wantFinding(t, found, check, soundVerdict, "")
	}
	d := p.up()
	found = p.doctors(exitOK, "--listen", d.address)
	wantSound(t, found)
	wantFinding(t, found, "holder", soundVerdict, "plodwatch up (process ")
	wantFinding(t, found, "listen", soundVerdict, "a running plodwatch listens")
	wantFinding(t, found, "tables", soundVerdict, "")
	text := p.do(exitOK, "doctor", "--listen", anyPort).stdout
	if !strings.Contains(text, "\nok  holder ") {
		t.Errorf("as text:\n%s", text)
	}
}

// TestEndToEndDoctorNamesWhatIsBroken: one fault at a time, each is named.
func TestEndToEndDoctorNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	go func() { _ = http.Serve(taken, http.NotFoundHandler()) }() //nolint:gosec // of a test
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, []byte("not an ELF, nor JSON"))
	empty := t.TempDir()
	for _, c := range []struct {
		name, check, says string
		args, env         []string
	}{
		{"no library", "engine", "does not exist", nil, []string{"PLODWATCH_LIBCHDB=" + file + ".gone"}},
		{"other library", "engine", "cannot be used", nil, []string{"PLODWATCH_LIBCHDB=" + file}},
		{"port taken", "listen", "taken by another program", []string{"--listen", taken.Addr().String()}, nil},
		{"no port", "listen", "need HOST:PORT", []string{"--listen", "8020"}, nil},
		{"open to all", "listen", "refuse to listen", []string{"--listen", "0.0.0.0:0"}, nil},
		{"data under a file", "data", "", []string{"--data", filepath.Join(file, "data")}, nil},
		{"data are a file", "data", "is not a directory", []string{"--data", file}, nil},
		{"no folder", "folder", "does not exist", []string{"--folder", filepath.Join(empty, "gone")}, nil},
		{"folder is a file", "folder", "not a directory", []string{"--folder", file}, nil},
		{"token file", "tokens", "token file", []string{"--tokens", file}, nil},
		{"no NATS", "nats", "cannot be reached", []string{"--nats", "nats://127.0.0.1:1"}, nil},
		{"not NATS", "nats", "cannot be reached", []string{"--nats", "nats://" + taken.Addr().String()}, nil},
		{"no ClickHouse", "clickhouse", "refused", []string{"--clickhouse", "clickhouse://127.0.0.1:1"}, nil},
		{"not ClickHouse", "clickhouse", "404", []string{"--clickhouse", "http://" + taken.Addr().String()}, nil},
		{"no NATS given", "nats", "needs a NATS server", []string{"--part", "gate"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPerson(t)
			p.env = append(p.env, c.env...)
			args := append([]string{"--timeout", "2s"}, c.args...)
			if c.check != "listen" {
				args = append(args, "--listen", anyPort)
			}
			got := p.run(append([]string{"doctor", "--json", "--data", p.data}, args...)...)
			if got.exit != exitUsage {
				t.Errorf("exit %d: %s", got.exit, got.stderr)
			}
			named := false
			for _, f := range decodeLines[finding](t, got.stdout) {
				if check, _, _ := strings.Cut(f.Check, " "); check == c.check {
					named = named || f.Verdict == brokenVerdict && strings.Contains(f.Says, c.says)
				} else if f.Verdict == brokenVerdict {
					t.Errorf("blames %+v", f)
				}
			}
			if !named {
				t.Errorf("%s is not named:\n%s", c.check, got.stdout)
			}
		})
	}
}

// TestEndToEndDoctorOnReadOnlyFolders mounts read-only file systems in a name
// space of its own: root may write whatever the modes say.
func TestEndToEndDoctorOnReadOnlyFolders(t *testing.T) {
	t.Parallel()
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "mount", "-t", "tmpfs", "-o", "ro", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("cannot mount here: %v: %s", err, out)
	}
	p := newPerson(t)
	p.imports(exitOK, corpus(t)[0].path)
	doctor := func(readOnly string, args ...string) string {
		script := `mount -t tmpfs -o ro,mode=0700 none "$0" && exec "$@"`
		cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "sh", "-c", script, readOnly, p.binary, "doctor", "--listen", anyPort, "--data", p.data}, args...)...)
		cmd.Env = p.env
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitUsage {
			t.Errorf("exit %d", code)
		}
		return string(out)
	}
	folder := t.TempDir()
	if said := doctor(folder, "--folder", folder, "--after", "move"); !strings.Contains(said, "fail  folder ") || !strings.Contains(said, "is read-only") {
		t.Errorf("of a folder:\n%s", said)
	}
	if said := doctor(p.data); !strings.Contains(said, "fail  data ") || !strings.Contains(said, "read-only file system") {
		t.Errorf("of the data:\n%s", said)
	}
	if said := doctor(filepath.Join(p.data, "clickhouse")); !strings.Contains(said, "fail  clickhouse ") {
		t.Errorf("of the engine's data:\n%s", said)
	}
}

// TestEndToEndDoctorOnAHolderThatDoesNotAnswer: somebody has the lock and
// serves nobody.
func TestEndToEndDoctorOnAHolderThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	lock, err := lockData(p.data)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	found := p.doctors(exitUsage, "--listen", anyPort)
	wantFinding(t, found, "holder", brokenVerdict, "does not answer")
	wantSound(t, found, "holder")
}

// TestEndToEndDoctorOnServersElsewhere: what a NATS server and a ClickHouse of
// others refuse or lack.
func TestEndToEndDoctorOnServersElsewhere(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a NATS server")
	}
	server, _ := guardedNATS(t)
	click := clickHouse(t)
	p := newPerson(t)
	p.flags = []string{"--nats", server.url(), "--clickhouse", click}
	admin, gate := p.signedAs(roleAdmin), p.signedAs(roleGate)
	quick := []string{"--listen", anyPort, "--timeout", "3s"}

	p.flags = append(p.flags, "--nats-user", roleGate, "--nats-password", "wrong")
	found := p.doctors(exitUsage, quick...)
	wantFinding(t, found, "nats", brokenVerdict, "refuses the sign-in")
	wantFinding(t, found, "tables", brokenVerdict, "not up to date")
	wantSound(t, found, "nats", "tables")

	found = admin.doctors(exitUsage, quick...)
	wantFinding(t, found, "nats", soundVerdict, "answers")
	wantFinding(t, found, "streams", brokenVerdict, "no stream EXPORTS")

	admin.do(exitOK, "migrate")
	wantSound(t, admin.doctors(exitOK, quick...))
	found = gate.doctors(exitOK, append(quick, "--part", "gate")...)
	wantSound(t, found)
	wantFinding(t, found, "permissions", soundVerdict, "gate")
	found = gate.doctors(exitUsage, append(quick, "--part", "ingest")...)
	wantFinding(t, found, "streams", brokenVerdict, "the server refuses")
	wantFinding(t, found, "permissions", brokenVerdict, "Permissions Violation")

	// A row of the future: this machine's clock is behind.
	tell(t, click, "INSERT INTO plodwatch.exports_versions (athlete_id, export_id, analyzed_at, version) SELECT 'me', unhex(repeat('ab', 32)), now() + 7200, 1")
	found = admin.doctors(exitOK, quick...)
	wantFinding(t, found, "clock", doubtVerdict, "in the future")
}

// tell runs a statement over ClickHouse's HTTP.
func tell(t *testing.T, url, statement string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var text [300]byte
		n, _ := resp.Body.Read(text[:])
		t.Fatalf("%s: %s", resp.Status, text[:n])
	}
}
