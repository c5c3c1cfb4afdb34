package yaql_test

import (
	"fmt"
	"sync"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// host is an object that expressions may look into.
type host struct{ name string }

func (host) TypeName() string { return "Host" }

func (h host) YaqlAttr(name string) (any, error) {
	if name == "name" {
		return h.name, nil
	}
	return nil, value.AttributeErrorf("'Host' object has no attribute '%s'", name)
}

func (h host) YaqlCall(name string, args []any, kwargs *value.Kwargs) (any, error) {
	return fmt.Sprint(h.name, " ", name, args, kwargs.Dict().Len()), nil
}

func (h host) YaqlItem(key any) (any, error) { return fmt.Sprint(h.name, "/", key), nil }

var _ yaql.Yaqlized = host{}

func TestYaqlized(t *testing.T) {
	t.Parallel()
	eng := yaql.New(yaql.Options{Core: true})
	env := &expr.Env{Vars: expr.DictVars(value.DictOf("$", value.NewList(host{"web"})))}
	for src, want := range map[string]string{
		"$[0].name":               "web",
		"$.first().name.len()":    "3",
		"$[0].run(1 + 1, k => 2)": "web run[2] 1",
		"$[0]['x']":               "web/x",
		"$.name":                  "",
		"$[0]._secret":            "AttributeError: Cannot access _secret",
		"$[0]._secret()":          "AttributeError: Cannot access _secret",
		"$[0]['_x']":              "KeyError: Cannot access _x",
		"$[0].nope":               "AttributeError: 'Host' object has no attribute 'nope'",
	} {
		p, err := eng.CompileExpr(src)
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Eval(t.Context(), env, nil)
		got := fmt.Sprint(v)
		if err != nil {
			got = value.ClassOf(err) + ": " + err.Error()
		}
		if l, ok := v.(*value.List); ok { // of a collection: the attribute of each
			if len(l.Items) != 1 || l.Items[0] != "web" {
				t.Errorf("%s: got %v", src, l.Items)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}

// A program may run many times at once, and no run sees another's variables.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	p, err := yaql.New(yaql.Options{}).Compile("<% ctx(x).where($.a > 1 and $.a < ctx(n)).select($.a * ctx(n)).sum(0) %>")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range int64(8) {
		wg.Go(func() {
			var want int64
			for i := range int64(200) {
				if a := i % 7; a > 1 && a < n {
					want += a * n
				}
			}
			env := &expr.Env{Vars: expr.DictVars(value.DictOf("x", records(200), "n", n))}
			for range 20 {
				got, err := p.Eval(t.Context(), env, expr.Limits{}.Budget(t.Context()))
				if err != nil || got != want {
					t.Errorf("n = %d: got %v, %v, want %d", n, got, err, want)
				}
			}
		})
	}
	wg.Wait()
}
