package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// These tests read what is shipped in deploy/ and hold it against the program:
// no engine of containers is needed.

const deployDir = "../../deploy"

// deployText reads a file of deploy/.
func deployText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// deployFiles returns the names of all files of deploy/ that are no source
// code.
func deployFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(deployDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "inprocess" {
				return fs.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(deployDir, path)
		all = append(all, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// object is a mapping of a YAML file.
type object map[string]any

// at returns what lies at a path of keys, or nil.
func (o object) at(keys ...string) any {
	var v any = map[string]any(o)
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (o object) objects(keys ...string) []object {
	list, _ := o.at(keys...).([]any)
	all := make([]object, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func (o object) object(keys ...string) object {
	m, _ := o.at(keys...).(map[string]any)
	return m
}

func (o object) texts(keys ...string) []string {
	list, _ := o.at(keys...).([]any)
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = fmt.Sprint(v)
	}
	return all
}

func (o object) text(keys ...string) string {
	if v := o.at(keys...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// documents parses a YAML file.
func documents(t *testing.T, name string) []object {
	t.Helper()
	var all []object
	dec := yaml.NewDecoder(strings.NewReader(deployText(t, name)))
	for {
		var o map[string]any
		err := dec.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
}

// programModel is what the program understands.
type programModel struct {
	commands map[string]*kong.Node // by their words
	env      map[string]bool
}

func modelOf(t *testing.T) *programModel {
	t.Helper()
	parser, err := newParser(&cli{}, io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	m := &programModel{commands: map[string]*kong.Node{}, env: map[string]bool{"PLODWATCH_LIBCHDB": true}}
	m.collect(parser.Model.Node, "")
	return m
}

func (m *programModel) collect(n *kong.Node, words string) {
	for _, f := range n.Flags {
		for _, e := range f.Envs {
			m.env[e] = true
		}
	}
	m.commands[words] = n
	for _, c := range n.Children {
		m.collect(c, strings.TrimSpace(words+" "+c.Name))
	}
}

// checkFlags wants every flag of a command line in prose to be one of its
// command.
func (m *programModel) checkFlags(t *testing.T, where, line string) {
	t.Helper()
	command := ""
	for _, w := range strings.Fields(line) {
		next := strings.TrimSpace(command + " " + w)
		if m.commands[next] == nil {
			break
		}
		command = next
	}
	if command == "" {
		return // prose that begins with the name
	}
	known := map[string]bool{"help": true}
	for n := m.commands[command]; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
	}
	for _, f := range regexp.MustCompile(`(?:^|\s)--([a-z][a-z0-9-]*)`).FindAllStringSubmatch(line, -1) {
		if !known[f[1]] {
			t.Errorf("%s: plodwatch %s has no flag --%s", where, command, f[1])
		}
	}
}

// wantParsed parses a whole command line as the program would.
func wantParsed(t *testing.T, where string, args []string) {
	t.Helper()
	exited := false
	var stderr bytes.Buffer
	parser, err := newParser(&cli{}, io.Discard, &stderr, func(int) { exited = true })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil && !exited {
		t.Errorf("%s: plodwatch %s: %v", where, strings.Join(args, " "), err)
	}
}

// TestDeployNamesOnlyWhatThereIs: commands, flags and variables, in comments
// and the README, too.
func TestDeployNamesOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	m := modelOf(t)
	servers := serverVariables(t)
	servers["PLODWATCH_WATCH"] = true // of compose.yaml itself
	commands := regexp.MustCompile("\\bplodwatch ([^`|;]*)")
	variables := regexp.MustCompile(`PLODWATCH_[A-Z]+(?:_[A-Z0-9]+)*`)
	for _, name := range deployFiles(t) {
		for i, line := range strings.Split(deployText(t, name), "\n") {
			where := fmt.Sprintf("%s:%d", name, i+1)
			for _, c := range commands.FindAllStringSubmatch(line, -1) {
				m.checkFlags(t, where, strings.TrimPrefix(c[1], "plodwatch "))
			}
			for _, v := range variables.FindAllString(line, -1) {
				if !m.env[v] && !servers[v] {
					t.Errorf("%s: nothing reads %s", where, v)
				}
			}
		}
	}
}

// serverVariables are what the configurations of the servers take from their
// environment.
func serverVariables(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, v := range regexp.MustCompile(`\$(PLODWATCH_[A-Z_]+)`).FindAllStringSubmatch(deployText(t, "nats/plodwatch.conf"), -1) {
		all[v[1]] = true
	}
	for _, name := range deployFiles(t) {
		for _, v := range regexp.MustCompile(`from_env="(PLODWATCH_[A-Z_]+)"`).FindAllStringSubmatch(deployText(t, name), -1) {
			all[v[1]] = true
		}
	}
	return all
}

// dockerStage is one of the Dockerfile's.
type dockerStage struct {
	user, from string
	cmd        []string
}

// dockerStages reads the Dockerfile.
func dockerStages(t *testing.T) map[string]*dockerStage {
	t.Helper()
	all := map[string]*dockerStage{}
	var now *dockerStage
	text := strings.ReplaceAll(deployText(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "#" {
			continue
		}
		switch f[0] {
		case "FROM":
			now = &dockerStage{from: f[1]}
			if from := all[f[1]]; from != nil {
				now.user = from.user
			}
			all[f[len(f)-1]] = now
		case "USER":
			now.user = f[1]
		case "CMD":
			if err := yaml.Unmarshal([]byte(strings.TrimPrefix(line, "CMD ")), &now.cmd); err != nil {
				t.Fatal(err)
			}
		case "COPY":
			checkCopy(t, f, all)
		}
	}
	return all
}

// checkCopy wants what is copied from the source tree, or from a stage, to be
// there.
func checkCopy(t *testing.T, f []string, known map[string]*dockerStage) {
	t.Helper()
	for _, a := range f[1 : len(f)-1] {
		if from, ok := strings.CutPrefix(a, "--from="); ok {
			if known[from] == nil {
				t.Errorf("Dockerfile copies from %s, which is no stage before", from)
			}
			return
		}
		if strings.HasPrefix(a, "--") {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", "..", a)); err != nil {
			t.Errorf("Dockerfile copies %s: %v", a, err)
		}
	}
}

var nonRoot = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

func TestDeployDockerfile(t *testing.T) {
	t.Parallel()
	all := dockerStages(t)
	for _, image := range []string{"plodwatch", "parts", "nats"} {
		s := all[image]
		if s == nil {
			t.Fatalf("no stage %s among %v", image, slices.Sorted(maps.Keys(all)))
		}
		if !nonRoot.MatchString(s.user) {
			t.Errorf("stage %s runs as user %q", image, s.user)
		}
	}
	for _, image := range []string{"plodwatch", "parts"} {
		wantParsed(t, "Dockerfile, "+image, all[image].cmd)
	}
	text := deployText(t, "Dockerfile")
	for _, want := range []string{
		`CMD ["/usr/local/bin/plodwatch", "healthcheck"]`,
		"ENV PLODWATCH_LIBCHDB=/usr/lib/plodwatch/libchdb.so",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Dockerfile has no %s", want)
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	needs := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))
	if needs == nil || all["build"] == nil || !strings.HasPrefix(all["build"].from, "golang:"+needs[1]) {
		t.Errorf("the module needs Go %v, the image is built otherwise", needs)
	}
}
