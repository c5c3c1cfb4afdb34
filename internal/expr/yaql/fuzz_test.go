package yaql_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// seeds gives expressions to start from: those in testdata, and the recorded
// ones where the conformance corpus is at hand.
func seeds(f *testing.F) []string {
	f.Helper()
	data, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		f.Fatal(err)
	}
	out := strings.Split(strings.TrimSpace(string(data)), "\n")
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = "../../../../shared/conformance"
	}
	files, err := filepath.Glob(filepath.Join(root, "yaql", "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var cases []struct{ Expr any }
		if err := json.Unmarshal(data, &cases); err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			if s, ok := c.Expr.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// FuzzParse: no panic, errors are of the known classes, and offsets lie in the
// text.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, false, false)
	}
	f.Fuzz(func(t *testing.T, src string, delegates, legacy bool) {
		n, err := yaql.Parse(src, yaql.Grammar{Delegates: delegates, Legacy: legacy})
		if err == nil {
			if text := yaql.Sexpr(n); text == "" || strings.Count(text, "(") == 0 && text != "null" && text != "true" && text != "false" {
				t.Errorf("tree %q", text)
			}
			return
		}
		var se *yaql.SyntaxError
		if errors.As(err, &se) {
			if se.Offset < 0 || se.Offset > len(src) || se.Err.Msg == "" {
				t.Errorf("error %q at %d", se.Err.Msg, se.Offset)
			}
			return
		}
		if value.ClassOf(err) == "" {
			t.Errorf("error without class: %v", err)
		}
	})
}

// FuzzEval: no panic, nothing beyond its quota, every error an *expr.Error
// whose place can be marked.
func FuzzEval(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	vars := value.DictOf(
		"$", value.DictOf("l", records(3), "s", "text", "n", int64(3)), "x", records(3), "name", "Bob", "n", int64(5),
		"__current_task", value.DictOf("id", "t", "route", int64(0), "result", value.DictOf("a", value.NewList(int64(1)))),
	)
	engines := []*yaql.Engine{
		yaql.New(yaql.Options{}),
		yaql.New(yaql.Options{Core: true, Delegates: true, LimitIterators: 50, MemoryQuota: 10000}),
		yaql.New(yaql.Options{Core: true, Legacy: true}),
	}
	limits := expr.Limits{Steps: 50_000, Bytes: 8 << 20}
	f.Fuzz(func(t *testing.T, text string) {
		env := &expr.Env{Vars: expr.DictVars(vars)}
		for i, eng := range engines {
			src := text
			if i == 0 && !strings.Contains(text, "<%") {
				src = "<% " + text + " %>"
			}
			var p expr.Program
			var err error
			if i == 0 {
				p, err = eng.Compile(src)
			} else {
				p, err = eng.CompileExpr(src)
			}
			if err == nil {
				// An evaluation that escapes its budget must not just hang.
				watch := time.AfterFunc(10*time.Second, func() { panic("does not end: " + src) })
				_, err = p.Eval(t.Context(), env, limits.Budget(t.Context()))
				watch.Stop()
			}
			if err == nil {
				continue
			}
			var e *expr.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %T: %v", err, err)
			}
			if e.Class == "" || e.Offset > len(src) {
				t.Errorf("class %q, offset %d", e.Class, e.Offset)
			}
			if utf8.ValidString(src) {
				_ = e.Mark()
			}
		}
	})
}
