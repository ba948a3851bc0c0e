package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestEndToEndManyAtOnce: imports and questions that are started at the same
// time on one data directory all do their work. One of them holds it, the
// others talk to that one, and go on without it when it ends first.
func TestEndToEndManyAtOnce(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	runs := corpus(t)
	p.imports(exitOK, runs[0].path)

	commands := [][]string{}
	for i := range 3 {
		imports := []string{"import", "--json"}
		for k := i; k < len(runs); k += 3 {
			imports = append(imports, runs[k].path)
		}
		commands = append(commands, imports)
	}
	for range 4 {
		commands = append(commands, []string{"query", "--json", sumsQuery}, []string{"sessions", "--json"})
	}
	results := make([]outcome, len(commands))
	var wg sync.WaitGroup
	for i, args := range commands {
		wg.Go(func() { results[i] = p.run(append(args, "--data", p.data)...) })
	}
	wg.Wait()
	taken := 0
	for i, got := range results {
		what := strings.Join(commands[i][:2], " ") + " " + strconv.Itoa(i)
		if got.exit != exitOK {
			t.Errorf("%s: exit %d: %.500s", what, got.exit, got.stderr)
			continue
		}
		if got.stdout == "" {
			t.Errorf("%s printed nothing", what)
		}
		if commands[i][0] != "import" {
			continue
		}
		var res importResult
		if err := json.Unmarshal([]byte(got.stdout), &res); err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Outcomes {
			taken += e.Files
		}
	}
	if taken != len(runs) && !t.Failed() {
		t.Errorf("the imports speak of %d files, want %d", taken, len(runs))
	}
	want := sums{}
	for _, r := range runs {
		want.add(int64(r.Samples), r.HRSum)
	}
	if got := p.sums(); got != want {
		t.Errorf("stored are %+v, generated were %+v", got, want)
	}
}
