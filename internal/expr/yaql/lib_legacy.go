package yaql

import (
	"squall/internal/expr/value"
)

// addLegacy adds the functions of yaql 0.2 that the compatible mode keeps.
func addLegacy(l, std *library) {
	l.add("#operator_=>", asFunction, "left: Expr, right: any", buildTuple)
	l.add("toList", asMethod, "collection: Iterable", func(c *call) (any, error) {
		items, err := c.ev.collect(c.args[0])
		return &list{append([]any(nil), items...)}, err
	})
	l.add("tuple", asFunction, "*args: any", func(c *call) (any, error) { return newTuple(c.rest), nil })
	l.add("dict #map", extension|withPairs, "*tuples: tuple", func(c *call) (any, error) {
		inner := *c
		inner.args = []any{newTuple(c.rest)}
		return dictFromItems(&inner)
	})
	l.add("#indexer", asFunction, "collection: Iterable, indexExpression: Lambda", legacyIndexer)
	l.add("range", extension, "start: int, stop: int? = null", func(c *call) (any, error) {
		if c.args[1] == nil {
			return c.countFrom(c.args[0], int64(0+1)), nil
		}
		return value.NewRange(c.args[0], c.args[1])
	})
	l.add("switch", extension|withPairs, "value: any, *conditions: LambdaCtx", legacySwitch)
	l.add("as", asMethod|withPairs, "receiver: any, *mappings: Lambda", legacyAs)
	l.add("#operator_.", asFunction, "receiver: Context, expr: LambdaMethodCtx", func(c *call) (any, error) {
		f := c.args[0].(*frame)
		return callMethod(c, f, f.get(varRef{name: "0"}), c.lambda(1))
	})
	l.add("#operator_.", asFunction, "dict: dict, key: Keyword", func(c *call) (any, error) {
		v, _, err := lookup(c.ev.budget, c.dict(0), c.args[1])
		return v, err
	})
	// Functions that were methods or functions only become both.
	for _, name := range []string{"get", "list", "bool", "int", "float", "select", "where", "join", "sum", "takeWhile"} {
		for _, fn := range std.byName[name] {
			both := *fn
			both.isFunction, both.isMethod = true, true
			l.byName[name] = append(l.byName[name], &both)
		}
	}
}

// buildTuple is a => b; chains make one flat tuple.
func buildTuple(c *call) (any, error) {
	left := c.args[0].(exprValue).n
	v, err := left.eval(c.ev, c.frame)
	if err != nil {
		return nil, err
	}
	if op, ok := left.(*opNode); ok && op.site.name == "#operator_=>" {
		if items, ok := tupleItems(v); ok {
			return append(append(value.Tuple{}, items...), c.args[1]), nil
		}
	}
	return value.Tuple{v, c.args[1]}, nil
}

// legacyIndexer indexes a sequence with an int; any other index filters.
func legacyIndexer(c *call) (any, error) {
	if isSequence(c.args[0]) {
		v, err := c.lambda(1).call0()
		if err != nil {
			return nil, err
		}
		if value.IsInt(v) {
			inner := *c
			inner.args = []any{c.args[0], v}
			return listIndex(&inner)
		}
	}
	return where(c)
}

// asPair reads a condition or mapping of switch and as.
func asPair(v any, wrongSize, wrongType string) (a, b any, err error) {
	if r, ok := v.(*mappingRule); ok {
		return r.key, r.val, nil
	}
	items, ok := tupleItems(v)
	if !ok {
		return nil, nil, value.ValueErrorf("%s", wrongType)
	}
	if len(items) != 2 {
		return nil, nil, value.ValueErrorf("%s", wrongSize)
	}
	return items[0], items[1], nil
}

func legacySwitch(c *call) (any, error) {
	f := c.child()
	f.args = c.args[:1]
	for _, cond := range c.rest {
		l, _ := cond.(*lambda)
		v, err := l.in(f, nil, nil)
		if err != nil {
			return nil, err
		}
		when, then, err := asPair(v, "switch() tuples must be of size 2", "switch() must have tuple or mapping parameters")
		if err != nil {
			return nil, err
		}
		if ok, err := truth(when); err != nil || ok {
			return then, err
		}
	}
	return nil, nil
}

func legacyAs(c *call) (any, error) {
	f := c.child()
	for _, m := range c.rest {
		l, _ := m.(*lambda)
		if l != nil {
			l.frame = f
		}
		v, err := l.call1(c.args[0])
		if err != nil {
			return nil, err
		}
		val, name, err := asPair(v, "as() tuples must be of size 2", "as() must have tuple parameters")
		if err != nil {
			return nil, err
		}
		s, ok := name.(string)
		if !ok {
			return nil, value.AttributeErrorf("'%s' object has no attribute 'startswith'", typeName(name))
		}
		f.set(s, val)
	}
	f.set("0", c.args[0])
	return f, nil
}
