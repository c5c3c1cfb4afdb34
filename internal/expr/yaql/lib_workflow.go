package yaql

import (
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
)

// addWorkflow adds what Orquesta and, if wanted, StackStorm register. Their parameters are
// untyped; a default decides the type, as it does for all functions.
func addWorkflow(l *library, stackstorm bool) {
	l.add("ctx", asFunction, "key: any = null", callCtx)
	l.add("zip", asFunction, "*args: any, **kwargs: any", zipPadded)
	if stackstorm {
		l.add("use_none", asFunction, "value: any", useNone)
		l.add("st2kv", asFunction, "key: any, **kwargs: any", st2kv)
	}
	for _, fn := range stfn.Table() {
		if !stackstorm && !fn.Orquesta() || !fn.Workflow || fn.Variadic || l.byName[fn.Names[0]] != nil {
			continue
		}
		sig := make([]string, len(fn.Params))
		for i, p := range fn.Params {
			sig[i] = camelCase(p.Name) + ": " + paramType(p)
		}
		l.add(strings.Join(fn.Names, " "), asFunction, strings.Join(sig, ", "), callShared(fn))
		for _, name := range fn.Names {
			for i, p := range l.byName[name][0].params {
				p.def, p.hasDefault = fn.Params[i].Default, fn.Params[i].Optional
			}
		}
	}
}

func paramType(p stfn.Param) string {
	switch p.Default.(type) {
	case bool:
		return "bool?"
	case int64:
		return "int?"
	case string:
		return "String?"
	case value.Tuple:
		return "tuple?"
	}
	return "any"
}

// callCtx is ctx(): on the path of nearly every expression, hence without the
// detour.
func callCtx(c *call) (any, error) {
	if name, ok := c.args[0].(string); ok && name != "" && !strings.HasPrefix(name, expr.InternalPrefix) {
		if v, ok := c.ev.env.Lookup(name); ok {
			return v, nil
		}
	}
	key, err := plain(c.ev.budget, c.args[0], 0)
	if err != nil {
		return nil, err
	}
	named, err := truth(key)
	if err != nil {
		return nil, err
	}
	v, err := stfn.Ctx(c.ev.env, key)
	if err != nil {
		return nil, err
	}
	if d, ok := v.(*value.Dict); ok && !named {
		return &dict{d: d}, c.ev.alloc(48 * int64(d.Len()))
	}
	return v, nil
}

// callShared calls a function of the shared table. Values go in in the form
// other packages know; what comes out was made by the expression, unless the
// function looks into the context.
func callShared(fn *stfn.Func) func(c *call) (any, error) {
	prepare := argumentForms[fn.Names[0]]
	return func(c *call) (any, error) {
		args := append([]any(nil), c.args...)
		frozen := len(args) == 0 || !isPlainMade(args[0])
		for i, a := range args {
			var err error
			if i == 0 && prepare != nil {
				a, err = prepare(c.ev, a)
			} else {
				a, err = plain(c.ev.budget, a, 0)
			}
			if err != nil {
				return nil, err
			}
			args[i] = a
		}
		res, err := fn.Call(&stfn.Call{Ctx: c.ev.ctx, Env: c.ev.env, Budget: c.ev.budget, Frozen: frozen}, args)
		if err != nil {
			return nil, err
		}
		switch {
		case fn.Names[0] == "jsonpath_query" && frozen:
			if l, ok := res.(*value.List); ok {
				return &list{l.Items}, nil
			}
		case !fn.Context || fn.Names[0] == "task":
			return thaw(res), nil
		}
		return res, nil
	}
}

// isPlainMade reports a list or dict that is plain in the original.
func isPlainMade(v any) bool {
	switch v := v.(type) {
	case *list:
		return true
	case *dict:
		return !v.frozen
	}
	return false
}

// argumentForms says how some functions see their first argument. Functions
// that decode take its text; functions that encode turn mappings into dicts,
// but not those inside tuples, and Python's encoders refuse what is left.
var argumentForms = map[string]func(ev *evaluation, v any) (any, error){
	"from_json_string": textForm,
	"from_yaml_string": textForm,
	"to_json_string":   func(ev *evaluation, v any) (any, error) { return encodable(ev, v, true, notJSON) },
	"json_escape":      func(ev *evaluation, v any) (any, error) { return encodable(ev, v, false, notJSON) },
	"to_yaml_string":   func(ev *evaluation, v any) (any, error) { return encodable(ev, v, true, notYAML) },
	"json": func(ev *evaluation, v any) (any, error) {
		if _, ok := mapping(v); ok && !isPlainMade(v) {
			return nil, value.TypeErrorf("Given object is not typeof string.")
		}
		return plain(ev.budget, v, 0)
	},
}

func textForm(ev *evaluation, v any) (any, error) { return strOf(ev.budget, v) }

func notJSON(v any) error {
	return value.TypeErrorf("Object of type %s is not JSON serializable", typeName(v))
}

func notYAML(v any) error {
	text, err := reprOf(nil, v)
	if err != nil {
		return err
	}
	return value.Errorf("RepresenterError", "('cannot represent an object', %s)", text)
}

// encodable gives the plain form of v, or the error of the first frozen mapping
// that Python's encoder would meet.
func encodable(ev *evaluation, v any, converted bool, refuse func(any) error) (any, error) {
	if err := findFrozen(ev, v, converted, refuse, 0); err != nil {
		return nil, err
	}
	return plain(ev.budget, v, 0)
}

func findFrozen(ev *evaluation, v any, converted bool, refuse func(any) error, depth int) error {
	if depth > maxNesting {
		return tooNested()
	}
	if err := ev.step(); err != nil {
		return err
	}
	if d, ok := mapping(v); ok {
		if !converted && !isPlainMade(v) {
			return refuse(v)
		}
		for _, x := range d.All() {
			if err := findFrozen(ev, x, converted, refuse, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	items, ok := seqItems(v)
	if !ok {
		return nil
	}
	if _, isTuple := tupleItems(v); isTuple {
		converted = false
	}
	for _, x := range items {
		if err := findFrozen(ev, x, converted, refuse, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// zipPadded is Orquesta's zip(): side by side to the end of the longest. One
// argument is given back as it is; null counts as empty.
func zipPadded(c *call) (any, error) {
	for i, a := range c.rest {
		if a == nil {
			c.rest[i] = &list{}
		}
	}
	if len(c.rest) == 1 {
		return c.rest[0], nil
	}
	pad, _ := c.kw.Get("pad")
	z, err := c.zip(true, pad)
	if err != nil {
		return nil, err
	}
	items, err := c.ev.collect(z)
	return &list{items}, err
}

func useNone(c *call) (any, error) { return stfn.UseNone(c.args[0]), nil }

// st2kv reads the datastore; default and decrypt are by keyword only.
func st2kv(c *call) (any, error) {
	key, err := plain(c.ev.budget, c.args[0], 0)
	if err != nil {
		return nil, err
	}
	def, ok := c.kw.Get("default")
	if !ok {
		def = stfn.Unset
	}
	decrypt, ok := c.kw.Get("decrypt")
	if !ok {
		decrypt = false
	}
	return stfn.St2kv(&stfn.Call{Ctx: c.ev.ctx, Env: c.ev.env, Budget: c.ev.budget, Frozen: true}, key, def, decrypt)
}
