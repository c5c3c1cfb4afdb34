package jsonpath

import (
	"squall/internal/expr/value"
)

// datum is a value with the way back to where it was found. A nil datum is
// what `parent` of the root gives.
type datum struct {
	v       any
	context *datum
}

// run is one evaluation.
type run struct {
	b *value.Budget
	// frozen: lists and dicts stand for YAQL's tuples and frozen dicts, which
	// jsonpath-rw does not take for lists and dicts.
	frozen bool
}

type node interface {
	find(r *run, d *datum) ([]*datum, error)
}

type (
	root        struct{}
	this        struct{}
	parent      struct{}
	child       struct{ left, right node }
	descendants struct{ left, right node }
	where       struct{ left, right node }
	union       struct{ left, right node }
	intersect   struct{}
	fields      struct{ names []string }
	index       struct{ at any }
	slice       struct{ from, to any }
)

// Find lists the values that the path finds in v.
func (p *Path) Find(b *value.Budget, v any) ([]any, error) {
	return p.find(&run{b: b}, v)
}

// FindFrozen is Find for data in the form YAQL sees: every list is a tuple and
// every dict a frozen mapping to the original, which changes what ".." and
// "[*]" do with them.
func (p *Path) FindFrozen(b *value.Budget, v any) ([]any, error) {
	return p.find(&run{b: b, frozen: true}, v)
}

func (p *Path) find(r *run, v any) ([]any, error) {
	found, err := p.root.find(r, &datum{v: v})
	if err != nil {
		return nil, err
	}
	out := make([]any, len(found))
	for i, d := range found {
		if d == nil {
			return nil, value.AttributeErrorf("'NoneType' object has no attribute 'value'")
		}
		out[i] = d.v
	}
	return out, nil
}

// value of a datum; the nil datum wraps null.
func (d *datum) value() any {
	if d == nil {
		return nil
	}
	return d.v
}

func (r *run) charge(n int) error { return r.b.Alloc(int64(n+1) * 32) }

func (root) find(_ *run, d *datum) ([]*datum, error) {
	for d != nil && d.context != nil {
		d = d.context
	}
	return []*datum{{v: d.value()}}, nil
}

func (this) find(_ *run, d *datum) ([]*datum, error) {
	if d == nil {
		d = &datum{}
	}
	return []*datum{d}, nil
}

func (parent) find(_ *run, d *datum) ([]*datum, error) {
	if d == nil {
		return []*datum{nil}, nil
	}
	return []*datum{d.context}, nil
}

