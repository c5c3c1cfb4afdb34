package expr_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// corpusTexts gives the expressions of the recorded corpus as seeds, when it
// is there: SQUALL_CONFORMANCE or ../shared/conformance beside the repository.
func corpusTexts(suite, key string) []string {
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	files, _ := filepath.Glob(filepath.Join(root, suite, "*.json"))
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var cases []map[string]any
		if json.Unmarshal(data, &cases) != nil {
			continue
		}
		for i, c := range cases {
			// Every third is plenty: the fuzzer runs all seeds first.
			if text, ok := c[key].(string); ok && i%3 == 0 {
				out = append(out, text)
			}
		}
	}
	return out
}

func fuzzEval(t *testing.T, set *expr.Set, text string) {
	env := vars("n", int64(7), "name", "Bob", "l", value.NewList(int64(3), int64(1), "x"), "m", value.DictOf("a", int64(1), "b", value.NewDict(0)))
	start := time.Now()
	v, err := set.Eval(t.Context(), text, env)
	if err == nil {
		_, _ = value.Str(value.NewBudget(t.Context(), 100_000, 8<<20, 0), v)
	}
	set.Validate(text)
	set.ExtractVars(text)
	if d := time.Since(start); d > 20*time.Second {
		t.Fatalf("took %s", d)
	}
}

func FuzzYAQL(f *testing.F) {
	for _, text := range append(corpusTexts("yaql", "expr"), "ctx().n + 1", "$.where($ > 1)", "{a => [1, 2]}") {
		f.Add(text)
	}
	set := newSet(expr.Limits{Steps: 200_000, Bytes: 16 << 20})
	f.Fuzz(func(t *testing.T, text string) {
		if !set.HasExpr(text) {
			text = "<% " + text + " %>"
		}
		fuzzEval(t, set, text)
	})
}

func FuzzJinja(f *testing.F) {
	for _, text := range append(corpusTexts("jinja", "template"), "{{ ctx().n }}", "{% for x in l %}{{ x }}{% endfor %}") {
		f.Add(text)
	}
	set := newSet(expr.Limits{Steps: 200_000, Bytes: 16 << 20})
	f.Fuzz(func(t *testing.T, text string) {
		fuzzEval(t, set, text)
		_, _ = set.Render(t.Context(), text, vars("n", int64(7), "l", value.NewList(int64(1), int64(2))))
	})
}
