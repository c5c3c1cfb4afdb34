package rule

import (
	"context"
	"errors"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// templateEnv is what a pattern sees: the payload under its name and the
// system scope of the datastore, under st2kv.system and under system. A pattern
// that came out of data sees the payload only.
func (m *matching) templateEnv(sc *scope) *expr.Env {
	vars := value.NewDict(2)
	vars.SetStr(sc.name, sc.payload)
	if sc.data {
		return (&expr.Env{Vars: expr.DictVars(vars)}).ForData()
	}
	vars.SetStr(expr.ScopeSystem, &entry{m: m})
	env := &expr.Env{Vars: expr.DictVars(vars)}
	if m.env.Store != nil {
		env.Store = systemOnly{m.env.Store}
	}
	return env
}

// systemOnly hides the scope of users, which rules do not have (st2).
type systemOnly struct{ store expr.Datastore }

// Get implements expr.Datastore.
func (s systemOnly) Get(ctx context.Context, key expr.KeyRef) (string, bool, error) {
	if key.Scope != expr.ScopeSystem {
		return "", false, value.Errorf("UndefinedError", "'dict object' has no attribute '%s'", key.Scope)
	}
	return s.store.Get(ctx, key)
}

// entry is the name "system": attributes and items extend a dotted key. As a
// value it is the entry's text, null when there is no such entry. StackStorm has
// an object here that equals nothing and on which contains never ends.
type entry struct {
	m     *matching
	key   string // "" at the root
	text  string
	found bool
}

// TypeName implements value.Object.
func (e *entry) TypeName() string { return "KeyValueLookup" }

// StrText implements value.Strer.
func (e *entry) StrText() (string, error) {
	if e.key == "" {
		return "", value.KeyError("")
	}
	return e.text, nil
}

// JSONValue gives to_complex the entry's text.
func (e *entry) JSONValue() (any, bool) { return e.text, e.found }

// Attr implements value.Attrer.
func (e *entry) Attr(name string) (any, bool, error) {
	child := &entry{m: e.m, key: name}
	if e.key != "" {
		child.key = e.key + "." + name
	}
	if err := e.m.b.Alloc(int64(len(child.key)) + 64); err != nil {
		return nil, false, err
	}
	if store := e.m.env.Store; store != nil {
		var err error
		if child.text, child.found, err = store.Get(e.m.ctx, expr.KeyRef{Scope: expr.ScopeSystem, Name: child.key}); err != nil {
			return nil, false, err
		}
	}
	return child, true, nil
}

// Item implements value.Itemer.
func (e *entry) Item(key any) (any, bool, error) {
	name, err := value.Str(e.m.b, key)
	if err != nil {
		return nil, false, err
	}
	return e.Attr(name)
}

// IntValue implements value.Inter.
func (e *entry) IntValue() (any, error) { return value.ToInt(e.m.b, e.text) }

// FloatValue implements value.Floater.
func (e *entry) FloatValue() (float64, error) { return value.ToFloat(e.text) }

// native is the value that a key found: an entry counts as its text.
func native(v any) any {
	e, ok := v.(*entry)
	switch {
	case !ok:
		return v
	case e.found:
		return e.text
	}
	return nil
}

// classified looks through the error of a template for the one below, which
// carries Python's class.
func classified(err error) error {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		return &value.Error{Class: e.Class, Msg: e.Message, Err: e}
	}
	return err
}
