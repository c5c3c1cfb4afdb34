package stfn

import (
	"context"
	"fmt"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// KeyValueLookup is what templates see as st2kv.system and st2kv.user: every
// attribute or item makes the key longer by a dot and a name, and only when it
// is printed or converted does it read the datastore. A key that does not
// exist prints as nothing.
type KeyValueLookup struct {
	ctx   context.Context
	env   *expr.Env
	scope string
	key   string
}

// Lookups gives the dict {"system": ..., "user": ...} that templates know as
// st2kv. ctx must outlive the evaluation.
func Lookups(ctx context.Context, env *expr.Env) *value.Dict {
	d := value.NewDict(2)
	d.SetStr(expr.ScopeSystem, &KeyValueLookup{ctx: ctx, env: env, scope: expr.ScopeSystem})
	d.SetStr(expr.ScopeUser, &KeyValueLookup{ctx: ctx, env: env, scope: expr.ScopeUser})
	return d
}

// Interface guards
var (
	_ value.Object  = (*KeyValueLookup)(nil)
	_ value.Attrer  = (*KeyValueLookup)(nil)
	_ value.Itemer  = (*KeyValueLookup)(nil)
	_ value.Strer   = (*KeyValueLookup)(nil)
	_ value.Inter   = (*systemLookup)(nil)
	_ value.Floater = (*systemLookup)(nil)
)

// TypeName implements value.Object.
func (l *KeyValueLookup) TypeName() string {
	if l.scope == expr.ScopeUser {
		return "UserKeyValueLookup"
	}
	return "KeyValueLookup"
}

func (l *KeyValueLookup) longer(name string) any {
	c := *l
	if c.key != "" {
		name = c.key + "." + name
	}
	c.key = name
	if c.scope == expr.ScopeSystem {
		return &systemLookup{c}
	}
	return &c
}

// Attr implements value.Attrer.
func (l *KeyValueLookup) Attr(name string) (any, bool, error) { return l.longer(name), true, nil }

// Item implements value.Itemer.
func (l *KeyValueLookup) Item(key any) (any, bool, error) {
	name, err := value.Str(nil, key)
	if err != nil {
		return nil, false, err
	}
	return l.longer(name), true, nil
}

// StrText implements value.Strer: the value of the key, "" when there is none.
func (l *KeyValueLookup) StrText() (string, error) {
	if l.env.DataBorn() {
		return "", evalError("The datastore is not available to expressions that come from data.")
	}
	if l.key == "" || l.env == nil || l.env.Store == nil {
		return "", nil
	}
	ref := expr.KeyRef{Scope: l.scope, Name: l.key}
	if l.scope == expr.ScopeUser {
		ref.User = l.env.User
	}
	text, found, err := l.env.Store.Get(l.ctx, ref)
	if err != nil {
		return "", fmt.Errorf("read datastore: %w", err)
	}
	if !found {
		return "", nil
	}
	return text, nil
}

// systemLookup is a key of the system scope: it alone converts to numbers.
type systemLookup struct{ KeyValueLookup }

// FloatValue implements value.Floater.
func (l *systemLookup) FloatValue() (float64, error) {
	text, err := l.StrText()
	if err != nil {
		return 0, err
	}
	return value.ParseFloat(text)
}

// IntValue implements value.Inter.
func (l *systemLookup) IntValue() (any, error) {
	f, err := l.FloatValue()
	if err != nil {
		return nil, err
	}
	return value.ToInt(nil, f)
}
