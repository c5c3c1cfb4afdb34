package yaql

import (
	"math"

	"squall/internal/expr/value"
)

func addMath(l *library) {
	binary := func(f func(b *value.Budget, x, y any) (any, error)) func(c *call) (any, error) {
		return func(c *call) (any, error) { return f(c.ev.budget, c.args[0], c.args[1]) }
	}
	compare := func(op string) func(c *call) (any, error) {
		return func(c *call) (any, error) { return value.Compare(c.ev.budget, op, c.args[0], c.args[1]) }
	}
	const two = "left: Number, right: Number"
	l.add("#operator_+", asFunction, two, binary(value.Add))
	l.add("#operator_-", asFunction, two, binary(value.Sub))
	l.add("#operator_*", asFunction, two, binary(value.Mul))
	l.add("#operator_/", asFunction, two, binary(divide))
	l.add("#operator_mod", asFunction, two, binary(value.Mod))
	l.add("#operator_<", asFunction, two, compare("<"))
	l.add("#operator_<=", asFunction, two, compare("<="))
	l.add("#operator_>", asFunction, two, compare(">"))
	l.add("#operator_>=", asFunction, two, compare(">="))
	l.add("#unary_operator_+", asFunction, "op: Number", func(c *call) (any, error) { return value.Pos(c.args[0]) })
	l.add("#unary_operator_-", asFunction, "op: Number", func(c *call) (any, error) { return value.Neg(c.ev.budget, c.args[0]) })
	l.add("abs", asFunction, "op: Number", func(c *call) (any, error) { return value.Abs(c.ev.budget, c.args[0]) })
	l.add("int", asFunction, "value: any", toInt)
	l.add("float", asFunction, "value: any", toFloat)
	l.add("random", asFunction, "", randomFloat)
	l.add("random", asFunction, "from: any, to: any", randomInt)
	l.add("bitwiseAnd", asFunction, "left: int, right: int", binary(value.And))
	l.add("bitwiseOr", asFunction, "left: int, right: int", binary(value.Or))
	l.add("bitwiseXor", asFunction, "left: int, right: int", binary(value.Xor))
	l.add("bitwiseNot", asFunction, "arg: int", func(c *call) (any, error) { return value.Invert(c.ev.budget, c.args[0]) })
	l.add("shiftBitsLeft", asFunction, "value: int, bitsNumber: int", binary(value.Lshift))
	l.add("shiftBitsRight", asFunction, "value: int, bitsNumber: int", binary(value.Rshift))
	l.add("max", asFunction, "a: any, b: any", func(c *call) (any, error) {
		return c.pick(c.args[1], c.args[0])
	})
	l.add("min", asFunction, "a: any, b: any", func(c *call) (any, error) {
		return c.pick(c.args[0], c.args[1])
	})
	l.add("pow", asFunction, "a: Number, b: Number, c: Number? = null", func(c *call) (any, error) {
		if c.args[2] == nil {
			return value.Pow(c.ev.budget, c.args[0], c.args[1])
		}
		return value.PowMod(c.ev.budget, c.args[0], c.args[1], c.args[2])
	})
	l.add("sign", asFunction, "num: Number", sign)
	l.add("round", asFunction, "number: Number, ndigits: int = 0", func(c *call) (any, error) {
		return value.Round(c.ev.budget, c.args[0], c.args[1])
	})
	l.add("isInteger", asFunction, "value: any", func(c *call) (any, error) { return value.IsInt(c.args[0]), nil })
	l.add("isNumber", asFunction, "value: any", func(c *call) (any, error) { return value.IsNumber(c.args[0]), nil })
}

// pick gives x when args[1] > args[0] by the language's operator, else y.
func (c *call) pick(x, y any) (any, error) {
	gt, err := c.ev.greater(c.frame, c.args[1], c.args[0])
	if err != nil {
		return nil, err
	}
	if gt {
		return x, nil
	}
	return y, nil
}

// greater is x > y by the language's operator.
func (ev *evaluation) greater(f *frame, x, y any) (bool, error) {
	return ev.delegateTest(f, opGt, "#operator_>", x, y)
}

func (ev *evaluation) delegateTest(f *frame, op opcode, name string, x, y any) (bool, error) {
	if !f.hasFuncs {
		if v, ok := quickOp(op, x, y); ok {
			return v.(bool), nil
		}
	}
	v, err := ev.callValues(name, f, x, y)
	if err != nil {
		return false, err
	}
	return truth(v)
}

// divide is floor division for two ints, true division otherwise.
func divide(b *value.Budget, x, y any) (any, error) {
	if value.IsInt(x) && value.IsInt(y) {
		return value.FloorDiv(b, x, y)
	}
	return value.TrueDiv(b, x, y)
}

func sign(c *call) (any, error) {
	for _, t := range []struct {
		op  string
		res int64
	}{{">", 1}, {"<", -1}} {
		if is, err := value.Compare(c.ev.budget, t.op, c.args[0], int64(0)); err != nil || is {
			return t.res, err
		}
	}
	return int64(0), nil
}

func toInt(c *call) (any, error) {
	v := c.args[0]
	if v == nil {
		return int64(0), nil
	}
	if needsOwnRepr(v) {
		return nil, value.TypeErrorf("int() argument must be a string, a bytes-like object or a real number, not '%s'", typeName(v))
	}
	return value.ToInt(c.ev.budget, v)
}

func toFloat(c *call) (any, error) {
	v := c.args[0]
	if v == nil {
		return 0.0, nil
	}
	if needsOwnRepr(v) {
		return nil, value.TypeErrorf("float() argument must be a string or a real number, not '%s'", typeName(v))
	}
	return value.ToFloat(v)
}

func randomFloat(c *call) (any, error) {
	return c.ev.eng.opts.Rand(), nil
}

func randomInt(c *call) (any, error) {
	from, err := value.AsIndex(c.args[0])
	if err != nil {
		return nil, err
	}
	to, err := value.AsIndex(c.args[1])
	if err != nil {
		return nil, err
	}
	if from > to {
		return nil, value.ValueErrorf("empty range for randrange() (%d, %d, %d)", from, to+1, to+1-from)
	}
	width := float64(to) - float64(from) + 1
	n := from + int64(math.Floor(c.ev.eng.opts.Rand()*width))
	return min(n, to), nil
}
