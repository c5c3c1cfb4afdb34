package yaql

import (
	"squall/internal/expr/value"
)

// opcode names the operators that have a direct path.
type opcode uint8

const (
	opOther opcode = iota
	opAdd
	opSub
	opMul
	opLt
	opLe
	opGt
	opGe
	opEq
	opNe
	opAnd
	opOr
	opNot
	opArrow
	opIndex
	opList
	opMap
)

var binaryOps = map[string]opcode{
	"+": opAdd, "-": opSub, "*": opMul, "<": opLt, "<=": opLe, ">": opGt, ">=": opGe,
	"=": opEq, "!=": opNe, "and": opAnd, "or": opOr, "->": opArrow,
}

func (n *opNode) eval(ev *evaluation, f *frame) (any, error) {
	v, err := n.apply(ev, f)
	if err != nil {
		return nil, ev.at(n.off, err)
	}
	return v, nil
}

// apply takes the direct path where the operands have the common types and the
// name of the operator means what the library says; everything else goes
// through overload resolution, with the operands evaluated once.
func (n *opNode) apply(ev *evaluation, f *frame) (any, error) {
	if f.hasFuncs || len(n.site.levels) == 0 {
		return ev.call(n.site, f, nil)
	}
	switch n.op {
	case opAnd, opOr:
		return n.evalLogic(ev, f)
	case opNot:
		x, err := n.args[0].eval(ev, f)
		if err != nil {
			return nil, err
		}
		t, err := truth(x)
		return !t, err
	case opArrow:
		return n.evalArrow(ev, f)
	case opList, opMap:
		return n.evalLiteral(ev, f)
	case opOther:
		return ev.call(n.site, f, nil)
	}
	if err := ev.step(); err != nil {
		return nil, err
	}
	x, err := n.args[0].eval(ev, f)
	if err != nil {
		return nil, err
	}
	y, err := n.args[1].eval(ev, f)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case opEq:
		return equal(ev.budget, x, y)
	case opNe:
		eq, err := equal(ev.budget, x, y)
		return !eq, err
	case opIndex:
		if v, ok, err := quickIndex(ev.budget, x, y); ok || err != nil {
			return v, err
		}
	default:
		if v, ok := quickOp(n.op, x, y); ok {
			return v, nil
		}
	}
	return ev.dispatch(n.site, f, nil, []any{x, y})
}

func (n *opNode) evalLogic(ev *evaluation, f *frame) (any, error) {
	x, err := n.args[0].eval(ev, f)
	if err != nil {
		return nil, err
	}
	t, err := truth(x)
	if err != nil || t == (n.op == opOr) {
		return x, err
	}
	return n.args[1].eval(ev, f)
}

func (n *opNode) evalArrow(ev *evaluation, f *frame) (any, error) {
	x, err := n.args[0].eval(ev, f)
	if err != nil {
		return nil, err
	}
	inner, ok := x.(*frame)
	if !ok {
		return nil, n.site.noMatch(nil)
	}
	if err := ev.enter(); err != nil {
		return nil, err
	}
	defer ev.leave()
	return n.args[1].eval(ev, inner)
}

func (n *opNode) evalLiteral(ev *evaluation, f *frame) (any, error) {
	if err := ev.alloc(16 * int64(len(n.args))); err != nil {
		return nil, err
	}
	if n.op == opList {
		out := make(value.Tuple, len(n.args))
		for i, a := range n.args {
			v, err := a.eval(ev, f)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, ev.checkMemoryOf(out)
	}
	type pair struct{ k, v any }
	var few [8]pair
	pairs := few[:0]
	for _, a := range n.args {
		r := a.(*ruleNode)
		k, err := r.key.eval(ev, f)
		if err != nil {
			return nil, err
		}
		v, err := r.val.eval(ev, f)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{k, v})
	}
	d := value.NewDict(len(n.args))
	for _, p := range pairs {
		if err := put(ev.budget, d, p.k, p.v); err != nil {
			return nil, err
		}
	}
	return frozenDict(d), nil
}

// quickIndex is x[y] for a dict, or a sequence and a plain int.
func quickIndex(b *value.Budget, x, y any) (v any, ok bool, err error) {
	if items, isSeq := seqItems(x); isSeq {
		i, isInt := y.(int64)
		if !isInt {
			return nil, false, nil
		}
		if i < 0 {
			i += int64(len(items))
		}
		if i < 0 || i >= int64(len(items)) {
			return nil, false, value.IndexErrorf("%s index out of range", typeName(x))
		}
		return items[i], true, nil
	}
	if d, isDict := mapping(x); isDict {
		v, ok, err := lookup(b, d, y)
		if err == nil && !ok {
			err = keyError(y)
		}
		return v, ok, err
	}
	return nil, false, nil
}

// quickOp computes the operators on two small ints, two floats or two strings.
// The results are those of the library's overloads for these types.
func quickOp(op opcode, x, y any) (any, bool) {
	switch a := x.(type) {
	case int64:
		if b, ok := y.(int64); ok {
			return quickInt(op, a, b)
		}
	case float64:
		if b, ok := y.(float64); ok {
			return quickFloat(op, a, b)
		}
	case string:
		b, ok := y.(string)
		if !ok {
			return nil, false
		}
		switch op {
		case opLt:
			return a < b, true
		case opLe:
			return a <= b, true
		case opGt:
			return a > b, true
		case opGe:
			return a >= b, true
		}
	}
	return nil, false
}

func quickInt(op opcode, a, b int64) (any, bool) {
	switch op {
	case opAdd:
		s := a + b
		return s, (s > a) == (b > 0)
	case opSub:
		d := a - b
		return d, (d < a) == (b > 0)
	case opMul:
		const half = 1 << 31
		if a > -half && a < half && b > -half && b < half {
			return a * b, true
		}
	case opLt:
		return a < b, true
	case opLe:
		return a <= b, true
	case opGt:
		return a > b, true
	case opGe:
		return a >= b, true
	}
	return nil, false
}

func quickFloat(op opcode, a, b float64) (any, bool) {
	switch op {
	case opAdd:
		return a + b, true
	case opSub:
		return a - b, true
	case opMul:
		return a * b, true
	case opLt:
		return a < b, true
	case opLe:
		return a <= b, true
	case opGt:
		return a > b, true
	case opGe:
		return a >= b, true
	}
	return nil, false
}

// keyError is Python's KeyError for a missing key.
func keyError(key any) error {
	text, err := reprOf(nil, key)
	if err != nil {
		text = "<" + typeName(key) + ">"
	}
	return &value.Error{Class: "KeyError", Msg: text}
}
