package jinja

import (
	"maps"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
)

// pythonName is the name of the original's function, for error messages.
var pythonName = map[string]string{
	"ctx": "ctx_", "json": "json_", "zip": "zip_", "item": "item_", "task_status": "task_status_",
	"succeeded": "succeeded_", "failed": "failed_", "completed": "completed_", "result": "result_", "st2kv": "st2kv_",
}

// shared makes a builtin of a function both expression languages have.
func shared(fn *stfn.Func) *builtin {
	name := fn.Names[0]
	if n := pythonName[name]; n != "" {
		name = n
	}
	d := &builtin{}
	d.name = name
	if fn.Variadic {
		d.variadic(true)
		d.fn = func(f *frame, a arglist) (any, error) {
			args := append([]any(nil), a.rest...)
			for _, p := range fn.Params {
				v, ok := a.kw.Get(p.Name)
				if !ok {
					v = p.Default
				}
				args = append(args, v)
			}
			return fn.Call(f.m.sharedCall(), args)
		}
		return d
	}
	for _, p := range fn.Params {
		d.params = append(d.params, p.Name)
		if p.Optional {
			d.defaults = append(d.defaults, p.Default)
		} else {
			d.required++
		}
	}
	d.fn = func(f *frame, a arglist) (any, error) { return fn.Call(f.m.sharedCall(), a.v) }
	if fn.Context {
		// The original binds the context with functools.partial.
		d.hidden = 1
		d.typ = "functools.partial"
		d.context = true
	}
	return d
}

// asFilter is a context function used as a filter: what is piped in takes the
// place of the context.
func asFilter(fn *stfn.Func) *builtin {
	d := shared(fn)
	d.params = append([]string{"context"}, d.params...)
	d.required++
	d.hidden = 0
	d.fn = func(f *frame, a arglist) (any, error) {
		env, err := piped(f.m, fn.Names[0], a.v[0])
		if err != nil {
			return nil, err
		}
		c := *f.m.sharedCall()
		c.Env = env
		return fn.Call(&c, a.v[1:])
	}
	return d
}

// piped reads a value as the context of a workflow function.
func piped(m *machine, fn string, v any) (*expr.Env, error) {
	if fn != "ctx" {
		if yes, err := truth(v); err != nil {
			return nil, err
		} else if !yes && fn != "task_status" {
			return nil, value.Errorf("ExpressionEvaluationException", "The context is not set.")
		} else if !yes {
			return &expr.Env{}, nil
		}
	}
	d, ok := v.(*value.Dict)
	if !ok || fn == "ctx" {
		vars, err := value.GetItem(m.b, v, "__vars")
		if err != nil {
			return nil, err
		}
		inner, ok := vars.(*value.Dict)
		if !ok {
			return nil, value.TypeErrorf("argument of type '%s' is not iterable", value.TypeName(vars))
		}
		d = inner
	}
	return &expr.Env{Vars: expr.DictVars(d)}, nil
}

func (m *machine) sharedCall() *stfn.Call {
	return &stfn.Call{Ctx: m.ctx, Env: m.xenv, Budget: m.b}
}

// templateFilters are the filters of StackStorm's template environment.
func templateFilters() map[string]*builtin {
	out := maps.Clone(builtinFilters)
	for _, fn := range stfn.Table() {
		if fn.Template {
			d := shared(fn)
			d.typ = ""
			out[fn.Names[0]] = d
		}
	}
	out["decrypt_kv"] = define("decrypt_kv", "value", none, decryptFilter)
	return out
}

// workflowFunctions are what orquesta's environment has besides Jinja's own:
// filters and the names every expression sees.
func workflowFunctions(stackstorm bool) (filters, names map[string]*builtin) {
	filters, names = maps.Clone(builtinFilters), make(map[string]*builtin)
	for _, fn := range stfn.Table() {
		if !fn.Workflow || !stackstorm && !fn.Orquesta() {
			continue
		}
		d := shared(fn)
		filter := d
		if fn.Context {
			filter = asFilter(fn)
		}
		for _, name := range fn.Names {
			filters[name], names[name] = filter, d
		}
	}
	return filters, names
}

