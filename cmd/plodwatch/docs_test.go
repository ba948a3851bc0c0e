package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// docPages are the Markdown files of the documentation, by their paths below
// its folder.
func docPages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(docsDir(), "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range append(files, filepath.Join(docsDir(), "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(docsDir(), file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = string(text)
	}
	if len(all) < 25 {
		t.Fatalf("only %d documents", len(all))
	}
	return all
}

// fenced returns the blocks of a language in a document.
func fenced(text, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestDocsCommandsParse: every call of plodwatch in a block of shell commands is
// read by the parser.
func TestDocsCommandsParse(t *testing.T) {
	settleEnvironment(t)
	calls := 0
	for name, text := range docPages(t) {
		for _, block := range fenced(text, "sh") {
			for _, args := range shellCalls(t, block) {
				calls++
				wantParsed(t, name, commandsOfDocs(args))
			}
		}
	}
	if calls < 100 {
		t.Errorf("only %d calls of plodwatch found", calls)
	}
}

// commandsOfDocs gives what a shell would have read: a settings file that is
// named in the documents is not there.
func commandsOfDocs(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--config" {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return commentsAreNoFlags(out)
}

// TestDocsFlagsExist: commands in other blocks and in the text name only what
// there is.
func TestDocsFlagsExist(t *testing.T) {
	m := modelOf(t)
	for name, text := range docPages(t) {
		if strings.HasPrefix(name, "reference/") {
			continue
		}
		for _, c := range regexp.MustCompile("\\bplodwatch ([^`|;\n]*)").FindAllStringSubmatch(text, -1) {
			m.checkFlags(t, name, c[1])
		}
	}
}

// TestDocsQueriesRun: every block of SQL runs on real data.
func TestDocsQueriesRun(t *testing.T) {
	p := newPerson(t)
	p.imports(exitOK, activities())
	queries := 0
	for name, text := range docPages(t) {
		for _, block := range fenced(text, "sql") {
			for query := range strings.SplitSeq(block, ";\n") {
				if query = strings.TrimSpace(query); query != "" {
					queries++
					if got := p.run("query", query, "--data", p.data); got.exit != exitOK {
						t.Errorf("%s: %s\n%s", name, query, got.stderr)
					}
				}
			}
		}
	}
	if queries < 4 {
		t.Errorf("only %d queries found", queries)
	}
}

// TestTutorialIsTrue: the files of the first steps give the answers that stand
// there.
func TestTutorialIsTrue(t *testing.T) {
	p := newPerson(t)
	watched := t.TempDir()
	d := p.up("--folder", watched)
	text, err := os.ReadFile(filepath.Join(activities(), "intervals.fit"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(watched, "intervals.fit"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); !strings.Contains(p.quiet().do(exitOK, "sessions").stdout, "ddbbdd3e"); {
		if time.Since(begun) > patience {
			t.Fatal("the session of the tutorial does not come")
		}
	}
	row := strings.Fields(lastLine(p.do(exitOK, "sessions").stdout))
	steps := docPages(t)["tutorial/first-steps.md"]
	at := strings.Index(steps, "\nddbbdd3e")
	if at < 0 {
		t.Fatal("the tutorial shows no session ddbbdd3e")
	}
	shown := strings.Fields(strings.SplitN(steps[at+1:], "\n", 2)[0])
	for _, column := range []int{0, 1, 2, 3, 4, 5, 6} { // the max HR is that of all files of the demo
		if row[column] != shown[column] {
			t.Errorf("the tutorial shows %q, the program says %q", shown, row)
		}
	}
	d.stop(os.Interrupt)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
