package yaql

import (
	"squall/internal/expr/value"
)

// What an expression sees of its input is frozen: the original turns every
// list into a tuple and every dict into an immutable, hashable mapping before
// it evaluates. Here nothing is converted. A *value.List or *value.Dict is
// always input data and is treated as a tuple and as a frozen dict; lists and
// dicts that an expression makes have the types below, so the two never mix.

// list is a Python list made by a function: mutable there, hence unhashable.
type list struct{ items []any }

// dict is a mapping made by a function. Frozen ones are hashable.
type dict struct {
	d      *value.Dict
	frozen bool
}

type viewKind uint8

const (
	viewKeys viewKind = iota
	viewValues
	viewItems
)

// view is what keys(), values() and items() of a mapping give. Keys and items
// are sets to the type system, values are merely iterable.
type view struct {
	kind viewKind
	of   any // *value.Dict or *dict
}

// noValueType is the mark for an argument that was left out.
type noValueType struct{}

var noValue = &noValueType{}

// mappingRule is an evaluated k => v pair given to a function that takes pairs
// as data.
type mappingRule struct{ key, val any }

// TypeName implements value.Object.
func (*list) TypeName() string { return "list" }

// TypeName implements value.Object.
func (d *dict) TypeName() string {
	if d.frozen {
		return "FrozenDict"
	}
	return "dict"
}

// TypeName implements value.Object.
func (v *view) TypeName() string {
	if d, ok := v.of.(*dict); ok && !d.frozen {
		return [...]string{"dict_keys", "dict_values", "dict_items"}[v.kind]
	}
	return [...]string{"KeysView", "ValuesView", "ItemsView"}[v.kind]
}

// TypeName implements value.Object.
func (*noValueType) TypeName() string { return "MarkerClass" }

// ReprText implements value.Reprer.
func (*noValueType) ReprText() (string, error) { return "<NoValue>", nil }

// TypeName implements value.Object.
func (*mappingRule) TypeName() string { return "MappingRule" }

// ReprText implements value.Reprer.
func (l *list) ReprText() (string, error) { return reprOf(nil, l) }

// ReprText implements value.Reprer.
func (d *dict) ReprText() (string, error) { return reprOf(nil, d) }

// ReprText implements value.Reprer.
func (v *view) ReprText() (string, error) { return reprOf(nil, v) }

// HashCode implements value.Hasher.
func (d *dict) HashCode() (uint64, error) {
	if !d.frozen {
		return 0, unhashable("dict")
	}
	var h uint64
	for k, v := range d.d.All() {
		kv, err := hashKey(nil, v)
		if err != nil {
			return 0, err
		}
		p, err := value.Hash(value.Tuple{k, kv})
		if err != nil {
			return 0, err
		}
		h ^= p
	}
	return h, nil
}

// HashCode implements value.Hasher.
func (*list) HashCode() (uint64, error) { return 0, unhashable("list") }

// EqualTo implements value.Equaler.
func (d *dict) EqualTo(other any) (eq, known bool, err error) {
	eq, err = equal(nil, d, other)
	return eq, true, err
}

// EqualTo implements value.Equaler.
func (l *list) EqualTo(other any) (eq, known bool, err error) {
	eq, err = equal(nil, l, other)
	return eq, true, err
}

func unhashable(class string) error { return value.TypeErrorf("unhashable type: '%s'", class) }

// tupleItems gives the elements of a tuple.
func tupleItems(v any) ([]any, bool) {
	switch v := v.(type) {
	case value.Tuple:
		return v, true
	case *value.List:
		return v.Items, true
	}
	return nil, false
}

// seqItems gives the elements of a tuple or list.
func seqItems(v any) ([]any, bool) {
	if l, ok := v.(*list); ok {
		return l.items, true
	}
	return tupleItems(v)
}

// mapping gives the dict behind a mapping.
func mapping(v any) (*value.Dict, bool) {
	switch v := v.(type) {
	case *value.Dict:
		return v, true
	case *dict:
		return v.d, true
	}
	return nil, false
}

func frozenDict(d *value.Dict) *dict { return &dict{d: d, frozen: true} }

// hashKey returns v in the form it has as a set member or dict key: tuples of
// input data become value tuples and frozen dicts get their hash. What Python
// cannot hash is an error.
func hashKey(b *value.Budget, v any) (any, error) { return hashKeyDepth(b, v, 0) }

func hashKeyDepth(b *value.Budget, v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case *list:
		return nil, unhashable("list")
	case *value.Dict:
		return frozenDict(v), chargeHash(b, v, depth)
	case *dict:
		if !v.frozen {
			return nil, unhashable("dict")
		}
		return v, chargeHash(b, v.d, depth)
	case *view:
		if v.kind == viewValues {
			return v, nil // has no == of its own, so it hashes by identity
		}
		return nil, unhashable(v.TypeName())
	}
	items, ok := tupleItems(v)
	if !ok {
		return v, nil
	}
	if depth > maxNesting {
		return nil, tooNested()
	}
	if err := b.Alloc(16 * int64(len(items))); err != nil {
		return nil, err
	}
	if err := b.Step(int64(len(items))); err != nil {
		return nil, err
	}
	out := make(value.Tuple, len(items))
	for i, x := range items {
		k, err := hashKeyDepth(b, x, depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = k
	}
	return out, nil
}

// chargeHash charges what hashing a dict will cost, and finds out whether all
// in it can be hashed.
func chargeHash(b *value.Budget, d *value.Dict, depth int) error {
	if depth > maxNesting {
		return tooNested()
	}
	if err := b.Step(int64(d.Len())); err != nil {
		return err
	}
	for _, x := range d.All() {
		if _, err := hashKeyDepth(b, x, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// maxNesting bounds recursion over nested values.
const maxNesting = 500

func tooNested() error { return value.RecursionErrorf("maximum recursion depth exceeded") }

// lookup finds a key; an unhashable key is an error as in Python.
func lookup(b *value.Budget, d *value.Dict, key any) (any, bool, error) {
	if s, ok := key.(string); ok {
		v, ok := d.GetStr(s)
		return v, ok, nil
	}
	k, err := hashKey(b, key)
	if err != nil {
		return nil, false, err
	}
	return d.Lookup(k)
}

// put stores a pair; an unhashable key is an error.
func put(b *value.Budget, d *value.Dict, key, val any) error {
	if s, ok := key.(string); ok {
		d.SetStr(s, val)
		return nil
	}
	k, err := hashKey(b, key)
	if err != nil {
		return err
	}
	return d.SetChecked(k, val)
}

// setAdd adds an element; an unhashable one is an error.
func setAdd(b *value.Budget, s *value.Set, v any) error {
	k, err := hashKey(b, v)
	if err != nil {
		return err
	}
	return s.Add(k)
}

func newFrozenSet() *value.Set { return &value.Set{Frozen: true} }

// pairs gives the elements of a view.
func (v *view) elements() []any {
	d, _ := mapping(v.of)
	switch v.kind {
	case viewKeys:
		return d.Keys()
	case viewValues:
		return d.Values()
	}
	out := make([]any, 0, d.Len())
	for k, x := range d.All() {
		out = append(out, value.Tuple{k, x})
	}
	return out
}

func (v *view) len() int {
	d, _ := mapping(v.of)
	return d.Len()
}

// typeName is the Python class as messages show it.
func typeName(v any) string {
	switch v.(type) {
	case *value.List:
		return "tuple"
	case *value.Dict:
		return "FrozenDict"
	}
	return value.TypeName(v)
}
