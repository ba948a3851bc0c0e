package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"plodwatch/schema"
)

// TestEveryFlagHasWords reads the flags from the source, so that a new one is
// not forgotten.
func TestEveryFlagHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "flags.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, seen := 0, map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		value, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || value.Kind != token.STRING {
			return true
		}
		flag := strings.Trim(value.Value, `"`)
		words := schema.FlagText(schema.Flag(flag))
		if words == flag || !strings.Contains(words, " ") {
			t.Errorf("%s: no words", flag)
		}
		if other := seen[words]; other != "" {
			t.Errorf("%s and %s have the same words", flag, other)
		}
		seen[words] = flag
		n++
		return true
	})
	if n < 20 {
		t.Errorf("only %d flags found", n)
	}
	if got := schema.FlagText("new_one"); got != "new_one" {
		t.Errorf("an unknown flag reads %q", got)
	}
}
