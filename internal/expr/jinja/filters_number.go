package jinja

import (
	"math"
	"math/big"
	"strconv"

	"squall/internal/expr/value"
)

var numberFilters = map[string]*builtin{
	"abs": define("abs", "x", none, func(f *frame, a arglist) (any, error) {
		return value.Abs(f.m.b, a.v[0])
	}).native(),
	"int":            define("do_int", "value default base", defaults(int64(0), int64(10)), intFilter),
	"float":          define("do_float", "value default", defaults(0.0), floatFilter),
	"round":          define("do_round", "value precision method", defaults(int64(0), "common"), roundFilter),
	"filesizeformat": define("do_filesizeformat", "value binary", defaults(false), fileSize),
}

func isConversionError(err error) bool { return value.IsClass(err, "TypeError", "ValueError") }

func intFilter(f *frame, a arglist) (any, error) {
	m := f.m
	v, def, base := a.v[0], a.v[1], a.v[2]
	if n, ok := v.(int64); ok {
		return n, nil
	}
	var out any
	var err error
	if value.IsString(v) {
		out, err = value.ToIntBase(m.b, v, base)
	} else {
		out, err = value.ToInt(m.b, v)
	}
	if err == nil || !isConversionError(err) {
		return out, err
	}
	// "42.23" gives 42.
	x, err := value.ToFloat(v)
	if err == nil {
		out, err = value.ToInt(m.b, x)
	}
	if err == nil {
		return out, nil
	}
	if isConversionError(err) || value.IsClass(err, "OverflowError") {
		return def, nil
	}
	return nil, err
}

func floatFilter(f *frame, a arglist) (any, error) {
	x, err := value.ToFloat(a.v[0])
	if err == nil {
		return x, nil
	}
	if isConversionError(err) {
		return a.v[1], nil
	}
	return nil, err
}

func roundFilter(f *frame, a arglist) (any, error) {
	m := f.m
	v, precision := a.v[0], a.v[1]
	method, _ := plainString(a.v[2])
	switch method {
	case "common":
		return value.Round(m.b, v, precision)
	case "ceil", "floor":
	default:
		if _, err := value.Hash(a.v[2]); err != nil {
			return nil, err
		}
		return nil, value.Errorf(classFilterArg, "method must be common, ceil or floor")
	}
	scale, err := value.Pow(m.b, int64(10), precision)
	if err != nil {
		return nil, err
	}
	scaled, err := value.Mul(m.b, v, scale)
	if err != nil {
		return nil, err
	}
	n, err := wholeNumber(scaled, method == "ceil")
	if err != nil {
		return nil, err
	}
	return value.TrueDiv(m.b, n, scale)
}

// wholeNumber is Python's math.ceil or math.floor.
func wholeNumber(v any, ceil bool) (any, error) {
	switch v.(type) {
	case int64, *big.Int, bool:
		return value.Pos(v)
	}
	x, err := value.ToFloat(v)
	if value.IsString(v) || err != nil {
		if isUndefined(v) {
			return nil, err
		}
		return nil, value.TypeErrorf("must be real number, not %s", value.TypeName(v))
	}
	if ceil {
		x = math.Ceil(x)
	} else {
		x = math.Floor(x)
	}
	return value.ToInt(nil, x)
}

func fileSize(f *frame, a arglist) (any, error) {
	size, err := value.ToFloat(a.v[0])
	if err != nil {
		return nil, err
	}
	binary, err := truth(a.v[1])
	if err != nil {
		return nil, err
	}
	base, suffix := 1000.0, "B"
	if binary {
		base, suffix = 1024, "iB"
	}
	switch {
	case size == 1:
		return "1 Byte", nil
	case size < base:
		n, err := value.ToInt(f.m.b, size)
		if err != nil {
			return nil, err
		}
		return f.m.text(n) + " Bytes", nil
	}
	prefixes := "kMGTPEZY"
	if binary {
		prefixes = "KMGTPEZY"
	}
	unit := base
	for i := range len(prefixes) {
		unit *= base
		if size < unit || i == len(prefixes)-1 {
			return strconv.FormatFloat(base*size/unit, 'f', 1, 64) + " " + prefixes[i:i+1] + suffix, nil
		}
	}
	return "", nil
}