// kvLookup is an entry of st2kv in templates: attributes and items extend a
// dotted key; the text is the entry's value, empty when there is none.
type kvLookup struct {
	m     *machine
	scope string
	key   string // empty at the root
	text  string
	found bool
}

// JSONValue implements stfn.JSONValuer.
func (k *kvLookup) JSONValue() (any, bool) { return k.text, k.found }

func (k *kvLookup) TypeName() string {
	if k.scope == expr.ScopeUser {
		return "UserKeyValueLookup"
	}
	return "KeyValueLookup"
}

func (k *kvLookup) typePath() string { return "st2common.services.keyvalues." + k.TypeName() }

func (k *kvLookup) StrText() (string, error) {
	if k.key == "" {
		return "", value.KeyError("")
	}
	return k.text, nil
}

func (k *kvLookup) ref(decrypt bool) expr.KeyRef {
	r := expr.KeyRef{Scope: k.scope, Name: k.key, Decrypt: decrypt}
	if k.scope == expr.ScopeUser {
		r.User = k.m.xenv.User
	}
	return r
}

func (k *kvLookup) child(name string) (any, error) {
	c := &kvLookup{m: k.m, scope: k.scope, key: name}
	if k.key != "" {
		c.key = k.key + "." + name
	}
	if err := k.m.b.Alloc(int64(len(c.key)) + 64); err != nil {
		return nil, err
	}
	text, found, err := k.m.xenv.Store.Get(k.m.ctx, c.ref(false))
	if err != nil {
		return nil, err
	}
	if found {
		c.text, c.found = text, true
	}
	return c, nil
}

func (k *kvLookup) Attr(name string) (any, bool, error) {
	v, err := k.child(name)
	return v, err == nil, err
}

func (k *kvLookup) Item(key any) (any, bool, error) {
	name, err := value.Str(k.m.b, key)
	if err != nil {
		return nil, false, err
	}
	return k.Attr(name)
}

// IntValue converts a system entry by its value, as StackStorm does for that scope.
func (k *kvLookup) IntValue() (any, error) {
	if k.scope == expr.ScopeUser {
		return nil, value.TypeErrorf("int() argument must be a string, a bytes-like object or a real number, not '%s'", k.TypeName())
	}
	s, err := k.StrText()
	if err != nil {
		return nil, err
	}
	return value.ToInt(k.m.b, s)
}

func (k *kvLookup) FloatValue() (float64, error) {
	if k.scope == expr.ScopeUser {
		return 0, value.TypeErrorf("float() argument must be a string or a real number, not '%s'", k.TypeName())
	}
	s, err := k.StrText()
	if err != nil {
		return 0, err
	}
	return value.ToFloat(s)
}

// decryptFilter gives the plain text of a secret entry.
func decryptFilter(f *frame, a arglist) (any, error) {
	k, ok := a.v[0].(*kvLookup)
	if !ok {
		return nil, value.ValueErrorf("decrypt_kv takes an entry of st2kv, got %s", value.TypeName(a.v[0]))
	}
	if f.m.xenv.DataBorn() {
		return nil, value.ValueErrorf("expressions that come from data cannot decrypt")
	}
	if k.text == "" {
		return nil, value.ValueErrorf(`Referenced datastore item "st2kv.%s.%s" doesn't exist or it contains an empty string`, k.scope, k.key)
	}
	text, _, err := f.m.xenv.Store.Get(f.m.ctx, k.ref(true))
	return text, err
}

// isKVPrivate: a look-up answers every name, but the sandbox still refuses
// those with an underscore.
func isKVPrivate(v any, name string) bool {
	_, ok := v.(*kvLookup)
	return ok && strings.HasPrefix(name, "_")
}
