package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDeployCompose: what the files refer to is there, commands and variables
// are known, and nothing runs as root.
func TestDeployCompose(t *testing.T) {
	for _, name := range []string{"compose.yaml", "compose.scaled.yaml"} {
		t.Run(name, func(t *testing.T) {
			all := documents(t, name)
			if len(all) != 1 {
				t.Fatalf("%d documents", len(all))
			}
			c := composeFile{object: all[0], stages: dockerStages(t), model: modelOf(t), servers: serverVariables(t)}
			services := c.object.object("services")
			if len(services) == 0 {
				t.Fatal("no services")
			}
			for service := range services {
				t.Run(service, func(t *testing.T) { c.check(t, service, services.object(service)) })
			}
		})
	}
}

type composeFile struct {
	object  object
	stages  map[string]*dockerStage
	model   *programModel
	servers map[string]bool
}

func (c *composeFile) check(t *testing.T, name string, s object) {
	if !nonRoot.MatchString(s.text("user")) {
		t.Errorf("runs as user %q", s.text("user"))
	}
	if !slices.Equal(s.texts("cap_drop"), []string{"ALL"}) || !slices.Contains(s.texts("security_opt"), "no-new-privileges:true") {
		t.Error("keeps capabilities, or may get new ones")
	}
	for other, cond := range s.object("depends_on") {
		target := c.object.object("services", other)
		if target == nil {
			t.Errorf("depends on %s, which is not there", other)
		}
		if (object{"x": cond}).text("x", "condition") == "service_healthy" && target.object("healthcheck") == nil {
			t.Errorf("waits for the health of %s, which is not checked", other)
		}
	}
	c.checkVolumes(t, s)
	target := s.text("build", "target")
	if target != "" && c.stages[target] == nil {
		t.Errorf("the Dockerfile has no stage %s", target)
	}
	image := s.text("image")
	own := image == "plodwatch" || image == "plodwatch-parts"
	for v, value := range s.object("environment") {
		if own && !c.model.env[v] {
			t.Errorf("plodwatch does not read %s", v)
		}
		if !own && strings.HasPrefix(v, "PLODWATCH_") && !c.servers[v] {
			t.Errorf("the server does not read %s", v)
		}
		c.checkHosts(t, object{"x": value}.text("x"))
	}
	for _, a := range s.texts("command") {
		c.checkHosts(t, a)
	}
	if own {
		wantParsed(t, name, s.texts("command"))
		checkListens(t, s)
	}
}

// checkListens wants the published port and the checked one to be that which
// is listened on.
func checkListens(t *testing.T, s object) {
	t.Helper()
	args := s.texts("command")
	i := slices.Index(args, "--listen")
	if i < 0 {
		if s.texts("command")[0] != "migrate" {
			t.Error("listens where nobody reaches it")
		}
		return
	}
	_, port, _ := strings.Cut(args[i+1], ":")
	for _, p := range s.texts("ports") {
		if !strings.HasSuffix(p, ":"+port) || !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("publishes %s and listens on %s", p, port)
		}
	}
	checked := "8020" // the image's own check
	if test := s.texts("healthcheck", "test"); len(test) > 1 {
		wantParsed(t, "healthcheck", test[2:])
		_, checked, _ = strings.Cut(test[len(test)-1], ":")
	}
	if checked != port {
		t.Errorf("health is asked at port %s, it listens on %s", checked, port)
	}
}

func (c *composeFile) checkVolumes(t *testing.T, s object) {
	t.Helper()
	named := c.object.object("volumes")
	for _, v := range s.texts("volumes") {
		source, _, _ := strings.Cut(v, ":")
		switch {
		case strings.HasPrefix(source, "$"):
		case strings.HasPrefix(source, "."):
			if _, err := os.Stat(filepath.Join(deployDir, source)); err != nil {
				t.Errorf("mounts %s: %v", source, err)
			}
		default:
			if _, ok := named[source]; !ok {
				t.Errorf("mounts volume %s, which is not declared", source)
			}
		}
	}
}

var hostOfURL = regexp.MustCompile(`(?:nats://|clickhouse://[^@,]*@)([^:,/]+):`)

func (c *composeFile) checkHosts(t *testing.T, text string) {
	t.Helper()
	for _, h := range hostOfURL.FindAllStringSubmatch(text, -1) {
		if h[1] != "0.0.0.0" && c.object.object("services", h[1]) == nil {
			t.Errorf("%s names %s, which is no service", text, h[1])
		}
	}
}

// TestDeployComposeNATS: the shipped configuration with the flags of the
// cluster is sound to the real server.
func TestDeployComposeNATS(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a NATS server")
	}
	binary, err := e2e.nats()
	if err != nil {
		t.Fatal(err)
	}
	c := documents(t, "compose.scaled.yaml")[0]
	names := map[string]bool{}
	for _, service := range []string{"nats1", "nats2", "nats3"} {
		args := c.texts("services", service, "command")
		names[args[len(args)-1]] = true
		out, err := exec.CommandContext(t.Context(), binary, append([]string{"-t", "-c", natsConf}, args...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "is valid") {
			t.Errorf("nats-server -t %v: %v\n%s", args, err, out)
		}
		for v := range serverVariables(t) {
			if strings.HasSuffix(v, "_PASSWORD") && c.text("services", service, "environment", v) == "" {
				t.Errorf("%s does not get %s", service, v)
			}
		}
	}
	if len(names) != 3 {
		t.Errorf("the servers are called %v", names)
	}
}

// TestDeploySystemd: the units are sound to systemd, and have little exposure.
func TestDeploySystemd(t *testing.T) {
	units, err := filepath.Glob(filepath.Join(deployDir, "systemd", "*.service"))
	if err != nil || len(units) != 5 {
		t.Fatalf("%d units: %v", len(units), err)
	}
	m := modelOf(t)
	for _, unit := range units {
		text := deployText(t, filepath.Join("systemd", filepath.Base(unit)))
		lines := regexp.MustCompile(`(?m)^ExecStart(?:Pre)?=/usr/bin/plodwatch (.*)$`).FindAllStringSubmatch(text, -1)
		if len(lines) != 2 {
			t.Errorf("%s starts %d commands", unit, len(lines))
		}
		for _, l := range lines {
			wantParsed(t, unit, strings.Fields(l[1]))
		}
		for _, v := range regexp.MustCompile(`PLODWATCH_[A-Z_]+`).FindAllString(text, -1) {
			if !m.env[v] {
				t.Errorf("%s: nothing reads %s", unit, v)
			}
		}
		if !strings.Contains(text, "\nUser=plodwatch\n") {
			t.Errorf("%s runs as root", unit)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skipf("systemd is not installed: %v", err)
	}
	dir := t.TempDir()
	for _, unit := range units {
		name := strings.Replace(filepath.Base(unit), "@.", "@1.", 1)
		text := strings.ReplaceAll(deployText(t, filepath.Join("systemd", filepath.Base(unit))), "/usr/bin/plodwatch", "/bin/true")
		file := filepath.Join(dir, name)
		writeFile(t, file, []byte(text))
		if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify %s: %v\n%s", name, err, out)
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security %s: %v\n%s", name, err, out)
		}
	}
}
