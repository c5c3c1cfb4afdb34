package value

import "slices"

var listMethods = map[string]*method{
	"append": oneArg(func(c *call) (any, error) {
		l := c.self.(*List)
		if err := c.b.allocItems(1); err != nil {
			return nil, err
		}
		l.Items = append(l.Items, c.args[0])
		return nil, nil
	}),
	"clear": noArgs(func(c *call) (any, error) {
		c.self.(*List).Items = []any{}
		return nil, nil
	}),
	"copy": noArgs(func(c *call) (any, error) {
		items, err := Collect(c.b, c.self)
		return &List{Items: items}, err
	}),
	"count": oneArg(func(c *call) (any, error) { return countItems(c, c.self.(*List).Items) }),
	"extend": oneArg(func(c *call) (any, error) {
		items, err := Collect(c.b, c.args[0])
		if err != nil {
			return nil, err
		}
		l := c.self.(*List)
		l.Items = append(l.Items, items...)
		return nil, nil
	}),
	"index":   unpack(1, 3, func(c *call) (any, error) { return indexItems(c, c.self.(*List).Items) }),
	"insert":  unpack(2, 2, mListInsert),
	"pop":     unpack(0, 1, mListPop),
	"remove":  oneArg(mListRemove),
	"reverse": noArgs(func(c *call) (any, error) { slices.Reverse(c.self.(*List).Items); return nil, nil }),
	"sort":    anyArgs(mListSort),
}

var tupleMethods = map[string]*method{
	"count": oneArg(func(c *call) (any, error) { return countItems(c, c.self.(Tuple)) }),
	"index": unpack(1, 3, func(c *call) (any, error) { return indexItems(c, c.self.(Tuple)) }),
}

var rangeMethods = map[string]*method{
	"count": oneArg(func(c *call) (any, error) {
		in, err := c.self.(*Range).Contains(c.args[0])
		if in {
			return int64(1), err
		}
		return int64(0), err
	}),
	"index": oneArg(func(c *call) (any, error) {
		r := c.self.(*Range)
		in, err := r.Contains(c.args[0])
		if err != nil {
			return nil, err
		}
		if !in {
			text, _ := Repr(c.b, c.args[0])
			return nil, ValueErrorf("%s is not in range", text)
		}
		n, ok := asInt(c.args[0])
		if f, isFloat := c.args[0].(float64); isFloat && !ok {
			n = int64(f)
		}
		return (n - r.Start) / r.Step, nil
	}),
}

func countItems(c *call, items []any) (any, error) {
	if err := c.b.Step(int64(len(items))); err != nil {
		return nil, err
	}
	n := int64(0)
	for _, item := range items {
		eq, err := SameOrEqual(c.b, item, c.args[0])
		if err != nil {
			return nil, err
		}
		if eq {
			n++
		}
	}
	return n, nil
}

func indexItems(c *call, items []any) (any, error) {
	n := int64(len(items))
	bounds := [2]int64{0, n}
	for i := range bounds {
		v, ok := c.given(i + 1)
		if !ok {
			continue
		}
		k, err := AsIndex(v)
		if err != nil {
			return nil, TypeErrorf("slice indices must be integers or have an __index__ method")
		}
		if k < 0 {
			k = max(k+n, 0)
		}
		bounds[i] = min(k, n)
	}
	if bounds[0] < bounds[1] {
		i, err := indexOf(c.b, items[bounds[0]:bounds[1]], c.args[0])
		if err != nil {
			return nil, err
		}
		if i >= 0 {
			return bounds[0] + int64(i), nil
		}
	}
	if _, ok := c.self.(Tuple); ok {
		return nil, ValueErrorf("tuple.index(x): x not in tuple")
	}
	text, err := Repr(c.b, c.args[0])
	if err != nil {
		return nil, err
	}
	return nil, ValueErrorf("%s is not in list", text)
}

func mListInsert(c *call) (any, error) {
	l := c.self.(*List)
	i, err := c.size(0, 0)
	if err != nil {
		return nil, err
	}
	if err := c.b.allocItems(1); err != nil {
		return nil, err
	}
	if err := c.b.Step(int64(len(l.Items)) >> 6); err != nil {
		return nil, err
	}
	n := int64(len(l.Items))
	if i < 0 {
		i = max(i+n, 0)
	}
	l.Items = slices.Insert(l.Items, int(min(i, n)), c.args[1])
	return nil, nil
}

func mListPop(c *call) (any, error) {
	l := c.self.(*List)
	i, err := c.size(0, -1)
	if err != nil {
		return nil, err
	}
	n := int64(len(l.Items))
	if n == 0 {
		return nil, IndexErrorf("pop from empty list")
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, IndexErrorf("pop index out of range")
	}
	v := l.Items[i]
	l.Items = slices.Delete(l.Items, int(i), int(i)+1)
	return v, nil
}

func mListRemove(c *call) (any, error) {
	l := c.self.(*List)
	i, err := indexOf(c.b, l.Items, c.args[0])
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, ValueErrorf("list.remove(x): x not in list")
	}
	l.Items = slices.Delete(l.Items, i, i+1)
	return nil, nil
}

func mListSort(c *call) (any, error) {
	if n := len(c.args) + c.kw.Len(); n > 2 {
		return nil, TypeErrorf("sort() takes at most 2 arguments (%d given)", n)
	}
	if len(c.args) > 0 {
		return nil, TypeErrorf("sort() takes no positional arguments")
	}
	var key any
	reverse := false
	for name, v := range c.kw.All() {
		switch name {
		case "key":
			key = v
		case "reverse":
			n, err := AsIndex(v)
			if err != nil {
				return nil, err
			}
			reverse = n != 0
		default:
			return nil, TypeErrorf("'%s' is an invalid keyword argument for sort()", name)
		}
	}
	l := c.self.(*List)
	// A key function that changes the list must not see a half-sorted one.
	items := slices.Clone(l.Items)
	err := SortItems(c.b, items, KeyFunc(key), reverse)
	if err != nil {
		return nil, err
	}
	l.Items = items
	return nil, nil
}

// KeyFunc makes a sort key of a callable value; None means no key.
func KeyFunc(f any) func(any) (any, error) {
	if f == nil {
		return nil
	}
	return func(v any) (any, error) { return Call(f, []any{v}, nil) }
}
