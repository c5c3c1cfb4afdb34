package workflow

import "squall/internal/expr/value"

// An effect is what a list of contexts does to one variable. Contexts are
// merged deeply: two dicts merge key by key, else the right side wins. So the
// effect of one context is its value, and the effect of several is
//
//   - a plain value: merged into what was there before;
//   - *fixed: what was there before does not matter, though the value is a
//     dict (it followed something that was none);
//   - *partial: a dict of effects, merged key by key.
//
// Effects compose, and composing is associative where merging values is not:
// {a: 1} merged with 5 and then with {b: 2} is {b: 2}, but 5 merged with
// {b: 2} is {b: 2} too and would then merge with {a: 1}. That is why a list of
// contexts can be summed up once and appended to any other list.
type (
	fixed   struct{ val any }
	partial struct{ keys *value.Dict }
)

// compose is the effect of a, then b.
func composeEffects(a, b any) any {
	bKeys, merges := mergeKeys(b)
	if !merges {
		return b
	}
	if f, ok := a.(*fixed); ok {
		return &fixed{applyEffect(f.val, b)}
	}
	aKeys, merges := mergeKeys(a)
	if !merges {
		return &fixed{applyEffect(a, b)}
	}
	out, plain := aKeys.Clone(), true
	for k, e := range bKeys.All() {
		if old, ok := out.Get(k); ok {
			e = composeEffects(old, e)
		}
		out.Set(k, e)
	}
	for _, e := range out.All() {
		switch e.(type) {
		case *fixed, *partial:
			plain = false
		}
	}
	if plain {
		return out
	}
	return &partial{out}
}

// mergeKeys gives the keys of an effect that merges; false for one that replaces.
func mergeKeys(e any) (*value.Dict, bool) {
	switch x := e.(type) {
	case *value.Dict:
		return x, true
	case *partial:
		return x.keys, true
	}
	return nil, false
}

// applyEffect gives the value after an effect on base.
func applyEffect(base, e any) any {
	if f, ok := e.(*fixed); ok {
		return f.val
	}
	keys, merges := mergeKeys(e)
	if !merges {
		return e
	}
	into, ok := base.(*value.Dict)
	if !ok {
		if d, plain := e.(*value.Dict); plain {
			return d
		}
		into = value.NewDict(keys.Len())
	}
	out := into.Clone()
	for k, x := range keys.All() {
		old, _ := out.Get(k)
		out.Set(k, applyEffect(old, x))
	}
	return out
}

// mergeDicts is the deep merge of two dicts; neither is changed.
func mergeDicts(a, b *value.Dict) *value.Dict {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return applyEffect(a, b).(*value.Dict)
}
