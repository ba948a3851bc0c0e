package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// mayImport lists, for each room, the rooms of ours that it may import. A room
// that is missing here fails the test, so that a new one is placed on purpose.
var mayImport = map[string][]string{
	"schema":                  {},
	"schema/wire":             {"schema", "schema/wire/internal/pb"},
	"schema/wire/internal/pb": {},
	"schema/streams":          {"schema"},
	"schema/tables":           {"schema"},
	"ingest/fitfile":          {"schema"},
	"ingest/xmltrack":         {"schema"},
	"ingest/gpxfile":          {"schema", "ingest/xmltrack"},
	"ingest/tcxfile":          {"schema", "ingest/xmltrack"},
	"analyze/intensity":       {"schema"},
	"ingest":                  {"schema"},
	"ingest/blobs":            {"schema", "ingest"},
	"ingest/blobs/blobstest":  {"schema", "ingest", "ingest/blobs"},
	"ingest/blobs/bucket":     {"schema", "schema/streams", "ingest", "ingest/blobs"},
	"ingest/jobs":             {"schema", "schema/wire", "schema/streams", "ingest"},
	"ingest/folder":           {"schema", "ingest"},
	"ingest/inbox":            {"schema", "schema/streams", "ingest"},
	"ingest/pull":             {"schema", "schema/streams", "ingest"},
	"ingest/upload":           {"schema", "ingest", "ingest/tokens"},
	"ingest/tokens":           {"schema"},
	"analyze/periods":         {"schema", "analyze/intensity"},
	"analyze/duplicates":      {"schema"},
	"analyze":                 {"schema", "analyze/duplicates", "analyze/intensity"},
	"analyze/place":           {},
	"analyze/report":          {"schema", "analyze", "analyze/intensity", "analyze/store"},
	"analyze/signs":           {"schema"},
	"analyze/sqldoor":         {},
	"analyze/store":           {"schema", "schema/tables", "analyze", "analyze/diary", "analyze/duplicates", "analyze/intensity", "analyze/periods", "analyze/signs"},
	"analyze/store/storetest": {"schema", "schema/tables", "analyze", "analyze/diary", "analyze/duplicates", "analyze/intensity", "analyze/signs", "analyze/store"},
	"analyze/announce":        {"schema", "schema/streams", "analyze"},
	"analyze/diary":           {"schema"},
	"analyze/web":             {"schema", "schema/streams", "schema/wire", "analyze", "analyze/intensity", "analyze/periods", "analyze/report", "analyze/store"},
	"analyze/feed":            {"schema", "schema/wire", "schema/streams", "analyze"},
	"schema/reconcile":        {"schema"},
	"deploy/inprocess/chdb":   {},
	"deploy/inprocess/natsd":  {},
	"testdata/gen":            {"testdata/gen/activity"},
	"testdata/gen/activity":   {},
}

// homes names the one room of each library that decides an outcome.
var homes = map[string][]string{
	"github.com/tormoder/fit":                {"ingest/fitfile", "testdata/gen/activity"},
	"github.com/tkrajina/gpxgo":              {"ingest/gpxfile"},
	"github.com/nats-io/nats-server/v2":      {"deploy/inprocess/natsd"},
	"github.com/ebitengine/purego":           {"deploy/inprocess/chdb"},
	"github.com/ClickHouse/clickhouse-go/v2": {"analyze/store", "schema/tables"},
	"github.com/fsnotify/fsnotify":           {"ingest/folder"},
	"github.com/ringsaturn/tzf":              {"analyze/place"},
	"github.com/ringsaturn/tzf-dist":         {"analyze/place"},
	"github.com/alecthomas/kong":             {"cmd/plodwatch"},
	"github.com/schollz/progressbar/v3":      {"cmd/plodwatch"},
	"go.yaml.in/yaml/v3":                     {"cmd/plodwatch"},
	"github.com/getkin/kin-openapi":          {}, // tests of ingest/upload only
	"github.com/yuin/goldmark":               {"analyze/web"},
	"k8s.io/api":                             {}, // tests of deploy/kubernetes only
	"sigs.k8s.io/kustomize":                  {}, // tests of deploy/kubernetes only
	"mvdan.cc/sh/v3":                         {}, // tests of cmd/plodwatch only
	"github.com/creack/pty":                  {}, // tests of cmd/plodwatch only
	"github.com/chromedp/chromedp":           {}, // tests of cmd/plodwatch only
	"github.com/chromedp/cdproto":            {}, // tests of cmd/plodwatch only
}

// TestImportsPointOneWay reads the imports of every package of the module.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "plodwatch"), "/")
		allowed, known := mayImport[room]
		if !known && !strings.HasPrefix(room, "cmd/") {
			t.Errorf("%s: not a room this test knows; give it a place in mayImport", room)
			continue
		}
		for _, imp := range p.Imports {
			checkOwn(t, room, imp, allowed)
			checkHome(t, room, imp)
		}
		for _, imp := range append(p.TestImports, p.XTestImports...) {
			checkSides(t, room, imp)
		}
	}
}

func checkOwn(t *testing.T, room, imp string, allowed []string) {
	t.Helper()
	target, ours := strings.CutPrefix(imp, "plodwatch/")
	if !ours || strings.HasPrefix(room, "cmd/") {
		return
	}
	for _, a := range allowed {
		if a == target {
			return
		}
	}
	t.Errorf("%s must not import %s", room, imp)
}

func checkHome(t *testing.T, room, imp string) {
	t.Helper()
	for lib, rooms := range homes {
		if imp != lib && !strings.HasPrefix(imp, lib+"/") {
			continue
		}
		for _, r := range rooms {
			if r == room {
				return
			}
		}
		t.Errorf("%s must not import %s: its home is %s", room, imp, strings.Join(rooms, ", "))
	}
}

// checkSides holds for tests too: ingest and analyze never meet.
func checkSides(t *testing.T, room, imp string) {
	t.Helper()
	side := strings.SplitN(room, "/", 2)[0]
	other := map[string]string{"ingest": "analyze", "analyze": "ingest"}[side]
	if other != "" && (imp == "plodwatch/"+other || strings.HasPrefix(imp, "plodwatch/"+other+"/")) {
		t.Errorf("tests of %s must not import %s", room, imp)
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = path.Join("..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v\n%s", err, &stderr)
	}
	var packages []goPackage
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read package list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages listed", len(packages))
	}
	return packages
}

// TestTopLevel: what may lie at the top of the repository is settled.
func TestTopLevel(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--", ".")
	cmd.Dir = path.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	allowed := []string{
		"cmd", "ingest", "analyze", "schema", "deploy", "testdata", "go.mod", "go.sum", "README.md",
		"Makefile", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
	}
	for line := range strings.Lines(string(out)) {
		top, _, _ := strings.Cut(strings.TrimSpace(line), "/")
		if !strings.HasPrefix(top, ".") && !slices.Contains(allowed, top) {
			t.Errorf("%s lies at the top level", top)
		}
	}
}
