package yaql_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

func TestParseGolden(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/parse.golden")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.Lines(string(data)) {
		if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
		}
	}
	for i := 0; i+1 < len(lines); i += 2 {
		if diff := cmp.Diff(lines[i+1], parseText(lines[i], yaql.Grammar{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lines[i], diff)
		}
	}
}

// parseText gives a tree, or the error with the offset it is marked at.
func parseText(src string, g yaql.Grammar) string {
	n, err := yaql.Parse(src, g)
	if err == nil {
		return yaql.Sexpr(n)
	}
	var se *yaql.SyntaxError
	if !errors.As(err, &se) {
		return "! " + err.Error()
	}
	return fmt.Sprintf("! %s @ %d", se.Err.Msg, se.Offset)
}

func TestParseDialects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		g    yaql.Grammar
		want string
	}{
		{"f(1)(2)", yaql.Grammar{}, "! Parse error: unexpected '(' at position 4 of expression 'f(1)(2)' @ 4"},
		{"f(1)(2)", yaql.Grammar{Delegates: true}, `(invoke (call "f" (int 1)) (int 2))`},
		// An invocation binds looser than every operator.
		{"1 + $f (2)", yaql.Grammar{Delegates: true}, `(invoke (binary "+" (int 1) (var "$f")) (int 2))`},
		{"a or b => c -> d", yaql.Grammar{Legacy: true}, `(binary "->" (binary "=>" (binary "or" (kw "a") (kw "b")) (kw "c")) (kw "d"))`},
		{"f(a => 1, 2)", yaql.Grammar{Legacy: true}, `(call "f" (binary "=>" (kw "a") (int 1)) (int 2))`},
	}
	for _, tt := range tests {
		if got := parseText(tt.src, tt.g); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.src, got, tt.want)
		}
	}
}

func TestParseDepth(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"parentheses": strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"open lists":  strings.Repeat("[", 100000),
		"signs":       strings.Repeat("-", 100000) + "1",
		"sum":         "1" + strings.Repeat("+1", 100000),
		"path":        "$" + strings.Repeat(".a", 100000),
		"arrows":      strings.Repeat("1->", 100000) + "1",
		"long list":   "[" + strings.Repeat("1,", 100000) + "1]",
		"calls":       strings.Repeat("f(", 100000) + strings.Repeat(")", 100000),
	} {
		if _, err := yaql.Parse(src, yaql.Grammar{}); !errors.Is(err, value.ErrLimit) {
			t.Errorf("%s: got error %v, want a limit", name, err)
		}
	}
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	if _, err := yaql.Parse(deep, yaql.Grammar{}); err != nil {
		t.Errorf("100 lists: %v", err)
	}
}
