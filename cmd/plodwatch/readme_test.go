package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// constantsOf returns the string constants of a type in package schema.
func constantsOf(t *testing.T, typeName, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "schema", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok {
					if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
						values = append(values, s)
					}
				}
			}
		}
		return true
	})
	if len(values) < 4 {
		t.Fatalf("only %d constants of %s found", len(values), typeName)
	}
	return values
}

// TestReadmeNamesEveryOutcomeAndReason: the README explains the closed sets.
func TestReadmeNamesEveryOutcomeAndReason(t *testing.T) {
	t.Parallel()
	text := readme(t)
	for _, typeName := range []string{"Outcome", "Reason"} {
		for _, v := range constantsOf(t, typeName, "outcome.go") {
			if !strings.Contains(text, "| `"+v+"` |") {
				t.Errorf("%s %q has no line in the README", typeName, v)
			}
		}
	}
}

// TestReadmeQueriesRun: every query of the README runs on real data.
func TestReadmeQueriesRun(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.imports(exitOK, activities())
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	queries := 0
	for _, block := range blocks {
		for query := range strings.SplitSeq(block[1], ";\n") {
			if query = strings.TrimSpace(query); query != "" {
				queries++
				p.do(exitOK, "query", query)
			}
		}
	}
	if queries < 12 {
		t.Errorf("only %d queries in the README", queries)
	}
}
