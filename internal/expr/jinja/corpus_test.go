package jinja_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/conformance"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
)

// corpusRoot is the directory of recorded cases, or "" when there is none.
func corpusRoot() string {
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(filepath.Join(root, "jinja")); err != nil {
		return ""
	}
	return root
}

// modes are the modes this package answers alone; parameters, casts and the
// like belong to other packages.
func modes(lang *jinja.Language, set *expr.Set) map[string]conformance.Runner {
	flag := func(c *conformance.Case, name string, def bool) bool {
		b, ok := c.Option(name).(bool)
		if !ok {
			return def
		}
		return b
	}
	return map[string]conformance.Runner{
		"render": func(ctx context.Context, c *conformance.Case) (any, error) {
			o := expr.TemplateOptions{
				AllowUndefined: flag(c, "allow_undefined", false),
				NoTrimBlocks:   !flag(c, "trim_blocks", true),
				NoLstripBlocks: !flag(c, "lstrip_blocks", true),
			}
			if d, ok := c.Option("templates").(*value.Dict); ok {
				o.Templates = make(map[string]string)
				for k, v := range d.All() {
					o.Templates[k.(string)] = v.(string)
				}
			}
			env := caseEnv(c)
			if !flag(c, "st2kv", false) {
				env.Store = nil
			}
			t, err := lang.CompileTemplate(c.Input.(string), o)
			if err != nil {
				return nil, err
			}
			return t.Eval(ctx, env, set.Limits().Budget(ctx))
		},
		"orquesta": func(ctx context.Context, c *conformance.Case) (any, error) {
			return set.Eval(ctx, c.Input, caseEnv(c))
		},
		"orquesta_statement": func(ctx context.Context, c *conformance.Case) (any, error) {
			return set.Eval(ctx, c.Input, caseEnv(c))
		},
		"orquesta_validate": func(_ context.Context, c *conformance.Case) (any, error) {
			out := value.NewList()
			for _, p := range set.Validate(c.Input) {
				d := value.NewDict(3)
				d.SetStr("type", nil)
				if p.Type != "" {
					d.SetStr("type", p.Type)
				}
				d.SetStr("expression", p.Expression)
				d.SetStr("message", p.Message)
				out.Items = append(out.Items, d)
			}
			return out, nil
		},
		"orquesta_extract_vars": func(_ context.Context, c *conformance.Case) (any, error) {
			out := value.NewList()
			for _, r := range set.ExtractVars(c.Input) {
				out.Items = append(out.Items, value.NewList(r.Type, r.Statement, r.Name))
			}
			return out, nil
		},
	}
}

type kvStore []any

func (s kvStore) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	text := func(d *value.Dict, k string) string {
		v, _ := d.GetStr(k)
		t, _ := v.(string)
		return t
	}
	for _, item := range s {
		d := item.(*value.Dict)
		if text(d, "scope") == key.Scope && text(d, "key") == key.Name && (key.Scope != expr.ScopeUser || text(d, "user") == key.User) {
			return text(d, "value"), true, nil
		}
	}
	return "", false, nil
}

func caseEnv(c *conformance.Case) *expr.Env {
	e := &expr.Env{Vars: expr.DictVars(c.Context)}
	if kv, ok := c.Option("kv").(*value.List); ok {
		e.Store = kvStore(kv.Items)
	}
	e.User, _ = c.Option("user").(string)
	return e
}

// TestCorpus runs the recorded cases of the modes this package owns.
func TestCorpus(t *testing.T) {
	root := corpusRoot()
	if root == "" {
		t.Skip("no corpus; set SQUALL_CONFORMANCE")
	}
	lang := jinja.New()
	set := expr.NewSet(expr.Limits{}, lang)
	rep, err := conformance.Run(t.Context(), conformance.Config{Root: root,
		Suites: []conformance.Suite{{Name: "jinja", Input: []string{"template"}, Modes: modes(lang, set)}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range rep.Outcomes {
		if !o.Failed() || strings.HasPrefix(o.Why, "no runner for mode") {
			continue
		}
		t.Error(o.Describe())
	}
}