func (n child) find(r *run, d *datum) ([]*datum, error) {
	left, err := n.left.find(r, d)
	if err != nil {
		return nil, err
	}
	var out []*datum
	for _, l := range left {
		found, err := n.right.find(r, l)
		if err != nil {
			return nil, err
		}
		if err := r.charge(len(found)); err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func (n where) find(r *run, d *datum) ([]*datum, error) {
	left, err := n.left.find(r, d)
	if err != nil {
		return nil, err
	}
	var out []*datum
	for _, l := range left {
		found, err := n.right.find(r, l)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			out = append(out, l)
		}
	}
	return out, r.charge(len(out))
}

func (n union) find(r *run, d *datum) ([]*datum, error) {
	left, err := n.left.find(r, d)
	if err != nil {
		return nil, err
	}
	right, err := n.right.find(r, d)
	if err != nil {
		return nil, err
	}
	if err := r.charge(len(left) + len(right)); err != nil {
		return nil, err
	}
	return append(left[:len(left):len(left)], right...), nil
}

func (intersect) find(*run, *datum) ([]*datum, error) {
	return nil, value.Errorf("NotImplementedError", "")
}

func (n descendants) find(r *run, d *datum) ([]*datum, error) {
	left, err := n.left.find(r, d)
	if err != nil {
		return nil, err
	}
	var out []*datum
	for _, l := range left {
		if l == nil {
			if _, err := n.right.find(r, l); err != nil {
				return nil, err
			}
			return nil, value.AttributeErrorf("'NoneType' object has no attribute 'value'")
		}
		if out, err = n.descend(r, l, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// descend appends what right finds in d and in everything below it.
func (n descendants) descend(r *run, d *datum, out []*datum) ([]*datum, error) {
	if err := r.b.Enter(); err != nil {
		return nil, err
	}
	defer r.b.Leave()
	found, err := n.right.find(r, d)
	if err != nil {
		return nil, err
	}
	if err := r.charge(len(found)); err != nil {
		return nil, err
	}
	out = append(out, found...)
	if r.frozen {
		return out, nil
	}
	switch x := d.v.(type) {
	case *value.List:
		for i := 0; i < len(x.Items); i++ {
			if out, err = n.descend(r, &datum{v: x.Items[i], context: d}, out); err != nil {
				return nil, err
			}
		}
	case *value.Dict:
		for _, v := range x.All() {
			if out, err = n.descend(r, &datum{v: v, context: d}, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (n fields) find(r *run, d *datum) ([]*datum, error) {
	dict, ok := d.value().(*value.Dict)
	if !ok {
		return n.findInObject(r, d)
	}
	var out []*datum
	for _, name := range n.names {
		if name != "*" {
			continue
		}
		if err := r.charge(dict.Len()); err != nil {
			return nil, err
		}
		for _, v := range dict.All() {
			out = append(out, &datum{v: v, context: d})
		}
		return out, nil
	}
	for _, name := range n.names {
		if v, ok := dict.GetStr(name); ok {
			out = append(out, &datum{v: v, context: d})
		}
	}
	return out, r.charge(len(out))
}

// findInObject asks a value that is no dict: lists and scalars have no fields,
// an undefined name fails.
func (n fields) findInObject(r *run, d *datum) ([]*datum, error) {
	obj, ok := d.value().(value.Object)
	if !ok {
		return nil, r.b.Step(1)
	}
	var out []*datum
	for _, name := range n.names {
		if name == "*" {
			if a, ok := obj.(value.Attrer); ok {
				if _, _, err := a.Attr("keys"); err != nil && !value.IsClass(err, "AttributeError") {
					return nil, err
				}
			}
			continue
		}
		v, err := value.GetItem(r.b, obj, name)
		switch {
		case err == nil:
			out = append(out, &datum{v: v, context: d})
		case !value.IsClass(err, "TypeError", "KeyError", "AttributeError"):
			return nil, err
		}
	}
	return out, r.charge(len(out))
}

func (n index) find(r *run, d *datum) ([]*datum, error) {
	v := d.value()
	length, err := value.Length(v)
	if err != nil {
		return nil, err
	}
	if more, err := value.Compare(r.b, ">", int64(length), n.at); err != nil || !more {
		return nil, err
	}
	item, err := value.GetItem(r.b, r.shown(v), n.at)
	if err != nil {
		return nil, err
	}
	return []*datum{{v: item, context: d}}, r.charge(1)
}

// shown gives a list as the tuple it stands for, for the wording of errors.
func (r *run) shown(v any) any {
	if l, ok := v.(*value.List); ok && r.frozen {
		return value.Tuple(l.Items)
	}
	return v
}

func (n slice) find(r *run, d *datum) ([]*datum, error) {
	v := d.value()
	switch x := v.(type) {
	case *value.Dict:
		if r.frozen {
			// A frozen mapping is no dict to the original: it is indexed.
			break
		}
		return n.find(r, wrapped(x, d))
	case bool, string, value.Markup:
		return n.find(r, wrapped(x, d))
	default:
		if value.IsInt(v) {
			return n.find(r, wrapped(v, d))
		}
	}
	length, err := value.Length(v)
	if err != nil {
		return nil, err
	}
	first, _, count, err := value.SliceBounds(int64(length), n.from, n.to, nil)
	if err != nil {
		return nil, err
	}
	if err := r.charge(int(count)); err != nil {
		return nil, err
	}
	out := make([]*datum, 0, count)
	for i := first; i < first+count; i++ {
		item, err := value.GetItem(r.b, r.shown(v), i)
		if err != nil {
			return nil, err
		}
		out = append(out, &datum{v: item, context: d})
	}
	return out, nil
}

// wrapped puts a value that is no list into one, in the same place.
func wrapped(v any, d *datum) *datum {
	w := &datum{v: value.Tuple{v}}
	if d != nil {
		w.context = d.context
	}
	return w
}
