package value

import "slices"

var dictMethods = map[string]*method{
	"clear":      noArgs(func(c *call) (any, error) { c.self.(*Dict).Clear(); return nil, nil }),
	"copy":       noArgs(mDictCopy),
	"fromkeys":   unpack(1, 2, mFromKeys),
	"get":        unpack(1, 2, mDictGet),
	"items":      noArgs(dictView(ViewItems)),
	"keys":       noArgs(dictView(ViewKeys)),
	"pop":        unpack(1, 2, mDictPop),
	"popitem":    noArgs(mDictPopItem),
	"setdefault": unpack(1, 2, mSetDefault),
	"update":     anyArgs(mDictUpdate),
	"values":     noArgs(dictView(ViewValues)),
}

var viewMethods = map[string]*method{
	"isdisjoint": oneArg(func(c *call) (any, error) {
		v := c.self.(*DictView)
		if v.Kind == ViewValues {
			return nil, AttributeErrorf("'dict_values' object has no attribute 'isdisjoint'")
		}
		disjoint := true
		err := Each(c.b, c.args[0], func(item any) (bool, error) {
			in, err := v.Contains(item)
			disjoint = !in
			return disjoint, err
		})
		return disjoint, err
	}),
}

func dictView(kind ViewKind) methodFunc {
	return func(c *call) (any, error) { return &DictView{Dict: c.self.(*Dict), Kind: kind}, nil }
}

func mDictCopy(c *call) (any, error) {
	d := c.self.(*Dict)
	if err := c.b.allocItems(3 * d.Len()); err != nil {
		return nil, err
	}
	return d.Clone(), nil
}

func mFromKeys(c *call) (any, error) {
	out := NewDict(0)
	v := c.or(1, nil)
	err := Each(c.b, c.args[0], func(k any) (bool, error) {
		if err := c.b.allocItems(3); err != nil {
			return false, err
		}
		return true, out.SetChecked(k, v)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func mDictGet(c *call) (any, error) {
	v, ok, err := c.self.(*Dict).Lookup(c.args[0])
	if err != nil {
		return nil, err
	}
	if !ok {
		return c.or(1, nil), nil
	}
	return v, nil
}

func mDictPop(c *call) (any, error) {
	d := c.self.(*Dict)
	if d.Len() > 0 { // CPython does not hash the key for an empty dict
		v, ok, err := d.Lookup(c.args[0])
		if err != nil {
			return nil, err
		}
		if ok {
			d.Delete(c.args[0])
			return v, nil
		}
	}
	if def, ok := c.given(1); ok {
		return def, nil
	}
	return nil, KeyError(c.args[0])
}

func mDictPopItem(c *call) (any, error) {
	k, v, ok := c.self.(*Dict).PopLast()
	if !ok {
		return nil, KeyError("popitem(): dictionary is empty")
	}
	return Tuple{k, v}, nil
}

func mSetDefault(c *call) (any, error) {
	d := c.self.(*Dict)
	v, ok, err := d.Lookup(c.args[0])
	if ok || err != nil {
		return v, err
	}
	if err := c.b.allocItems(3); err != nil {
		return nil, err
	}
	v = c.or(1, nil)
	d.Set(c.args[0], v)
	return v, nil
}

func mDictUpdate(c *call) (any, error) {
	d := c.self.(*Dict)
	if len(c.args) > 1 {
		return nil, TypeErrorf("update expected at most 1 argument, got %d", len(c.args))
	}
	if len(c.args) == 1 {
		if err := UpdateDict(c.b, d, c.args[0]); err != nil {
			return nil, err
		}
	}
	for name, v := range c.kw.All() {
		if err := c.b.allocItems(3); err != nil {
			return nil, err
		}
		d.SetStr(name, v)
	}
	return nil, nil
}

// UpdateDict stores the entries of a dict or of a sequence of pairs in d.
func UpdateDict(b *Budget, d *Dict, from any) error {
	if src, ok := from.(*Dict); ok {
		if err := b.allocItems(3 * src.Len()); err != nil {
			return err
		}
		// Cloned, so that d.update(d) does not chase its own tail.
		for k, v := range src.Clone().All() {
			d.Set(k, v)
		}
		return nil
	}
	i := 0
	return Each(b, from, func(pair any) (bool, error) {
		if !IsIterable(pair) {
			return false, TypeErrorf("cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		kv, err := Elements(b, pair)
		if err != nil {
			return false, err
		}
		if len(kv) != 2 {
			return false, ValueErrorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(kv))
		}
		if err := b.allocItems(3); err != nil {
			return false, err
		}
		i++
		return true, d.SetChecked(kv[0], kv[1])
	})
}

// MakeDict returns dict(*args, **kwargs).
func MakeDict(b *Budget, args []any, kw *Kwargs) (*Dict, error) {
	if len(args) > 1 {
		return nil, TypeErrorf("dict expected at most 1 argument, got %d", len(args))
	}
	d := NewDict(0)
	for _, a := range args {
		if err := UpdateDict(b, d, a); err != nil {
			return nil, err
		}
	}
	for name, v := range kw.All() {
		d.SetStr(name, v)
	}
	return d, nil
}

// readOnlySet are the set methods a frozenset has too.
var readOnlySet = []string{
	"copy", "difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union",
}

func setMethod(s *Set, name string) *method {
	if s.Frozen && !slices.Contains(readOnlySet, name) {
		return nil
	}
	return setMethods[name]
}
