package yaql

import (
	"math/big"

	"squall/internal/expr/value"
)

// stack builds the library of a dialect: Orquesta's layer innermost, then the
// standard library, then the fallback for properties.
func stack(o Options) *table {
	fallback := newLibrary()
	fallback.add("#operator_.", asFunction, "obj: any, name: Keyword", getProperty)
	fallback.add("#iter", asFunction, "iterator: Iterable", func(c *call) (any, error) { return c.args[0], nil })
	fallback.add("#finalize", asFunction, "obj: any", func(c *call) (any, error) {
		if c.ev.eng.opts.RawOutput {
			return c.args[0], nil
		}
		v, err := c.ev.output(c.args[0], 0)
		return rewrap(v), err
	})

	std := newLibrary()
	addSystem(std, o.Delegates)
	addCommon(std)
	addBoolean(std)
	addStrings(std)
	addMath(std)
	addCollections(std)
	if !o.NoSets {
		addSets(std)
	}
	addQueries(std)
	addOrdering(std)
	addGenerators(std)
	addRegex(std)
	addBranching(std)
	addDateTime(std)

	inner := newLibrary()
	addYaqlized(inner)
	if !o.Core {
		addWorkflow(inner, !o.Orquesta)
	}
	layers := []*library{inner, std, fallback}
	if !o.legacyContext() {
		return buildTable(layers, nil)
	}
	legacy := newLibrary()
	addLegacy(legacy, std)
	return buildTable(append([]*library{legacy}, layers...), map[*library][]string{legacy: {"#indexer", "switch"}})
}

// rewrap marks a plain result as made by the expression, for the rare case
// that an expression finalizes in its middle.
func rewrap(v any) any { return thaw(v) }

// str is a text argument.
func (c *call) str(i int) string {
	s, _ := c.args[i].(string)
	return s
}

// small is an int argument as a Go int, cut to the range of int64; ints that
// large exceed every length anyway.
func (c *call) small(i int) int { return clampInt(c.args[i]) }

func clampInt(v any) int {
	switch v := v.(type) {
	case int64:
		return int(v)
	case bool:
		if v {
			return 1
		}
		return 0
	}
	if n, ok := value.AsInt(v); ok {
		return int(n)
	}
	if neg, err := value.Compare(nil, "<", v, int64(0)); err == nil && neg {
		return minInt
	}
	return maxInt
}

// ssize is an int argument that becomes a C size.
func (c *call) ssize(i int) (int, error) {
	if _, big := c.args[i].(*big.Int); big {
		return 0, value.OverflowErrorf("Python int too large to convert to C ssize_t")
	}
	return c.small(i), nil
}

const (
	maxInt = int(^uint(0) >> 1)
	minInt = -maxInt - 1
)

func (c *call) dict(i int) *value.Dict {
	d, _ := mapping(c.args[i])
	return d
}

// iter iterates over an argument.
func (c *call) iter(i int) (iteration, error) { return c.ev.iterate(c.args[i]) }

// lazy makes a result whose work is done when it is consumed.
func (c *call) lazy(start func() (iteration, error)) (any, error) {
	return newLazyOnce(c.ev, start), nil
}

// newTuple makes a tuple of collected items.
func newTuple(items []any) value.Tuple {
	if items == nil {
		return value.Tuple{}
	}
	return value.Tuple(items)
}

// toList calls the language's toList, which legacy mode replaces.
func (ev *evaluation) toList(f *frame, v any) (any, error) {
	if f.hasFuncs || ev.eng.opts.legacyContext() {
		return ev.dispatchValues("toList", f, v, true, nil, nil)
	}
	v, err := ev.limitIterable(v)
	if err != nil {
		return nil, err
	}
	if _, ok := tupleItems(v); ok {
		return v, nil
	}
	items, err := ev.collect(v)
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*list); ok {
		items = append([]any(nil), items...)
	}
	return newTuple(items), nil
}

// likeSeq makes a sequence of the same kind as v.
func likeSeq(v any, items []any) any {
	if _, ok := v.(*list); ok {
		return &list{items}
	}
	return newTuple(items)
}
